-- Organizations, keys, projects, batches, tasks. One text for every engine; the words in braces
-- are filled in by store/engine/migrator.py. `project_id` leads every key of the tables that grow with the
-- number of tasks. What must be unique across projects stands in claim tables keyed by the value.

CREATE TABLE server_secret (
    fingerprint ${id} PRIMARY KEY,
    created_ms BIGINT NOT NULL
);

-- One row. The epoch grows when the database is restored or a standby takes over: walks that
-- began before end there, because what they had seen may be gone.
CREATE TABLE store_epoch (
    id INTEGER PRIMARY KEY,
    epoch BIGINT NOT NULL,
    timeline BIGINT NOT NULL
);
INSERT INTO store_epoch (id, epoch, timeline) VALUES (1, 1, 0);

CREATE TABLE account (
    account_id ${id} PRIMARY KEY,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);

-- A world: the live or the test data of an account. Everything else refers to its org_id.
CREATE TABLE org (
    org_id ${id} PRIMARY KEY,
    account_id ${id} NOT NULL REFERENCES account (account_id),
    mode ${id} NOT NULL CHECK (mode IN ('live', 'test')),
    UNIQUE (account_id, mode)
);

CREATE TABLE api_key (
    key_id ${id} PRIMARY KEY,
    org_id ${id} NOT NULL REFERENCES org (org_id),
    name TEXT NOT NULL,
    role INTEGER NOT NULL,
    display ${id} NOT NULL,
    digest ${bytes} NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX api_key_by_org ON api_key (org_id, created_ms, key_id);

CREATE TABLE project (
    org_id ${id} NOT NULL REFERENCES org (org_id),
    public_id ${id} NOT NULL,
    project_id BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    detail ${bytes} NOT NULL,
    PRIMARY KEY (org_id, public_id),
    UNIQUE (org_id, name_key)
);

CREATE TABLE batch (
    org_id ${id} NOT NULL REFERENCES org (org_id),
    batch_id ${id} NOT NULL,
    project_id BIGINT NOT NULL REFERENCES project (project_id),
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    status ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    completed_ms BIGINT,
    metadata ${bytes} NOT NULL,
    callback TEXT,
    PRIMARY KEY (org_id, batch_id)
);
CREATE UNIQUE INDEX batch_by_name ON batch (org_id, name_key, project_id);
CREATE INDEX batch_by_age ON batch (org_id, created_ms, batch_id);
CREATE INDEX batch_of_project ON batch (project_id, created_ms, batch_id);

-- The greatest completion time handed out; its row lock puts completions in commit order.
CREATE TABLE project_clock (
    project_id BIGINT PRIMARY KEY,
    last_ms BIGINT NOT NULL
);

CREATE TABLE project_sequence (
    project_id BIGINT PRIMARY KEY,
    next_seq BIGINT NOT NULL
);

CREATE TABLE batch_progress (
    project_id BIGINT NOT NULL,
    batch_id ${id} NOT NULL,
    pending BIGINT NOT NULL DEFAULT 0,
    completed BIGINT NOT NULL DEFAULT 0,
    canceled BIGINT NOT NULL DEFAULT 0,
    error BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (project_id, batch_id)
);

CREATE TABLE task (
    project_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    task_id ${id} NOT NULL,
    batch_id ${id},
    status SMALLINT NOT NULL,
    created_ms BIGINT NOT NULL,
    completed_ms BIGINT,
    head ${bytes} NOT NULL,
    PRIMARY KEY (project_id, seq)
);
CREATE INDEX task_by_status ON task (project_id, status, seq);
CREATE INDEX task_by_completion ON task (project_id, status, completed_ms, seq)
    WHERE completed_ms IS NOT NULL;
CREATE INDEX task_of_batch_by_status ON task (project_id, batch_id, status, seq)
    WHERE batch_id IS NOT NULL;
CREATE INDEX task_of_batch_by_completion ON task (project_id, batch_id, status, completed_ms, seq)
    WHERE batch_id IS NOT NULL AND completed_ms IS NOT NULL;

CREATE TABLE task_body (
    project_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    body ${packed} NOT NULL,
    patches ${packed},
    PRIMARY KEY (project_id, seq)
);

-- What a task was created with: the prepared conversation and what the wire does not show.
CREATE TABLE task_content (
    project_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    content ${packed},
    unique_id TEXT,
    callback_url TEXT,
    PRIMARY KEY (project_id, seq)
);

-- Claim tables: unique across projects, keyed by the value itself.
CREATE TABLE task_locator (
    task_id ${id} NOT NULL,
    org_id ${id} NOT NULL,
    project_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (task_id, org_id)
)${clustered};

CREATE TABLE unique_claim (
    unique_id ${id} NOT NULL,
    org_id ${id} NOT NULL,
    task_id ${id} NOT NULL,
    PRIMARY KEY (unique_id, org_id)
)${clustered};

CREATE TABLE annotation_locator (
    id_hash BIGINT NOT NULL,
    org_id ${id} NOT NULL,
    project_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (id_hash, org_id, project_id, seq)
)${clustered};
