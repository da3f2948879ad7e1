//! Traced runs for tests, in a small language: who does what, and a schedule
//! that says who is next.
//!
//! ```text
//! script: start a lock=l; write /x; wait a
//! a: read /x; start b; wait b
//! a/b: append /y by /bin/sed content 7 held /lock
//! left a: connect tcp:80
//! ```
//! A path may say which file it is: `/x=7`. `create /x and append /x` is one call, and `at 7` says
//! at which line. Each step is at the line `ACTOR:N`, N being its place.

use std::collections::HashMap;

use super::{Class, Finding, Input, Level, Pair, Side, Suppressions, Verdict, Who, judge};
use crate::run::footprint::{FileId, GroupNo, Op, Recorder, Touch, Traced};
use crate::run::{Id, Record, Run, Time};

const OPS: [Op; 25] = [
    Op::Look,
    Op::Miss,
    Op::Read,
    Op::Exec,
    Op::Write,
    Op::Append,
    Op::Truncate,
    Op::Inherit,
    Op::Create,
    Op::CreateNew,
    Op::Taken,
    Op::MakeDir,
    Op::HaveDir,
    Op::NewDir,
    Op::DirTaken,
    Op::Remove,
    Op::RenameFrom,
    Op::RenameOnto,
    Op::Meta,
    Op::Touch,
    Op::Fill,
    Op::List,
    Op::Bind,
    Op::Connect,
    Op::Lock,
];

/// What each actor does; the script is `script`.
#[derive(Debug, Clone, Default)]
pub struct Program {
    steps: HashMap<String, Vec<Vec<String>>>,
    names: Vec<String>,
    /// Whether lines are known.
    pub lines: bool,
}

impl Program {
    pub fn new(lines: &[&str]) -> Self {
        let mut this = Self { lines: true, ..Self::default() };
        for line in lines {
            let (name, steps) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let steps: Vec<Vec<String>> = steps
                .split(';')
                .map(|step| step.split_whitespace().map(str::to_owned).collect())
                .filter(|step: &Vec<String>| !step.is_empty())
                .collect();
            this.names.push(name.to_owned());
            this.steps.insert(name.to_owned(), steps);
        }
        this
    }

    /// Its trace and journal, if who is next is decided so: each number picks among those that
    /// can go on.
    pub fn run(&self, schedule: &mut dyn FnMut(usize) -> usize) -> (Traced, Vec<(Vec<u8>, Run)>) {
        let mut stage = Stage::new(self);
        loop {
            let ready: Vec<usize> =
                (0..stage.actors.len()).filter(|at| stage.is_ready(*at)).collect();
            if ready.is_empty() {
                break;
            }
            let at = ready[schedule(ready.len()) % ready.len()];
            stage.step(at);
        }
        let mut traced = stage.recorder.finish();
        traced.runs.push(b"/run".to_vec());
        (traced, vec![(b"/run".to_vec(), stage.run)])
    }
}

struct Actor {
    name: String,
    group: GroupNo,
    at: usize,
    over: bool,
    left: bool,
    after: Vec<String>,
}

struct Stage<'p> {
    program: &'p Program,
    recorder: Recorder,
    run: Run,
    actors: Vec<Actor>,
    micros: u64,
    pid: u32,
    files: HashMap<String, u64>,
}

impl<'p> Stage<'p> {
    fn new(program: &'p Program) -> Self {
        let script = Actor {
            name: "script".into(),
            group: 0,
            at: 0,
            over: false,
            left: false,
            after: Vec::new(),
        };
        // Each path is a file of its own, whoever comes first.
        let mut files = HashMap::new();
        for name in &program.names {
            for path in program.steps[name].iter().filter_map(|step| step.get(1)) {
                let number = 1000 + files.len() as u64;
                files.entry(path.clone()).or_insert(number);
            }
        }
        Self {
            program,
            recorder: Recorder::new(false, 1, Time(0), usize::MAX),
            run: Run::default(),
            actors: vec![script],
            micros: 5_000_000,
            pid: 100,
            files,
        }
    }

    fn now(&mut self) -> Time {
        self.micros += 700;
        Time(self.micros)
    }

    fn pid(&mut self) -> u32 {
        self.pid += 1;
        self.pid
    }

    fn journal(&mut self, line: &str) {
        self.run.apply(&Record::parse(line.as_bytes()).expect(line));
    }

    fn steps(&self, at: usize) -> &'p [Vec<String>] {
        let actor = &self.actors[at];
        let name = if actor.left { format!("left {}", actor.name) } else { actor.name.clone() };
        self.program.steps.get(&name).map_or(&[], Vec::as_slice)
    }

    fn is_over(&self, name: &str) -> bool {
        self.actors.iter().any(|actor| actor.name == name && actor.over && !actor.left)
    }

    fn full(&self, at: usize, name: &str) -> String {
        match self.actors[at].name.as_str() {
            "script" => name.to_owned(),
            scope => format!("{scope}/{name}"),
        }
    }

    fn is_ready(&self, at: usize) -> bool {
        let actor = &self.actors[at];
        if actor.over || !actor.after.iter().all(|name| self.is_over(name)) {
            return false;
        }
        match self.steps(at).get(actor.at) {
            Some(step) if step[0] == "wait" => self.is_over(&self.full(at, &step[1])),
            Some(step) if step[0] == "see" => self.is_over(&step[1]),
            _ => true,
        }
    }

    fn step(&mut self, at: usize) {
        let Some(step) = self.steps(at).get(self.actors[at].at) else {
            return self.end(at);
        };
        self.actors[at].at += 1;
        let line = format!("{}:{}", self.actors[at].name, self.actors[at].at);
        let group = self.actors[at].group;
        match step[0].as_str() {
            "start" => {
                let name = self.full(at, &step[1]);
                let (time, pid) = (self.now(), self.pid());
                let born = (time, self.recorder.moment());
                let group = self.recorder.group(group, pid, born);
                self.recorder.advance();
                let options = step[2..].join(" ");
                // Shells cut times to 10 ms.
                let stamp = format!("{}.{:02}", time.0 / 1_000_000, time.0 % 1_000_000 / 10_000);
                self.journal(&format!("{stamp} start {name} pid={pid} at={line} {options}"));
                let after = step[2..].iter().filter_map(|word| word.strip_prefix("after="));
                let after = after.flat_map(|list| list.split(',').map(str::to_owned)).collect();
                if options.contains("after=") || options.contains("lock=") {
                    self.journal(&format!("{time} begin {name}"));
                }
                self.actors.push(Actor { name, group, at: 0, over: false, left: false, after });
            }
            word @ ("wait" | "see") => {
                let name = if word == "wait" { self.full(at, &step[1]) } else { step[1].clone() };
                let (born, pid) = (self.now(), self.pid());
                self.recorder.advance();
                let time = self.now();
                let kind = if word == "wait" { "collected" } else { "seen" };
                self.journal(&format!("{time} {kind} {name} by={pid} at={line}"));
                let died = self.now();
                self.recorder.client(pid, group, born, died);
            }
            _ => {
                let time = self.now();
                for part in step.split(|word| word == "and") {
                    self.touch((group, time), &part[0], &part[1..], &line);
                }
            }
        }
    }

    fn touch(&mut self, (group, time): (GroupNo, Time), word: &str, rest: &[String], line: &str) {
        let option =
            |key: &str| rest.iter().position(|word| word == key).map(|at| rest[at + 1].clone());
        let op = OPS.into_iter().find(|op| op.word() == word).expect(word);
        let (path, number) = rest[0].split_once('=').unwrap_or((&rest[0], ""));
        let number = number.parse().unwrap_or_else(|_| self.files[&rest[0]]);
        let file = FileId { dev: 1, ino: number, made: number as i64 };
        let lock = |path: String| {
            let number = self.files.get(&path).copied().unwrap_or(999);
            FileId { dev: 1, ino: number, made: number as i64 }
        };
        let held = match option("held") {
            Some(path) => self.recorder.held(&[lock(path)]),
            None => 0,
        };
        let program = option("by").unwrap_or_else(|| "/bin/tool".into());
        let program = self.recorder.text(&program);
        let line = option("at").unwrap_or_else(|| line.to_owned());
        let at = self.program.lines.then(|| self.recorder.text(&line));
        let file = (op != Op::Miss).then_some(file);
        let touch = Touch { group, op, path: path.as_bytes(), file, program, at, held, time };
        // (Each group is one process here.)
        self.recorder.touch(1000 + group, &touch);
        if let (Some(digest), Some(file)) = (option("content"), file) {
            self.recorder.content(group, file, digest.parse().ok());
        }
    }

    fn end(&mut self, at: usize) {
        self.actors[at].over = true;
        let Actor { name, group, left, .. } = &self.actors[at];
        let (name, group, left) = (name.clone(), *group, *left);
        if left || name == "script" {
            return;
        }
        let time = self.now();
        self.recorder.advance();
        self.journal(&format!("{time} end {name} code=0"));
        self.recorder.group_died(group, time);
        if self.program.steps.contains_key(&format!("left {name}")) {
            // What comes later is in another moment, as it is when a guard has written its end.
            self.recorder.advance();
            let after = Vec::new();
            self.actors.push(Actor { name, group, at: 0, over: false, left: true, after });
        }
    }
}

/// Judges a program as it runs if everybody who can goes on in turn.
pub fn verdict(lines: &[&str]) -> Verdict {
    judged(&Program::new(lines), &mut in_turn(), None)
}

pub fn in_turn() -> impl FnMut(usize) -> usize {
    let mut count = 0;
    move |_| {
        count += 1;
        count
    }
}

pub fn judged(
    program: &Program,
    schedule: &mut dyn FnMut(usize) -> usize,
    suppressions: Option<&Suppressions>,
) -> Verdict {
    let (traced, runs) = program.run(schedule);
    judge(&Input { traced: &traced, runs: &runs, suppressions, baseline: None })
}

/// What was found, each in a line: `error write-read /x a script +/y, b script`, with the reason
/// if it is demoted; of each pair the one that changes first.
pub fn told(verdict: &Verdict) -> Vec<String> {
    let tell = |finding: &Finding| {
        let why = finding.harmless.map_or(String::new(), |why| format!("({}) ", why.word()));
        let pair = |(sides, more): (&[Side; 2], &[String])| {
            let sides = sides.each_ref().map(|side| name(&side.who)).join(" ");
            std::iter::once(&sides).chain(more).cloned().collect::<Vec<_>>().join(" +")
        };
        let pairs = finding.pairs().map(pair).collect::<Vec<_>>().join(", ");
        let (level, class, path) = (finding.level.word(), finding.class.word(), &finding.path);
        format!("{level} {why}{class} {path} {pairs}")
    };
    verdict.findings.iter().map(tell).collect()
}

pub fn name(who: &Who) -> String {
    match who {
        Who::Script => "script".into(),
        Who::Task { id, .. } => id.to_string(),
        Who::Left { id, .. } => format!("left:{id}"),
    }
}

pub fn found(lines: &[&str]) -> Vec<String> {
    told(&verdict(lines))
}

pub fn task(id: &str) -> Who {
    Who::Task { run: 0, id: Id::parse(id).unwrap() }
}

/// Two who write one file.
pub fn pair(path: &str, who: [Who; 2], more: &[&str]) -> Pair {
    let sides = who.map(|who| Side {
        who,
        op: Op::Write,
        path: path.into(),
        program: String::new(),
        at: None,
        from: None,
        until: None,
        collected: false,
        count: 1,
        first: Time(0),
    });
    Pair { sides, more: more.iter().map(|&path| path.to_owned()).collect() }
}

pub fn finding(class: Class, level: Level, path: &str, who: [Who; 2]) -> Finding {
    let Pair { sides, more } = pair(path, who, &[]);
    Finding {
        class,
        level,
        harmless: None,
        path: path.into(),
        sides,
        fixes: Vec::new(),
        more,
        others: Vec::new(),
    }
}

#[test]
fn the_language_makes_what_a_tracer_sees() {
    let program = Program::new(&["script: start a; wait a; read /x", "a: write /x=7 by /bin/sed"]);
    let (traced, runs) = program.run(&mut in_turn());
    let task = runs[0].1.task(&Id::parse("a").unwrap()).unwrap();
    assert_eq!(task.collected_by, Some(traced.clients[0].pid));
    assert_eq!(traced.groups[1].pid, task.guard.unwrap().pid);
    let accesses: Vec<_> = traced.accesses.iter().map(|a| (a.group, a.op, a.moment)).collect();
    assert_eq!(accesses, [(1, Op::Write, 1), (0, Op::Read, 4)]);
    assert_eq!(traced.text(traced.accesses[0].program), "/bin/sed");
    assert_eq!(traced.files[0].ino, 7);
}
