-- Lines of exports from page files (docs/adr/0047). What a task's line has and its record lacks lies in
-- the same file as the record: `fixes_length` bytes at `fixes_start`, none where the record is the line
-- but for its comma. All records are written anew.
DROP TABLE task_place;
DELETE FROM page_file;
DELETE FROM dead_record;
CREATE TABLE task_place (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    file BIGINT NOT NULL,
    start BIGINT NOT NULL,
    length BIGINT NOT NULL,
    fixes_start BIGINT NOT NULL,
    fixes_length BIGINT NOT NULL,
    PRIMARY KEY (project_key, seq)
) WITHOUT ROWID;
CREATE INDEX task_place_lost ON task_place (project_key, seq) WHERE file <= 0;

CREATE TRIGGER lost_place_leaves_record AFTER UPDATE OF file ON task_place
    WHEN OLD.file > 0 AND NEW.file <> OLD.file
    AND EXISTS (SELECT 1 FROM page_file WHERE number = OLD.file AND epoch >= 0)
BEGIN
    INSERT INTO dead_record (file, start, length) VALUES (OLD.file, OLD.start, OLD.length);
    INSERT INTO dead_record (file, start, length)
        SELECT OLD.file, OLD.fixes_start, OLD.fixes_length WHERE OLD.fixes_length > 0;
END;
CREATE TRIGGER removed_place_leaves_record AFTER DELETE ON task_place WHEN OLD.file > 0 BEGIN
    INSERT INTO dead_record (file, start, length) VALUES (OLD.file, OLD.start, OLD.length);
    INSERT INTO dead_record (file, start, length)
        SELECT OLD.file, OLD.fixes_start, OLD.fixes_length WHERE OLD.fixes_length > 0;
END;
