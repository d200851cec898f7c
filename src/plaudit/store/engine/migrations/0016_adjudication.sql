-- Adjudication: tasks in review by how much people disagree, and why they did.

-- Rows of each task in review. `question_key` is one question on which people disagree, or empty for
-- the mean over all; `user_id` somebody who answered, or empty for everybody, so that each choice of a
-- question and a person is one range of the index. `rank` is the disagreement in millionths, negated:
-- the greatest comes first.
CREATE TABLE review_order (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    question_key ${id} NOT NULL,
    user_id ${id} NOT NULL,
    rank BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq, question_key, user_id)
)${clustered};
CREATE INDEX review_order_by_rank ON review_order
    (project_key, question_key, user_id, rank, seq);

-- Why people disagreed on a question of a task, as its reviewer said: `guideline`, `ambiguous` or
-- `error`. `number` is the question's among those of the task. The notes say it as well.
CREATE TABLE disagreement_reason (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    number INTEGER NOT NULL,
    question_key ${id} NOT NULL,
    why ${id} NOT NULL,
    PRIMARY KEY (project_key, seq, number)
);
CREATE INDEX disagreement_reason_by_question ON disagreement_reason
    (project_key, why, question_key);

-- Tasks that are in review already are listed at once, and ranked by the worker, which decides marked
-- ones anew.
INSERT INTO review_order (project_key, seq, question_key, user_id, rank)
    SELECT project_key, seq, '', '', 0 FROM task_work WHERE state = 'in_review';
UPDATE task_work SET is_undecided = 1 WHERE state = 'in_review';
