//! Follows the ways out that a check prints, until there is nothing more to follow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
        let mut sources = Sources::default();
        let path = Path::new("").join(format!("{}.sh", case.name));
        sources.add(&path, &text);
        if sources.apply(fix).is_none() {
            return Err(format!("cannot follow: {told:#?}\n{text}"));
        }
        text = sources.text(&path);
    }
    Err(format!("followed in vain: {told:#?}\n{text}"))
}

/// The files of a script, by the names that its lines have in a report.
#[derive(Debug, Default)]
pub struct Sources {
    files: BTreeMap<PathBuf, Vec<String>>,
}

/// A line of a file.
type Line = (PathBuf, usize);

impl Sources {
    pub fn add(&mut self, path: &Path, text: &str) {
        self.files.insert(path.to_owned(), text.lines().map(str::to_owned).collect());
    }

    pub fn text(&self, path: &Path) -> String {
        self.files[path].join("\n") + "\n"
    }

    /// Makes one change; none if it cannot be made.
    pub fn apply(&mut self, fix: &Value) -> Option<()> {
        let task = |number: usize| fix["tasks"][number].as_str();
        match fix["kind"].as_str()? {
            "wait-before" => {
                // The later one first, so that lines keep their numbers.
                let before = line_of(&fix["line"])?;
                let place = self.at(&before)?;
                let indent = &place[..place.len() - place.trim_start().len()];
                let wait = format!("{indent}async_wait {}", task(0)?);
                if let Some(now) = line_of(&fix["now"]) {
                    let line = self.at(&now)?;
                    *line = without(line, task(0)?);
                }
                self.files.get_mut(&before.0)?.insert(before.1, wait);
            }
            "after" => {
                let start = line_of(&fix["now"]).or_else(|| self.start_of(task(0)?))?;
                give(self.at(&start)?, "--after", task(1)?)?;
            }
            "lock" => {
                let mut starts = vec![self.start_of(task(0)?)?, self.start_of(task(1)?)?];
                starts.dedup();
                for start in starts {
                    give(self.at(&start)?, "--lock", fix["lock"].as_str()?)?;
                }
            }
            "start-after" => {
                let (file, start) = self.start_of(task(0)?)?;
                let behind = line_of(&fix["line"])?;
                let line = self.files.get_mut(&file)?.remove(start);
                self.files.get_mut(&behind.0)?.insert(behind.1, line);
            }
            "parents" => {
                for place in fix["lines"].as_array()? {
                    let line = self.at(&line_of(place)?)?;
                    *line = line.replacen("mkdir ", "mkdir -p ", 1);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn at(&mut self, (file, line): &Line) -> Option<&mut String> {
        self.files.get_mut(file)?.get_mut(*line)
    }

    /// The line that starts a task by this name.
    fn start_of(&self, task: &str) -> Option<Line> {
        let starts = |line: &String| {
            let mut words = line.split_whitespace();
            words.any(|word| word.starts_with("async_run")) && words.any(|word| word == task)
        };
        self.files
            .iter()
            .find_map(|(file, lines)| Some((file.clone(), lines.iter().position(starts)?)))
    }
}

/// A place as a report has it.
fn line_of(place: &Value) -> Option<Line> {
    let file = Path::new(place["file"].as_str()?);
    Some((file.to_owned(), place["line"].as_u64()? as usize - 1))
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
