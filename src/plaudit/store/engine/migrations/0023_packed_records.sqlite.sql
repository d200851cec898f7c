-- Records of page files in the codings that clients accept (docs/adr/0048), in the same file: `zstd_length`
-- bytes at `zstd_start`, and likewise of gzip; none where there are none. `crc_before` and `crc_after` are
-- checksums of the records from the first one of a round to the place before and behind this one.
-- All records are written anew.
DROP TABLE task_place;
DELETE FROM page_file;
DELETE FROM dead_record;
CREATE TABLE task_place (
    project_key BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    file BIGINT NOT NULL,
    start BIGINT NOT NULL DEFAULT 0,
    length BIGINT NOT NULL DEFAULT 0,
    fixes_start BIGINT NOT NULL DEFAULT 0,
    fixes_length BIGINT NOT NULL DEFAULT 0,
    zstd_start BIGINT NOT NULL DEFAULT 0,
    zstd_length BIGINT NOT NULL DEFAULT 0,
    gzip_start BIGINT NOT NULL DEFAULT 0,
    gzip_length BIGINT NOT NULL DEFAULT 0,
    crc_before BIGINT NOT NULL DEFAULT 0,
    crc_after BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (project_key, seq)
) WITHOUT ROWID;
CREATE INDEX task_place_lost ON task_place (project_key, seq) WHERE file <= 0;

CREATE TRIGGER lost_place_leaves_record AFTER UPDATE OF file ON task_place
    WHEN OLD.file > 0 AND NEW.file <> OLD.file
    AND EXISTS (SELECT 1 FROM page_file WHERE number = OLD.file AND epoch >= 0)
BEGIN
    INSERT INTO dead_record (file, start, length)
        SELECT OLD.file, OLD.start, OLD.length
        UNION ALL SELECT OLD.file, OLD.fixes_start, OLD.fixes_length WHERE OLD.fixes_length > 0
        UNION ALL SELECT OLD.file, OLD.zstd_start, OLD.zstd_length WHERE OLD.zstd_length > 0
        UNION ALL SELECT OLD.file, OLD.gzip_start, OLD.gzip_length WHERE OLD.gzip_length > 0;
END;
CREATE TRIGGER removed_place_leaves_record AFTER DELETE ON task_place WHEN OLD.file > 0 BEGIN
    INSERT INTO dead_record (file, start, length)
        SELECT OLD.file, OLD.start, OLD.length
        UNION ALL SELECT OLD.file, OLD.fixes_start, OLD.fixes_length WHERE OLD.fixes_length > 0
        UNION ALL SELECT OLD.file, OLD.zstd_start, OLD.zstd_length WHERE OLD.zstd_length > 0
        UNION ALL SELECT OLD.file, OLD.gzip_start, OLD.gzip_length WHERE OLD.gzip_length > 0;
END;
