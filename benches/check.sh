# shellcheck shell=bash disable=SC2016 # backquotes are Markdown
# check.sh - what the race check costs over the same script untraced, and what
# strace with a filter of its own costs, which only prints.

# checked NAME HOW SCRIPT COUNT: runs the script in that way.
checked() {
    local name=$1 how=$2
    local -a before=()
    fresh
    case $how in
        full) before=("$MEANWHILE" check -o "$RUN/report") ;;
        light) before=("$MEANWHILE" check --light -o "$RUN/report") ;;
        strace) before=(strace -f --seccomp-bpf -e trace=%file -o "$RUN/strace") ;;
    esac
    mkdir "$RUN/work" || return
    timed "$name" "${before[@]}" bash "$BENCH/scripts/$3.sh" "$4" "$RUN/work" >"$RUN/out" 2>&1 || {
        tail -n 3 -- "$RUN/out" >&2
        return 1
    }
    settle
}

budget_check() {
    local script how
    local -a contenders limit
    local -A count=([spawn]=$SPAWNS [compile]=$COMPILES) most=([spawn]=2 [compile]=1.6)
    local -A what=([spawn]="$SPAWNS times \`/bin/cat\`" [compile]="$COMPILES times \`gcc -O2 -c\`")
    local -A told=([full]='`meanwhile check`' [light]='`meanwhile check --light`')
    told[strace]='`strace -f --seccomp-bpf -e trace=%file`'
    local -a ways=(bare full light)
    if type -P strace >/dev/null; then ways+=(strace); fi
    for script in spawn compile; do
        if [[ $script == compile ]] && ! type -P gcc >/dev/null; then
            row_skipped 'the race check of a compilation' 'gcc is not installed'
            continue
        fi
        contenders=()
        for how in "${ways[@]}"; do
            contenders+=("checked $script-$how $how $script ${count[$script]}")
        done
        in_turn "$ROUNDS" "${contenders[@]}"
        for how in "${ways[@]:1}"; do
            case $how in
                full) limit=(at-most "${most[$script]}") ;;
                light) limit=(at-most 1.15) ;;
                *) limit=(none) ;;
            esac
            row_ratio "${told[$how]}" "${what[$script]}" "$script-$how" "$script-bare" "${limit[@]}"
        done
    done
}
