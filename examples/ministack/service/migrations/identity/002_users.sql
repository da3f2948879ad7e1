CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    domain_id TEXT NOT NULL REFERENCES domains (id),
    password_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (domain_id, name)
);
