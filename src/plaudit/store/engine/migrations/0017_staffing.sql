-- Who works on what (docs/adr/0044-staffing.md): teams, members of projects, quotas, what people can,
-- what tasks ask of people, and study links.

-- 1 where members and managers alone see the project; the most that a person is given in a day and in
-- all, NULL for no bound.
ALTER TABLE project ADD COLUMN is_members_only SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN tasks_per_day BIGINT;
ALTER TABLE project ADD COLUMN tasks_in_all BIGINT;
CREATE INDEX project_open_by_age ON project (environment_id, created_ms, project_id)
    WHERE is_members_only = 0;

-- 1 for somebody who sees only the projects that they are a member of.
ALTER TABLE person ADD COLUMN is_guest SMALLINT NOT NULL DEFAULT 0;

CREATE TABLE team (
    organization_id ${id} NOT NULL REFERENCES organization (organization_id),
    team_id ${id} NOT NULL,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (organization_id, team_id),
    UNIQUE (organization_id, name_key)
);

CREATE TABLE team_member (
    organization_id ${id} NOT NULL,
    team_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    PRIMARY KEY (organization_id, team_id, user_id),
    FOREIGN KEY (organization_id, team_id) REFERENCES team (organization_id, team_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES person (organization_id, user_id)
);
CREATE INDEX team_member_of_person ON team_member (organization_id, user_id, team_id);

-- Languages (`language`) and tags (`tag`) of a person.
CREATE TABLE person_skill (
    organization_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    kind ${id} NOT NULL,
    value ${id} NOT NULL,
    PRIMARY KEY (organization_id, user_id, kind, value),
    FOREIGN KEY (organization_id, user_id) REFERENCES person (organization_id, user_id)
);

-- Members of projects: `member_id` is a person's or a team's. `role_rank` is 1 for annotators, 2 for
-- reviewers, 3 for managers of the project.
CREATE TABLE project_member (
    project_key BIGINT NOT NULL REFERENCES project (project_key),
    member_id ${id} NOT NULL,
    role_rank SMALLINT NOT NULL,
    tasks_per_day BIGINT,
    tasks_in_all BIGINT,
    added_ms BIGINT NOT NULL,
    PRIMARY KEY (project_key, member_id)
);
CREATE INDEX project_member_of ON project_member (member_id, project_key);

-- The team that alone works on a batch.
CREATE TABLE batch_team (
    project_key BIGINT NOT NULL,
    batch_id ${id} NOT NULL,
    team_id ${id} NOT NULL,
    PRIMARY KEY (project_key, batch_id)
);

-- What a task asks of people by itself, as JSON; no row for nothing. Kept when the task ends.
CREATE TABLE task_requirement (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    requirement ${bytes} NOT NULL,
    PRIMARY KEY (project_key, seq)
)${clustered};

-- Pools of a project's queue: tasks that ask the same of people. The requirement is JSON. `user_id`
-- is empty, or a person whom it names, with a row for each.
CREATE TABLE work_pool (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    pool ${id} NOT NULL,
    requirement ${bytes} NOT NULL,
    PRIMARY KEY (project_key, user_id, pool)
)${clustered};

-- The pool of a task, empty for tasks that anybody may be given; the queue is walked pool by pool.
ALTER TABLE task_work ADD COLUMN pool ${id} NOT NULL DEFAULT '';
DROP INDEX task_work_free;
CREATE INDEX task_work_free ON task_work (project_key, pool, rank, since_ms, seq)
    WHERE state = 'open' AND is_on_hold = 0 AND needed > open_count + submitted_count;

-- Links of studies: people come by them without a password, as members of one project. The digest is
-- of the link's token; `ended_ms` is when it was revoked.
CREATE TABLE study_link (
    link_id ${id} NOT NULL PRIMARY KEY,
    organization_id ${id} NOT NULL REFERENCES organization (organization_id),
    project_key BIGINT NOT NULL REFERENCES project (project_key),
    name TEXT NOT NULL,
    digest ${bytes} NOT NULL UNIQUE,
    tasks_in_all BIGINT NOT NULL,
    people_max BIGINT NOT NULL,
    people_count BIGINT NOT NULL,
    completion_code TEXT NOT NULL,
    completion_url TEXT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
CREATE INDEX study_link_of_project ON study_link (project_key, created_ms, link_id);

-- People who came by a link. `participant` is a keyed hash of the id that the service gave them, and
-- `entry` one of the service's id of their session, without which nobody comes in again.
CREATE TABLE study_person (
    link_id ${id} NOT NULL REFERENCES study_link (link_id),
    participant ${bytes} NOT NULL,
    user_id ${id} NOT NULL,
    entry ${bytes},
    came_ms BIGINT NOT NULL,
    PRIMARY KEY (link_id, participant)
);
CREATE INDEX study_person_of_user ON study_person (user_id);
