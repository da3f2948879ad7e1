#!/usr/bin/env python3
"""The notes service: GET / lists notes, POST / adds one, as plain text.

Usage: notes.py CONFIG. It takes a free port and prints it when it listens.
"""

import configparser
import http.server
import sqlite3
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    database = ""

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with sqlite3.connect(self.database) as db:
            rows = db.execute("select text from notes order by id").fetchall()
        self.answer(200, "".join(f"{text}\n" for (text,) in rows))

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with sqlite3.connect(self.database) as db:
            db.execute("insert into notes (text, created) values (?, datetime())", (text,))
        self.answer(201, "")


def main():
    config = configparser.ConfigParser()
    config.read(sys.argv[1])
    Handler.database = config["notes"]["database"]
    with sqlite3.connect(Handler.database) as db:
        db.execute("select count(*) from notes").fetchone()
    server = http.server.HTTPServer((config["web"]["host"], 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
