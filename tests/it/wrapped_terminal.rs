//! `meanwhile run` at a real terminal: what its keys and its end do; and
//! `meanwhile check`, which traces it, and must be no different.

use std::process::Child;

use crate::sandbox::{Sandbox, Shell, on_path, until, with_glue};

/// Drives a pseudo-terminal: each line of `steps` says what to `expect` or
/// `send` (`\x03` is ^C), or that the terminal goes away (`hangup`).
const DRIVER: &str = r"
import os, pty, select, sys
steps, command = open(sys.argv[1]).read().splitlines(), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.environ['PS1'] = '> '
    os.execvp(command[0], command)
seen = b''
def read():
    global seen
    if not select.select([fd], [], [], 20)[0]: return False
    try: part = os.read(fd, 4096)
    except OSError: return False
    seen += part
    sys.stdout.buffer.write(part); sys.stdout.buffer.flush()
    return part != b''
for step in steps:
    verb, _, text = step.partition(' ')
    text = text.encode().decode('unicode_escape').encode()
    if verb == 'send': os.write(fd, text)
    elif verb == 'hangup': os.close(fd)
    else:
        while text not in seen:
            if not read(): sys.exit(f'no {text}')
        seen = seen.split(text, 1)[1]
if 'hangup' not in steps:
    while read(): pass
status = os.waitpid(pid, 0)[1]
print('signal', os.WTERMSIG(status)) if os.WIFSIGNALED(status) else print('code', os.WEXITSTATUS(status))
";

fn drive(sandbox: &Sandbox, steps: &[&str], command: &[&str]) -> Child {
    sandbox.write("driver.py", DRIVER);
    sandbox.write("steps", &steps.join("\n"));
    let arguments = [&["driver.py", "steps"], command].concat();
    let mut command = sandbox.command("python3", &arguments);
    command.env("TERM", "dumb");
    command.spawn().unwrap()
}

fn both_ways() -> impl Iterator<Item = (&'static str, Shell)> {
    ["run", "check"].into_iter().flat_map(|verb| crate::held::BOTH.map(|shell| (verb, shell)))
}

fn skipped() -> bool {
    let missing = !on_path("python3");
    if missing {
        eprintln!("skipped: python3 is not installed");
    }
    missing
}

#[test]
fn an_interrupt_reaches_the_script_once_and_ends_all() {
    if skipped() {
        return;
    }
    for (verb, shell) in both_ways() {
        let sandbox = Sandbox::new();
        let text = "trap 'echo asked; exit 0' INT\nf() { setsid /bin/sleep 1000 >/dev/null 2>&1 & \
            /bin/sleep 1000; }\nasync_runfunc f\n\
            sh -c 'echo begun; exec /bin/sleep 1000' || :";
        sandbox.write("script.sh", &with_glue(shell, text));
        let command = [&["meanwhile", verb], shell.call, &["script.sh"]].concat();
        let child = drive(&sandbox, &["expect begun", r"send \x03"], &command);
        let output = sandbox.finish(child).ok();
        assert_eq!(output.stdout.matches("asked").count(), 1, "{}", output.stdout);
        assert!(output.stdout.contains("  tasks       1: "), "{}", output.stdout);
        assert!(output.stdout.ends_with("signal 2\n"), "{}", output.stdout);
    }
}

#[test]
fn a_script_can_be_stopped_and_continued() {
    if skipped() {
        return;
    }
    for (verb, shell) in both_ways() {
        let sandbox = Sandbox::new();
        // (Between vfork(2) and exec(2) of a child dash cannot be stopped.)
        let text = "async_run f true\necho begun\nread line <gate\necho \"$line\"\nasync_wait f";
        sandbox.write("script.sh", &with_glue(shell, text));
        std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
        let steps = [
            "expect > ",
            &format!(r"send meanwhile {verb} {} script.sh; echo code $?\n", shell.name),
            "expect begun",
            r"send \x1a",
            "expect Stopped",
            "expect > ",
            r"send echo went on >gate &\n",
            "expect > ",
            r"send fg %1\n",
            "expect went on",
            "expect tasks       1: ",
            "expect > ",
            r"send exit 3\n",
        ];
        let command = ["bash", "--norc", "--noprofile", "-i"];
        let output = sandbox.finish(drive(&sandbox, &steps, &command)).ok();
        assert!(output.stdout.ends_with("code 3\n"), "{}", output.stdout);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_all() {
    if skipped() {
        return;
    }
    for (verb, shell) in both_ways() {
        let sandbox = Sandbox::new();
        let text = "trap ': >asked; exit 0' HUP\nasync_run f /bin/sleep 1000\n\
            sh -c 'echo begun; exec /bin/sleep 1000' || :";
        sandbox.write("script.sh", &with_glue(shell, text));
        // The wrapper leads the session: it alone is told by the kernel.
        let command = [&["meanwhile", verb], shell.call, &["script.sh"]].concat();
        let output = sandbox.finish(drive(&sandbox, &["expect begun", "hangup"], &command)).ok();
        assert!(output.stdout.ends_with("signal 1\n"), "{}", output.stdout);
        assert!(until(|| sandbox.path().join("asked").exists()));
    }
}
