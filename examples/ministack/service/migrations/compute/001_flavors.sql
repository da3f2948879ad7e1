CREATE TABLE flavors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    memory INTEGER NOT NULL,
    vcpus INTEGER NOT NULL,
    created_at TEXT NOT NULL
);
