-- Indexes in the order of listings, so that a page reads what it shows, and not all there is.
CREATE INDEX project_by_age ON project (environment_id, created_ms, project_id);

-- Every listing of batches goes through their statuses, so none is without one.
DROP INDEX batch_by_age;
DROP INDEX batch_of_project;
CREATE INDEX batch_by_age ON batch (environment_id, status, created_ms, batch_id);
CREATE INDEX batch_of_project ON batch (project_key, status, created_ms, batch_id);
CREATE INDEX batch_by_completion ON batch (environment_id, status, completed_ms, batch_id)
    WHERE completed_ms IS NOT NULL;
CREATE INDEX batch_of_project_by_completion ON batch (project_key, status, completed_ms, batch_id)
    WHERE completed_ms IS NOT NULL;

CREATE INDEX task_by_creation ON task (project_key, status, created_ms, seq);
CREATE INDEX task_of_batch_by_creation ON task (project_key, batch_id, status, created_ms, seq)
    WHERE batch_id IS NOT NULL;

CREATE INDEX delivery_by_age ON delivery (project_key, delivered_ms, delivery_id)
    WHERE delivered_ms IS NOT NULL;

DROP INDEX submission_of_person;
CREATE INDEX submission_of_person ON submission
    (project_key, user_id, submitted_ms, submission_id) WHERE is_current = 1;
CREATE INDEX submission_of_task ON submission (project_key, seq, submitted_ms, submission_id);

CREATE INDEX person_by_status ON person (organization_id, status, created_ms, user_id);
DROP INDEX session_of_person;
CREATE INDEX session_of_person ON session (organization_id, user_id, created_ms, session_id);

-- The condition as store/tasks/work_queue.py writes it, so that SQLite knows it again.
DROP INDEX task_work_free;
CREATE INDEX task_work_free ON task_work (project_key, rank, since_ms, seq)
    WHERE state = 'open' AND is_on_hold = 0 AND needed > open_count + submitted_count;
CREATE INDEX assignment_open ON assignment (project_key, expires_ms) WHERE ended_ms IS NULL;
