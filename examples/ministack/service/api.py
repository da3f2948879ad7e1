#!/usr/bin/env python3
"""One ministack service: a JSON API over HTTP and one SQLite database.

    GET  /                        which service this is; needs no token
    POST /v3/auth/tokens          a token for a name and a password (identity)
    GET  /v3/COLLECTION?KEY=VALUE the matching objects
    POST /v3/COLLECTION           a new object
    PUT  /v3/images/ID/file       the content of an image, GET reads it back
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from auth import Tokens, check_password, hash_password
from manage import read_config
from store import Refused, Row, Store

CHUNK = 1 << 20


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, config_path: str) -> None:
        config = read_config(config_path)
        self.service = config["DEFAULT"]["service"]
        self.url_file = Path(config["DEFAULT"]["url_file"])
        self.tokens = Tokens(Path(config["DEFAULT"]["key_dir"]))
        self.store = Store(Path(config["database"]["path"]))
        self.directory = Path(config["storage"]["directory"])
        self.directory.mkdir(exist_ok=True)
        # Port 0: the system chooses a free one, so stacks never collide.
        super().__init__((config["DEFAULT"]["host"], 0), Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the resolver for a name nobody needs.
        socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)

    def announce(self) -> None:
        """Write the address to the URL file, whole or not at all."""
        draft = self.url_file.with_suffix(".new")
        draft.write_text(f"http://{self.server_name}:{self.server_port}/v3")
        draft.replace(self.url_file)


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30

    def do_GET(self) -> None:
        self.answer("GET")

    def do_POST(self) -> None:
        self.answer("POST")

    def do_PUT(self) -> None:
        self.answer("PUT")

    def answer(self, method: str) -> None:
        url = urlsplit(self.path)
        path = url.path.strip("/").split("/")
        try:
            if method == "GET" and path == [""]:
                self.send(200, {"service": self.server.service})
            elif method == "POST" and path == ["v3", "auth", "tokens"]:
                self.send(201, {"token": self.token(self.body())})
            elif not self.server.tokens.valid(self.headers.get("X-Auth-Token", "")):
                raise Refused(401, "no valid token")
            elif method == "GET" and path[0] == "v3" and len(path) == 2:
                rows = self.server.store.find(path[1], dict(parse_qsl(url.query, True)))
                self.send(200, [public(row) for row in rows])
            elif method == "POST" and path[0] == "v3" and len(path) == 2:
                self.send(201, public(self.create(path[1], self.body())))
            elif path[:2] == ["v3", "images"] and path[3:] == ["file"]:
                self.image_file(method, path[2])
            else:
                raise Refused(404, f"no such path: {self.path}")
        except Refused as refused:
            self.send(refused.status, {"error": str(refused)})

    def body(self) -> Row:
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        except (TypeError, ValueError) as error:
            raise Refused(400, f"not JSON: {error}") from error
        if not isinstance(body, dict) or not all(isinstance(v, str) for v in body.values()):
            raise Refused(400, "not a JSON object of strings")
        return body

    def send(self, status: int, answer: object) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def token(self, login: Row) -> str:
        for user in self.server.store.find("users", {"name": login.get("user", "")}):
            if check_password(login.get("password", ""), user["password_hash"]):
                return self.server.tokens.issue(user["id"])
        raise Refused(401, "wrong user or password")

    def create(self, table: str, values: Row) -> Row:
        if "password" in values:
            values["password_hash"] = hash_password(values.pop("password"))
        return self.server.store.insert(table, values)

    def image_file(self, method: str, image_id: str) -> None:
        images = self.server.store.find("images", {"id": image_id})
        if not images:
            raise Refused(404, f"no such image: {image_id}")
        file = self.server.directory / image_id
        if method == "PUT":
            if self.receive(file) != images[0]["checksum"]:
                raise Refused(400, "the content does not have the checksum")
            self.server.store.update("images", image_id, {"status": "active"})
            self.send(200, {"id": image_id})
        else:
            with open(file, "rb") as content:
                self.send_response(200)
                self.send_header("Content-Length", str(file.stat().st_size))
                self.end_headers()
                shutil.copyfileobj(content, self.wfile, CHUNK)

    def receive(self, file: Path) -> str:
        """Store the body of the request; return its checksum."""
        left = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        with open(file, "wb") as content:
            while left > 0:
                chunk = self.rfile.read(min(left, CHUNK))
                if not chunk:
                    raise Refused(400, "the content is cut short")
                left -= len(chunk)
                digest.update(chunk)
                content.write(chunk)
        return digest.hexdigest()


def public(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "password_hash"}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="the ini file of the service")
    parser.add_argument("--owner", type=int, required=True, help="end when this process has")
    args = parser.parse_args()

    # Leave the session of the script, so that Ctrl-C stops the script alone,
    # and the script stops its services.
    try:
        os.setsid()
    except PermissionError:
        pass  # already the leader of a process group of its own

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    server = Server(args.config)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    server.announce()
    while not stop.wait(1.0) and alive(args.owner):
        pass
    server.shutdown()
    server.server_close()
    server.store.close()


if __name__ == "__main__":
    main()
