-- Places of tasks in page files (docs/adr/0041). SQLite alone has them: the suffix of this file says
-- so. All of it is derived, and may be emptied at any time.

-- A file of records, pages/NUMBER.dat. It is believed if it begins with `file_id`, belongs to this
-- epoch (-1 and -2: to none) and has at least `size` bytes; `dead` of them are records of tasks that have
-- changed since.
CREATE TABLE page_file (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    dead BIGINT NOT NULL DEFAULT 0
);

-- Where a task's record lies. `file` is 0 for a task that has changed since it was written, and below
-- 0 while its record is being written: a number that only its writer has. A change in between makes
-- it 0, and what was written counts for nothing. A task without a row has never been written.
CREATE TABLE task_place (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    file BIGINT NOT NULL,
    start BIGINT NOT NULL,
    length BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
) WITHOUT ROWID;
CREATE INDEX task_place_lost ON task_place (project_key, seq) WHERE file <= 0;

-- Records that no task has any more; their bytes are overwritten once no answer can be sending them.
CREATE TABLE dead_record (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    file INTEGER NOT NULL,
    start BIGINT NOT NULL,
    length BIGINT NOT NULL
);

-- A record shows the head and the body of its task, and the ids of its project and batch. Whatever
-- changes one of them, in whichever statement, takes the place away with it.
CREATE TRIGGER task_change_loses_place AFTER UPDATE OF project_key, seq, batch_id, head ON task BEGIN
    UPDATE task_place SET file = 0
        WHERE project_key = OLD.project_key AND seq = OLD.seq AND file <> 0;
END;
CREATE TRIGGER task_removal_loses_place AFTER DELETE ON task BEGIN
    DELETE FROM task_place WHERE project_key = OLD.project_key AND seq = OLD.seq;
END;
CREATE TRIGGER new_body_loses_place AFTER INSERT ON task_body BEGIN
    UPDATE task_place SET file = 0
        WHERE project_key = NEW.project_key AND seq = NEW.seq AND file <> 0;
END;
CREATE TRIGGER body_change_loses_place AFTER UPDATE ON task_body BEGIN
    UPDATE task_place SET file = 0
        WHERE project_key = OLD.project_key AND seq = OLD.seq AND file <> 0;
END;
CREATE TRIGGER body_removal_loses_place AFTER DELETE ON task_body BEGIN
    UPDATE task_place SET file = 0
        WHERE project_key = OLD.project_key AND seq = OLD.seq AND file <> 0;
END;
CREATE TRIGGER lost_place_leaves_record AFTER UPDATE OF file ON task_place
    WHEN OLD.file > 0 AND NEW.file <> OLD.file
    AND EXISTS (SELECT 1 FROM page_file WHERE number = OLD.file AND epoch >= 0)
BEGIN
    INSERT INTO dead_record (file, start, length) VALUES (OLD.file, OLD.start, OLD.length);
END;
CREATE TRIGGER removed_place_leaves_record AFTER DELETE ON task_place WHEN OLD.file > 0 BEGIN
    INSERT INTO dead_record (file, start, length) VALUES (OLD.file, OLD.start, OLD.length);
END;
