-- Long-running jobs that people start in the workspace. The process that runs a job renews
-- `lease_ms`; a `running` job whose lease has ended is broken. `about` (the request) and
-- `progress` are JSON objects. `file_size` is not null while the file that the job made is
-- kept.
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

-- The first rejected rows of an import, in the order of their file.
CREATE TABLE job_reject (
    environment_id ${id} NOT NULL,
    job_id ${id} NOT NULL,
    number INTEGER NOT NULL,
    line BIGINT NOT NULL,
    pointer TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (environment_id, job_id, number)
);
