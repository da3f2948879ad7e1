#!/usr/bin/env bash
# A program is run that a task is about to install.
# expect: error write-read|create-missing tool install script
# more: note tool
# twin: s/^# EARLY/async_wait install/; /# LATE/d
set -eu
eval "$(meanwhile init bash)"
install_tool() { printf '#!/bin/sh\necho tool\n' >tool.new && chmod +x tool.new && cat tool.new >tool && chmod +x tool; }
async_run install install_tool
# EARLY
./tool || :
async_wait install # LATE
