# shellcheck shell=bash
# watcher.sh - looking at the watcher of a run.

# watcher_of DIR: sets WATCHER to its pid; fails if there is none.
watcher_of() {
    local file
    local -a words
    for file in /proc/[0-9]*/cmdline; do
        { mapfile -d '' -t words <"$file"; } 2>/dev/null
        if [[ ${words[1]-} == __watch && ${words[2]-} == "$1" ]]; then
            WATCHER=${file#/proc/}
            WATCHER=${WATCHER%/cmdline}
            return
        fi
    done
    return 1
}

# Its resident size in KiB, and how often it was put on or off a processor.
watcher_memory() { awk '/^VmRSS/ { print $2 }' "/proc/$WATCHER/status"; }
watcher_switches() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$WATCHER/status"; }
