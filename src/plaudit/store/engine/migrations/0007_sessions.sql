-- How people get in: passwords, invitations to choose one, and the sessions of their browsers.

CREATE TABLE person_password (
    organization_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    hash TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES person (organization_id, user_id)
);

CREATE TABLE invitation (
    organization_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    digest ${bytes} NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES person (organization_id, user_id)
);

CREATE TABLE session (
    digest ${bytes} NOT NULL PRIMARY KEY,
    session_id ${id} NOT NULL UNIQUE,
    organization_id ${id} NOT NULL,
    user_id ${id} NOT NULL,
    agent TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    FOREIGN KEY (organization_id, user_id) REFERENCES person (organization_id, user_id)
);
CREATE INDEX session_of_person ON session (organization_id, user_id, created_ms);

CREATE INDEX person_by_email ON person (email_key);
