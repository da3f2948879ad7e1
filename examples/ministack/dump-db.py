#!/usr/bin/env python3
"""Print the content of a stack's databases in a form that can be compared.

    dump-db.py STACK_DIR

Two runs of the same stack print the same bytes: rows are sorted, ids are
replaced by the names they stand for, and what differs from run to run for good
reason (times, salts, ports) is left out.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import sys
from pathlib import Path

SERVICES = ("identity", "image", "compute")
LEFT_OUT = ("id", "created_at", "password_hash")


def connect(data: Path, service: str) -> sqlite3.Connection:
    path = (data / f"{service}.db").resolve(strict=True)
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    (state,) = database.execute("PRAGMA integrity_check").fetchone()
    if state != "ok":
        raise SystemExit(f"{path}: {state}")
    return database


def tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [row["name"] for row in rows]


def label(column: str, value: object, names: dict[str, str]) -> str:
    if column.endswith("_id"):
        return f"{column[:-3]}={names[str(value)]!r}"
    if column == "url":
        value = re.sub(r":\d+/", ":PORT/", str(value))
    return f"{column}={value!r}"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: dump-db.py STACK_DIR")
    data = Path(sys.argv[1]) / "data"
    databases = {service: connect(data, service) for service in SERVICES}

    names: dict[str, str] = {}
    for database in databases.values():
        for table in tables(database):
            for row in database.execute(f"SELECT * FROM {table}"):
                if {"id", "name"} <= set(row.keys()):
                    names[row["id"]] = row["name"]

    lines = []
    for service, database in databases.items():
        for table in tables(database):
            for row in database.execute(f"SELECT * FROM {table}"):
                fields = [label(c, row[c], names) for c in row.keys() if c not in LEFT_OUT]
                lines.append(f"{service}.{table}: {' '.join(fields)}")
    for file in (data / "image").iterdir():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f"image file: {names[file.name]!r} sha256={digest}")
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()
