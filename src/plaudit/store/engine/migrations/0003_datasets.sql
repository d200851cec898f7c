-- Datasets: finished tasks with their files, delivered under a name; and what deliveries look like.

-- `dataset_key` is to a dataset what `project_key` is to a project: random, and first in every key
-- of the table that grows. `last_ms` is the greatest time of delivery assigned.
CREATE TABLE dataset (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    dataset_id ${id} NOT NULL,
    dataset_key BIGINT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    next_seq BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (environment_id, dataset_id),
    UNIQUE (environment_id, name_key)
);

-- `metadata` is what an archive said of the counts; without it they are what was counted.
CREATE TABLE dataset_delivery (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    delivery_id ${id} NOT NULL,
    dataset_key BIGINT NOT NULL REFERENCES dataset (dataset_key),
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    delivered_ms BIGINT NOT NULL,
    task_count BIGINT NOT NULL,
    turn_count BIGINT NOT NULL,
    metadata ${bytes},
    PRIMARY KEY (environment_id, delivery_id),
    UNIQUE (dataset_key, name_key)
);
CREATE INDEX dataset_delivery_by_age
    ON dataset_delivery (environment_id, delivered_ms, delivery_id);

-- `response` is finished JSON; `attachments` lists the ids that clients use, each with ours.
CREATE TABLE dataset_task (
    dataset_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    task_id ${id} NOT NULL,
    delivery_id ${id} NOT NULL,
    delivered_ms BIGINT NOT NULL,
    response ${packed} NOT NULL,
    attachments ${bytes},
    PRIMARY KEY (dataset_key, seq)
);
CREATE INDEX dataset_task_by_age ON dataset_task (dataset_key, delivered_ms, seq);
CREATE INDEX dataset_task_of_delivery ON dataset_task (dataset_key, delivery_id, seq);

CREATE TABLE dataset_task_locator (
    task_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    dataset_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (task_id, environment_id)
)${clustered};

-- A file, whose bytes are the object ENVIRONMENT_ID/ATTACHMENT_ID. `shown_as` is the media
-- type under which a browser may show it, by its first bytes; empty for what is only downloaded.
CREATE TABLE attachment (
    attachment_id ${id} NOT NULL,
    environment_id ${id} NOT NULL,
    name TEXT,
    mime_type TEXT,
    shown_as ${id} NOT NULL,
    size BIGINT NOT NULL,
    digest ${bytes} NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (attachment_id, environment_id)
)${clustered};

CREATE TABLE delivery_schema (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    schema_id ${id} NOT NULL,
    name TEXT NOT NULL,
    json ${bytes} NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (environment_id, schema_id)
);
CREATE INDEX delivery_schema_by_age ON delivery_schema (environment_id, created_ms, schema_id);
