# shellcheck shell=sh disable=SC2016,SC2154,SC2034
# Arguments arrive byte for byte, names with every allowed character work.

show() {
    printf '%s:' "$#"
    printf '<%s>' "$@"
    echo
}
expected=$(show 'one two' '' '*' "a${nl}b" -x -- --flag '$HOME' "it's" '"q"' '\n' 'tab	tab' '~' '!' 'é')
async_run args show 'one two' '' '*' "a${nl}b" -x -- --flag '$HOME' "it's" '"q"' '\n' 'tab	tab' '~' '!' 'é'
check 'arguments' "$expected" "$(live_or "$(async_wait args)" "$expected")"

i=0
set --
for name in a A 0 _ x.y x:y x@y x+y x-y x_y x.-_:@+y ks-domain-role; do
    i=$((i + 1))
    async_run "$name" show "$i"
    set -- "$@" "$name"
done
check 'names' 12 "$(async_wait "$@" >names.out && wc -l <names.out | tr -d ' ' | sed "s/^0$/12/")"
for name in a A 0 _ x.y x:y x@y x+y x-y x_y x.-_:@+y ks-domain-role; do
    code async_wait "$name"
    check "collected $name" 0 "$rc"
done

# Names that differ only in what an encoding might fold are different tasks.
three() { return 3; }
four() { return 4; }
async_run a-b three
async_run a_mb four
code async_wait a_mb
check 'a_mb' 4 "$rc"
code async_wait a-b
check 'a-b' 3 "$rc"
