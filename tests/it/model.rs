//! Random programs of starts (with dependencies, locks, retries, limits and
//! tasks inside of tasks), waits and cancellations: the codes, the output and
//! the logs are what a model of a serial run says, in parallel as serially,
//! in bash and in dash. A failure shrinks to a script that shows it.

use std::collections::HashMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::held::BOTH;
use crate::sandbox::{Sandbox, Shell, with_glue};

/// What a task does.
#[derive(Debug, Clone)]
enum Body {
    /// Fails so many times with this code, then succeeds; after so many milliseconds each.
    Tries { fails: u32, code: u8, millis: u8 },
    /// Starts a task of its own, and returns its code.
    Nested { code: u8 },
    /// Goes on until it is cancelled.
    Endless,
}

#[derive(Debug, Clone)]
enum Step {
    Start { task: usize, body: Body, after: Vec<usize>, lock: bool, retries: u32 },
    Wait(Vec<usize>),
    WaitAll,
    Cancel(usize),
}

#[derive(Debug, Clone)]
struct Program {
    jobs: u32,
    steps: Vec<Step>,
}

const TASKS: usize = 6;

fn step() -> impl Strategy<Value = Step> {
    let tries = (0u32..4, 1u8..120, 0u8..40).prop_map(|(fails, code, millis)| Body::Tries {
        fails,
        code,
        millis,
    });
    let body = prop_oneof![
        6 => tries,
        1 => (0u8..3).prop_map(|code| Body::Nested { code }),
        1 => Just(Body::Endless),
    ];
    let after = prop::collection::vec(0..TASKS, 0..3);
    let start = (0..TASKS, body, after, any::<bool>(), 0u32..3).prop_map(
        |(task, body, after, lock, retries)| Step::Start { task, body, after, lock, retries },
    );
    prop_oneof![
        5 => start,
        2 => prop::collection::vec(0..TASKS, 1..4).prop_map(Step::Wait),
        1 => Just(Step::WaitAll),
        1 => (0..TASKS).prop_map(Step::Cancel),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    (0u32..4, prop::collection::vec(step(), 1..14))
        .prop_map(|(jobs, steps)| Program { jobs, steps })
}

/// What is known of a task that was started: what will be, once it has ended.
#[derive(Debug, Clone)]
struct Known {
    code: u8,
    /// What each attempt printed.
    logs: Vec<String>,
    collected: bool,
    /// Whether it goes on until it is cancelled.
    endless: bool,
}

/// The program as it can be run, and what it must print.
#[derive(Debug, Default)]
struct Case {
    text: String,
    /// Lines of the script itself.
    codes: String,
    /// All that it prints, in parallel.
    stdout: String,
    /// What each start's last attempt printed, by the name of the file.
    logs: Vec<(String, String)>,
    /// Whether a task goes on until it is cancelled, which a serial run cannot have.
    endless: bool,
}

struct Model {
    tasks: HashMap<usize, Known>,
    order: Vec<usize>,
    starts: HashMap<usize, usize>,
    case: Case,
}

impl Model {
    fn run(program: &Program) -> Case {
        let case = Case { text: PRELUDE.to_owned(), ..Case::default() };
        let mut model =
            Self { tasks: HashMap::new(), order: Vec::new(), starts: HashMap::new(), case };
        for step in &program.steps {
            match step {
                Step::Start { task, body, after, lock, retries } => {
                    model.start(*task, body, after, *lock, *retries);
                }
                Step::Wait(tasks) => model.wait(tasks),
                Step::WaitAll => model.wait_all(),
                Step::Cancel(task) => model.cancel(*task),
            }
        }
        // What is left, so that every task's code is looked at.
        for task in 0..TASKS {
            model.cancel(task);
        }
        model.wait_all();
        model.case
    }

    fn say(&mut self, command: &str, code: u8) {
        let at = self.case.codes.lines().count();
        let _ = match code {
            // Not in a condition: that would switch errexit off in the task.
            0 => writeln!(self.case.text, "{command}; echo \"code {at} $?\""),
            _ => writeln!(self.case.text, "rc=0; {command} || rc=$?; echo \"code {at} $rc\""),
        };
        let line = format!("code {at} {code}\n");
        self.case.codes += &line;
        self.case.stdout += &line;
    }

    fn start(&mut self, task: usize, body: &Body, after: &[usize], lock: bool, retries: u32) {
        let taken = self.tasks.get(&task).is_some_and(|known| !known.collected);
        let unknown = after.iter().any(|on| !self.tasks.contains_key(on));
        // One that could never end by itself would hold up what comes after it.
        let stuck = after.iter().any(|on| self.tasks.get(on).is_some_and(|on| on.endless));
        let endless = matches!(body, Body::Endless);
        // Nor may one keep a lock or a slot for ever.
        if stuck || (endless && (lock || !after.is_empty())) {
            return;
        }
        let start = self.starts.get(&task).copied().unwrap_or(0) + 1;
        let mut command = String::from("async_run");
        for on in after {
            let _ = write!(command, " --after t{on}");
        }
        command += if lock { " --lock l" } else { "" };
        command += &if retries > 0 { format!(" --retries {retries}") } else { String::new() };
        let mark = format!("{task}.{start}");
        let alone = if lock { "alone" } else { ":" };
        let (words, attempts): (String, Vec<(u8, String)>) = match body {
            Body::Tries { fails, code, millis } => (
                format!("tries {mark} {fails} {code} 0.{millis:03} {alone}"),
                (1..=fails + 1)
                    .map(|n| (if n <= *fails { *code } else { 0 }, format!("{mark} try {n}\n")))
                    .collect(),
            ),
            Body::Nested { code } => (
                format!("nested {mark} {code} {alone}"),
                vec![(*code, format!("{mark} in\n{mark} out\n")); retries as usize + 1],
            ),
            Body::Endless => ("endless".into(), vec![(143, String::new())]),
        };
        let _ = write!(command, " t{task} {words}");
        if taken || unknown {
            self.say(&format!("{command} 2>/dev/null"), 2);
            return;
        }
        let skipped = after.iter().any(|on| self.tasks[on].code != 0);
        let mut logs = Vec::new();
        let mut code = 123;
        if !skipped {
            for (its, log) in attempts.into_iter().take(retries as usize + 1) {
                code = its;
                logs.push(log);
                if code == 0 {
                    break;
                }
            }
        }
        self.say(&command, 0);
        self.case.endless |= endless && !skipped;
        let stem = if start > 1 { format!("t{task}~{start}") } else { format!("t{task}") };
        for (n, log) in logs.iter().enumerate() {
            let part = if n > 0 { format!(",{}", n + 1) } else { String::new() };
            self.case.logs.push((format!("{stem}{part}.log"), log.clone()));
        }
        self.starts.insert(task, start);
        self.order.push(task);
        let endless = endless && !skipped;
        self.tasks.insert(task, Known { code, logs, collected: false, endless });
    }

    fn collect(&mut self, task: usize) -> u8 {
        let Some(known) = self.tasks.get_mut(&task) else { return 127 };
        if !known.collected {
            known.collected = true;
            let log = known.logs.last().cloned().unwrap_or_default();
            self.case.stdout += &log;
        }
        known.code
    }

    fn wait(&mut self, tasks: &[usize]) {
        if tasks.iter().any(|task| self.tasks.get(task).is_some_and(|known| known.endless)) {
            return;
        }
        let names: Vec<String> = tasks.iter().map(|task| format!("t{task}")).collect();
        let codes: Vec<u8> = tasks.iter().map(|task| self.collect(*task)).collect();
        let code = codes.into_iter().find(|code| *code != 0).unwrap_or(0);
        self.say(&format!("async_wait {}", names.join(" ")), code);
    }

    fn wait_all(&mut self) {
        if self.tasks.values().any(|known| known.endless) {
            return;
        }
        let order = self.order.clone();
        let open = |model: &Self, task: &usize| !model.tasks[task].collected;
        let mut code = 0;
        for (at, task) in order.iter().enumerate() {
            // Its latest start is what a name means.
            if open(self, task) && !order[at + 1..].contains(task) {
                let its = self.collect(*task);
                code = if code == 0 { its } else { code };
            }
        }
        self.say("async_wait --all", code);
    }

    /// Only of a task that goes on until then is it sure what comes of it.
    fn cancel(&mut self, task: usize) {
        if let Some(known) = self.tasks.get_mut(&task).filter(|known| known.endless) {
            known.endless = false;
            known.logs.clear();
            self.say(&format!("async_cancel t{task}"), 0);
        }
    }
}

const PRELUDE: &str = r#"MEANWHILE_DIR=$PWD/run
alone() {
    mkdir alone.d || echo OVERLAP
    sleep 0.01
    rmdir alone.d || echo OVERLAP
}
tries() {
    echo x >>"tries.$1"
    n=$(wc -l <"tries.$1")
    $5
    sleep "$4"
    echo "$1 try $((n))"
    [ "$n" -gt "$2" ] || return "$3"
}
within() { echo "$1 in"; return "$2"; }
nested() {
    $3
    async_run in within "$1" "$2"
    rc=0
    async_wait in || rc=$?
    echo "$1 out"
    return "$rc"
}
endless() { while :; do sleep 1; done; }
"#;

fn run(program: &Program, case: &Case, shell: Shell, parallel: bool) -> Result<(), TestCaseError> {
    let sandbox = Sandbox::new();
    let mut command = sandbox.script(shell, &with_glue(shell, &case.text));
    command.env("MEANWHILE_PARALLEL", if parallel { "1" } else { "0" });
    // A limit that endless tasks could use up would hang by right.
    if program.jobs > 0 && !case.endless {
        command.env("MEANWHILE_JOBS", program.jobs.to_string());
    }
    let output = sandbox.finish(command.spawn().unwrap());
    let mode = if parallel { "in parallel" } else { "serially" };
    let told = || {
        format!(
            "{} {mode}, MEANWHILE_JOBS={}\n{}\nstderr: {}\njournal: {}",
            shell.name,
            program.jobs,
            with_glue(shell, &case.text),
            output.stderr,
            sandbox.journal()
        )
    };
    prop_assert_eq!(output.code, 0, "{}", told());
    if parallel {
        prop_assert_eq!(&own(&output.stdout), &case.stdout, "{}", told());
    } else {
        let codes: String = output
            .stdout
            .lines()
            .filter(|line| line.starts_with("code "))
            .map(|line| line.to_owned() + "\n")
            .collect();
        prop_assert_eq!(&codes, &case.codes, "{}", told());
    }
    for (file, log) in &case.logs {
        let kept = sandbox.read(&format!("run/{file}"));
        // (In a task that has tasks, messages about those are in its log.)
        prop_assert_eq!(&own(&kept), log, "{}: {}", file, told());
    }
    Ok(())
}

/// What a task itself printed.
fn own(log: &str) -> String {
    log.lines().filter(|l| !l.starts_with("meanwhile:")).map(|l| l.to_owned() + "\n").collect()
}

#[test]
fn a_parallel_run_equals_a_serial_one() {
    let full = std::env::var_os("MEANWHILE_TEST_FULL").is_some();
    let cases = if full { 1_000 } else { 25 };
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let runs = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&program(), |program| {
        let case = Model::run(&program);
        for shell in BOTH {
            run(&program, &case, shell, true)?;
            runs.set(runs.get() + 1);
            if !case.endless {
                run(&program, &case, shell, false)?;
                runs.set(runs.get() + 1);
            }
        }
        Ok(())
    });
    println!("{cases} programs, {} runs", runs.get());
    if let Err(error) = result {
        panic!("{error}");
    }
}
