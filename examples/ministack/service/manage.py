#!/usr/bin/env python3
"""What is done to a service from outside: keys, migrations, waiting for it, stopping it."""

from __future__ import annotations

import argparse
import configparser
import os
import select
import signal
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from auth import hash_password, make_keys
from store import Row, Store


def read_config(path: str) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None)
    with open(path, encoding="utf-8") as file:
        config.read_file(file)
    return config


def db_sync(config: configparser.ConfigParser) -> None:
    service = config["DEFAULT"]["service"]
    store = Store(Path(config["database"]["path"]))
    for name in store.migrate(service):
        print(f"migrated {service}: {name}")
    store.close()


def bootstrap(config: configparser.ConfigParser, password: str) -> None:
    """Create the account that all others are created by."""
    store = Store(Path(config["database"]["path"]))

    def create(table: str, **values: str) -> Row:
        return store.insert(table, values)

    domain = create("domains", name="Default")
    project = create("projects", name="admin", domain_id=domain["id"])
    role = create("roles", name="admin")
    hashed = hash_password(password)
    user = create("users", name="admin", domain_id=domain["id"], password_hash=hashed)
    create("assignments", user_id=user["id"], project_id=project["id"], role_id=role["id"])
    store.close()
    print(f"bootstrapped: user admin: {user['id']}")


def wait(config: configparser.ConfigParser, pid: int, timeout: float) -> None:
    """Return once the service answers; fail if it dies or the time is up."""
    url_file = Path(config["DEFAULT"]["url_file"])
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if url_file.exists() and answers(url_file.read_text()):
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            raise SystemExit(f"process {pid} has ended") from None
        time.sleep(0.02)
    raise SystemExit(f"no answer within {timeout:g} seconds")


def stop(pidfiles: list[str], timeout: float) -> None:
    """Stop the services of these files; return once their processes have ended."""
    handles = {}
    for pidfile in map(Path, pidfiles):
        try:
            handle = os.pidfd_open(int(pidfile.read_text()))
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        except ProcessLookupError:
            continue
        handles[pidfile.stem] = handle
    deadline = time.monotonic() + timeout
    for service, handle in handles.items():
        # (A process that has ended counts, too, if nobody has reaped it yet.)
        left = max(0.0, deadline - time.monotonic())
        if not select.select([handle], [], [], left)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        print(f"stopped the {service} service")


def answers(url: str) -> bool:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make_keys").add_argument("path")
    commands.add_parser("db_sync").add_argument("path")
    command = commands.add_parser("bootstrap")
    command.add_argument("path")
    command.add_argument("--password", required=True)
    command = commands.add_parser("wait")
    command.add_argument("path")
    command.add_argument("--pid", type=int, required=True)
    command.add_argument("--timeout", type=float, required=True)
    command = commands.add_parser("stop")
    command.add_argument("pidfile", nargs="+")
    command.add_argument("--timeout", type=float, required=True)
    args = parser.parse_args()

    if args.command == "make_keys":
        make_keys(Path(args.path))
    elif args.command == "db_sync":
        db_sync(read_config(args.path))
    elif args.command == "bootstrap":
        bootstrap(read_config(args.path), args.password)
    elif args.command == "stop":
        stop(args.pidfile, args.timeout)
    else:
        wait(read_config(args.path), args.pid, args.timeout)


if __name__ == "__main__":
    main()
