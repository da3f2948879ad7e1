//! Follows the ways out that a check prints, until there is nothing more to follow.

use serde_json::Value;

use super::case::Case;
use super::check;
use crate::sandbox::Shell;

/// So many times at most.
const ROUNDS: usize = 8;

/// Checks, does what the first finding says, and checks again: it must come to an end.
pub fn to_the_end(case: &Case, shell: Shell) -> Result<(), String> {
    let mut text = case.text.clone();
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        let checked = check(case, &text, shell, &[]);
        let Some(bad) = checked.found.iter().find(|found| found.bad()) else {
            return Ok(());
        };
        let Some(fix) = bad.fixes.first() else {
            return Err(format!("no way out of {bad:?}\n{}", checked.said));
        };
        told.push(fix["text"].to_string());
        let Some(next) = apply(&text, fix) else {
            return Err(format!("cannot follow: {told:#?}\n{text}"));
        };
        text = next;
    }
    Err(format!("followed in vain: {told:#?}\n{text}"))
}

/// A script with one change made; none if it cannot be made.
pub fn apply(text: &str, fix: &Value) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = |place: &Value| place["line"].as_u64().map(|line| line as usize - 1);
    let task = |number: usize| Some(last_name(fix["tasks"][number].as_str()?));
    match fix["kind"].as_str()? {
        "wait-before" => {
            let before = at(&fix["line"])?;
            if let Some(now) = at(&fix["now"]) {
                let line = lines.get_mut(now)?;
                *line = without(line, task(0)?);
            }
            let indent = lines.get(before)?;
            let indent = &indent[..indent.len() - indent.trim_start().len()];
            lines.insert(before, format!("{indent}async_wait {}", task(0)?));
        }
        "after" => {
            let line = at(&fix["now"]).or_else(|| start_of(&lines, task(0)?))?;
            give(lines.get_mut(line)?, "--after", task(1)?)?;
        }
        "lock" => {
            let mut starts: Vec<usize> =
                [0, 1].iter().filter_map(|n| start_of(&lines, task(*n)?)).collect();
            starts.dedup();
            for start in starts {
                give(&mut lines[start], "--lock", fix["lock"].as_str()?)?;
            }
        }
        "start-after" => {
            let start = start_of(&lines, task(0)?)?;
            let behind = at(&fix["line"])?;
            let line = lines.remove(start);
            lines.insert(behind, line);
        }
        _ => return None,
    }
    let text = lines.join("\n") + "\n";
    Some(text)
}

/// A task's name as its script writes it.
fn last_name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// The line that starts a task by this name.
fn start_of(lines: &[String], task: &str) -> Option<usize> {
    let starts = |line: &String| {
        let mut words = line.split_whitespace();
        words.any(|word| word.starts_with("async_run")) && words.any(|word| word == task)
    };
    lines.iter().position(starts)
}

/// A line with an option for the task that it starts.
fn give(line: &mut String, option: &str, value: &str) -> Option<()> {
    for verb in ["async_runfunc ", "async_run "] {
        if let Some(at) = line.find(verb) {
            line.insert_str(at + verb.len(), &format!("{option} {value} "));
            return Some(());
        }
    }
    None
}

/// A line that no longer waits for a task.
fn without(line: &str, task: &str) -> String {
    let Some((before, names)) = line.split_once("async_wait ") else { return line.to_owned() };
    let names: Vec<&str> = names.split(' ').take_while(|word| *word != "#").collect();
    let rest: Vec<&str> = names.iter().copied().filter(|name| *name != task).collect();
    match rest.iter().any(|name| !name.is_empty() && !name.starts_with('-')) {
        _ if rest.len() == names.len() => line.to_owned(),
        true => format!("{before}async_wait {}", rest.join(" ")),
        false => format!("{before}:"),
    }
}
