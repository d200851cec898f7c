-- Quality control while people work: counted cases, rules that people cross, pauses with appeals.

-- Cases of a person by collector, each right or not. Rules look at those after the first
-- `cases_before`, of which `right_before` were right. `crossed` is a JSON list of the keys of rules
-- that the person has crossed and not come back from, NULL for none.
CREATE TABLE quality_counter (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    collector ${id} NOT NULL,
    cases BIGINT NOT NULL,
    right_cases BIGINT NOT NULL,
    cases_before BIGINT NOT NULL,
    right_before BIGINT NOT NULL,
    wrong_in_a_row BIGINT NOT NULL,
    crossed ${bytes},
    PRIMARY KEY (project_key, user_id, collector)
)${clustered};

-- Rules that were crossed: the rule as JSON, and the figures of that moment. `seen_ms` is NULL until
-- a manager has seen it. `to_take_back` is a JSON list of ids of submissions, NULL while they are
-- still to be chosen; `is_under_way` is 1 until all are dealt with.
CREATE TABLE quality_crossing (
    project_key BIGINT NOT NULL,
    crossing_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    rule ${bytes} NOT NULL,
    right_cases BIGINT NOT NULL,
    cases BIGINT NOT NULL,
    crossed_ms BIGINT NOT NULL,
    seen_ms BIGINT,
    is_under_way SMALLINT NOT NULL,
    to_take_back ${bytes},
    taken_back_count BIGINT NOT NULL,
    PRIMARY KEY (project_key, crossing_id)
);
CREATE INDEX quality_crossing_unseen ON quality_crossing (project_key, crossing_id)
    WHERE seen_ms IS NULL;
CREATE INDEX quality_crossing_under_way ON quality_crossing (project_key, crossing_id)
    WHERE is_under_way = 1;

-- Pauses of people in a project. `rule` and its figures are NULL where a manager paused by hand,
-- and `reason` where a rule did. `is_released` is 0 until the person's leases are given back.
CREATE TABLE quality_pause (
    project_key BIGINT NOT NULL,
    pause_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    rule ${bytes},
    right_cases BIGINT,
    cases BIGINT,
    reason TEXT,
    paused_ms BIGINT NOT NULL,
    paused_by ${id} NOT NULL,
    is_released SMALLINT NOT NULL,
    appeal TEXT,
    appealed_ms BIGINT,
    answer TEXT,
    answered_ms BIGINT,
    answered_by ${id},
    ended_ms BIGINT,
    PRIMARY KEY (project_key, pause_id)
);
CREATE UNIQUE INDEX quality_pause_of_person ON quality_pause (project_key, user_id)
    WHERE ended_ms IS NULL;
CREATE INDEX quality_pause_under_way ON quality_pause (project_key, pause_id)
    WHERE is_released = 0;

-- How long tasks of a project usually take, by their length; computed anew now and then.
CREATE TABLE quality_pace (
    project_key BIGINT PRIMARY KEY,
    figures ${bytes},
    due_ms BIGINT NOT NULL
);
CREATE INDEX quality_pace_due ON quality_pace (due_ms, project_key);

-- Qualification of people: training, then tests. `round` says of what settings; a row of another
-- round begins anew. Counts are of the training, and of the test that runs or ran last.
CREATE TABLE qualification (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    round ${id} NOT NULL,
    state ${id} NOT NULL,
    trained BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    right_cases BIGINT NOT NULL,
    cases BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (project_key, user_id)
)${clustered};

-- `is_compared` is 1 once a person's answers were compared with those of the others on the task.
ALTER TABLE assignment ADD COLUMN is_compared SMALLINT NOT NULL DEFAULT 0;

-- Submissions of a person that a reviewer is still to look at, beyond what the project asks; and
-- `is_watched`, 1 for tasks with one.
CREATE TABLE extra_review (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    left_count BIGINT NOT NULL,
    PRIMARY KEY (project_key, user_id)
)${clustered};
ALTER TABLE task_work ADD COLUMN is_watched SMALLINT NOT NULL DEFAULT 0;
