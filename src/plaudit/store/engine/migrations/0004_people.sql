-- The people of an account, and a way into the audit log by what was changed.

CREATE TABLE person (
    organization_id ${id} NOT NULL REFERENCES organization (organization_id),
    user_id ${id} NOT NULL,
    email TEXT NOT NULL,
    email_key ${id} NOT NULL,
    name TEXT,
    role ${id} NOT NULL,
    status ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id),
    UNIQUE (organization_id, email_key)
);
CREATE INDEX person_by_age ON person (organization_id, created_ms, user_id);

CREATE INDEX audit_entry_of_object ON audit_entry (environment_id, object_id, entry_id);
