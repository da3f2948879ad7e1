//! Where a script starts and collects a task, by the script's text: for shells
//! that do not tell their lines.
//!
//! A line is known if it is the only one that can have done it: the verb stands there with
//! the task's name, or with `--all`, and on no other line stands one that could be meant, be it
//! with a name that the text does not tell (`$1`). Else it is not known; nothing is guessed.

mod commands;
mod reader;

use std::collections::HashMap;

use crate::run::Id;
use crate::run::state::Call as Wanted;
use commands::{Command, Word};

/// A longer script is not read, bytes.
pub const LONGEST: usize = 1 << 20;

/// The calls of a script that are about tasks.
#[derive(Debug, Default)]
pub struct Script {
    calls: Vec<Call>,
    /// Those that may be about any task.
    wide: Vec<usize>,
    /// Those that name one, by the last part of its name.
    named: HashMap<String, Vec<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Start,
    Collect,
    Cancel,
}

#[derive(Debug)]
struct Call {
    verb: Verb,
    line: usize,
    /// Those that it names.
    names: Vec<String>,
    /// Whether it is about all.
    all: bool,
    /// Whether it may be about others.
    others: bool,
}

impl Script {
    /// Those in a text; none, if it is not understood to its end.
    pub fn new(text: &str) -> Self {
        if text.len() > LONGEST {
            return Self::default();
        }
        let commands = reader::commands(text).unwrap_or_default();
        if commands.iter().any(hides) {
            return Self::default();
        }
        let mut this = Self::default();
        for call in commands.iter().filter_map(Call::new) {
            let number = this.calls.len();
            if call.all || call.others {
                this.wide.push(number);
            }
            for name in &call.names {
                this.named.entry(last(name).to_owned()).or_default().push(number);
            }
            this.calls.push(call);
        }
        this
    }

    /// The line that does this to a task.
    pub fn line(&self, id: &Id, wanted: Wanted) -> Option<usize> {
        let name = id.name();
        let named = |call: &Call| {
            call.names.iter().any(|own| {
                name.strip_suffix(&**own).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            })
        };
        let does = |call: &&Call| match wanted {
            Wanted::Start => call.verb == Verb::Start,
            Wanted::Collect => call.verb == Verb::Collect,
            Wanted::See => call.verb != Verb::Start,
        };
        let able = |call: &&Call| named(call) || call.all || call.others;
        let numbers = self.wide.iter().chain(self.named.get(last(name)).into_iter().flatten());
        let mut found = None;
        let mut known = false;
        for call in numbers.map(|at| &self.calls[*at]).filter(does).filter(able) {
            if *found.get_or_insert(call.line) != call.line {
                return None;
            }
            known |= named(call) || call.all;
        }
        found.filter(|_| known)
    }
}

/// A task within another one is known there by the last part of its name.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether a command makes commands of a text that has verbs in it.
fn hides(command: &Command) -> bool {
    let eval = command.words.first().and_then(Word::literal) == Some("eval");
    eval && command.words.iter().any(|word| word.text.contains("async_"))
}

impl Call {
    fn new(command: &Command) -> Option<Self> {
        let (verb, words) = command.words.split_first()?;
        let (kind, skip) = match verb.literal()? {
            "async_run" | "async_runfunc" => (Verb::Start, 0),
            "async_wait" | "async_cleanup" => (Verb::Collect, 0),
            // The variable.
            "async_get" => (Verb::Collect, 1),
            "async_cancel" => (Verb::Cancel, 0),
            _ => return None,
        };
        let all = verb.text == "async_cleanup";
        let (line, names) = (command.line, Vec::new());
        let mut call = Self { verb: kind, line, names, all, others: false };
        let (mut options, mut any) = (true, false);
        let mut words = words.iter().skip(skip);
        while let Some(word) = words.next() {
            let Some(text) = word.literal() else {
                call.others = true;
                // It may be an option, and the name may be anywhere.
                if kind == Verb::Start {
                    break;
                }
                continue;
            };
            match text {
                "--" if options => options = false,
                "--all" if options => call.all = true,
                "--any" if options => any = true,
                "--after" | "--lock" | "--timeout" | "--retries" | "--export" | "--output"
                | "--grace" | "--groups"
                    if options =>
                {
                    words.next();
                }
                _ if options && text.starts_with('-') => {}
                _ => {
                    call.names.push(text.to_owned());
                    // What follows is the task's own.
                    if kind == Verb::Start {
                        break;
                    }
                }
            }
        }
        if any {
            // Which of them, is not known.
            call.others = true;
            call.names.clear();
        }
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [Wanted; 3] = [Wanted::Start, Wanted::Collect, Wanted::See];

    /// The lines that start, collect and see a task.
    fn lines(text: &str, id: &str) -> [Option<usize>; 3] {
        let script = Script::new(text);
        WANTED.map(|wanted| script.line(&Id::parse(id).unwrap(), wanted))
    }

    #[test]
    fn the_only_line_that_can_have_done_it_is_found() {
        for (text, found) in [
            ("async_run a b\nasync_wait a", [Some(1), Some(2), Some(2)]),
            ("async_runfunc a\nasync_wait c a b", [Some(1), Some(2), Some(2)]),
            (
                "async_run --after b --lock=c -- a async_run d\nasync_wait --timeout 5 a",
                [Some(1), Some(2), Some(2)],
            ),
            (
                "f() {\n  async_run \\\n    'a' x; }\nv=$(date)\nasync_get v a || :",
                [Some(2), Some(5), Some(5)],
            ),
            ("async_run a x\nasync_wait --all", [Some(1), Some(2), Some(2)]),
            ("async_run a x\nasync_cleanup", [Some(1), Some(2), Some(2)]),
            ("async_run a x\nasync_cancel a", [Some(1), None, Some(2)]),
            ("async_run a x\nasync_cancel a\nasync_wait a", [Some(1), Some(3), None]),
            (
                "if async_run a x; then async_wait a || async_wait a; fi",
                [Some(1), Some(1), Some(1)],
            ),
            (
                "async_run a x # async_run a\n: <<E\nasync_wait a\nE\nasync_wait a",
                [Some(1), Some(5), Some(5)],
            ),
            (
                "async_run a x\necho async_run a; echo 'async_wait a\nasync_wait a'\ntrap 'async_wait a' EXIT",
                [Some(1), None, None],
            ),
        ] {
            assert_eq!(lines(text, "a"), found, "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "async_run a x\nasync_run a y\nasync_wait a\nasync_get v a",
            "async_run b a\nasync_run aa x\nasync_wait b\nasync_get a b",
            "async_run a x\nasync_run \"$b\" x\nasync_wait a\nasync_wait $b",
            "async_run a x\nasync_run $b>/dev/null x\nasync_wait a\nasync_wait $b>/dev/null",
            "async_run $opts a x\nasync_wait \"$@\"",
            "for t in a b; do async_run $t x; done; for t in a b; do async_wait $t; done",
            "async_run a x; async_wait --any a b\neval \"async_run $x\"",
            "async_run a x; async_wait a; echo 'not closed",
            "async_run \"a$x\" y\nasync_wait --any a b",
            "$verb a x\nasync_wait",
        ] {
            assert_eq!(lines(text, "a"), [None; 3], "{text}");
        }
        assert_eq!(lines("async_wait a\nasync_wait --all", "a"), [None; 3]);
        assert_eq!(lines("async_wait a \"$b\"", "a"), [None, Some(1), Some(1)]);
        assert_eq!(lines("async_wait a \"$b\"", "b"), [None; 3]);
        let long = format!("async_run a x\n{}", "#".repeat(LONGEST));
        assert_eq!(lines(&long, "a"), [None; 3]);
    }

    #[test]
    fn a_long_script_takes_no_long_time() {
        let line = |at: usize| format!("async_run t{at} x\nasync_wait t{at}\n");
        let text: String = (0..20_000).map(line).collect();
        let script = Script::new(&text);
        for at in 0..20_000 {
            let id = Id::parse(&format!("t{at}")).unwrap();
            assert_eq!(script.line(&id, Wanted::Start), Some(2 * at + 1));
            assert_eq!(script.line(&id, Wanted::Collect), Some(2 * at + 2));
        }
    }

    #[test]
    fn a_task_within_another_is_known_by_its_last_name_and_by_more() {
        let text = "async_run c x\nasync_wait a/c";
        assert_eq!(lines(text, "a/c~2"), [Some(1), Some(2), Some(2)]);
        assert_eq!(lines(text, "b/c"), [Some(1), None, None]);
        assert_eq!(lines(text, "b/cc"), [None; 3]);
    }
}
