-- Tasks in the queue that a change of their project's settings may have decided: `is_undecided` is 1
-- until a worker has applied the rules of now. While somebody holds a lease, or the task is
-- quarantined, it waits.
ALTER TABLE task_work ADD COLUMN is_undecided SMALLINT NOT NULL DEFAULT 0;
CREATE INDEX task_work_undecided ON task_work (project_key, seq)
    WHERE is_undecided = 1 AND open_count = 0 AND state <> 'quarantined';
