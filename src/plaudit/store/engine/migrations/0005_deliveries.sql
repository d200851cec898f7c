-- Deliveries: named sets of completed tasks, frozen in the version that was delivered.

-- `delivery_seq` is a time of the project's completion clock and identifies the delivery in its
-- project. `delivered_ms` is null until the delivery is published; no reader sees it before.
-- `run_no` tells the current run from one that lost its lease; until `lease_ms` no other run takes
-- it over.
CREATE TABLE delivery (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    delivery_id ${id} NOT NULL,
    project_key BIGINT NOT NULL REFERENCES project (project_key),
    delivery_seq BIGINT NOT NULL,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    delivered_ms BIGINT,
    task_count BIGINT NOT NULL,
    manifest_hash ${bytes},
    schema_id ${id},
    run_no INTEGER NOT NULL,
    lease_ms BIGINT NOT NULL,
    PRIMARY KEY (environment_id, delivery_id)
);
CREATE UNIQUE INDEX delivery_by_name ON delivery (project_key, name_key);
CREATE UNIQUE INDEX delivery_by_beginning ON delivery (project_key, delivery_seq);

-- Which tasks, in which version. Positions are 1, 2, 3, …, so that a page is a range of them.
CREATE TABLE delivered_task (
    project_key BIGINT NOT NULL,
    delivery_seq BIGINT NOT NULL,
    position BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    task_id ${id} NOT NULL,
    digest ${bytes} NOT NULL,
    PRIMARY KEY (project_key, delivery_seq, position)
)${clustered};
CREATE UNIQUE INDEX delivered_task_of_task ON delivered_task (project_key, seq, delivery_seq);

-- A task as it was delivered. Deliveries of the same version share its row.
CREATE TABLE frozen_task (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    digest ${bytes} NOT NULL,
    batch_id ${id},
    completed_ms BIGINT NOT NULL,
    head ${bytes} NOT NULL,
    body ${packed},
    patches ${packed},
    PRIMARY KEY (project_key, seq, digest)
);
