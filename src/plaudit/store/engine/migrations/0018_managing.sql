-- Managers' work on many tasks: words of tasks for searches, saved views, and what undo restores.

-- Words that a task says, of all its messages, for searches alone. The embedded store keeps them in
-- an index of its own, whose rowids are a project's number and a task's seq (store/engine/word_index.py).
${word_index};

-- Tasks below `next_seq` have been read for words, but for those in `unread_task`. `number` is small
-- and counts projects; rowids of the embedded store begin with it.
CREATE TABLE word_clock (
    project_key BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    next_seq BIGINT NOT NULL
);

-- Tasks that say something else since they were read; `stamp` grows with each change.
CREATE TABLE unread_task (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    stamp BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
)${clustered};

-- A list of tasks that managers keep under a name: `query` is that of its page.
CREATE TABLE saved_view (
    project_key BIGINT NOT NULL,
    view_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    name TEXT NOT NULL,
    name_key ${id} NOT NULL,
    query TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_key, view_id)
);
CREATE UNIQUE INDEX saved_view_by_name ON saved_view (project_key, name_key);

-- Actions on many tasks. `state` is `running`, `done` or `broken`, then `undoing` and `undone`.
-- `detail` is JSON: what was asked for. `skipped` and `kept` are JSON objects: how many tasks the
-- action, and its undo, left as they were, by reason.
CREATE TABLE task_action (
    project_key BIGINT NOT NULL,
    action_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    kind ${id} NOT NULL,
    state ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    lease_ms BIGINT NOT NULL,
    looked_count BIGINT NOT NULL,
    changed_count BIGINT NOT NULL,
    restored_count BIGINT NOT NULL,
    skipped ${bytes} NOT NULL,
    kept ${bytes} NOT NULL,
    detail ${bytes} NOT NULL,
    PRIMARY KEY (project_key, action_id)
);
CREATE INDEX task_action_by_age ON task_action (created_ms, project_key, action_id);

-- A task that an action changed: `before` is JSON and all that undo needs, `after` what the action
-- left, by which undo sees that nobody has changed it since.
CREATE TABLE task_action_change (
    project_key BIGINT NOT NULL,
    action_id ${id} NOT NULL,
    seq BIGINT NOT NULL,
    before ${packed} NOT NULL,
    after ${packed} NOT NULL,
    PRIMARY KEY (project_key, action_id, seq)
);

CREATE INDEX assignment_of_person_by_task ON assignment (project_key, user_id, seq);
