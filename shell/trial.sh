# shellcheck shell=sh disable=SC2034,SC2154
# trial.sh: what `meanwhile doctor` has each shell do: a task that needs all
# that a task is promised. Arguments: the program, and its name for the dialect.
# It prints lines `WHAT VALUE`, which src/process/trial.rs reads.

echo "version ${BASH_VERSION-}${ZSH_VERSION-}${KSH_VERSION-}${YASH_VERSION-}"
eval "$("$1" init "$2")" || exit

unexported='two words'
group() { IFS=' ' read -r _pid _comm _state _parent group _rest </proc/self/stat; }
step() {
    group
    echo "task $unexported"
    echo "taskgroup $group"
}
strict() {
    false
    echo 'errexit off'
}

group
echo "group $group"
async_run trial step
async_wait trial
set -e
async_run strict strict || :
async_wait strict || :
