-- Tasks that managers are to look at: flagged ones, and those that people skip.

-- One row for each flagged task, until a manager has seen its flags; the notes stay.
CREATE TABLE task_flag (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    flag_count BIGINT NOT NULL,
    flagged_ms BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
);
INSERT INTO task_flag (project_key, seq, flag_count, flagged_ms)
    SELECT project_key, seq, COUNT(*), MAX(created_ms) FROM task_note WHERE kind = 'flag'
    GROUP BY project_key, seq;

-- `is_skipped` is 1 while somebody has skipped a task of the queue, and it was not offered again.
ALTER TABLE task_work ADD COLUMN is_skipped SMALLINT NOT NULL DEFAULT 0;
UPDATE task_work SET is_skipped = 1
    WHERE EXISTS (SELECT 1 FROM assignment AS a WHERE a.project_key = task_work.project_key
        AND a.seq = task_work.seq AND a.status = 'skipped');
CREATE INDEX task_work_skipped ON task_work (project_key, is_skipped, seq)
    WHERE is_skipped = 1 AND state = 'open' AND is_on_hold = 0 AND submitted_count < needed;
