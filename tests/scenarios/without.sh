# shellcheck shell=sh disable=SC2154,SC2034,SC2317,SC2016,SC2010,SC2329
# Without the program, in every shell: options mean what they can.

_mw_bin=/nonexistent/meanwhile
says() {
    echo "$1"
    return "${2:-0}"
}
code async_run good says good 2>/dev/null
async_run --after good bad says bad 3
async_run --after=bad --lock l skipped touch ran 2>/dev/null
code async_wait --quiet skipped 2>/dev/null
check 'skipped' 123 "$rc"
check 'it did not run' no "$([ -e ran ] && echo yes || echo no)"
code async_run --after nobody x touch ran 2>/dev/null
check 'after nobody' 2 "$rc"
flaky() {
    echo x >>tries
    [ "$(wc -l <tries)" -ge 3 ]
}
async_run --retries 5 --timeout 5 flaky flaky 2>/dev/null
code async_wait flaky
check 'retries' '0 3' "$rc $(($(wc -l <tries)))"

# Exported variables take no descriptor and no line of the output.
exec 3>f3 4>f4 5>f5 6>f6 7>f7 8>f8 9>f9
sets() {
    echo printed
    value="it's$nl@vars@x"
    exit 4
}
value=old
async_run --export value sets sets >out
code async_wait sets 2>/dev/null
check 'export' "4|it's$nl@vars@x|printed" "$rc|$value|$(cat out)"
cleans() {
    trap 'echo cleaned' EXIT
    value=new
}
async_run --export value cleans cleans >out 2>/dev/null
code async_wait cleans 2>/dev/null
case $SCENARIO_NAME in
    yash | busybox) ;; # which run no EXIT trap there, or outside of the redirection
    *) check 'its own EXIT trap' cleaned "$(cat out)" ;;
esac
async_run --capture --export value both sets
code async_get got both 2>/dev/null
check 'capture and export' "4|it's$nl@vars@x|printed" "$rc|$value|$got"
echo still >&9
check 'descriptor 9' still "$(cat f9)"
killed() { kill -9 "$(exec sh -c 'echo $PPID')"; }
async_run killed sh -c 'kill -9 $$'
code async_wait killed 2>/dev/null
check 'a signal' 137 "$rc"
check 'no file is left' '' "$(ls "${TMPDIR:-/tmp}" | grep "meanwhile-$$-" || :)"
