-- Organizations, keys, projects, batches, tasks. One text for every engine; the words in braces
-- are filled in by store/engine/migrator.py. `project_key` leads every key of the tables that grow
-- with the number of tasks. Ids that are unique across projects have tables of their own.

CREATE TABLE server_secret (
    fingerprint ${id} PRIMARY KEY,
    created_ms BIGINT NOT NULL
);

-- One row. The epoch grows when the database is restored or a standby takes over: walks that
-- began before are refused, because rows they have returned may be gone.
CREATE TABLE store_epoch (
    id INTEGER PRIMARY KEY,
    epoch BIGINT NOT NULL,
    timeline BIGINT NOT NULL
);
INSERT INTO store_epoch (id, epoch, timeline) VALUES (1, 1, 0);

CREATE TABLE organization (
    organization_id ${id} PRIMARY KEY,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);

-- The live or the test data of an account. Everything else refers to its environment_id.
CREATE TABLE environment (
    environment_id ${id} PRIMARY KEY,
    organization_id ${id} NOT NULL REFERENCES organization (organization_id),
    mode ${id} NOT NULL CHECK (mode IN ('live', 'test')),
    UNIQUE (organization_id, mode)
);

CREATE TABLE api_key (
    key_id ${id} PRIMARY KEY,
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    name TEXT NOT NULL,
    role INTEGER NOT NULL,
    display ${id} NOT NULL,
    digest ${bytes} NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX api_key_by_org ON api_key (environment_id, created_ms, key_id);

CREATE TABLE project (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    project_id ${id} NOT NULL,
    project_key BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    detail ${bytes} NOT NULL,
    PRIMARY KEY (environment_id, project_id),
    UNIQUE (environment_id, name_key)
);

CREATE TABLE batch (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    batch_id ${id} NOT NULL,
    project_key BIGINT NOT NULL REFERENCES project (project_key),
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    status ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    completed_ms BIGINT,
    metadata ${bytes} NOT NULL,
    callback TEXT,
    PRIMARY KEY (environment_id, batch_id)
);
CREATE UNIQUE INDEX batch_by_name ON batch (environment_id, name_key, project_key);
CREATE INDEX batch_by_age ON batch (environment_id, created_ms, batch_id);
CREATE INDEX batch_of_project ON batch (project_key, created_ms, batch_id);

-- The greatest completion time assigned; its row lock puts completions in commit order.
CREATE TABLE project_clock (
    project_key BIGINT PRIMARY KEY,
    last_ms BIGINT NOT NULL
);

CREATE TABLE project_sequence (
    project_key BIGINT PRIMARY KEY,
    next_seq BIGINT NOT NULL
);

CREATE TABLE batch_progress (
    project_key BIGINT NOT NULL,
    batch_id ${id} NOT NULL,
    pending BIGINT NOT NULL DEFAULT 0,
    completed BIGINT NOT NULL DEFAULT 0,
    canceled BIGINT NOT NULL DEFAULT 0,
    error BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (project_key, batch_id)
);

CREATE TABLE task (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    task_id ${id} NOT NULL,
    batch_id ${id},
    status SMALLINT NOT NULL,
    created_ms BIGINT NOT NULL,
    completed_ms BIGINT,
    head ${bytes} NOT NULL,
    PRIMARY KEY (project_key, seq)
);
CREATE INDEX task_by_status ON task (project_key, status, seq);
CREATE INDEX task_by_completion ON task (project_key, status, completed_ms, seq)
    WHERE completed_ms IS NOT NULL;
CREATE INDEX task_of_batch_by_status ON task (project_key, batch_id, status, seq)
    WHERE batch_id IS NOT NULL;
CREATE INDEX task_of_batch_by_completion ON task (project_key, batch_id, status, completed_ms, seq)
    WHERE batch_id IS NOT NULL AND completed_ms IS NOT NULL;

CREATE TABLE task_body (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    body ${packed} NOT NULL,
    patches ${packed},
    PRIMARY KEY (project_key, seq)
);

-- What a task was created with: the prepared conversation and what the wire does not show.
CREATE TABLE task_content (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    content ${packed},
    unique_id TEXT,
    callback_url TEXT,
    PRIMARY KEY (project_key, seq)
);

-- Ids that are unique across projects, keyed by the id itself.
CREATE TABLE task_locator (
    task_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (task_id, environment_id)
)${clustered};

CREATE TABLE reserved_unique_id (
    unique_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    task_id ${id} NOT NULL,
    PRIMARY KEY (unique_id, environment_id)
)${clustered};

CREATE TABLE annotation_locator (
    id_hash BIGINT NOT NULL,
    environment_id ${id} NOT NULL,
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (id_hash, environment_id, project_key, seq)
)${clustered};
