//! `meanwhile history`: what is remembered of which script, and that nothing
//! that goes wrong with it is felt by a script.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::Value;

use crate::held::BOTH;
use crate::sandbox::{BASH, Output, Sandbox, Shell, kill, shells, until, with_glue};

const TEXT: &str = "async_run a true\nasync_run b sh -c 'exit 3'\nasync_wait a\n\
    rc=0; async_wait b 2>/dev/null || rc=$?\necho $rc";

fn home(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join("state/meanwhile/history")
}

/// Its files.
fn kept(sandbox: &Sandbox) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(home(sandbox)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.ends_with("lock"));
    paths.sort();
    paths
}

fn history(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.meanwhile(&[&["history"], arguments].concat())
}

/// The history of the only script there is, or of that one.
fn json(sandbox: &Sandbox, script: &str) -> Value {
    serde_json::from_str(&history(sandbox, &["--json", script]).ok().stdout).unwrap()
}

fn count(json: &Value) -> usize {
    json["runs"].as_array().unwrap().len()
}

fn task<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["tasks"].as_array().unwrap().iter().find(|task| task["name"] == name).unwrap()
}

fn spawn(sandbox: &Sandbox, shell: Shell, file: &str) -> Child {
    sandbox.command(shell.call[0], &[&shell.call[1..], &[file]].concat()).spawn().unwrap()
}

#[test]
fn three_runs_in_each_shell_and_mode() {
    for shell in shells() {
        for parallel in ["1", "0"] {
            let sandbox = Sandbox::new();
            sandbox.write("s.sh", &with_glue(shell, TEXT));
            for _ in 0..3 {
                let mut command =
                    sandbox.command(shell.call[0], &[&shell.call[1..], &["s.sh"]].concat());
                let child = command.env("MEANWHILE_PARALLEL", parallel).spawn().unwrap();
                assert_eq!(sandbox.finish(child).ok().stdout, "3\n");
            }
            let json = json(&sandbox, "s.sh");
            assert_eq!(count(&json), 3, "{}: {json}", shell.name);
            for run in json["runs"].as_array().unwrap() {
                assert_eq!(
                    (&run["state"], &run["serial"]),
                    (&"finished".into(), &(parallel == "0").into())
                );
                assert_eq!((&run["task_count"], &run["failed_count"]), (&2.into(), &1.into()));
                assert!(run["directory"].is_string(), "{run}");
            }
            let (a, b) = (task(&json, "a"), task(&json, "b"));
            assert_eq!(
                (&a["samples"], &a["starts"], &a["failed"]),
                (&3.into(), &3.into(), &0.into())
            );
            assert_eq!(
                (&b["samples"], &b["starts"], &b["failed"]),
                (&0.into(), &3.into(), &3.into())
            );
            let text = history(&sandbox, &["s.sh"]).ok().stdout;
            assert!(text.contains("/s.sh: 3 runs\n") && text.contains("3 of 3"), "{text}");
        }
    }
}

#[test]
fn which_script_it_was() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let at = |name: &str| sandbox.path().join(name);
        for dir in ["one", "two", "elsewhere"] {
            std::fs::create_dir(at(dir)).unwrap();
        }
        sandbox.write("one/test.sh", &with_glue(shell, TEXT));
        // It leaves the directory that its name is relative to, for one with another of that name.
        sandbox.write("two/test.sh", &format!("cd two\n{}", with_glue(shell, TEXT)));
        std::fs::create_dir(at("two/two")).unwrap();
        sandbox.write("two/two/test.sh", "exit 9");
        symlink("../one/test.sh", at("elsewhere/link")).unwrap();
        let absolute = at("one/test.sh");
        for file in [
            "one/test.sh",
            "./one/../one/test.sh",
            "elsewhere/link",
            "two/test.sh",
            absolute.to_str().unwrap(),
        ] {
            sandbox.finish(spawn(&sandbox, shell, file)).ok();
        }
        assert_eq!(kept(&sandbox).len(), 2, "{}", shell.name);
        for (asked, runs) in [
            ("one/test.sh", 4),
            ("two/test.sh", 1),
            ("elsewhere/link", 4),
            ("two/../one/test.sh", 4),
        ] {
            assert_eq!(count(&json(&sandbox, asked)), runs, "{} {asked}", shell.name);
        }
        assert_eq!(count(&json(&sandbox, absolute.to_str().unwrap())), 4);
        let output = history(&sandbox, &["test.sh"]);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
        let told = |text: &str| output.stderr.contains(text);
        assert!(told("2 scripts have this name") && told("/one/test.sh") && told("/two/test.sh"));

        // Moved it is another script; the old one can still be asked for by its path.
        std::fs::rename(&absolute, at("moved.sh")).unwrap();
        assert_eq!(count(&json(&sandbox, "one/test.sh")), 4);
        let output = history(&sandbox, &["moved.sh"]);
        assert_eq!(output.code, 127, "{}", output.stderr);
        sandbox.finish(spawn(&sandbox, shell, "moved.sh")).ok();
        assert_eq!(count(&json(&sandbox, "moved.sh")), 1);
        let output = history(&sandbox, &["movd.sh"]);
        assert!(
            output.code == 127 && output.stderr.contains("did you mean moved.sh?"),
            "{output:?}"
        );
        let list: Value =
            serde_json::from_str(&history(&sandbox, &["--json"]).ok().stdout).unwrap();
        let scripts: Vec<&str> = list["scripts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["script"].as_str().unwrap())
            .collect();
        assert!(scripts.len() == 3 && scripts[0].ends_with("/moved.sh"), "{scripts:?}");
    }
}

#[test]
fn what_is_no_script_has_no_history() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = with_glue(shell, TEXT);
        sandbox.write("x.sh", &text);
        let call = |arguments: &[&str]| {
            sandbox.command(shell.call[0], &[&shell.call[1..], arguments].concat())
        };
        // A name of its own choice, of a file that is there, does not make it that.
        for arguments in [&["-c", &text][..], &["-c", &text, "./x.sh"], &["-s"]] {
            let mut command = call(arguments);
            command.stdin(std::fs::File::open(sandbox.path().join("x.sh")).unwrap());
            assert_eq!(
                sandbox.finish(command.spawn().unwrap()).ok().stdout,
                "3\n",
                "{}",
                shell.name
            );
        }
        let mut start = sandbox.command("meanwhile", &["start", "--dir", "run", "a", "true"]);
        sandbox.finish(start.spawn().unwrap()).ok();
        assert_eq!(kept(&sandbox), Vec::<PathBuf>::new(), "{}", shell.name);
        assert_eq!(history(&sandbox, &[]).ok().stdout, "no script has a history yet\n");
        assert_eq!(history(&sandbox, &["x.sh"]).code, 127);
    }
}

#[test]
fn what_was_sourced_belongs_to_the_script() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        sandbox.write("lib.sh", &with_glue(shell, "steps() { async_run a true; async_wait a; }"));
        sandbox.write("main.sh", ". ./lib.sh\nsteps\n");
        sandbox.finish(spawn(&sandbox, shell, "main.sh")).ok();
        assert_eq!(count(&json(&sandbox, "main.sh")), 1, "{}", shell.name);
    }
}

/// The only history there is, with each run replaced by so many whose task took that long.
fn rewrite(sandbox: &Sandbox, copies: usize, micros: u64) {
    let path = kept(sandbox).remove(0);
    let line = std::fs::read_to_string(&path).unwrap();
    let (head, tail) = line.split_once("a=s,").unwrap();
    let rest = tail.split_once(',').unwrap().1;
    std::fs::write(&path, format!("{head}a=s,{micros},{rest}").repeat(copies)).unwrap();
}

#[test]
fn what_was_slower_than_usual_is_named() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "async_run a sleep \"${N:-0}\"\nasync_wait a\nasync_print_timing\n";
        sandbox.write("s.sh", &with_glue(shell, text));
        let run = |seconds: &str| {
            let mut command = sandbox.command(shell.call[0], &["s.sh"]);
            sandbox.finish(command.env("N", seconds).spawn().unwrap()).ok().stdout
        };
        assert!(!run("0").contains("slower"), "nothing to compare it with");
        rewrite(&sandbox, 5, 10_000);
        let told = run("0.4");
        assert!(
            told.contains("  slower      a: 0.") && told.contains(", usually 0.0s (5 runs)\n"),
            "{told}"
        );
        // The run itself is in the history by now, and not compared with itself.
        let report = sandbox.meanwhile(&["report"]).ok().stdout;
        assert!(report.contains(", usually 0.0s (5 runs)\n"), "{report}");
        let json = json(&sandbox, "s.sh");
        assert_eq!(task(&json, "a")["slower_than_seconds"], 0.01, "{json}");
        let text = history(&sandbox, &["s.sh"]).ok().stdout;
        assert!(text.contains("slower than usual in the latest run\n  a: 0."), "{text}");
        let json: Value =
            serde_json::from_str(&sandbox.meanwhile(&["report", "--format", "json"]).ok().stdout)
                .unwrap();
        assert!(json["slower"][0].as_str().unwrap().starts_with("a: 0."), "{json}");
        assert_eq!(json["tasks"][0]["usual_seconds"], 0.01, "{json}");
        assert!(json["unused"].is_array());
        rewrite(&sandbox, 5, 3_600_000_000);
        assert!(!run("0").contains("slower"));
    }
}

#[test]
fn twenty_runs_at_once_are_all_remembered() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        sandbox.write("s.sh", &with_glue(shell, TEXT));
        let children: Vec<Child> = (0..20).map(|_| spawn(&sandbox, shell, "s.sh")).collect();
        for child in children {
            assert_eq!(sandbox.outcome(child).ok().stdout, "3\n");
        }
        sandbox.assert_empty();
        let json = json(&sandbox, "s.sh");
        assert_eq!(task(&json, "a")["starts"], 20, "{json}");
        assert_eq!(kept(&sandbox).len(), 1);
    }
}

#[test]
fn a_script_that_was_killed_and_one_that_begins_afresh() {
    let sandbox = Sandbox::new();
    let text = "async_run a true\nasync_wait a\nasync_run left sleep 1000\nkill -9 $$";
    sandbox.write("k.sh", &with_glue(BASH, text));
    sandbox.finish(spawn(&sandbox, BASH, "k.sh"));
    let killed = json(&sandbox, "k.sh");
    assert_eq!(killed["runs"][0]["state"], "aborted", "{killed}");
    assert_eq!(task(&killed, "a")["samples"], 1, "what was over tells");
    assert_eq!(task(&killed, "left")["samples"], 0);

    let text =
        "async_init\nasync_run a true\nasync_wait a\nasync_init\nasync_run a true\nasync_wait a";
    sandbox.write("f.sh", &with_glue(BASH, text));
    sandbox.finish(spawn(&sandbox, BASH, "f.sh")).ok();
    assert_eq!(count(&json(&sandbox, "f.sh")), 2);
}

#[test]
fn the_state_directory_cannot_be_written() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        sandbox.write("s.sh", &with_glue(shell, TEXT));
        sandbox.write("file", "");
        for state in ["/dev/null/state", "/proc/state", "file/state"] {
            let mut command = sandbox.command(shell.call[0], &["s.sh"]);
            command
                .env("XDG_STATE_HOME", sandbox.path().join(state))
                .env("MEANWHILE_DIR", sandbox.run_dir());
            let output = sandbox.finish(command.spawn().unwrap()).ok();
            assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("3\n", ""), "{state}");
            assert!(sandbox.journal().contains(" close - how=finished"));
        }
    }
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let sandbox = Sandbox::new();
    let home = home(&sandbox);
    std::fs::create_dir_all(&home).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=64k,mode=700", "none", home.to_str().unwrap()];
    if !Command::new("mount").args(mount).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: mounting a small tmpfs is not allowed here");
        return;
    }
    sandbox.write("s.sh", &with_glue(BASH, TEXT));
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    let before = std::fs::read(&kept(&sandbox)[0]).unwrap();
    // (It ends with what is left.)
    let _ = std::fs::write(home.join("filler"), vec![b'x'; 1 << 20]);
    let output = sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    let told = (output.stdout.as_str(), output.stderr.as_str()) == ("3\n", "");
    let after = std::fs::read(&kept(&sandbox)[1]).unwrap();
    let files = kept(&sandbox).len();
    std::fs::remove_file(home.join("filler")).unwrap();
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    let runs = count(&json(&sandbox, "s.sh"));
    Command::new("umount").arg("-l").arg(&home).status().unwrap();
    assert!(told, "{output:?}");
    assert_eq!(
        (before == after, files, runs),
        (true, 2, 2),
        "filler and history; no half of a new one"
    );
}

/// What somebody may have put in the place of the history, of its lock, of the file under way.
#[test]
fn what_stands_there_is_survived() {
    let huge = format!("{}\n", "x".repeat(5 << 20));
    let torn = "\x1e1 1 1 0.5 how=finished took=1 serial=0 tasks=1 failed=0 path=/x dir= | a=s,1";
    for garbage in ["", "\n\n\n", "\0\u{ff}\x1e\x1b[2J\n", &huge, torn, &"\x1e1 \n".repeat(100_000)]
    {
        let sandbox = Sandbox::new();
        sandbox.write("s.sh", &with_glue(BASH, TEXT));
        sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
        let path = kept(&sandbox).remove(0);
        std::fs::write(&path, garbage).unwrap();
        assert_eq!(history(&sandbox, &["s.sh"]).code, 127);
        for run in 1..4 {
            assert_eq!(sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok().stdout, "3\n");
            let json = json(&sandbox, "s.sh");
            assert_eq!(count(&json), run, "{json}");
        }
        assert!(std::fs::metadata(&path).unwrap().len() <= 1 << 20);
    }
}

#[test]
fn planted_links_and_pipes_are_not_followed() {
    for (name, pipe) in [("", false), ("lock", false), ("new", false), ("", true), ("new", true)] {
        let sandbox = Sandbox::new();
        sandbox.write("victim", "precious");
        sandbox.write("s.sh", &with_glue(BASH, TEXT));
        sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
        let own = kept(&sandbox).remove(0);
        let at = if name.is_empty() { own } else { home(&sandbox).join(name) };
        let _ = std::fs::remove_file(&at);
        if pipe {
            assert!(Command::new("mkfifo").arg(&at).status().unwrap().success());
        } else {
            symlink(sandbox.path().join("victim"), &at).unwrap();
        }
        let output = sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("3\n", ""), "{name}");
        history(&sandbox, &[]).ok();
        assert_eq!(sandbox.read("victim"), "precious", "{name}");
    }
    // The directory itself.
    let sandbox = Sandbox::new();
    sandbox.write("s.sh", &with_glue(BASH, TEXT));
    std::fs::create_dir_all(sandbox.path().join("state/meanwhile")).unwrap();
    std::fs::create_dir(sandbox.path().join("elsewhere")).unwrap();
    symlink(sandbox.path().join("elsewhere"), home(&sandbox)).unwrap();
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    assert_eq!(std::fs::read_dir(sandbox.path().join("elsewhere")).unwrap().count(), 0);
    assert_eq!(history(&sandbox, &[]).code, 125);
}

#[test]
fn it_is_private_and_another_users_is_not_read() {
    let sandbox = Sandbox::new();
    sandbox.write("s.sh", &format!("umask 000\n{}", with_glue(BASH, TEXT)));
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let path = kept(&sandbox).remove(0);
    assert_eq!((mode(&home(&sandbox)), mode(&path)), (0o700, 0o600));
    // One that others may enter is not believed, nor added to.
    std::fs::set_permissions(home(&sandbox), PermissionsExt::from_mode(0o777)).unwrap();
    let before = std::fs::read(&path).unwrap();
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(history(&sandbox, &[]).stderr.contains("is open to other users"));
    std::fs::set_permissions(home(&sandbox), PermissionsExt::from_mode(0o700)).unwrap();
    if crate::sandbox::is_root() {
        let another: u32 = crate::sandbox::ANOTHER_USER.parse().unwrap();
        std::os::unix::fs::chown(&path, Some(another), None).unwrap();
        assert_eq!(history(&sandbox, &["s.sh"]).code, 127);
        // What root would make in a user's home would keep the user out.
        let theirs = sandbox.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(another), None).unwrap();
        let mut command = sandbox.command("bash", &["s.sh"]);
        command.env("XDG_STATE_HOME", &theirs).env("MEANWHILE_DIR", sandbox.run_dir());
        sandbox.finish(command.spawn().unwrap()).ok();
        assert_eq!(std::fs::read_dir(&theirs).unwrap().count(), 0);
    }
}

#[test]
fn whoever_holds_the_lock_for_ever_keeps_no_script_from_its_end() {
    let sandbox = Sandbox::new();
    sandbox.write("s.sh", &with_glue(BASH, TEXT));
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    let lock = home(&sandbox).join("lock");
    let text = ": >held; exec sleep 1000";
    let holder =
        sandbox.command("flock", &[lock.to_str().unwrap(), "sh", "-c", text]).spawn().unwrap();
    assert!(until(|| sandbox.path().join("held").exists()));
    let wrapped = sandbox.command("meanwhile", &["run", "bash", "s.sh"]).spawn().unwrap();
    assert_eq!(sandbox.outcome(wrapped).ok().stdout, "3\n");
    for (pid, line) in sandbox.census() {
        if line.starts_with("sleep") {
            kill(pid, "KILL");
        }
    }
    sandbox.finish(holder);
    assert_eq!(count(&json(&sandbox, "s.sh")), 1);
}

#[test]
fn it_bounds_itself_and_can_be_removed() {
    let sandbox = Sandbox::new();
    sandbox.write("s.sh", &with_glue(BASH, TEXT));
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    rewrite(&sandbox, 70, 10_000);
    // Older than any script of its own, and one too many with that.
    for n in 0..200 {
        let path = home(&sandbox).join(format!("old{n}.sh-{n:016x}"));
        std::fs::write(&path, "").unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(n)).unwrap();
    }
    std::fs::write(home(&sandbox).join("foreign"), "precious").unwrap();
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    let own =
        kept(&sandbox).into_iter().find(|path| path.to_string_lossy().contains("/s.sh-")).unwrap();
    assert_eq!(std::fs::read_to_string(&own).unwrap().lines().count(), 50);
    sandbox.write("new.sh", &with_glue(BASH, TEXT));
    sandbox.finish(spawn(&sandbox, BASH, "new.sh")).ok();
    assert_eq!(kept(&sandbox).len(), 201, "200 and what is not ours");
    assert!(own.exists() && !home(&sandbox).join(format!("old1.sh-{:016x}", 1)).exists());
    assert_eq!(count(&json(&sandbox, "new.sh")), 1);

    let text = sandbox.meanwhile(&["clean"]).ok().stdout;
    assert!(!text.contains("history") && own.exists());
    let text = sandbox.meanwhile(&["clean", "--all"]).ok().stdout;
    assert!(text.contains("removed the history of 200 scripts\n"), "{text}");
    assert_eq!(kept(&sandbox), [home(&sandbox).join("foreign")]);
    std::fs::remove_file(home(&sandbox).join("foreign")).unwrap();
    sandbox.meanwhile(&["clean", "--all"]).ok();
    assert!(!home(&sandbox).exists());
    sandbox.finish(spawn(&sandbox, BASH, "s.sh")).ok();
    assert_eq!(count(&json(&sandbox, "s.sh")), 1);
}
