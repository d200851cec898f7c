-- The people of an account, and a way into the audit log by what was changed.

CREATE TABLE person (
    account_id ${id} NOT NULL REFERENCES account (account_id),
    user_id ${id} NOT NULL,
    email TEXT NOT NULL,
    email_key ${id} NOT NULL,
    name TEXT,
    role ${id} NOT NULL,
    status ${id} NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, user_id),
    UNIQUE (account_id, email_key)
);
CREATE INDEX person_by_age ON person (account_id, created_ms, user_id);

CREATE INDEX audit_entry_of_object ON audit_entry (org_id, object_id, entry_id);
