-- Acceptances: tasks in review that one reviewer accepts together, after a random sample of them.

-- `state` is `sampling`, `accepting` or `given_up`. `detail` is JSON: which tasks were wanted, the
-- seed of the draw, and how many of the sample may be wrong. `action_id` is empty until tasks are accepted.
CREATE TABLE acceptance (
    project_key BIGINT NOT NULL,
    acceptance_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    state ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    action_id ${id} NOT NULL,
    detail ${bytes} NOT NULL,
    PRIMARY KEY (project_key, acceptance_id)
);
CREATE INDEX acceptance_of_person ON acceptance (project_key, user_id, state, acceptance_id);

-- Tasks of an acceptance. `revision` is what was answered as it began; `draw` the place in the sample,
-- 0 outside of it. `outcome` is empty, then `right` or `wrong` in the sample, and elsewhere `accepted`
-- or the reason why the task was left out.
CREATE TABLE acceptance_task (
    project_key BIGINT NOT NULL,
    acceptance_id ${id} NOT NULL,
    seq BIGINT NOT NULL,
    revision ${id} NOT NULL,
    draw BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (project_key, acceptance_id, seq)
)${clustered};
CREATE INDEX acceptance_task_by_task ON acceptance_task (project_key, seq, draw);

-- Language of the pages that somebody chose; empty for that of their browser.
ALTER TABLE person ADD COLUMN language ${id} NOT NULL DEFAULT '';
