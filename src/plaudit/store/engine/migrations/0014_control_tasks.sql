-- Control tasks: gold and repeats, which people answer without knowing (docs/adr/0039-gold-tasks.md).
-- They stand under a project_key of their own, the negative of the project's, in all tables of work.

-- Gold: tasks with expected answers, a JSON list. `source_seq` is the ordinary task that one is a
-- copy of. `is_training` is 1 for those that are shown with their answers before work begins.
CREATE TABLE gold_task (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    task_id ${id} NOT NULL,
    source_seq BIGINT,
    is_training SMALLINT NOT NULL,
    form_version ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    reason TEXT,
    expected ${bytes} NOT NULL,
    PRIMARY KEY (project_key, seq)
);
CREATE UNIQUE INDEX gold_task_by_id ON gold_task (project_key, task_id);
CREATE INDEX gold_task_in_use ON gold_task (project_key, is_training, seq) WHERE ended_ms IS NULL;

-- Repeats: copies of tasks that the same person answered before, each for that person alone.
CREATE TABLE repeat_task (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    source_seq BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
);
CREATE UNIQUE INDEX repeat_task_of_person ON repeat_task (project_key, user_id, source_seq);

-- A person's turns in a project: ordinary tasks that they were given, and that number when a
-- control task was given last. `seed` decides after which of them one is due.
CREATE TABLE control_turn (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    seed BIGINT NOT NULL,
    ordinary_count BIGINT NOT NULL,
    control_after BIGINT NOT NULL,
    PRIMARY KEY (project_key, user_id)
);

-- The batch whose name the page of a control task shows: that of the ordinary task in its stead.
CREATE TABLE control_place (
    project_key BIGINT NOT NULL,
    assignment_id ${id} NOT NULL,
    batch_id ${id},
    PRIMARY KEY (project_key, assignment_id)
);

-- How a person answered the questions of a control task: `expected` and `given` are JSON.
CREATE TABLE control_result (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    number INTEGER NOT NULL,
    collector ${id} NOT NULL,
    question_key ${id} NOT NULL,
    at ${id} NOT NULL,
    is_right SMALLINT NOT NULL,
    submitted_ms BIGINT NOT NULL,
    expected ${bytes} NOT NULL,
    given ${bytes} NOT NULL,
    PRIMARY KEY (project_key, seq, user_id, number)
);
CREATE INDEX control_result_of_person
    ON control_result (project_key, user_id, collector, submitted_ms);
