-- Writing over HTTP: reserved names, repeated requests, the audit log and webhooks.

-- A batch created over HTTP reserves its name in the environment; imports may repeat a name.
CREATE TABLE batch_name (
    environment_id ${id} NOT NULL,
    name_key ${id} NOT NULL,
    batch_id ${id} NOT NULL,
    PRIMARY KEY (environment_id, name_key)
);
INSERT INTO batch_name (environment_id, name_key, batch_id)
    SELECT environment_id, name_key, MIN(batch_id) FROM batch GROUP BY environment_id, name_key;

-- A request under an Idempotency-Key and what it was answered, written with its change.
CREATE TABLE idempotency (
    idem_key ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    request_hash ${bytes} NOT NULL,
    answer ${bytes},
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (idem_key, environment_id)
)${clustered};
CREATE INDEX idempotency_by_age ON idempotency (created_ms);

-- Who changed what, and when. Rows are only ever added. Project 0 is for what no project holds.
CREATE TABLE audit_entry (
    project_key BIGINT NOT NULL,
    entry_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    at_ms BIGINT NOT NULL,
    actor_kind ${id} NOT NULL,
    actor_id ${id} NOT NULL,
    request_id ${id} NOT NULL,
    action ${id} NOT NULL,
    object_kind ${id} NOT NULL,
    object_id ${id} NOT NULL,
    detail ${bytes} NOT NULL,
    PRIMARY KEY (project_key, entry_id)
);
CREATE INDEX audit_entry_of_org ON audit_entry (environment_id, entry_id);

-- Where an organization wants to be told of events. Secrets are sealed (core/common/encryption.py).
CREATE TABLE webhook_endpoint (
    environment_id ${id} NOT NULL,
    endpoint_id ${id} NOT NULL,
    url TEXT NOT NULL,
    events ${bytes} NOT NULL,
    status ${id} NOT NULL,
    reason TEXT NOT NULL,
    secret ${bytes} NOT NULL,
    old_secret ${bytes},
    old_until_ms BIGINT,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (environment_id, endpoint_id)
);

-- The secret with which callbacks of tasks and batches are signed, one for each environment.
CREATE TABLE callback_secret (
    environment_id ${id} PRIMARY KEY,
    secret ${bytes} NOT NULL,
    old_secret ${bytes},
    old_until_ms BIGINT
);

-- The outbox. An event stands here exactly if its change was committed and somebody is to be told.
CREATE TABLE event (
    project_key BIGINT NOT NULL,
    event_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    type ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    payload ${packed} NOT NULL,
    PRIMARY KEY (project_key, event_id)
);

-- One receiver of one event. `queue` names what waits in line together. `next_ms` is when it
-- is due, or when its lease ends while somebody sends it; once it is over, when it ended. Its tries
-- began at `since_ms` and were `retry_no` so far, counted anew when it is replayed.
CREATE TABLE notice (
    project_key BIGINT NOT NULL,
    notice_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    event_id ${id} NOT NULL,
    endpoint_id ${id},
    target TEXT NOT NULL,
    queue ${id} NOT NULL,
    state SMALLINT NOT NULL,
    outcome ${id},
    created_ms BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    retry_no INTEGER NOT NULL,
    attempt_count INTEGER NOT NULL,
    lease_no INTEGER NOT NULL,
    PRIMARY KEY (project_key, notice_id)
);
CREATE INDEX notice_due ON notice (queue, next_ms) WHERE state = 0;
CREATE INDEX notice_over ON notice (next_ms) WHERE state <> 0;
CREATE INDEX notice_of_org ON notice (environment_id, state, notice_id);
CREATE INDEX notice_of_endpoint ON notice (endpoint_id, state, notice_id)
    WHERE endpoint_id IS NOT NULL;
CREATE INDEX notice_of_event ON notice (project_key, event_id);

-- One try to tell a receiver, and how it went. Nothing of the receiver's answer is kept.
CREATE TABLE notice_attempt (
    project_key BIGINT NOT NULL,
    notice_id ${id} NOT NULL,
    number INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    outcome ${id} NOT NULL,
    status INTEGER,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (project_key, notice_id, number)
);
