//! The tracer, by what it writes down of small commands.
//!
//! It waits for all children of its process, so it has a process of its own:
//! this test binary, asked for [`the_traced_half`].

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;

use meanwhile::process::trace::{Ended, Options, User, trace};
use serde_json::{Value, json};

use crate::sandbox::{BASH, Sandbox, is_root, on_path, with_glue};

/// What a traced command did.
struct Traced {
    lines: Vec<Value>,
}

impl Traced {
    /// The kinds of accesses to a path below the sandbox, or of this name.
    #[track_caller]
    fn ops(&self, path: &str) -> String {
        let ops = self.of(path).map(|line| line["op"].as_str().unwrap());
        let ops: BTreeSet<&str> = ops.collect();
        ops.into_iter().collect::<Vec<_>>().join(" ")
    }

    fn of(&self, path: &str) -> impl Iterator<Item = &Value> {
        let path = path.to_owned();
        let is = move |line: &&Value| {
            line["path"].as_str().is_some_and(|told| {
                told == path || told.strip_suffix(&path).is_some_and(|dir| dir.ends_with("/work/"))
            })
        };
        self.lines.iter().filter(|line| line["t"] == "access").filter(is)
    }

    /// The one access of this kind to this path.
    #[track_caller]
    fn one(&self, op: &str, path: &str) -> &Value {
        let found: Vec<&Value> = self.of(path).filter(|line| line["op"] == op).collect();
        assert_eq!(found.len(), 1, "{op} {path}: {:#?}", self.of(path).collect::<Vec<_>>());
        found[0]
    }

    fn all(&self, what: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["t"] == what).collect()
    }

    fn gaps(&self) -> Vec<&str> {
        self.all("gap").iter().map(|gap| gap["why"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn ended(self, how: &str) -> Self {
        assert_eq!(self.all("ended")[0]["how"], how);
        self
    }
}

/// Traces a command; of the shell's own first process, which stands for this
/// program, nothing is recorded.
#[track_caller]
fn traced_with(sandbox: &Sandbox, options: &[(&str, &str)], command: &[&str]) -> Traced {
    let work = sandbox.path().join("work");
    std::fs::create_dir_all(&work).unwrap();
    let test = std::env::current_exe().unwrap();
    let arguments = ["--exact", "trace::the_traced_half", "--ignored", "--nocapture"];
    let mut half = sandbox.command(test.to_str().unwrap(), &arguments);
    half.current_dir(&work).env("TRACE_COMMAND", command.join("\x1f"));
    half.envs(options.iter().copied());
    let output = sandbox.finish(half.spawn().unwrap()).ok();
    let dump = std::fs::read_to_string(work.join("../dump")).unwrap();
    println!("{}\n{}", output.stdout, output.stderr);
    Traced { lines: dump.lines().map(|line| serde_json::from_str(line).unwrap()).collect() }
}

#[track_caller]
fn traced(sandbox: &Sandbox, text: &str) -> Traced {
    traced_with(sandbox, &[], &["/usr/bin/env", "bash", "-c", text])
}

#[test]
#[ignore = "run by the others, in a process of its own"]
fn the_traced_half() {
    let command = std::env::var("TRACE_COMMAND").unwrap();
    let command: Vec<OsString> = command.split('\x1f').map(OsString::from).collect();
    let light = std::env::var_os("TRACE_LIGHT").is_some();
    let user = std::env::var("TRACE_USER").ok().map(|name| User::find(&name).unwrap());
    let outcome = trace(&command, &[], &Options { light, user }).unwrap();
    let traced = outcome.traced;
    let mut dump = String::new();
    let mut tell = |line: Value| writeln!(dump, "{line}").unwrap();
    let number = |file: Option<u32>| file.map(|file| traced.files[file as usize].ino);
    for access in &traced.accesses {
        let held: Vec<_> =
            traced.held[access.held as usize].iter().map(|file| number(Some(*file))).collect();
        tell(json!({"t": "access", "op": format!("{:?}", access.op),
            "path": traced.path(access.path), "file": number(access.file), "held": held,
            "group": access.group, "moment": access.moment, "count": access.count,
            "program": traced.text(access.program), "at": access.at.map(|at| traced.text(at))}));
    }
    for gap in &traced.gaps {
        tell(json!({"t": "gap", "why": format!("{:?}", gap.why)}));
    }
    for group in &traced.groups {
        let died = group.died.map(|(_, moment)| moment);
        tell(json!({"t": "group", "parent": group.parent, "born": group.born.1, "died": died}));
    }
    for client in &traced.clients {
        tell(json!({"t": "client", "group": client.group}));
    }
    for run in &traced.runs {
        tell(json!({"t": "run", "dir": String::from_utf8_lossy(run)}));
    }
    for ((group, file), digest) in &traced.contents {
        let file = number(Some(*file));
        tell(json!({"t": "content", "group": group, "file": file, "digest": digest}));
    }
    for leak in &outcome.left {
        tell(json!({"t": "left", "comm": leak.comm}));
    }
    let how = match outcome.ended {
        Ended::Code(code) => format!("code {code}"),
        Ended::Signal(signal) => format!("signal {signal}"),
    };
    tell(json!({"t": "ended", "how": how}));
    std::fs::write("../dump", dump).unwrap();
}

#[test]
fn accesses_are_told_by_what_was_there_and_what_came_of_it() {
    let sandbox = Sandbox::new();
    let traced = traced(
        &sandbox,
        "echo 1 >new; echo 2 >new; echo 3 >>new; echo 4 <>new; cat new; cat none; cat none/x
        set -C; echo 5 >fresh; echo 5 >fresh; set +C
        touch new; touch made; chmod 600 new; chmod 600 no-mode; truncate -s 0 made
        mkdir -p dir; mkdir dir; mkdir -p dir; mkdir no/dir; rmdir dir; mkdir dir; rmdir no-dir
        ln new second; ln new second; ln -s new link; cat link; readlink link
        mv second moved; mv moved made; mv not there; mkfifo fifo; (echo x >fifo & cat fifo); wait
        mkdir sub; cd sub; echo >in; cat ../new; ls ..; rm ../made; rm ../new; test -e ../gone || true",
    )
    .ended("code 0");
    // (What else is looked up depends on the tools.)
    for (path, ops) in [
        ("new", "Append Create Meta Read Remove Touch Truncate Write"),
        ("none", "Miss"),
        ("none/x", "Miss"),
        ("made", "Create RenameOnto Remove Write"),
        ("no-mode", "Miss"),
        ("fresh", "CreateNew Look"),
        ("dir", "DirTaken HaveDir MakeDir NewDir Remove"),
        ("no/dir", "Miss"),
        ("no-dir", "Miss"),
        ("second", "CreateNew RenameFrom Taken"),
        ("link", "CreateNew Read"),
        ("no", "Miss"),
        ("sub", "Fill NewDir"),
        ("moved", "RenameFrom RenameOnto"),
        ("not", "Miss"),
        ("fifo", "CreateNew Look"),
        ("gone", "Miss"),
    ] {
        let told = traced.ops(path);
        let missing = ops.split(' ').find(|op| !told.split(' ').any(|told| told == *op));
        assert_eq!(missing, None, "{path}: {told}");
    }
    assert_eq!((traced.ops("none").as_str(), traced.ops("gone").as_str()), ("Miss", "Miss"));
    let file =
        |op: &str, path: &str| traced.of(path).find(|l| l["op"] == op).unwrap()["file"].clone();
    assert_eq!(file("Create", "new"), file("CreateNew", "second"));
    assert_eq!(file("Create", "new"), file("Remove", "made"), "it was renamed onto that");
    assert!(traced.of("new").any(|line| line["program"].as_str().unwrap().ends_with("/cat")));
    assert!(traced.lines.iter().any(|line| line["op"] == "List"
        && line["path"].as_str().is_some_and(|path| path.ends_with("/work"))));
    assert!(traced.gaps().is_empty());
}

/// Runs some lines of Python.
fn python(text: &str) -> Option<[String; 5]> {
    if !on_path("python3") {
        eprintln!("skipped: python3 is not installed");
        return None;
    }
    let words = ["/usr/bin/env", "python3", "-S", "-c", text];
    Some(words.map(str::to_owned))
}

#[track_caller]
fn traced_python(text: &str) -> Option<(Sandbox, Traced)> {
    let words = python(text)?;
    let sandbox = Sandbox::new();
    let traced = traced_with(&sandbox, &[], &words.each_ref().map(String::as_str));
    Some((sandbox, traced))
}

#[test]
fn what_two_make_at_once_both_meant_to_make() {
    // Nothing is there when the second one is looked at; but then it is.
    let text = "import os, threading
def make():
    for n in range(300):
        ready.wait()
        try: os.mkdir(f'd{n}')
        except FileExistsError: pass
ready = threading.Barrier(2)
threads = [threading.Thread(target=make) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let traced = traced.ended("code 0");
    for n in 0..300 {
        assert_eq!(traced.ops(&format!("d{n}")), "HaveDir MakeDir");
    }
}

#[test]
fn an_address_that_is_in_use_was_to_be_bound() {
    let text = "import socket
sockets = [socket.socket() for _ in range(2)]
sockets[0].bind(('127.0.0.1', 0)); address = sockets[0].getsockname()
sockets[0].close(); sockets[0] = socket.socket()
sockets[0].bind(address); sockets[0].listen()
try: sockets[1].bind(address); raise SystemExit(1)
except OSError: pass";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let traced = traced.ended("code 0");
    let of = |op: &str| traced.lines.iter().filter(|line| line["op"] == op).collect::<Vec<_>>();
    let (bound, taken) = (of("Bind"), of("Taken"));
    assert_eq!(bound[0]["path"], taken[0]["path"], "{bound:?} {taken:?}");
}

#[test]
fn where_only_changes_are_traced_nothing_else_is() {
    let sandbox = Sandbox::new();
    let text =
        "echo 1 >new; cat new; ls; test -e none || mkdir dir; cd dir; mv ../new here; rm here";
    let command = ["/usr/bin/env", "bash", "-c", text];
    let traced = traced_with(&sandbox, &[("TRACE_LIGHT", "1")], &command).ended("code 0");
    let mut ops: Vec<&str> =
        traced.all("access").iter().map(|line| line["op"].as_str().unwrap()).collect();
    ops.sort_unstable();
    ops.dedup();
    assert_eq!(
        (traced.ops("new"), traced.ops("none")),
        ("Create RenameFrom".into(), String::new())
    );
    assert!(traced.ops("dir/here").starts_with("Remove RenameOnto"), "relative to a new directory");
    for op in ["List", "Exec"] {
        assert!(!ops.contains(&op), "{ops:?}");
    }
    // (A link on the way to what is changed is read.)
    assert!(traced.of("new").all(|line| line["op"] != "Read"), "{ops:?}");
}

#[test]
fn programs_are_looked_for_and_run_with_their_interpreters() {
    let sandbox = Sandbox::new();
    let text =
        "mkdir bin; printf '#!/bin/sh\n:\n' >bin/it; chmod +x bin/it; PATH=$PWD/none:$PWD/bin:$PATH
        exec it";
    let traced = traced(&sandbox, text).ended("code 0");
    assert!(traced.of("none/it").any(|line| line["op"] == "Miss"));
    assert!(traced.of("bin/it").any(|line| line["op"] == "Exec"));
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    assert!(traced.of(shell.to_str().unwrap()).any(|line| line["op"] == "Exec"));
}

#[test]
fn links_that_are_passed_are_read() {
    let sandbox = Sandbox::new();
    let text = "mkdir v1 v2; echo 1 >v1/conf; echo 2 >v2/conf; ln -s v1 now; cat now/conf
        ln -sfn v2 now; cat now/conf";
    let traced = traced(&sandbox, text).ended("code 0");
    assert!(traced.of("v1/conf").any(|line| line["op"] == "Read"));
    assert!(traced.of("v2/conf").any(|line| line["op"] == "Read"), "the link leads elsewhere now");
    assert!(traced.ops("now").contains("Read") && traced.ops("now").contains("RenameOnto"));
}

#[test]
fn what_names_the_caller_is_the_callers() {
    let sandbox = Sandbox::new();
    let text = "exec 7>file; echo x >/dev/fd/7; echo y >/proc/self/fd/7; echo z >/dev/stdout
        cat </dev/stdin; cat /proc/self/status >/dev/null";
    let traced = traced(&sandbox, text).ended("code 0");
    assert_eq!(traced.ops("file"), "Create Truncate");
    let below = |line: &&Value| line["path"].as_str().is_some_and(|path| path.starts_with("/proc"));
    assert_eq!(traced.lines.iter().filter(below).count(), 0);
}

#[test]
fn what_gets_a_name_by_its_descriptor_has_it() {
    let text = "import ctypes, os
fd = os.open('first', os.O_CREAT | os.O_WRONLY)
link = ctypes.CDLL(None).linkat
assert link(-100, b'/proc/self/fd/%d' % fd, -100, b'made', 0x400) == 0";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let traced = traced.ended("code 0");
    assert_eq!(
        (traced.ops("first").as_str(), traced.ops("made").as_str()),
        ("Create", "CreateNew")
    );
}

#[test]
fn what_is_made_by_a_link_that_leads_nowhere_was_not_there() {
    let sandbox = Sandbox::new();
    let traced = traced(&sandbox, "ln -s real link; echo x >link; echo y >link").ended("code 0");
    assert_eq!(traced.ops("real"), "Create Truncate");
}

#[test]
fn what_is_held_locked_is_known_for_its_holder_and_what_runs_below() {
    let sandbox = Sandbox::new();
    let traced = traced(
        &sandbox,
        "exec 9>lock; echo >a; flock 9; echo >b; sh -c 'echo >c'; flock -u 9; echo >d
        flock 9; echo >e; exec 9>&-; echo >f
        flock lock sh -c 'echo >g'; (flock 8; echo >h) 8>lock
        (flock -s 8; echo >shared; cat h) 8>lock",
    )
    .ended("code 0");
    let lock = traced.of("lock").find(|line| line["op"] == "Lock").unwrap()["file"].clone();
    let held = |op: &str, path: &str| traced.one(op, path)["held"] == json!([lock]);
    for (path, locked) in [
        ("a", 0),
        ("b", 1),
        ("c", 1),
        ("d", 0),
        ("e", 1),
        ("f", 0),
        ("g", 1),
        ("h", 1),
        ("shared", 0),
    ] {
        assert_eq!(held("Create", path), locked == 1, "{path}");
    }
    assert!(held("Read", "h"), "what is shared protects what reads");
}

#[test]
fn locks_of_fcntl_are_known() {
    let text = "import fcntl
f = open('lock', 'w'); open('a', 'w').close()
fcntl.lockf(f, fcntl.LOCK_EX); open('b', 'w').close()
fcntl.lockf(f, fcntl.LOCK_UN); open('c', 'w').close()
fcntl.lockf(f, fcntl.LOCK_EX); f.close(); open('d', 'w').close()";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let held = ["a", "b", "c", "d"].map(|path| traced.one("Create", path)["held"] != json!([]));
    assert_eq!(held, [false, true, false, false]);
}

#[test]
fn sockets_have_names() {
    let text = "import socket
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); port = s.getsockname()[1]
t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
c = socket.create_connection(('127.0.0.1', port))
u = socket.socket(socket.AF_UNIX); u.bind('socket'); u.listen()
d = socket.socket(socket.AF_UNIX); d.connect('./socket')
try: socket.socket(socket.AF_UNIX).bind('socket')
except OSError: pass
a = socket.socket(socket.AF_UNIX); a.bind('\\0abstract'); a.listen()
socket.socket(socket.AF_UNIX).connect('\\0abstract')
g = socket.socket(type=socket.SOCK_DGRAM); g.connect(('127.0.0.1', 9))
try: socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 10))
except OSError: pass # no network
open('port', 'w').write(str(port))";
    let Some((sandbox, traced)) = traced_python(text) else { return };
    assert_eq!(traced.ops("socket"), "Bind Connect Taken");
    assert_eq!(traced.ops("unix:abstract"), "Bind Connect");
    assert_eq!(traced.ops(&format!("tcp:{}", sandbox.read("work/port"))), "Connect");
    assert_eq!((traced.ops("udp:9").as_str(), traced.ops("udp:10").as_str()), ("Connect", ""));
}

#[test]
fn what_is_not_seen_is_a_gap() {
    let text = "import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(425, 4, ctypes.create_string_buffer(120)) == -1
assert ctypes.get_errno() == 38
assert libc.ptrace(0, 0, 0, 0) == -1 and ctypes.get_errno() == 1";
    if let Some((_sandbox, traced)) = traced_python(text) {
        assert_eq!(traced.gaps(), ["IoUring", "Ptrace"]);
    }
}

/// The smallest program of a 32-bit architecture that this machine may run:
/// it exits with 7. (All in one segment, the headers too.)
fn small_program() -> Option<Vec<u8>> {
    let (machine, code): (u16, [u32; 3]) = if cfg!(target_arch = "x86_64") {
        // mov $1, %al; mov $7, %bl; int $0x80; with nops.
        (3, [0x9090_01b0, 0x9090_07b3, 0x9090_80cd])
    } else if cfg!(target_arch = "aarch64") {
        // mov r7, #1; mov r0, #7; svc 0.
        (40, [0xe3a0_7001, 0xe3a0_0007, 0xef00_0000])
    } else {
        return None;
    };
    let (at, headers, size) = (0x10000, 52 + 32, 52 + 32 + 12);
    let mut program = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let mut put = |bytes: &[u8]| program.extend_from_slice(bytes);
    put(&[2, 0]);
    put(&machine.to_le_bytes());
    // Version, entry, program headers, no sections, flags (of ARM: its calls' convention).
    for word in [1, at + headers, 52, 0, if machine == 40 { 0x0500_0000 } else { 0 }] {
        put(&u32::to_le_bytes(word));
    }
    for half in [52, 32, 1, 40, 0, 0] {
        put(&u16::to_le_bytes(half));
    }
    // What is loaded: from where, to where, how much, to be read and run.
    for word in [1, 0, at, at, size, size, 5, 0x1000].into_iter().chain(code) {
        put(&u32::to_le_bytes(word));
    }
    Some(program)
}

#[test]
fn a_program_of_another_architecture_is_a_gap() {
    let sandbox = Sandbox::new();
    let Some(program) = small_program() else { return };
    let (original, path) = (sandbox.path().join("original"), sandbox.path().join("small"));
    std::fs::write(&original, program).unwrap();
    crate::sandbox::copy_program(&original, &path);
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&path, all).unwrap();
    if std::process::Command::new(&path).status().ok().and_then(|status| status.code()) != Some(7) {
        eprintln!("skipped: this system does not run 32-bit programs");
        return;
    }
    let traced = traced(&sandbox, "../small; echo $? >code; ../small || :");
    assert_eq!((sandbox.read("work/code").trim(), traced.gaps()), ("7", vec!["Foreign"]));
    assert_eq!(traced.ops("code"), "Create");
}

#[test]
fn a_child_that_is_not_to_be_traced_is_traced() {
    let number = if cfg!(target_arch = "x86_64") { 56 } else { 220 };
    let text = format!(
        "import ctypes, os
untraced, child_ends = 0x800000, 17
pid = ctypes.CDLL(None).syscall({number}, untraced | child_ends, 0, 0, 0, 0)
if pid == 0:
    open('here', 'w').close(); os._exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5"
    );
    let Some((_sandbox, traced)) = traced_python(&text) else { return };
    assert_eq!(traced.ended("code 0").ops("here"), "Create");
}

#[test]
fn what_has_too_long_a_path_is_a_gap() {
    let sandbox = Sandbox::new();
    let deep = "name=$(printf '%0200d' 0); for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 \
        19 20 21 22; do mkdir $name; cd $name; done; echo 1 >file";
    let traced = traced(&sandbox, deep).ended("code 0");
    assert!(!traced.gaps().is_empty());
    // (Who removes the sandbox does not get there by a path, either.)
    let removed = std::process::Command::new("rm").arg("-rf").arg(sandbox.path()).status();
    assert!(removed.unwrap().success());
}

#[test]
fn another_root_is_elsewhere() {
    if !is_root() {
        eprintln!("skipped: only root can change its root");
        return;
    }
    let text = "import os
os.chroot('/'); open('here', 'w').close()
os.mkdir('root'); os.chroot('root'); os.chdir('/'); open('inside', 'w').close()";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let traced = traced.ended("code 0");
    assert_eq!(traced.gaps(), ["Elsewhere"]);
    let inside = ["inside", "/inside", "root/inside"].map(|path| traced.ops(path));
    assert_eq!((traced.ops("here").as_str(), inside.concat().as_str()), ("Create", ""));
}

#[test]
fn set_user_id_programs_work_for_roots_tracer_and_are_a_gap_for_others() {
    if !is_root() {
        eprintln!("skipped: only root can make such a program");
        return;
    }
    let sandbox = Sandbox::new();
    let as_whom = |options: &[(&str, &str)]| {
        let text = "cp \"$(command -v id)\" myid && chmod 4755 myid
            cp \"$(command -v setpriv)\" . && chmod -R a+rx .. && ./setpriv --reuid 54321 ./myid -u >told";
        traced_with(&sandbox, options, &["/usr/bin/env", "bash", "-c", text])
    };
    let traced = as_whom(&[]).ended("code 0");
    assert_eq!((sandbox.read("work/told").trim(), traced.gaps()), ("0", vec![]));
    // Whoever may raise nothing cannot have it raised by what it runs.
    let text = "./myid -u >/dev/full || ./myid -u; exec ./myid -u";
    let gaps = gaps_of_another_user(&sandbox, &["/usr/bin/env", "sh", "-c", text]);
    assert!(gaps.contains("Setuid"), "{gaps:?}");
}

/// What is not seen of a command if the tracer is not root.
fn gaps_of_another_user(sandbox: &Sandbox, traced: &[&str]) -> BTreeSet<String> {
    std::fs::create_dir_all(sandbox.path().join("work")).unwrap();
    std::fs::write(sandbox.path().join("dump"), "").unwrap();
    let whole = std::env::current_exe().unwrap();
    let half = sandbox.path().join("half");
    if !half.exists() {
        crate::sandbox::copy_program(&whole, &half);
    }
    let arguments = [half.to_str().unwrap(), "--exact", "trace::the_traced_half", "--ignored"];
    let mut command = sandbox.command_of_another_user(&arguments);
    for path in ["", "dump", "work", "half"] {
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(sandbox.path().join(path), all).unwrap();
    }
    command.current_dir(sandbox.path().join("work"));
    command.env("TRACE_COMMAND", traced.join("\x1f"));
    sandbox.finish(command.spawn().unwrap()).ok();
    let dump = sandbox.read("dump");
    let lines = dump.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let gaps = lines.filter(|line| line["t"] == "gap");
    gaps.map(|gap| gap["why"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn whose_memory_cannot_be_read_is_a_gap_whatever_it_does() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let sandbox = Sandbox::new();
    let unreadable = BTreeSet::from(["Unreadable".to_owned()]);
    // A process that is not to be looked into, as those of agents with keys.
    let before = "import ctypes, os, socket
libc = ctypes.CDLL(None)
dir = os.open('.', 0); one = socket.socket(); how = ctypes.create_string_buffer(24)
";
    for text in
        ["one.bind(('127.0.0.1', 0))", "os.listdir(dir)", "libc.syscall(437, -100, b'x', how, 24)"]
    {
        let quiet = format!("{before}assert libc.prctl(4, 1) == 0\n{text}\nos._exit(0)");
        let Some(words) = python(&quiet) else { return };
        let gaps = gaps_of_another_user(&sandbox, &words.each_ref().map(String::as_str));
        assert_eq!(gaps, BTreeSet::new(), "{text}");
        let words = python(&quiet.replace("prctl(4, 1)", "prctl(4, 0)")).unwrap();
        let gaps = gaps_of_another_user(&sandbox, &words.each_ref().map(String::as_str));
        assert_eq!(gaps, unreadable, "{text}");
    }
    // A program that may be run and not read, begun by what is not recorded.
    let program = sandbox.path().join("work/only");
    std::fs::copy("/bin/true", &program).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(&program, mode).unwrap();
    assert_eq!(gaps_of_another_user(&sandbox, &["/usr/bin/env", "./only"]), unreadable);
}

#[test]
fn a_user_is_become() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let sandbox = Sandbox::new();
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    let work = sandbox.path().join("work");
    std::fs::create_dir(&work).unwrap();
    for path in [sandbox.path(), &work] {
        std::fs::set_permissions(path, std::fs::Permissions::clone(&all)).unwrap();
    }
    let text = "id -un >who; echo \"$USER $LOGNAME $HOME\" >>who; cat /etc/shadow || :";
    let command = ["/usr/bin/env", "bash", "-c", text];
    let traced = traced_with(&sandbox, &[("TRACE_USER", "nobody")], &command).ended("code 0");
    let who = sandbox.read("work/who");
    assert!(who.starts_with("nobody\nnobody nobody /"), "{who}");
    assert_eq!(traced.ops("who"), "Append Create");
}

#[test]
fn groups_moments_and_runs_are_those_of_the_tasks() {
    let sandbox = Sandbox::new();
    let text = "exec 3>shared; [ -e /.meanwhile-at/script.sh:5 ] || :
        async_run a sh -c 'echo >a; echo >&3'; async_run b sh -c 'echo >b'; echo >between
        async_wait a; echo >behind; async_wait b";
    let script = with_glue(BASH, text);
    std::fs::create_dir(sandbox.path().join("work")).unwrap();
    std::fs::write(sandbox.path().join("work/script.sh"), script).unwrap();
    let program = env!("CARGO_BIN_EXE_meanwhile");
    let traced = traced_with(&sandbox, &[], &[program, "run", "bash", "script.sh"]).ended("code 0");
    let [a, b, between, behind] = ["a", "b", "between", "behind"].map(|path| {
        let access = traced.one("Create", path);
        assert_eq!(access["at"], "script.sh:5", "what is forked is at the same line");
        (access["group"].as_u64().unwrap(), access["moment"].as_u64().unwrap())
    });
    assert!(a.0 != b.0 && a.0 != 0 && b.0 != 0 && (between.0, behind.0) == (0, 0));
    assert!(between.1 < behind.1, "the client that collects a has ended between them");
    let groups = traced.all("group");
    assert_eq!(groups.len(), 3);
    assert!(groups[1..].iter().all(|group| group["parent"] == 0 && !group["died"].is_null()));
    let inherited = traced.of("shared").filter(|line| line["op"] == "Inherit");
    let inherited: BTreeSet<u64> = inherited.map(|l| l["group"].as_u64().unwrap()).collect();
    assert_eq!(inherited, BTreeSet::from([a.0, b.0]));
    let runs: Vec<_> = sandbox.runs().iter().map(|run| run.canonicalize().unwrap()).collect();
    assert_eq!(traced.all("run").len(), 1);
    assert_eq!(traced.all("run")[0]["dir"], runs[0].to_str().unwrap());
    assert!(traced.all("client").len() >= 3);
    let own = |line: &&Value| line["program"].as_str().is_some_and(|p| p.ends_with("/meanwhile"));
    assert_eq!(traced.lines.iter().filter(own).count(), 0, "what this program does is no access");
}

#[test]
fn contents_are_kept_where_two_groups_write() {
    let sandbox = Sandbox::new();
    let text = "same() { echo same >$1; }; other() { echo $1 >$2; }
        replace() { echo x >tmp.$1; mv tmp.$1 replaced; }
        async_run a same one; async_run --after a b same one
        async_run c other 1 two; async_run --after c d other 2 two
        async_run e replace 1; async_run f replace 2; async_run g same alone
        async_wait a b c d e f g";
    std::fs::create_dir(sandbox.path().join("work")).unwrap();
    std::fs::write(sandbox.path().join("work/script.sh"), with_glue(BASH, text)).unwrap();
    let program = env!("CARGO_BIN_EXE_meanwhile");
    let traced = traced_with(&sandbox, &[], &[program, "run", "bash", "script.sh"]).ended("code 0");
    let digests = |paths: &[&str]| -> Vec<u64> {
        let files: Vec<(&Value, &Value)> = paths
            .iter()
            .flat_map(|path| traced.of(path))
            .filter(|line| ["Create", "Truncate"].contains(&line["op"].as_str().unwrap()))
            .map(|line| (&line["group"], &line["file"]))
            .collect();
        let of = |(group, file): &(&Value, &Value)| {
            let content = |line: &&Value| line["group"] == **group && line["file"] == **file;
            traced.all("content").into_iter().find(content)?["digest"].as_u64()
        };
        files.iter().filter_map(of).collect()
    };
    let [one, two] = [digests(&["one"]), digests(&["two"])];
    assert!(one.len() == 2 && one[0] == one[1], "{one:?}");
    assert!(two.len() == 2 && two[0] != two[1], "{two:?}");
    let replaced = digests(&["tmp.1", "tmp.2"]);
    assert!(replaced.len() == 2 && replaced[0] == replaced[1], "{replaced:?}");
    assert!(digests(&["alone"]).is_empty());
}

#[test]
fn five_hundred_processes_and_as_many_threads_are_all_seen() {
    let text = "import os, threading
pids = []
read, write = os.pipe()
for i in range(500):
    pid = os.fork()
    if pid == 0:
        os.close(write); os.read(read, 1)
        open(f'f{i}', 'w').close(); os._exit(0)
    pids.append(pid)
os.close(write)
for pid in pids: os.waitpid(pid, 0)
for part in range(10):
    threads = [threading.Thread(target=lambda n: os.mkdir(f'd{n}'), args=(n,)) for n in range(part * 50, part * 50 + 50)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
for i in range(100): os.posix_spawnp('touch', ['touch', f't{i}'], os.environ); os.wait()";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let traced = traced.ended("code 0");
    let made = |op: &str, kind: &str| {
        let is = |n: &usize| traced.of(&format!("{kind}{n}")).any(|line| line["op"] == op);
        (0..500).filter(is).count()
    };
    assert_eq!((made("Create", "f"), made("MakeDir", "d"), made("Create", "t")), (500, 500, 100));
}

#[test]
fn a_thread_that_is_not_the_first_may_begin_a_program() {
    let text = "import os, threading, time
def spin():
    while True: os.stat('/')
for _ in range(4): threading.Thread(target=spin, daemon=True).start()
threading.Thread(target=lambda: os.execvp('sh', ['sh', '-c', ': >new; exec cat new'])).start()
time.sleep(1000)";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    let traced = traced.ended("code 0");
    assert_eq!(traced.ops("new"), "Create Read");
    assert!(traced.one("Read", "new")["program"].as_str().unwrap().ends_with("/cat"));
}

#[test]
fn tracees_may_be_killed_at_any_time() {
    let text = "import os, random, signal, time
random.seed(1)
for i in range(150):
    pid = os.fork()
    if pid == 0:
        while True:
            child = os.fork()
            if child == 0: os._exit(0)
            os.close(os.open('file', os.O_CREAT | os.O_WRONLY)); os.stat('/'); os.waitpid(child, 0)
    time.sleep(random.random() / 500)
    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
os.kill(os.getpid(), signal.SIGKILL)";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    assert!(traced.ended("signal 9").gaps().is_empty());
}

#[test]
fn jobs_stop_and_go_on_and_signals_come_through() {
    let text = "import os, signal, time
child = os.fork()
if child == 0:
    while True: signal.pause()
for _ in range(20):
    os.kill(child, signal.SIGSTOP)
    _, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, os.WCONTINUED)
    assert os.WIFCONTINUED(status)
os.kill(child, signal.SIGTERM)
assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
real = signal.SIGRTMIN + 3
signal.pthread_sigmask(signal.SIG_BLOCK, [real])
for _ in range(3): os.kill(os.getpid(), real)
for _ in range(3): assert signal.sigwaitinfo([real]).si_pid == os.getpid()
os.mkfifo('fifo')
signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
if os.fork() == 0:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); time.sleep(0.1)
    os.open('fifo', os.O_WRONLY); os._exit(0)
os.open('fifo', os.O_RDONLY | os.O_CREAT)
os.wait(); os.kill(os.getpid(), signal.SIGTRAP)";
    let Some((_sandbox, traced)) = traced_python(text) else { return };
    traced.ended("signal 5");
}

#[test]
fn what_is_still_there_at_the_end_is_named_and_killed() {
    let sandbox = Sandbox::new();
    let traced = traced(&sandbox, "setsid sleep 1000 & setsid sleep 1000 & : >made");
    let left: Vec<&str> = traced.all("left").iter().map(|l| l["comm"].as_str().unwrap()).collect();
    // (They may not have become what they are.)
    assert_eq!(left.len(), 2, "{left:?}");
}
