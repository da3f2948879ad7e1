# shellcheck shell=sh
# load.sh - loads meanwhile into whatever shell this is.
if [ -n "${BASH_VERSION-}" ]; then
    eval "$("$MEANWHILE" init bash)"
elif [ -n "${ZSH_VERSION-}" ]; then
    eval "$("$MEANWHILE" init zsh)"
else
    eval "$("$MEANWHILE" init sh)"
fi
