#!/usr/bin/env bash
# Somebody connects where somebody else may not listen yet.
# needs: python3
# expect: warning bind-connect run/socket client server
# twin: s/^async_run client/async_run --after server client/
set -eu
eval "$(meanwhile init bash)"
mkdir run
async_run server python3 -c 'import socket
s = socket.socket(socket.AF_UNIX); s.bind("run/socket"); s.listen()'
async_run client python3 -c 'import socket
try: socket.socket(socket.AF_UNIX).connect("run/socket")
except OSError as error: print(error)'
async_wait server client
