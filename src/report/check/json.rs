//! What a check found, for programs: one JSON object a line. The form is
//! documented in `docs/check.md`; `format` counts its incompatible changes.

use serde::Serialize;

use super::limit::Moment;
use super::words;
use super::{Checked, Counts};
use crate::check::confirm::{Confirmed, Difference};
use crate::check::{Finding, Fix, Gone, Harmless, Pair, Side, Who};
use crate::run::{Id, Time};

/// The version of the form.
const FORMAT: u32 = 1;

#[derive(Serialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
enum Line<'a> {
    Check {
        format: u32,
        version: &'static str,
        /// `full` or `light`.
        mode: &'static str,
        command: &'a [String],
        code: u8,
        runs: Vec<RunLine<'a>>,
    },
    Finding {
        level: &'static str,
        class: &'static str,
        path: &'a str,
        harmless: Option<&'static str>,
        sides: Vec<SideLine<'a>>,
        fixes: Vec<FixLine<'a>>,
        more: &'a [String],
        others: Vec<PairLine<'a>>,
        confirmed: Option<ConfirmedLine<'a>>,
    },
    Gap {
        why: &'static str,
        #[serde(flatten)]
        who: WhoLine<'a>,
        program: &'a str,
        count: u32,
    },
    /// A line of the suppressions that no finding was met by.
    Unused {
        line: usize,
        text: &'a str,
    },
    Left {
        pid: u32,
        comm: &'a str,
    },
    Summary {
        errors: usize,
        warnings: usize,
        notes: usize,
        suppressed: usize,
        known: usize,
        gaps: usize,
        tasks: usize,
        accesses: u64,
        different: usize,
        /// Whether the script was seen to its end, with all of its tasks.
        whole: bool,
        unread: &'a [String],
    },
}

#[derive(Serialize)]
struct ConfirmedLine<'a> {
    /// `harmful`, `alike`, `untried` or `unclear`.
    verdict: &'static str,
    differences: Vec<DifferenceLine<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum DifferenceLine<'a> {
    Code {
        #[serde(flatten)]
        who: WhoLine<'a>,
        eager: Option<u8>,
        lazy: Option<u8>,
    },
    Content {
        path: &'a str,
    },
    Printed {
        #[serde(flatten)]
        who: WhoLine<'a>,
    },
}

#[derive(Serialize)]
struct RunLine<'a> {
    dir: &'a str,
    script: Option<&'a str>,
    /// How its lines were found, if not as its shell tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
}

#[derive(Serialize)]
struct WhoLine<'a> {
    /// `script`, `task` or `left`.
    who: &'static str,
    run: Option<usize>,
    task: Option<&'a str>,
}

#[derive(Serialize)]
struct SideLine<'a> {
    #[serde(flatten)]
    who: WhoLine<'a>,
    op: &'static str,
    path: &'a str,
    program: &'a str,
    at: Option<Place<'a>>,
    from: Option<Place<'a>>,
    until: Option<Place<'a>>,
    count: u32,
    /// When first, since the script was started.
    seconds: f64,
}

#[derive(Serialize)]
struct PairLine<'a> {
    sides: Vec<SideLine<'a>>,
    more: &'a [String],
}

#[derive(Serialize)]
struct FixLine<'a> {
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tasks: Vec<&'a str>,
    /// The line to wait before, or to start behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<Place<'a>>,
    /// The line as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Place<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a str>,
    /// The lines to change, where they are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: u64,
}

/// The report, line by line; all findings, also those that do no harm.
///
/// # Errors
/// None that is known; serialising such plain data does not fail.
pub fn report(checked: &Checked<'_>) -> serde_json::Result<String> {
    let verdict = checked.verdict;
    let found = Counts::of(verdict);
    let runs = checked.runs.iter();
    let runs = runs.map(|run| RunLine {
        dir: &run.dir,
        script: run.script.as_deref(),
        by: run.by_text.then_some("text"),
    });
    let mut lines = vec![Line::Check {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        mode: if verdict.light { "light" } else { "full" },
        command: checked.command,
        code: checked.code,
        runs: runs.collect(),
    }];
    let findings = verdict.findings.iter().enumerate();
    lines.extend(findings.map(|(at, finding)| {
        let confirmed = checked.confirmed.get(at).and_then(Option::as_ref);
        finding_line(finding, confirmed, checked)
    }));
    lines.extend(verdict.gaps.iter().map(gap_line));
    let unused = verdict.unused.iter();
    lines.extend(unused.map(|unused| Line::Unused { line: unused.line, text: &unused.text }));
    let left = checked.left.iter();
    lines.extend(left.map(|leak| Line::Left { pid: leak.pid, comm: &leak.comm }));
    let (different, accesses) = verdict.accesses;
    lines.push(Line::Summary {
        errors: found.errors,
        warnings: found.warnings,
        notes: found.notes,
        suppressed: found.suppressed,
        known: found.known,
        gaps: verdict.gaps.len(),
        tasks: verdict.tasks,
        accesses,
        different,
        whole: checked.whole(),
        unread: checked.unread,
    });
    let mut text = String::new();
    for line in &lines {
        text += &serde_json::to_string(line)?;
        text.push('\n');
    }
    Ok(text)
}

fn finding_line<'a>(
    finding: &'a Finding,
    confirmed: Option<&'a Confirmed>,
    checked: &Checked<'_>,
) -> Line<'a> {
    let moment = |side: &Side| checked.moment(side);
    let sides =
        |sides: &'a [Side; 2]| sides.iter().map(|side| side_line(side, checked.since)).collect();
    let other = |pair: &'a Pair| PairLine { sides: sides(&pair.sides), more: &pair.more };
    Line::Finding {
        level: finding.level.word(),
        class: finding.class.word(),
        path: &finding.path,
        harmless: finding.harmless.map(Harmless::word),
        sides: sides(&finding.sides),
        fixes: finding.fixes.iter().map(|fix| fix_line(fix, finding, &moment)).collect(),
        more: &finding.more,
        others: finding.others.iter().map(other).collect(),
        confirmed: confirmed.map(confirmed_line),
    }
}

fn confirmed_line(confirmed: &Confirmed) -> ConfirmedLine<'_> {
    let (verdict, differences) = match confirmed {
        Confirmed::Harmful(differences) => ("harmful", &differences[..]),
        Confirmed::Alike => ("alike", &[][..]),
        Confirmed::Untried => ("untried", &[][..]),
        Confirmed::Unclear(differences) => ("unclear", &differences[..]),
    };
    ConfirmedLine { verdict, differences: differences.iter().map(difference_line).collect() }
}

fn difference_line(difference: &Difference) -> DifferenceLine<'_> {
    match difference {
        Difference::Code(whose, eager, lazy) => {
            DifferenceLine::Code { who: who(whose), eager: *eager, lazy: *lazy }
        }
        Difference::Content(path) => DifferenceLine::Content { path },
        Difference::Printed(whose) => DifferenceLine::Printed { who: who(whose) },
    }
}

fn gap_line(gap: &Gone) -> Line<'_> {
    Line::Gap {
        why: words::blind_word(gap.why),
        who: who(&gap.who),
        program: &gap.program,
        count: gap.count,
    }
}

fn who(who: &Who) -> WhoLine<'_> {
    let (word, run, id) = match who {
        Who::Script => ("script", None, None),
        Who::Task { run, id } => ("task", Some(*run), Some(id)),
        Who::Left { run, id } => ("left", Some(*run), Some(id)),
    };
    WhoLine { who: word, run, task: id.map(Id::as_str) }
}

fn side_line(side: &Side, since: Time) -> SideLine<'_> {
    SideLine {
        who: who(&side.who),
        op: side.op.word(),
        path: &side.path,
        program: &side.program,
        at: place(side.at.as_deref()),
        from: place(side.from.as_deref()),
        until: place(side.until.as_deref()),
        count: side.count,
        seconds: side.first.since(since) as f64 / 1e6,
    }
}

fn fix_line<'a>(fix: &'a Fix, finding: &Finding, moment: Moment<'_>) -> FixLine<'a> {
    let (kind, text) = (words::fix_word(fix), words::fix(fix, finding, moment));
    let line = FixLine {
        kind,
        text,
        tasks: Vec::new(),
        line: None,
        now: None,
        lock: None,
        lines: Vec::new(),
    };
    match fix {
        Fix::WaitBefore { task, before, now } => FixLine {
            tasks: vec![task],
            line: place(before.as_deref()),
            now: place(now.as_deref()),
            ..line
        },
        Fix::After { task, other, at } => {
            FixLine { tasks: vec![task, other], now: place(at.as_deref()), ..line }
        }
        Fix::Lock { lock, tasks } => {
            FixLine { tasks: tasks.iter().map(String::as_str).collect(), lock: Some(lock), ..line }
        }
        Fix::Parents { lines } => {
            FixLine { lines: lines.iter().filter_map(|line| place(Some(line))).collect(), ..line }
        }
        Fix::StartAfter { task, line: at } => {
            FixLine { tasks: vec![task], line: place(Some(at)), ..line }
        }
    }
}

/// `file:line`, apart; a file's name may hold colons as well.
fn place(at: Option<&str>) -> Option<Place<'_>> {
    let (file, line) = at?.rsplit_once(':')?;
    Some(Place { file, line: line.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{checked, nova, sudo, task, verdict};
    use super::*;
    use crate::report::check::Opened;
    use crate::run::task::Leak;
    use serde_json::{Value, json};

    #[test]
    fn each_line_is_an_object_of_its_kind() {
        let mut verdict = verdict(vec![nova()]);
        let mut other = Pair { sides: nova().sides, more: vec!["/more".into()] };
        other.sides[0].who = task("init_glance");
        verdict.findings[0].others.push(other);
        verdict.gaps = vec![sudo()];
        let runs = [Opened { dir: "/r".into(), script: Some("stack.sh".into()), by_text: false }];
        let left = [Leak { pid: 7, comm: "mysqld".into() }];
        let command = ["./stack.sh".to_owned(), "a\nb".into()];
        let checked = Checked { left: &left, command: &command, ..checked(&verdict, &runs) };
        let text = report(&checked).unwrap();
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines[0]["command"], json!(["./stack.sh", "a\nb"]));
        assert_eq!(lines[0]["runs"], json!([{"dir": "/r", "script": "stack.sh"}]));
        let side = &lines[1]["sides"][0];
        assert_eq!(
            (&side["who"], &side["task"], &side["op"], &side["seconds"], &side["count"]),
            (&json!("task"), &json!("init_nova"), &json!("write"), &json!(1.5), &json!(3))
        );
        assert_eq!(side["at"], json!({"file": "lib/nova", "line": 88}));
        assert_eq!(lines[1]["sides"][1]["task"], Value::Null);
        let other = &lines[1]["others"][0];
        assert_eq!(other["sides"][0]["task"], "init_glance");
        assert_eq!(
            (&other["sides"][1], &other["more"]),
            (&lines[1]["sides"][1], &json!(["/more"]))
        );
        assert_eq!(
            lines[1]["fixes"][0],
            json!({
                "kind": "wait-before",
                "text": "move `async_wait init_nova` from stack.sh:430 to before stack.sh:412",
                "tasks": ["init_nova"],
                "line": {"file": "stack.sh", "line": 412},
                "now": {"file": "stack.sh", "line": 430},
            })
        );
        assert_eq!((&lines[2]["t"], &lines[2]["why"]), (&json!("gap"), &json!("setuid")));
        assert_eq!(lines[3], json!({"t": "left", "pid": 7, "comm": "mysqld"}));
        assert_eq!(
            lines[4],
            json!({"t": "summary", "errors": 1, "warnings": 0, "notes": 0, "suppressed": 0,
                "known": 0, "gaps": 1, "tasks": 4, "accesses": 13584, "different": 382,
                "whole": true, "unread": []})
        );
        assert_eq!(lines.len(), 5);
    }
}
