//! Verdicts for tests.

use super::{Checked, Opened};
use crate::check::{Class, Finding, Fix, Gone, Level, Side, Verdict, Who};
use crate::run::footprint::{Blind, Op};
use crate::run::{Id, Time};

pub fn task(name: &str) -> Who {
    Who::Task { run: 0, id: Id::parse(name).unwrap() }
}

pub fn side(who: Who, op: Op, path: &str, program: &str, at: Option<&str>) -> Side {
    Side {
        who,
        op,
        path: path.into(),
        program: program.into(),
        at: at.map(str::to_owned),
        from: None,
        until: None,
        collected: false,
        count: 1,
        first: Time(2_500_000),
    }
}

/// The configuration that a task writes and the script reads.
pub fn nova() -> Finding {
    const CONF: &str = "/etc/nova/nova.conf";
    let mut writes = side(task("init_nova"), Op::Write, CONF, "/usr/bin/sed", Some("lib/nova:88"));
    writes.from = Some("stack.sh:401".into());
    writes.until = Some("stack.sh:430".into());
    writes.collected = true;
    writes.count = 3;
    Finding {
        class: Class::WriteRead,
        level: Level::Error,
        harmless: None,
        path: CONF.into(),
        sides: [writes, side(Who::Script, Op::Read, CONF, "/usr/bin/grep", Some("stack.sh:412"))],
        fixes: vec![Fix::WaitBefore {
            task: "init_nova".into(),
            before: Some("stack.sh:412".into()),
            now: Some("stack.sh:430".into()),
        }],
        more: Vec::new(),
        others: Vec::new(),
    }
}

pub fn verdict(findings: Vec<Finding>) -> Verdict {
    Verdict { findings, tasks: 4, accesses: (382, 13_584), ..Verdict::default() }
}

pub fn sudo() -> Gone {
    Gone { why: Blind::Setuid, who: Who::Script, program: "/usr/bin/sudo".into(), count: 2 }
}

/// A script that opened one run and ended with 0.
pub fn checked<'a>(verdict: &'a Verdict, runs: &'a [Opened]) -> Checked<'a> {
    Checked {
        verdict,
        runs,
        command: &[],
        since: Time(1_000_000),
        code: 0,
        left: &[],
        unread: &[],
        confirmed: &[],
        suppressions: None,
        source: &|_| None,
    }
}

/// The run of a script.
pub static RUN: [Opened; 1] = [Opened { dir: String::new(), script: None, by_text: false }];
