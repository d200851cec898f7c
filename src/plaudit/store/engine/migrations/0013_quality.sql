-- Quality of projects: the last report of each, and what spares the next one reading all anew
-- (docs/adr/0038-quality-snapshots.md).

-- A project's last report. `options` is JSON. It holds what was committed when votes had been
-- numbered up to `change_no`, the completion clock stood at `clock_ms`, and `next_seq` was the next
-- task's number; `submission_id` is the newest submission of then. Its parts have its id.
CREATE TABLE quality_snapshot (
    project_key BIGINT PRIMARY KEY,
    snapshot_id ${id} NOT NULL,
    computed_ms BIGINT NOT NULL,
    options ${bytes} NOT NULL,
    task_count BIGINT NOT NULL,
    vote_count BIGINT NOT NULL,
    change_no BIGINT NOT NULL,
    clock_ms BIGINT NOT NULL,
    next_seq BIGINT NOT NULL,
    submission_id ${id}
);

-- Parts of snapshots, cut into pieces: JSON that is answered, and columns of votes and tasks.
-- Parts of another id than the snapshot's are being written, or are left from a run that ended.
CREATE TABLE quality_part (
    project_key BIGINT NOT NULL,
    snapshot_id ${id} NOT NULL,
    part ${id} NOT NULL,
    number INTEGER NOT NULL,
    content ${bytes} NOT NULL,
    PRIMARY KEY (project_key, snapshot_id, part, number)
);

-- Tasks whose threads or metadata changed without a later completion time; numbered as votes are.
CREATE TABLE task_change (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    change_no BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
);
CREATE INDEX task_change_by_change ON task_change (project_key, change_no, seq);
