//! Lazy runs: each task begins when somebody waits for it, which the race
//! check's `--confirm` compares with tasks that run at the point of their start.

use crate::sandbox::{BASH, Output, Sandbox, Shell, shells, with_glue};

fn lazy(sandbox: &Sandbox, shell: Shell, text: &str) -> Output {
    let mut command = sandbox.script(shell, &with_glue(shell, text));
    command.env("MEANWHILE_CONFIRM", "lazy");
    sandbox.finish(command.spawn().unwrap())
}

#[test]
fn a_task_begins_when_it_is_waited_for() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = "put() { echo $1 >>order; }
            async_run a put a
            async_run --after a b put b
            async_run c put c
            async_run --capture d put d
            put script
            async_wait c
            put between
            async_wait b
            async_get value d
            put end";
        let output = lazy(&sandbox, shell, text).ok();
        assert_eq!(output.stderr, "", "{}", shell.name);
        let order = sandbox.read("order").replace('\n', " ");
        assert_eq!(order, "script c between a b d end ", "{}", shell.name);
    }
}

#[test]
fn what_nobody_waits_for_begins_when_the_script_is_over() {
    let sandbox = Sandbox::new();
    let text = "put() { echo $1 >>order; }
        outer() { async_run inner put inner; put outer; async_wait inner; }
        async_run left put left
        async_run outer outer
        async_wait outer
        put script";
    lazy(&sandbox, BASH, text).ok();
    assert_eq!(sandbox.read("order"), "outer\ninner\nscript\nleft\n");
}

#[test]
fn of_any_all_begin_and_a_failure_is_a_failure() {
    let sandbox = Sandbox::new();
    let text = "async_run a false
        async_run b sh -c 'exit 7'
        async_wait --any a b || echo first $?
        async_wait a || echo a $?
        async_wait b || echo b $?
        async_run c sleep 60
        async_cancel c
        async_wait c || echo c $?";
    let output = lazy(&sandbox, BASH, text).ok();
    assert!(output.stdout.ends_with("a 1\nb 7\nc 143\n"), "{output:?}");
}
