"""The database of one service: migrations, and rows by table name.

Tables and columns are whatever the migrations made them; what is asked for is
checked against them. One connection is shared by all threads of a service and
one lock is held for each transaction, so requests never see SQLITE_BUSY.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
Row = dict[str, Any]


class Refused(Exception):
    """A request that the database does not allow, with its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Store:
    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        with self.lock:
            self.db.close()

    def migrate(self, service: str) -> list[str]:
        """Run the migrations not yet run, each in one transaction."""
        self.db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
        known = {row["name"] for row in self.db.execute("SELECT name FROM migrations")}
        new = [f for f in sorted((MIGRATIONS / service).glob("*.sql")) if f.stem not in known]
        for file in new:
            record = f"INSERT INTO migrations VALUES ('{file.stem}');"
            self.db.executescript(f"BEGIN IMMEDIATE;\n{file.read_text()}\n{record}\nCOMMIT;")
        return [file.stem for file in new]

    def find(self, table: str, filters: Row) -> list[Row]:
        self._check(table, filters)
        where = " AND ".join(f"{column} = ?" for column in filters) or "1"
        with self.lock:
            rows = self.db.execute(f"SELECT * FROM {table} WHERE {where}", list(filters.values()))
            return [dict(row) for row in rows]

    def insert(self, table: str, values: Row) -> Row:
        now = datetime.now(timezone.utc).isoformat()
        row = {**values, "id": uuid.uuid4().hex, "created_at": now}
        self._check(table, row)
        columns, marks = ", ".join(row), ", ".join("?" for _ in row)
        self._write(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))
        return row

    def update(self, table: str, row_id: str, values: Row) -> None:
        self._check(table, values)
        changes = ", ".join(f"{column} = ?" for column in values)
        self._write(f"UPDATE {table} SET {changes} WHERE id = ?", [*values.values(), row_id])

    def _write(self, statement: str, values: list[Any]) -> None:
        try:
            with self.lock:
                self.db.execute(statement, values)
        except sqlite3.IntegrityError as error:
            raise Refused(409 if "UNIQUE" in str(error) else 400, str(error)) from error

    def _check(self, table: str, columns: Row) -> None:
        with self.lock:
            rows = self.db.execute("SELECT name FROM pragma_table_info(?)", [table])
            known = {row["name"] for row in rows}
        if "id" not in known:
            raise Refused(404, f"no such collection: {table}")
        for column in columns:
            if column not in known:
                raise Refused(400, f"{table} have no {column}")
