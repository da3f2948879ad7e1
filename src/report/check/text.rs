//! What a check found, for people, in the form in which compilers speak: what
//! is wrong, both places with their lines, and what to do.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::words::{self, clean, number, plural};
use super::{Checked, Counts, counts};
use crate::check::Harmless;
use crate::check::{Gone, Level, Side, Who};
use crate::run::code;

/// So many paths that share a finding are named.
const NAMED: usize = 3;

/// So many programs that were not seen are named for each reason.
const UNSEEN: usize = 5;

/// A longer line of the script is cut, characters.
const WIDTH: usize = 90;

/// How the parts look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looks {
    error: Style,
    warning: Style,
    note: Style,
    strong: Style,
    hint: Style,
    frame: Style,
}

impl Looks {
    /// On a terminal: as compilers do.
    pub fn coloured() -> Self {
        let of = |colour: AnsiColor| colour.on_default().bold();
        Self {
            error: of(AnsiColor::Red),
            warning: of(AnsiColor::Yellow),
            note: of(AnsiColor::Cyan),
            strong: Style::new().bold(),
            hint: of(AnsiColor::Green),
            frame: of(AnsiColor::Blue),
        }
    }
}

/// The whole report: findings, gaps, and one line that sums it up.
pub fn report(checked: &Checked<'_>, notes: bool, looks: &Looks) -> String {
    let mut text = String::new();
    for (at, finding) in checked.verdict.findings.iter().enumerate() {
        if notes || counts(finding) {
            tell(&mut text, checked, at, looks);
        }
    }
    gaps(&mut text, checked, looks);
    unused(&mut text, checked);
    for leak in checked.left {
        let (pid, comm) = (leak.pid, clean(&leak.comm));
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "meanwhile: check: ended pid {pid} ({comm}), which the script left running: \
             what is traced does not outlive its tracer"
        );
    }
    text + &summary(checked, notes)
}

fn tell(text: &mut String, checked: &Checked<'_>, at: usize, looks: &Looks) {
    let finding = &checked.verdict.findings[at];
    let confirmed = checked.confirmed(at);
    let level = match finding.level {
        Level::Error => looks.error,
        Level::Warning => looks.warning,
        Level::Note => looks.note,
    };
    let who = [checked.who(&finding.sides[0].who), checked.who(&finding.sides[1].who)];
    let heading = words::heading(finding, [&who[0], &who[1]]);
    let (word, class) = (finding.level.word(), finding.class.word());
    let Looks { strong, hint, frame, .. } = looks;
    let _ = writeln!(text, "{level}{word}[{class}]{level:#}{strong}: {heading}{strong:#}");
    let places = finding.sides.each_ref().map(|side| place(checked, side));
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    for (at, side) in finding.sides.iter().enumerate() {
        let label = words::label(side, &who[at]);
        let place = &places[at];
        let _ = writeln!(
            text,
            "  {frame}-->{frame:#} {place:width$}  {label}: {}",
            deed(side, &finding.path)
        );
        if let Some(line) = quoted(checked, side) {
            let _ = writeln!(text, "   {frame}|{frame:#}  {line}");
        }
    }
    if !finding.more.is_empty() {
        let _ = writeln!(text, "  {}", more(&finding.more));
    }
    if let Some(why) = finding.harmless {
        let _ = writeln!(text, "  {frame}harmless:{frame:#} {}", words::harmless(why));
    }
    if let Some((word, why)) = confirmed {
        let _ = writeln!(text, "  {frame}{word}:{frame:#} {why}");
    }
    for way in words::ways(finding, &|side| checked.moment(side)) {
        let _ = writeln!(text, "  {hint}hint:{hint:#} {way}");
    }
    text.push('\n');
}

/// The other paths that a finding stands for.
pub(super) fn more(paths: &[String]) -> String {
    let named: Vec<String> = paths.iter().take(NAMED).map(|path| clean(path)).collect();
    let rest = match paths.len() - named.len() {
        0 => String::new(),
        rest => format!(" and {} more", number(rest as u64)),
    };
    format!("the same with {}{rest}", named.join(", "))
}

/// The line that a side is about, or the best that is known.
pub(super) fn place(checked: &Checked<'_>, side: &Side) -> String {
    let line = side.at.as_ref().or(side.from.as_ref()).or(side.until.as_ref());
    line.map_or_else(|| checked.moment(side), |line| clean(line))
}

/// The line itself, if it is the very one.
pub(super) fn quoted(checked: &Checked<'_>, side: &Side) -> Option<String> {
    let start = side.from.as_ref().filter(|_| side.who != Who::Script);
    let line = (checked.source)(side.at.as_ref().or(start)?)?;
    let line = clean(line.trim());
    let mut cut: String = line.chars().take(WIDTH).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    Some(cut).filter(|line| !line.is_empty())
}

/// What was done there, and by which program.
pub(super) fn deed(side: &Side, path: &str) -> String {
    let other = clean(&side.path);
    let it = if side.path == path { "it" } else { &other };
    let times = match side.count {
        0 | 1 => String::new(),
        count => format!(", {} times", number(u64::from(count))),
    };
    format!("{} {}{times}", clean(&side.program), words::deed(side.op, it))
}

fn gaps(text: &mut String, checked: &Checked<'_>, looks: &Looks) {
    let gaps = &checked.verdict.gaps;
    let Looks { warning, strong, hint, frame, .. } = looks;
    for (at, first) in gaps.iter().enumerate() {
        if gaps[..at].iter().any(|gap| gap.why == first.why) {
            continue;
        }
        let same: Vec<&Gone> = gaps.iter().filter(|gap| gap.why == first.why).collect();
        let (what, advice) = words::blind(first.why);
        let word = words::blind_word(first.why);
        let subject = match &same[..] {
            [one] if one.program.is_empty() => checked.who(&one.who),
            [one] => clean(&one.program),
            [one, ..] if one.program.is_empty() => plural(same.len(), "task"),
            several => plural(several.len(), "program"),
        };
        let _ =
            writeln!(text, "{warning}gap[{word}]{warning:#}{strong}: {subject} {what}{strong:#}");
        for gap in same.iter().take(UNSEEN) {
            let times = match gap.count {
                0 | 1 => String::new(),
                count => format!(", {} times", number(u64::from(count))),
            };
            let who = checked.who(&gap.who);
            let program = clean(&gap.program);
            let of = if program.is_empty() { who } else { format!("{who}: {program}") };
            let _ = writeln!(text, "  {frame}-->{frame:#} {of}{times}");
        }
        if same.len() > UNSEEN {
            let _ = writeln!(text, "  and {} more", number((same.len() - UNSEEN) as u64));
        }
        let _ = writeln!(text, "  {hint}hint:{hint:#} {advice}\n");
    }
}

/// Suppressions that nothing needs; known only if all was looked at.
fn unused(text: &mut String, checked: &Checked<'_>) {
    let known = checked.whole() && !checked.verdict.light;
    for unused in checked.verdict.unused.iter().filter(|_| known) {
        let (file, line) = (clean(checked.suppressions.unwrap_or_default()), unused.line);
        let _ = writeln!(
            text,
            "meanwhile: check: {file}:{line}: nothing needs this line any more: {}",
            clean(&unused.text)
        );
    }
}

/// One line that says it all.
pub fn summary(checked: &Checked<'_>, notes: bool) -> String {
    let verdict = checked.verdict;
    if checked.runs.is_empty() && checked.unread.is_empty() {
        let ended = match checked.code {
            code::OK => String::new(),
            code => format!(" and ended with {}", ended(code)),
        };
        return format!(
            "meanwhile: check: nothing was checked: the script opened no run{ended}\n\
             hint: it loads the functions with eval -- \"$(meanwhile init bash)\", finds meanwhile by PATH, \
             and can write where runs are kept (MEANWHILE_DIR)\n"
        );
    }
    let found = Counts::of(verdict);
    let gaps = verdict.gaps.len();
    let mut told: Vec<String> = Vec::new();
    if found.errors > 0 {
        told.push(plural(found.errors, "error"));
    }
    if found.warnings > 0 {
        told.push(plural(found.warnings, "warning"));
    }
    let mut besides: Vec<String> = Vec::new();
    if found.notes > 0 {
        let how = if notes { "" } else { " (--notes shows them)" };
        // Which of two came first still matters where a lock keeps them apart.
        let open = verdict.findings.iter().filter(|one| one.harmless == Some(Harmless::Locked));
        let open = match open.count() {
            0 => String::new(),
            count if count == found.notes => ", serialised by a lock in an open order".to_owned(),
            count => {
                format!(", {} of them serialised by a lock in an open order", number(count as u64))
            }
        };
        besides.push(format!("{}{open}{how}", plural(found.notes, "note")));
    }
    if found.suppressed > 0 {
        besides.push(format!("{} suppressed", number(found.suppressed as u64)));
    }
    if found.known > 0 {
        besides.push(format!("{} in the baseline", number(found.known as u64)));
    }
    let mut parts: Vec<String> = Vec::new();
    let none = told.is_empty();
    let ways = |count: usize| if count == 1 { "one thing was" } else { "some things were" };
    let mut but: Vec<String> = Vec::new();
    but.extend(checked.unread.iter().map(|text| clean(text)));
    if checked.code != code::OK {
        but.push(format!(
            "the script ended with {}, and was checked up to there",
            ended(checked.code)
        ));
    }
    if verdict.light {
        but.push("reads were not looked at (--light)".to_owned());
    }
    if gaps > 0 {
        but.push(format!("{} not seen ({})", ways(gaps), plural(gaps, "gap")));
    }
    let but = but.join("; ");
    parts.push(match (none, but.is_empty()) {
        (true, true) => "no races seen".to_owned(),
        (true, false) => format!("no races seen, but {but}"),
        (false, true) => told.join(", "),
        (false, false) => format!("{}; {but}", told.join(", ")),
    });
    parts.extend((!besides.is_empty()).then(|| besides.join(", ")));
    let (different, all) = verdict.accesses;
    parts.push(format!(
        "{}, {}, {} of them different",
        plural(verdict.tasks, "task"),
        if all == 1 { "1 access".to_owned() } else { format!("{} accesses", number(all)) },
        number(different as u64)
    ));
    format!("meanwhile: check: {}\n", parts.join("; "))
}

/// An exit code with its meaning.
fn ended(exit: u8) -> String {
    match code::signal(exit).and_then(code::signal_name) {
        Some(name) => format!("exit code {exit} (SIG{name})"),
        None => format!("exit code {exit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{RUN, checked, nova, side, sudo, task, verdict};
    use super::*;
    use crate::check::{Class, Finding, Verdict};
    use crate::report::check::Opened;
    use crate::run::footprint::Op;
    use crate::run::task::Leak;

    fn plain(checked: &Checked<'_>, notes: bool) -> String {
        report(checked, notes, &Looks::default())
    }

    #[test]
    fn a_finding_has_both_places_with_their_lines_and_the_way_out() {
        let verdict = verdict(vec![nova()]);
        let source = |at: &str| (at == "stack.sh:412").then(|| "\tgrep -q rabbit \"$CONF\"".into());
        let checked = Checked { source: &source, ..checked(&verdict, &RUN) };
        assert_eq!(
            plain(&checked, false),
            "error[write-read]: /etc/nova/nova.conf is written by init_nova and read by the script\n\
             \x20 --> lib/nova:88   init_nova (started at stack.sh:401, collected at stack.sh:430): /usr/bin/sed writes it, 3 times\n\
             \x20 --> stack.sh:412  the script: /usr/bin/grep reads it\n\
             \x20  |  grep -q rabbit \"$CONF\"\n\
             \x20 hint: move `async_wait init_nova` from stack.sh:430 to before stack.sh:412\n\
             \n\
             meanwhile: check: 1 error; 4 tasks, 13,584 accesses, 382 of them different\n"
        );
    }

    #[test]
    fn without_lines_it_says_between_which_verbs() {
        let mut finding = nova();
        finding.sides[0].at = None;
        finding.sides[1].at = None;
        finding.sides[1].from = Some("stack.sh:401".into());
        let verdict = verdict(vec![finding]);
        let source = |_: &str| Some("async_run init_nova".into());
        let text = plain(&Checked { source: &source, ..checked(&verdict, &RUN) }, false);
        assert!(text.contains("--> stack.sh:401  init_nova (started at"), "{text}");
        assert!(text.contains("--> stack.sh:401  the script, behind stack.sh:401: "), "{text}");
        assert_eq!(
            text.matches("|  async_run init_nova").count(),
            1,
            "not below what is behind it: {text}"
        );
    }

    #[test]
    fn notes_and_what_is_settled_are_counted_and_shown_only_if_asked_for() {
        let with = |level, harmless| Finding { level, harmless, ..nova() };
        let verdict = verdict(vec![
            with(Level::Note, Some(Harmless::Appends)),
            with(Level::Error, Some(Harmless::Suppressed)),
            with(Level::Error, Some(Harmless::Known)),
        ]);
        let checked = checked(&verdict, &RUN);
        assert_eq!(
            plain(&checked, false),
            "meanwhile: check: no races seen; 1 note (--notes shows them), 1 suppressed, 1 in the \
             baseline; 4 tasks, 13,584 accesses, 382 of them different\n"
        );
        let text = plain(&checked, true);
        assert!(text.contains("  harmless: both append: nothing is lost"), "{text}");
        assert_eq!(text.matches("  hint: ").count(), 1, "only what is not settled: {text}");
    }

    #[test]
    fn where_something_was_not_seen_it_never_says_that_all_is_well() {
        let mut verdict = verdict(Vec::new());
        verdict.gaps = vec![sudo(), Gone { program: "/bin/su".into(), who: task("db"), ..sudo() }];
        verdict.light = true;
        let text = plain(&Checked { code: 137, ..checked(&verdict, &RUN) }, false);
        for part in [
            "gap[setuid]: 2 programs ran without the privileges",
            "  --> the script: /usr/bin/sudo, 2 times\n  --> db: /bin/su, 2 times\n",
            "  hint: start the check as root",
            "no races seen, but the script ended with exit code 137 (SIGKILL), and was checked up \
             to there; reads were not looked at (--light); some things were not seen (2 gaps)",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
    }

    #[test]
    fn what_comes_from_outside_stays_in_its_line() {
        let path = "/tmp/a\n\x1b[2J\u{202e}";
        let mut finding = nova();
        finding.path = path.into();
        finding.sides[0] = side(task("a"), Op::Write, path, "/bin/\x07sh", Some("x\ny:1"));
        finding.more = (0..5).map(|n| format!("/tmp/{n}\x1b")).collect();
        let verdict = verdict(vec![finding]);
        let left = [Leak { pid: 7, comm: "a\nb".into() }];
        let source = |_: &str| Some("echo \x1b]0;title\x07".into());
        let text =
            plain(&Checked { left: &left, source: &source, ..checked(&verdict, &RUN) }, false);
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text}");
        let known = ["error[", "  --> ", "   |  ", "  the same", "  hint: ", "meanwhile: "];
        for line in text.lines().filter(|line| !line.is_empty()) {
            assert!(known.iter().any(|begin| line.starts_with(begin)), "{line:?} in:\n{text}");
        }
        assert!(text.contains("the same with /tmp/0^[, /tmp/1^[, /tmp/2^[ and 2 more"), "{text}");
    }

    #[test]
    fn without_a_run_nothing_was_checked() {
        let verdict = verdict(Vec::new());
        let text = plain(&Checked { code: 3, ..checked(&verdict, &[]) }, false);
        let begin = "meanwhile: check: nothing was checked: the script opened no run and ended \
                     with exit code 3\nhint: it loads";
        assert!(text.starts_with(begin) && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn of_several_runs_each_task_says_whose_it_is() {
        let run = |name: &str| Opened { script: Some(name.into()), ..Opened::default() };
        let verdict = verdict(vec![nova()]);
        let runs = [run("a.sh"), run("b.sh")];
        let text = plain(&checked(&verdict, &runs), false);
        assert!(text.contains("written by init_nova of a.sh and read by the script"), "{text}");
    }

    #[test]
    fn colours_change_no_word() {
        let mut verdict: Verdict = verdict(vec![nova()]);
        verdict.findings[0].class = Class::RemoveUse;
        verdict.gaps = vec![sudo()];
        let checked = checked(&verdict, &RUN);
        let coloured = report(&checked, true, &Looks::coloured());
        assert!(coloured.contains("\x1b[1m"));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain(&checked, true));
    }
}
