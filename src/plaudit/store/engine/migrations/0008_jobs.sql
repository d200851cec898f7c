-- Jobs: what people start in the workspace and what takes its time. One row for each, so that every
-- process shows the same of it. Whoever runs a job moves `lease_ms` ahead; a job that is `running`
-- and whose lease has ended has broken off. `about` is what was asked for and `progress` how far it
-- is, both JSON objects. `file_size` is there while the file that the job made is kept.
CREATE TABLE job (
    environment_id ${id} NOT NULL REFERENCES environment (environment_id),
    job_id ${id} NOT NULL,
    kind ${id} NOT NULL,
    state ${id} NOT NULL,
    user_id ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    lease_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    about ${bytes} NOT NULL,
    progress ${bytes} NOT NULL,
    reason TEXT NOT NULL,
    file_size BIGINT,
    PRIMARY KEY (environment_id, job_id)
);
CREATE UNIQUE INDEX job_that_runs ON job (environment_id, kind) WHERE state = 'running';
CREATE INDEX job_of_kind ON job (environment_id, kind, job_id);
CREATE INDEX job_by_end ON job (ended_ms, environment_id, job_id) WHERE ended_ms IS NOT NULL;

-- Rows of an import that were refused, the first ones in the order of their file.
CREATE TABLE job_reject (
    environment_id ${id} NOT NULL,
    job_id ${id} NOT NULL,
    number INTEGER NOT NULL,
    line BIGINT NOT NULL,
    pointer TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (environment_id, job_id, number)
);
