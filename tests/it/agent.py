# Stands for the agent of a CI system: starts a step with that system's
# variables and reads its two outputs. Usage: agent.py 'A=1 B=2' COMMAND [ARG...]
import os
import subprocess
import sys
import threading

variables = dict(word.split("=", 1) for word in sys.argv[1].split())
step = subprocess.Popen(
    sys.argv[2:],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    env={**os.environ, **variables},
)


def copy(source, to):
    while data := source.read1(65536):
        to.buffer.write(data)
        to.buffer.flush()


copies = [
    threading.Thread(target=copy, args=pair)
    for pair in ((step.stdout, sys.stdout), (step.stderr, sys.stderr))
]
for thread in copies:
    thread.start()
for thread in copies:
    thread.join()
sys.exit(step.wait())
