CREATE TABLE images (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    project_id TEXT NOT NULL,
    created_at TEXT NOT NULL
);
