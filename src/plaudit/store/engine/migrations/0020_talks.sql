-- Talks: what an annotator and the managers of a project write to one another about one task
-- (docs/adr/0051-talks-about-tasks.md); and the audit log by who acted.

-- One talk for each person on a task, under the project's own key; `task_key` is the key under which
-- the task stands, the project's or that of control tasks. Messages are numbered from 1. `person_last`
-- and `staff_last` are the numbers of the last message of each side, 0 without one; `person_read` and
-- `staff_read` those up to which each has read.
CREATE TABLE task_talk (
    project_key BIGINT NOT NULL,
    assignment_id ${id} NOT NULL,
    task_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    message_count BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    person_last BIGINT NOT NULL,
    staff_last BIGINT NOT NULL,
    person_read BIGINT NOT NULL,
    staff_read BIGINT NOT NULL,
    PRIMARY KEY (project_key, assignment_id)
);
CREATE INDEX task_talk_by_age ON task_talk (project_key, last_ms, assignment_id);
CREATE INDEX task_talk_of_task ON task_talk (project_key, task_key, seq);
CREATE INDEX task_talk_for_person ON task_talk (project_key, user_id, last_ms, assignment_id)
    WHERE staff_last > person_read;
CREATE INDEX task_talk_for_staff ON task_talk (project_key, last_ms, assignment_id)
    WHERE person_last > staff_read;

CREATE TABLE talk_message (
    project_key BIGINT NOT NULL,
    assignment_id ${id} NOT NULL,
    number BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    is_staff SMALLINT NOT NULL,
    text TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_key, assignment_id, number)
);

CREATE INDEX audit_entry_of_actor ON audit_entry (environment_id, actor_id, entry_id);
