//! A run as GNU parallel's `--joblog`: one row for each task that has ended,
//! in the columns that `parallel --retry-failed` and people's scripts read.
//!
//! A command stands there as it can be pasted into a shell, but in one line
//! and in printable ASCII: a word with anything else in it is written as `$'…'`.

use std::fmt::Write as _;

use super::{Logs, Subject};
use crate::run::files::Command;
use crate::run::{Task, Time, code};

/// The rows, in the order in which the tasks ended. A row's command is the
/// task's name, unless `commands` asks for the command itself, which may hold
/// secrets.
pub fn table(subject: &Subject<'_>, commands: bool, logs: Logs<'_>) -> String {
    let mut text =
        String::from("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n");
    let mut ended: Vec<(Time, u8, usize, &Task)> = Vec::new();
    for (at, task) in subject.run.tasks().iter().enumerate() {
        if let Some((end, code)) = task.end {
            ended.push((end, code, at + 1, task));
        }
    }
    ended.sort_by_key(|(end, _, seq, _)| (*end, *seq));
    for (end, code, seq, task) in ended {
        let began = task.began().unwrap_or(end).min(end);
        let wall = subject.run.wall_clock(began).unwrap_or(began.0 as i64);
        // As parallel has it, a job that a signal ended has the value 0.
        let (value, signal) = code::signal(code).map_or((code, 0), |signal| (0, signal));
        let output = logs(&task.id, task.failures + 1).map_or(0, |log| log.bytes);
        let command = match subject.commands.get(&task.id).filter(|_| commands) {
            Some(command) if !command.argv.is_empty() => one_line(command),
            _ => task.id.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{seq}\t:\t{:.3}\t{:>10.3}\t0\t{output}\t{value}\t{signal}\t{command}",
            wall as f64 / 1e6,
            end.since(began) as f64 / 1e6,
        );
    }
    text
}

fn one_line(command: &Command) -> String {
    let words: Vec<String> = command.argv.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// A word as a shell reads it, in printable ASCII.
fn quoted(word: &[u8]) -> String {
    let printable = word.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    let plain = || String::from_utf8(shlex::bytes::try_quote(word).ok()?.into_owned()).ok();
    if let Some(plain) = printable.then(plain).flatten() {
        return plain;
    }
    let mut text = String::from("$'");
    for byte in word {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' | b'\'' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            // Octal: as all shells that know this quoting have it, and never
            // read together with a digit that follows.
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::run::excerpt::Excerpt;

    const JOURNAL: &str = "1.000000 run - owner=1 ownerstart=1.0 wall=1700000000123456\n\
        2.000000 start slow pid=2 at=x:1\n2.000000 start bad pid=3\n2.500000 end bad code=3\n\
        3.000000 end slow code=0\n3.000000 start cut pid=4\n3.250000 end cut code=143\n\
        3.500000 start open pid=5\n";

    fn rows(commands: &[(&str, &[u8])], show: bool) -> Vec<String> {
        let sample = sample(JOURNAL, commands);
        let log = Excerpt { bytes: 9, ..Excerpt::default() };
        let text = table(&sample.subject(), show, &mut |_, _| Some(log.clone()));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_columns_are_those_of_gnu_parallel() {
        let rows = rows(&[("slow", b"token\0secret\0")], false);
        assert_eq!(
            rows,
            [
                "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand",
                "2\t:\t1700000001.123\t     0.500\t0\t9\t3\t0\tbad",
                "1\t:\t1700000001.123\t     1.000\t0\t9\t0\t0\tslow",
                "3\t:\t1700000002.123\t     0.250\t0\t9\t0\t15\tcut",
            ]
        );
    }

    #[test]
    fn a_command_stays_in_its_row() {
        let rows = rows(
            &[("bad", b"printf\0two words\0a\tb\nc'\\\x1b]0;x\x07\xff1\0"), ("cut", b"")],
            true,
        );
        assert_eq!(rows.len(), 4);
        assert!(
            rows[1].ends_with("\tprintf 'two words' $'a\\tb\\nc\\'\\\\\\033]0;x\\007\\3771'"),
            "{}",
            rows[1]
        );
        assert!(rows[3].ends_with("\tcut"), "a command that is not known is the name");
        assert!(rows.iter().all(|row| row.split('\t').count() == 9));
    }
}
