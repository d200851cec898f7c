-- Votes: people's answers one by one, for statistics (docs/adr/0033-votes.md).

-- The form that a submission answered (core/tasks/form_version.py); NULL where nobody knows.
-- `change_no` numbers the changes of what counts: 0 until it has its number, NULL while the votes
-- of a submission from before this table are still to be written.
ALTER TABLE submission ADD COLUMN form_version ${id};
ALTER TABLE submission ADD COLUMN change_no BIGINT;
CREATE INDEX submission_by_change ON submission (project_key, change_no, seq);

-- One row for each vote that counts: those of a task's current submissions or, of a task without
-- any, those that its threads carry (`is_imported`). `number` is the place among one person's votes
-- on a task. `at`, `source_id`, `chunk` and `criterion` say what the vote is about. `place` is where
-- that response stood on the screen, from 1; of a vote on a turn, `responses` and `shown` are JSON
-- lists of the sources of its responses, in their own order and in the order shown. `place` and
-- `shown` are NULL where nobody knows. `abstention` is `not_applicable` or `cannot_assess`, else
-- `value` is JSON. It is the last column, so that reading past long ones is cheap.
CREATE TABLE vote (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    contributor_id ${id} NOT NULL,
    number INTEGER NOT NULL,
    is_imported SMALLINT NOT NULL,
    question_key ${id} NOT NULL,
    at ${id} NOT NULL,
    source_id ${id},
    chunk INTEGER,
    criterion ${id},
    place INTEGER,
    submitted_ms BIGINT,
    active_ms BIGINT,
    form_version ${id},
    abstention ${id},
    responses ${bytes},
    shown ${bytes},
    value ${bytes},
    PRIMARY KEY (project_key, seq, contributor_id, number)
)${clustered};

-- Tasks whose threads brought votes, for good; numbered as submissions are.
CREATE TABLE voted_threads (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    change_no BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
);
CREATE INDEX voted_threads_by_change ON voted_threads (project_key, change_no, seq);

-- The greatest number that was given to a change of a project's votes. Threads of tasks from
-- `unread_below` on have been read for votes; it is 0 in the end.
CREATE TABLE vote_clock (
    project_key BIGINT PRIMARY KEY,
    last_no BIGINT NOT NULL,
    unread_below BIGINT NOT NULL
);
INSERT INTO vote_clock (project_key, last_no, unread_below)
    SELECT project_key, 0, next_seq FROM project_sequence;
CREATE INDEX vote_clock_unread ON vote_clock (project_key) WHERE unread_below > 0;
