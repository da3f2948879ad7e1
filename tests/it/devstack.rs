//! Scripts written for devstack's inc/async, unchanged.

use crate::sandbox::{BASH, Output, Sandbox, with_glue};

/// A script as devstack's are: errexit, xtrace off and on, DEST, time_start.
fn devstack(sandbox: &Sandbox, parallel: &str, text: &str) -> Output {
    let dest = sandbox.path().join("dest");
    std::fs::create_dir(&dest).unwrap();
    let prelude = format!(
        "set -e\nDEST='{}'\nDEVSTACK_PARALLEL={parallel}\n\
         eval -- \"$(meanwhile init bash --devstack)\"\n",
        dest.display()
    );
    sandbox.finish(sandbox.script(BASH, &(prelude + text)).spawn().unwrap())
}

#[test]
fn the_call_patterns_of_stack_sh() {
    let sandbox = Sandbox::new();
    let text = r#"
time_start() { echo "start $1"; }
time_stop() { echo "stop $1"; }
async_init
get_or_create_project() { echo "project $1 in $2"; }
init_glance() { echo glance; }
A='my project' B=default
async_run ks-project get_or_create_project "$A" "$B"
async_runfunc init_glance
async_wait ks-{domain-role,domain,project}
echo "rc=$?"
async_wait init_glance
async_run forgotten init_glance
async_cleanup
echo "cleanup rc=$?"
async_print_timing
ls "$DEST/async/ks-project.log"
"#;
    let output = devstack(&sandbox, "True", text).ok();
    let out = &output.stdout;
    for expected in [
        "Async ks-project:",
        "]: running: get_or_create_project my project default\n",
        "start async_wait\n",
        "Not waiting for async task ks-domain-role that we never started or has already been waited for\n",
        "]: Waiting for completion of get_or_create_project 'my project' default (",
        "project my project in default\n",
        "]: finished successfully\n",
        "]: finished get_or_create_project 'my project' default with result 0 in 0 seconds\n",
        "stop async_wait\nrc=0\n",
        "\nglance\n",
        "WARNING: uncollected async future forgotten\n",
        "cleanup rc=0\n",
        "=================\n Async summary\n=================\n Time spent in the background minus waits: ",
        " Elapsed time: ",
        " Time if we did everything serially: ",
        " Speedup:  ",
        "/dest/async/ks-project.log\n",
    ] {
        assert!(out.contains(expected), "no {expected:?} in:\n{out}\n{}", output.stderr);
    }
    assert!(!out.contains("Speedup:  -"));
    assert_eq!(output.stderr, "");
}

#[test]
fn without_time_start_and_with_a_failure() {
    let sandbox = Sandbox::new();
    let text = "async_init\nbad() { echo trying; false; echo no; }\nasync_runfunc bad\n\
        rc=0; async_wait bad || rc=$?\necho rc=$rc\nasync_wait bad\necho again=$?\n";
    let output = devstack(&sandbox, "True", text);
    // Waited for again, it is as one never started, as it always was.
    assert!(output.stdout.contains("Not waiting for async task bad that we never started"));
    assert!(output.stdout.ends_with("again=0\n"), "{}", output.stdout);
    let output = output.ok();
    assert!(output.stdout.contains("FAILED with rc 1\n"), "{}", output.stdout);
    assert!(output.stdout.contains("\ntrying\n") && output.stdout.contains("rc=1\n"));
    assert!(!output.stdout.contains("no\n"));
}

#[test]
fn serial_as_the_switch_says() {
    let sandbox = Sandbox::new();
    let text = "async_init\nf() { echo body; return 3; }\nasync_runfunc f\necho between\n\
        rc=0; async_wait f || rc=$?\necho rc=$rc\nasync_print_timing\n";
    let output = devstack(&sandbox, "False", text).ok();
    let order = ["Running synchronously: f\n", "body\n", "between\n", "rc=3\n"];
    let found: Vec<_> = order.iter().map(|text| output.stdout.find(text)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{}", output.stdout);
    assert_eq!(output.stdout.matches("body\n").count(), 1);
    assert!(!output.stdout.contains("Async summary"));
}

#[test]
fn under_xtrace() {
    let sandbox = Sandbox::new();
    let text = "async_init\nf() { echo body; }\nset -o xtrace\nasync_runfunc f\nasync_wait f\n\
        case $- in *x*) echo still;; esac\nset +o xtrace\n";
    let output = devstack(&sandbox, "True", text).ok();
    assert!(output.stdout.contains("+ echo body\n"), "in the log: {}", output.stdout);
    assert!(output.stdout.contains("still\n"));
    assert!(!output.stderr.contains("_mw_"), "{}", output.stderr);
    assert!(output.stderr.contains("+ async_runfunc f\n"));
}

#[test]
fn async_log_and_pidof() {
    let sandbox = Sandbox::new();
    let text = "async_init\nasync_run a sleep 1000\nasync_log a 'busy with %command'\n\
        pid=$(async_pidof a)\nkill -0 $pid\nasync_cancel a\nasync_wait a || :\nasync_pidof a || echo none\n";
    let output = devstack(&sandbox, "True", text).ok();
    assert!(output.stdout.contains("]: busy with sleep 1000\n"), "{}", output.stdout);
    assert!(output.stdout.ends_with("UNKNOWN\nnone\n"), "{}", output.stdout);
}

#[test]
fn what_an_inc_async_run_left_is_swept_and_a_second_stack_is_refused() {
    let sandbox = Sandbox::new();
    let text = "mkdir -p \"$DEST/async\"; chmod 755 \"$DEST/async\"; : >\"$DEST/async/old.ini\"\n\
        async_init\n[ ! -e \"$DEST/async/old.ini\" ]\nasync_run a true\nasync_wait a\nasync_init\n\
        async_run a true\nasync_wait a\n\
        async_run long sleep 1000\nrc=0\nbash -ec 'eval -- \"$(meanwhile init bash --devstack)\"; async_init' || rc=$?\n\
        echo rc=$rc\nasync_cancel long\n";
    let output = devstack(&sandbox, "True", &format!("export DEST\n{text}")).ok();
    assert!(output.stdout.ends_with("rc=125\n"), "{}", output.stdout);
    assert!(output.stderr.contains("is in use by the run of script-bash.sh"), "{}", output.stderr);
}

#[test]
fn the_plain_glue_is_not_devstacks() {
    let sandbox = Sandbox::new();
    let text = with_glue(BASH, "async_run a true; async_wait a");
    let output = sandbox.finish(sandbox.script(BASH, &text).spawn().unwrap()).ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}
