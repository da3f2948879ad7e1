//! Findings, gaps and ways out in words: those for people, and those that
//! programs read.

use std::fmt::Write as _;

use super::limit::{Moment, limit};
use crate::check::confirm::Difference;
use crate::check::{Class, Finding, Fix, Harmless, Level, Side, Who, line};
use crate::report::html::visible::visible;
use crate::run::footprint::{Blind, Op};

/// What a program did to `it`.
pub fn deed(op: Op, it: &str) -> String {
    match op {
        Op::Look => format!("looks at {it}"),
        Op::Miss => format!("looks for {it} and does not find it"),
        Op::Read => format!("reads {it}"),
        Op::Exec => format!("runs {it}"),
        Op::Write => format!("writes {it}"),
        Op::Append => format!("appends to {it}"),
        Op::Truncate => format!("empties {it}"),
        Op::Inherit => format!("has {it} open for writing from its start on"),
        Op::Create => format!("creates {it}"),
        Op::CreateNew => format!("creates {it}, and would fail if it were there"),
        Op::Taken => format!("would create {it}, but it is there"),
        Op::MakeDir => format!("makes {it}, a directory"),
        Op::HaveDir => format!("would make {it}, a directory, but it is there"),
        Op::NewDir => format!("makes {it}, a directory, and would fail if it were there"),
        Op::DirTaken => format!("fails to make {it}, a directory, for it is there"),
        Op::Remove => format!("removes {it}"),
        Op::RenameFrom => format!("renames {it} away"),
        Op::RenameOnto => format!("renames another onto {it}"),
        Op::Meta => format!("sets the mode, owner or times of {it}"),
        Op::Touch => format!("sets the times of {it}, and would create it"),
        Op::Fill => format!("needs {it}, to make something in it"),
        Op::List => format!("lists {it}"),
        Op::Bind => format!("binds {it}"),
        Op::Connect => format!("connects to {it}"),
        Op::Lock => format!("locks {it}"),
    }
}

/// What was done to it, of one side.
fn done(op: Op) -> &'static str {
    match op {
        Op::Look => "looked at",
        Op::Miss => "looked for, in vain,",
        Op::Read => "read",
        Op::Exec => "run",
        Op::Write => "written",
        Op::Append => "appended to",
        Op::Truncate => "emptied",
        Op::Inherit => "held open for writing",
        Op::Create | Op::CreateNew => "created",
        Op::Taken => "to be created",
        Op::MakeDir | Op::NewDir => "made",
        Op::HaveDir | Op::DirTaken => "to be made",
        Op::Remove => "removed",
        Op::RenameFrom => "renamed away",
        Op::RenameOnto => "replaced",
        Op::Meta => "changed in mode, owner or times",
        Op::Touch => "touched",
        Op::Fill => "needed",
        Op::List => "listed",
        Op::Bind => "bound",
        Op::Connect => "connected to",
        Op::Lock => "locked",
    }
}

/// What a finding is, in one line. `who` names both sides.
pub fn heading(finding: &Finding, who: [&str; 2]) -> String {
    let path = clean(&finding.path);
    let [one, other] = &finding.sides;
    let lister = finding.class == Class::ChangeList;
    let first = if lister { "changed" } else { done(one.op) };
    let second = done(other.op);
    let dir = if lister { "the directory " } else { "" };
    let again = if first == second { String::new() } else { format!("{second} ") };
    format!("{dir}{path} is {first} by {} and {again}by {}", who[0], who[1])
}

/// Why it does no harm, or less.
pub fn harmless(why: Harmless) -> &'static str {
    match why {
        Harmless::Appends => "both append: nothing is lost, but in which order it comes is open",
        Harmless::SameContent => "both write the same",
        Harmless::MakeDirs => "both make the directory if it is not there",
        Harmless::Cache => "it is made anew from its source by whoever finds it old",
        Harmless::Locked => "both hold a lock meanwhile: serialised, but in which order is open",
        Harmless::SharedDescriptor => "both write through one open file, which keeps one offset",
        Harmless::Private => "the name is one's own, who removed it again",
        Harmless::Search => "it was looked for in several places, and found in another",
        Harmless::Removes => "both remove it, and mind not if it is gone",
        Harmless::Suppressed => "the suppressions file says that it does no harm",
        Harmless::Known => "it stands in the baseline",
    }
}

/// A way out of a finding. `moment` says when a side was that has no line.
pub fn fix(fix: &Fix, finding: &Finding, moment: Moment<'_>) -> String {
    let at = |line: &Option<String>, word: &str| match line {
        Some(line) => format!(" {word} {}", clean(line)),
        None => String::new(),
    };
    match fix {
        Fix::WaitBefore { task, before: Some(before), now: Some(now) } if before == now => {
            let limit = limit(finding, task, moment);
            format!("move `async_wait {task}` within {} up, {limit}", clean(now))
        }
        Fix::WaitBefore { task, before: Some(before), now: Some(now) } => {
            let (before, now) = (clean(before), clean(now));
            format!("move `async_wait {task}` from {now} to before {before}")
        }
        Fix::WaitBefore { task, before: Some(before), now: None } => {
            format!("put `async_wait {task}` before {}", clean(before))
        }
        Fix::WaitBefore { task, before: None, now: Some(now) } => {
            let limit = limit(finding, task, moment);
            format!("move `async_wait {task}` from {} up, {limit}", clean(now))
        }
        Fix::WaitBefore { task, before: None, now: None } => {
            format!("put `async_wait {task}` {}", limit(finding, task, moment))
        }
        Fix::After { task, other, at: line } => {
            format!("start {task}{} with `--after {other}`", at(line, "at"))
        }
        Fix::Lock { lock, tasks: [one, other] } if one == other => {
            format!("start {one} with `--lock {lock}`")
        }
        Fix::Lock { lock, tasks: [one, other] } => {
            format!("start both {one} and {other} with `--lock {lock}`")
        }
        Fix::Parents { lines } if lines.is_empty() => {
            "make it with `mkdir -p`, to which one that is there will do".to_owned()
        }
        Fix::Parents { lines } => {
            let lines: Vec<String> = lines.iter().map(|line| clean(line)).collect();
            format!("make it with `mkdir -p` at {}", lines.join(" and "))
        }
        Fix::StartAfter { task, line } => format!("start {task} only behind {}", clean(line)),
    }
}

/// All ways out of a finding, best first; none of what is settled.
pub fn ways(finding: &Finding, moment: Moment<'_>) -> Vec<String> {
    let settled = finding.harmless.is_some_and(Harmless::settles);
    if finding.fixes.is_empty() && !settled && finding.level > Level::Note {
        let left = |side: &Side| matches!(side.who, Who::Left { .. });
        let ready = if finding.sides.iter().any(left) {
            "let the task wait itself until what it leaves running is done with that; or "
        } else {
            ""
        };
        let line = clean(&line(finding));
        let others = if finding.others.is_empty() {
            ""
        } else {
            " (and one for each other pair, or `*` for anybody)"
        };
        let way =
            format!("{ready}if it is meant to be so, a line for --suppressions: {line}{others}");
        return vec![way];
    }
    let ways = finding.fixes.iter().filter(|_| !settled).enumerate();
    ways.map(|(at, way)| {
        format!("{}{}", if at > 0 { "or " } else { "" }, fix(way, finding, moment))
    })
    .collect()
}

/// What differs between each task at its start and each when it is waited for.
pub fn difference(difference: &Difference, name: &dyn Fn(&Who) -> String) -> String {
    let code = |code: &Option<u8>| code.map_or("none".to_owned(), |code| code.to_string());
    match difference {
        Difference::Code(who, eager, lazy) => format!(
            "the exit code of {} is {} if tasks run at their start, {} if they run when they are waited for",
            name(who),
            code(eager),
            code(lazy)
        ),
        Difference::Content(path) => format!("what is in {} differs", clean(path)),
        Difference::Printed(who) => format!("what {} prints differs", name(who)),
    }
}

/// The kind of a way out, for programs.
pub fn fix_word(fix: &Fix) -> &'static str {
    match fix {
        Fix::WaitBefore { .. } => "wait-before",
        Fix::After { .. } => "after",
        Fix::Lock { .. } => "lock",
        Fix::Parents { .. } => "parents",
        Fix::StartAfter { .. } => "start-after",
    }
}

/// Why something was not seen, for programs.
pub fn blind_word(why: Blind) -> &'static str {
    match why {
        Blind::IoUring => "io-uring",
        Blind::Ptrace => "ptrace",
        Blind::Foreign => "foreign",
        Blind::Elsewhere => "elsewhere",
        Blind::Setuid => "setuid",
        Blind::Full => "full",
        Blind::Unreadable => "unreadable",
        Blind::Filtered => "filtered",
        Blind::Untold => "untold",
    }
}

/// Why something was not seen, what that means, and what to do.
pub fn blind(why: Blind) -> (&'static str, &'static str) {
    match why {
        Blind::IoUring => (
            "asked for an io_uring, whose operations are not seen, and was refused",
            "if it went on without, all was seen; if it failed, tell it to do without one",
        ),
        Blind::Ptrace => (
            "wanted to trace others (as strace and gdb do), and was refused: a process has one tracer",
            "leave the tracing out of the script while it is checked",
        ),
        Blind::Foreign => (
            "ran code of another architecture (32 bits), whose calls are not seen",
            "use a build for this machine, or look yourself at what it shares with other steps",
        ),
        Blind::Elsewhere => (
            "ran in another root or mount namespace (chroot, a container): its paths are not the script's",
            "look yourself at what it shares with other steps",
        ),
        Blind::Setuid => (
            "ran without the privileges of its set-user-ID bit, so it may have done less than usual",
            "start the check as root: meanwhile check --user NAME COMMAND",
        ),
        Blind::Full => (
            "touched more than there is room to record; the rest was not compared",
            "look at changes only, with --light, or check a part of the script",
        ),
        Blind::Unreadable => (
            "could not be read (its memory, or a path of more than 4,096 bytes), so some of its calls are not known",
            "look yourself at what it shares with other steps",
        ),
        Blind::Filtered => (
            "put up a filter (seccomp) that decides about calls before they are seen",
            "start it without its sandbox while it is checked",
        ),
        Blind::Untold => (
            "could not be told from whoever started it, and counts as a part of that",
            "look yourself at what it shares with other steps",
        ),
    }
}

/// Who a side is, and between which lines of the script it was.
pub fn label(side: &Side, who: &str) -> String {
    let (from, until) = (side.from.as_deref().map(clean), side.until.as_deref().map(clean));
    let lines = match (&side.who, side.at.is_some(), from, until) {
        // Its own line says it better.
        (Who::Script, true, ..) | (_, _, None, None) => String::new(),
        (Who::Script, false, Some(from), Some(until)) => format!(", between {from} and {until}"),
        (Who::Script, false, Some(from), None) => format!(", behind {from}"),
        (Who::Script, false, None, Some(until)) => format!(", before {until}"),
        (_, _, Some(from), Some(until)) => format!(" (started at {from}, collected at {until})"),
        (_, _, Some(from), None) if side.collected => format!(" (started at {from})"),
        (_, _, Some(from), None) => format!(" (started at {from}, never collected)"),
        (_, _, None, Some(until)) => format!(" (collected at {until})"),
    };
    format!("{who}{lines}")
}

/// Text from outside, in one line that nothing in it can break or drive.
pub fn clean(text: &str) -> String {
    visible(text).replace('\n', "^J").replace('\t', "^I")
}

/// A number as people read it: 13,584.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing.
pub fn plural(count: usize, one: &str) -> String {
    let mut text = format!("{} {one}", number(count as u64));
    if count != 1 {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}", if one.ends_with('s') { "es" } else { "s" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::sample::{nova, task};
    use super::*;
    use crate::check::Pair;

    #[test]
    fn numbers_are_read_by_people() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (13_584_000, "13,584,000")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (plural(1, "access"), plural(2, "access")),
            ("1 access".into(), "2 accesses".into())
        );
    }

    #[test]
    fn a_way_out_names_the_lines_that_are_known() {
        let line = |text: &str| Some(text.to_owned());
        let mut finding = nova();
        finding.sides[0].who = task("a");
        finding.sides[1].at = None;
        let moment = |_: &Side| "in s.sh, after 0.50s".to_owned();
        let wait = |before, now| {
            fix(&Fix::WaitBefore { task: "a".to_owned(), before, now }, &finding, &moment)
        };
        assert_eq!(
            wait(line("s.sh:4"), line("s.sh:9")),
            "move `async_wait a` from s.sh:9 to before s.sh:4"
        );
        let reads = "before `/usr/bin/grep` reads it (in s.sh, after 0.50s)";
        assert_eq!(
            wait(line("s.sh:4"), line("s.sh:4")),
            format!("move `async_wait a` within s.sh:4 up, {reads}")
        );
        assert_eq!(wait(line("s.sh:4"), None), "put `async_wait a` before s.sh:4");
        assert_eq!(
            wait(None, line("s.sh:9")),
            format!("move `async_wait a` from s.sh:9 up, {reads}")
        );
        assert_eq!(wait(None, None), format!("put `async_wait a` {reads}"));
        let lock = Fix::Lock { lock: "conf".into(), tasks: ["a".into(), "b".into()] };
        assert_eq!(fix(&lock, &finding, &moment), "start both a and b with `--lock conf`");
    }

    #[test]
    fn who_collected_a_task_may_be_known_without_the_line() {
        let mut side = nova().sides[0].clone();
        let told = |side: &Side| label(side, "a");
        assert_eq!(told(&side), "a (started at stack.sh:401, collected at stack.sh:430)");
        side.until = None;
        assert_eq!(told(&side), "a (started at stack.sh:401)");
        side.collected = false;
        assert_eq!(told(&side), "a (started at stack.sh:401, never collected)");
    }

    #[test]
    fn a_line_for_the_suppressions_is_about_one_pair() {
        let mut finding = nova();
        finding.fixes.clear();
        let told = |finding: &Finding| ways(finding, &|_| String::new()).swap_remove(0);
        let line = "--suppressions: write-read /etc/nova/nova.conf init_nova script";
        assert!(told(&finding).ends_with(line), "{}", told(&finding));
        finding.others.push(Pair { sides: nova().sides, more: Vec::new() });
        let end = format!("{line} (and one for each other pair, or `*` for anybody)");
        assert!(told(&finding).ends_with(&end), "{}", told(&finding));
    }

    #[test]
    fn no_path_breaks_a_line_or_drives_a_terminal() {
        assert_eq!(clean("a\nb\tc\x1b[1m\u{202e}"), "a^Jb^Ic^[[1m‹U+202E›");
    }
}
