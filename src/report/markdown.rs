//! The summary as Markdown, for the page that GitHub shows of a step: what
//! the text says, a table of the tasks, and a timeline.
//!
//! Names and lines come from outside: in the table each of their characters
//! that could be markup is written as its number, and in blocks of plain text
//! there are no backquotes that could end them.

use std::fmt::Write as _;

use memchr::memmem;

use super::Subject;
use super::text::{self, word};
use crate::run::{Id, Run, Task, Time, duration};

/// So many tasks are in the table at most, and so many in the timeline.
const ROWS: usize = 500;
const BARS: usize = 60;
/// So many lines of the summary, which names each failure.
const LINES: usize = 200;
/// The width of the timeline, and of the names beside it.
const WIDTH: usize = 60;
const NAME: usize = 30;

/// A run's part of a page: replaced as a whole when it is told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    begin: String,
    text: String,
    end: String,
}

impl Section {
    /// The part about a run.
    pub fn of(subject: &Subject<'_>) -> Self {
        let run = subject.run;
        let owner = run.owner.map_or(0, |owner| owner.pid);
        // Of this run, and of no other that its page is shared with.
        let mark = format!("meanwhile {}-{owner}", run.opened.unwrap_or_default());
        let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->\n"));
        Self { begin, text: document(subject, ROWS), end }
    }

    /// Puts it into a page of at most `limit` bytes; none if there is no room.
    /// What the page says of this run already is replaced.
    pub fn put_into(&self, page: &[u8], limit: usize) -> Option<Vec<u8>> {
        let (before, after) = match self.found_in(page) {
            Some((from, until)) => (&page[..from], &page[until..]),
            None => (page, &[][..]),
        };
        let line_ends = before.last().is_none_or(|last| *last == b'\n');
        let glue = if line_ends { "" } else { "\n" };
        let own = [glue, &self.begin, &self.text, &self.end].concat();
        let whole = [before, own.as_bytes(), after].concat();
        (whole.len() <= limit).then_some(whole)
    }

    /// The same, with less of it.
    #[must_use]
    pub fn shorter(&self, subject: &Subject<'_>) -> Self {
        Self { text: document(subject, 0), ..self.clone() }
    }

    fn found_in(&self, page: &[u8]) -> Option<(usize, usize)> {
        let from = memmem::find(page, self.begin.as_bytes())?;
        let until = memmem::find(&page[from..], self.end.as_bytes())?;
        Some((from, from + until + self.end.len()))
    }
}

fn document(subject: &Subject<'_>, rows: usize) -> String {
    let summary = text::summary(subject);
    let (first, rest) = summary.split_once('\n').unwrap_or((&summary, ""));
    let first = first.strip_prefix("meanwhile: ").unwrap_or(first);
    let script = subject.run.script.as_deref().unwrap_or("meanwhile");
    let said: Vec<&str> = rest.split_inclusive('\n').take(LINES).collect();
    let mut out = format!("### {}: {}\n\n{}", code(script), escaped(first), block(&said.concat()));
    if rows > 0 && !subject.run.tasks().is_empty() {
        table(subject, rows, &mut out);
        let _ = write!(
            out,
            "\n<details><summary>Timeline</summary>\n\n{}\n</details>\n",
            block(&timeline(subject))
        );
    }
    out
}

fn table(subject: &Subject<'_>, rows: usize, out: &mut String) {
    let run = subject.run;
    out.push_str("\n| task | state | code | took | blocked | started | collected |\n");
    out.push_str("|---|---|---:|---:|---:|---|---|\n");
    for task in run.tasks().iter().take(rows) {
        let code_of = task.code().map(|code| code.to_string()).unwrap_or_default();
        let place = |at: &Option<Box<str>>| at.as_deref().map(code).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {code_of} | {} | {} | {} | {} |",
            code(task.id.as_str()),
            state(task, subject.live),
            duration::display(task.elapsed(subject.until)),
            duration::display(blocked(run, &task.id)),
            place(&task.at),
            place(&task.collected_at),
        );
    }
    if run.tasks().len() > rows {
        let _ = writeln!(out, "\nand {} more", run.tasks().len() - rows);
    }
}

fn state(task: &Task, live: bool) -> String {
    match word(task, live) {
        "succeeded" => "succeeded".to_owned(),
        other => format!("**{other}**"),
    }
}

/// How long the script was blocked by this task.
fn blocked(run: &Run, id: &Id) -> u64 {
    let waits = run.waits.iter().filter(|w| w.scope.is_none() && w.id.as_ref() == Some(id));
    let spans = waits.filter_map(|wait| Some(wait.until?.since(wait.from)));
    spans.fold(0, u64::saturating_add)
}

/// A line for the script, where it was not blocked, and one for each task;
/// of many, those that ran longest.
fn timeline(subject: &Subject<'_>) -> String {
    let (since, until) = (subject.since(), subject.until.max(subject.since()));
    let scale = Scale { since, span: until.since(since).max(1) };
    let mut script = [SCRIPT; WIDTH];
    for wait in subject.run.waits.iter().filter(|wait| wait.scope.is_none()) {
        scale.fill(&mut script, wait.from, wait.until.unwrap_or(until), BLOCKED);
    }
    let tasks = subject.run.tasks();
    let mut shown: Vec<&Task> = tasks.iter().filter(|task| task.began().is_some()).collect();
    shown.sort_by_key(|task| std::cmp::Reverse(task.elapsed(until)));
    shown.truncate(BARS);
    shown.sort_by_key(|task| task.began());
    let widest = shown.iter().map(|task| task.id.as_str().len()).max().unwrap_or(0);
    let width = widest.clamp("script".len(), NAME);
    let mut out = String::new();
    let mut line = |name: &str, bar: &[char], micros: u64| {
        let name: String = match name.char_indices().nth(width) {
            Some(_) => name.chars().take(width - 1).chain(['…']).collect(),
            None => name.to_owned(),
        };
        let bar: String = bar.iter().collect();
        let _ = writeln!(out, "{name:<width$} {bar} {}", duration::display(micros));
    };
    line("script", &script, until.since(since));
    for task in &shown {
        let mut bar = [NOTHING; WIDTH];
        let end = task.end.map_or(until, |(end, _)| end);
        scale.fill(&mut bar, task.began().unwrap_or(end), end, RUNNING);
        line(task.id.as_str(), &bar, task.elapsed(until));
    }
    let began = tasks.iter().filter(|task| task.began().is_some()).count();
    if began > shown.len() {
        let _ = writeln!(out, "and {} more", began - shown.len());
    }
    if tasks.len() > began {
        let _ = writeln!(out, "{} never began", tasks.len() - began);
    }
    let _ = writeln!(out, "{BLOCKED} blocked, waiting for a task");
    out
}

const NOTHING: char = ' ';
const RUNNING: char = '█';
const SCRIPT: char = '█';
const BLOCKED: char = '░';

struct Scale {
    since: Time,
    span: u64,
}

impl Scale {
    /// Draws a stretch of time: at least one place of it.
    fn fill(&self, bar: &mut [char; WIDTH], from: Time, until: Time, with: char) {
        let place = |time: Time| {
            let part = u128::from(time.since(self.since)) * WIDTH as u128 / u128::from(self.span);
            part.min(WIDTH as u128) as usize
        };
        let begin = place(from).min(WIDTH - 1);
        let end = place(until).clamp(begin + 1, WIDTH);
        bar[begin..end].fill(with);
    }
}

/// Plain text as a block that it cannot end.
fn block(text: &str) -> String {
    let clean = text.replace('`', "'");
    format!("```text\n{}{}```\n", clean, if clean.ends_with('\n') { "" } else { "\n" })
}

/// A name, of which nothing is markup.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '.' | ',' | ';' | '/' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::run::Record;
    use crate::run::files::Command;

    fn with<T>(lines: &[String], look: impl Fn(&Subject<'_>) -> T) -> T {
        let mut run = Run::default();
        for line in lines {
            run.apply(&Record::parse(line.as_bytes()).expect(line));
        }
        let commands: HashMap<Id, Command> = HashMap::new();
        let until = run.last;
        look(&Subject {
            run: &run,
            commands: &commands,
            until,
            live: false,
            script_cpu: None,
            cores: 2,
            torn: false,
            past: None,
        })
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    const RUN: &str = "0.000000 run - script=s.sh wall=1\n\
        0.000000 start a pid=8 at=s.sh:3\n\
        5.000000 wait a by=9 at=s.sh:4\n\
        10.000000 end a code=0\n\
        10.000000 woken - by=9\n\
        10.000000 collected a code=0 at=s.sh:4";

    #[test]
    fn a_table_and_a_timeline() {
        let text = with(&lines(RUN), |subject| Section::of(subject).text);
        let row = "| <code>a</code> | succeeded | 0 | 10.0s | 5.0s | <code>s.sh&#58;3</code> | <code>s.sh&#58;4</code> |";
        assert!(text.contains(row), "{text}");
        let script = format!("script {}{} 10.0s", "█".repeat(30), "░".repeat(30));
        assert!(text.contains(&script), "{text}");
        assert!(text.contains(&format!("a      {} 10.0s", "█".repeat(60))), "{text}");
    }

    #[test]
    fn what_never_began_or_has_no_end_is_told_so() {
        let more = "1.0 start b pid=3 at=s.sh:5\n11.0 start c pid=4 queued=1 after=b at=s.sh:6\n\
            12.0 skip c root=b code=9\n12.0 end c code=123";
        let text = with(&lines(&format!("{RUN}\n{more}")), |subject| Section::of(subject).text);
        assert!(text.contains("| <code>b</code> | **unfinished** |"), "{text}");
        assert!(text.contains("\n1 never began\n") && !text.contains(" more\n"), "{text}");
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        let evil = "</code>|<script>*[x](http://y)*```-->";
        let text = RUN.replace("s.sh", evil);
        let leak = "11.0 leak a pid=4 comm=```<b>";
        let text = with(&lines(&format!("{text}\n{leak}")), |subject| Section::of(subject).text);
        let (fences, rest): (Vec<&str>, Vec<&str>) =
            text.split("```").enumerate().fold((vec![], vec![]), |mut parts, (at, part)| {
                if at % 2 == 1 {
                    parts.0.push(part)
                } else {
                    parts.1.push(part)
                }
                parts
            });
        assert_eq!(fences.len(), 2, "{text}");
        for part in rest {
            let part = part.replace("<code>", "").replace("</code>", "");
            let part =
                part.replace("<details><summary>Timeline</summary>", "").replace("</details>", "");
            assert!(!part.contains(['<', '>', '`', '[']), "{part}");
            let row = |line: &&str| line.starts_with("| ");
            assert!(part.lines().filter(row).all(|l| l.matches('|').count() == 8), "{part}");
        }
    }

    #[test]
    fn a_run_has_one_part_of_the_page() {
        let lines = lines(RUN);
        let first = with(&lines[..2], Section::of);
        let last = with(&lines, Section::of);
        let page = first.put_into(b"before", 100_000).unwrap();
        let page = [&page[..], b"after\n"].concat();
        let page = String::from_utf8(last.put_into(&page, 100_000).unwrap()).unwrap();
        assert_eq!(page, format!("before\n{}{}{}after\n", last.begin, last.text, last.end));
        assert_eq!(last.put_into(b"before", 100), None);
    }

    #[test]
    fn a_run_of_many_tasks_has_room() {
        let name = "n".repeat(120);
        let mut lines = lines(RUN);
        for at in 0..3000 {
            lines.push(format!("1.{at:06} start {name}{at} pid=8 at={}", "/".repeat(500)));
            lines.push(format!("2.{at:06} end {name}{at} code=1"));
        }
        let short = with(&lines, |subject| {
            let section = Section::of(subject);
            assert!(section.text.len() < 1024 * 1024, "{}", section.text.len());
            assert!(section.text.contains("and 2501 more"));
            assert!(section.put_into(b"", 200_000).is_none());
            section.shorter(subject)
        });
        assert!(short.put_into(b"", 200_000).is_some(), "{}", short.text.len());
    }

    #[test]
    fn absurd_times_are_survived() {
        let lines = lines(&format!(
            "{RUN}\n5.0 start b pid=3\n18446744073709.0 end b code=1\n0.1 end c code=2"
        ));
        assert!(with(&lines, |subject| Section::of(subject).text).contains("<code>b</code>"));
    }
}
