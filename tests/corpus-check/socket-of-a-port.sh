#!/usr/bin/env bash
# The same by TCP.
# needs: python3
# expect: warning bind-connect tcp:* client server
# twin: s/^async_run client/async_run --after server client/
set -eu
eval "$(meanwhile init bash)"
# A port that was free a moment ago.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
async_run server python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen()' "$port"
async_run client python3 -c 'import socket, sys
try: socket.socket().connect(("127.0.0.1", int(sys.argv[1])))
except OSError as error: print(error)' "$port"
async_wait server client
