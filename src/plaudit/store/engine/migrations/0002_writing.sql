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
CREATE INDEX audit_entry_of_environment ON audit_entry (environment_id, entry_id);

-- Webhook endpoints of an environment. Secrets are encrypted (core/common/encryption.py).
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

-- The encrypted secret that signs callbacks of tasks and batches, one per environment.
CREATE TABLE callback_secret (
    environment_id ${id} PRIMARY KEY,
    secret ${bytes} NOT NULL,
    old_secret ${bytes},
    old_until_ms BIGINT
);

-- The outbox: an event is written in the transaction of its change, if it has any receiver.
CREATE TABLE event (
    project_key BIGINT NOT NULL,
    event_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    type ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    payload ${packed} NOT NULL,
    PRIMARY KEY (project_key, event_id)
);

-- A webhook message: one event for one receiver. `state` is 0 pending, 1 delivered, 2 failed. `queue`
-- is the dispatcher queue of the receiver. `next_ms` is when a pending message is due, or when its
-- lease ends while a worker sends it; afterwards, when it was delivered or failed. `since_ms` is the
-- first attempt and `retry_no` the number of attempts, both since its creation or last replay.
CREATE TABLE webhook_message (
    project_key BIGINT NOT NULL,
    message_id ${id} NOT NULL,
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
    PRIMARY KEY (project_key, message_id)
);
CREATE INDEX webhook_message_due ON webhook_message (queue, next_ms) WHERE state = 0;
CREATE INDEX webhook_message_ended ON webhook_message (next_ms) WHERE state <> 0;
CREATE INDEX webhook_message_of_environment ON webhook_message (environment_id, state, message_id);
CREATE INDEX webhook_message_of_endpoint ON webhook_message (endpoint_id, state, message_id)
    WHERE endpoint_id IS NOT NULL;
CREATE INDEX webhook_message_of_event ON webhook_message (project_key, event_id);

-- A delivery attempt of a message. Nothing of the receiver's answer but its status is kept.
CREATE TABLE webhook_attempt (
    project_key BIGINT NOT NULL,
    message_id ${id} NOT NULL,
    number INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    outcome ${id} NOT NULL,
    status INTEGER,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (project_key, message_id, number)
);
