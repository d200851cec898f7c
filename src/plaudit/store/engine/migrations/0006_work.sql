-- Work: the queue of pending tasks, leases with drafts, submissions, and notes on tasks.

-- Tasks of batches with a greater priority are given out first.
ALTER TABLE batch ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;

-- The work queue: one row for each pending task, deleted when the task ends. A task has `needed`
-- slots, of which `submitted_count` are submitted, `open_count` leased, and the rest free.
-- `is_on_hold` is 1 while the task's batch is staging, paused or cancelled. Lower ranks are leased
-- first, then older batches (since_ms), then seq.
CREATE TABLE task_work (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    batch_id ${id},
    rank BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    needed INTEGER NOT NULL,
    submitted_count INTEGER NOT NULL,
    open_count INTEGER NOT NULL,
    state ${id} NOT NULL,
    is_on_hold SMALLINT NOT NULL,
    reason TEXT,
    PRIMARY KEY (project_key, seq)
);
CREATE INDEX task_work_free ON task_work (project_key, rank, since_ms, seq)
    WHERE state = 'open' AND is_on_hold = 0 AND open_count + submitted_count < needed;
CREATE INDEX task_work_of_batch ON task_work (project_key, batch_id, seq)
    WHERE batch_id IS NOT NULL;
CREATE INDEX task_work_waiting ON task_work (project_key, state, seq) WHERE state <> 'open';

INSERT INTO task_work (project_key, seq, batch_id, rank, since_ms, needed, submitted_count,
    open_count, state, is_on_hold)
    SELECT t.project_key, t.seq, t.batch_id, 0, COALESCE(b.created_ms, t.created_ms), ${overlap},
        0, 0, 'open', CASE WHEN b.status IN ('staging', 'paused', 'cancelled') THEN 1 ELSE 0 END
    FROM task AS t
    JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq
    JOIN project AS p ON p.project_key = t.project_key
    LEFT JOIN batch AS b ON b.project_key = t.project_key AND b.batch_id = t.batch_id
    WHERE t.status = 0 AND length(c.content) > 2;

-- Leases: one row for each person and task, for good, so that nobody gets a task twice as a new one.
-- `ended_ms` is NULL exactly while the lease takes up a slot (status open or returned).
-- `lease_version` grows each time it is acquired; requests with an older one are refused.
CREATE TABLE assignment (
    project_key BIGINT NOT NULL,
    assignment_id ${id} NOT NULL,
    seq BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    status ${id} NOT NULL,
    lease_version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    leased_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    active_ms BIGINT NOT NULL,
    display ${bytes} NOT NULL,
    draft ${packed},
    draft_revision BIGINT NOT NULL,
    draft_ms BIGINT,
    PRIMARY KEY (project_key, assignment_id)
);
CREATE UNIQUE INDEX assignment_of_task ON assignment (project_key, seq, user_id);
CREATE INDEX assignment_of_person ON assignment (project_key, user_id, status, leased_ms);
CREATE INDEX assignment_due ON assignment (expires_ms, project_key) WHERE ended_ms IS NULL;

-- One row for each person and project, locked while the person acquires a lease.
CREATE TABLE lease_lock (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    lock_count BIGINT NOT NULL,
    PRIMARY KEY (project_key, user_id)
);

-- Submissions: one person's answers to a task. Rows are only added; only current ones count.
CREATE TABLE submission (
    project_key BIGINT NOT NULL,
    submission_id ${id} NOT NULL,
    assignment_id ${id} NOT NULL,
    seq BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    revision INTEGER NOT NULL,
    supersedes ${id},
    client_key ${id} NOT NULL,
    given_hash ${bytes} NOT NULL,
    answers ${packed} NOT NULL,
    display ${bytes} NOT NULL,
    submitted_ms BIGINT NOT NULL,
    active_ms BIGINT NOT NULL,
    is_current SMALLINT NOT NULL,
    reviewed_ms BIGINT,
    PRIMARY KEY (project_key, submission_id)
);
CREATE UNIQUE INDEX submission_by_key ON submission (project_key, assignment_id, client_key);
CREATE UNIQUE INDEX submission_that_counts ON submission (project_key, seq, user_id)
    WHERE is_current = 1;
CREATE INDEX submission_of_person ON submission (project_key, user_id, submitted_ms);

-- Notes on tasks: why a person skipped, flagged or reported one, and what a reviewer decided.
-- `detail` is a JSON object.
CREATE TABLE task_note (
    project_key BIGINT NOT NULL,
    note_id ${id} NOT NULL,
    seq BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    kind ${id} NOT NULL,
    detail ${packed} NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_key, note_id)
);
CREATE INDEX task_note_of_task ON task_note (project_key, seq, note_id);
