//! A script of the corpus: what stands at its head, and how that compares with what was found.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Checked;
use crate::sandbox::{Shell, shells};

/// A finding that is expected, or allowed.
#[derive(Debug)]
pub struct Expected {
    pub levels: Vec<String>,
    /// None: any.
    classes: Option<Vec<String>>,
    paths: Vec<String>,
    /// None: anybody.
    who: Option<[String; 2]>,
}

/// A finding, or one of the paths and pairs that it stands for.
#[derive(Debug, Clone)]
pub struct Found {
    pub level: String,
    class: String,
    path: String,
    who: [String; 2],
    at: [Option<u64>; 2],
    /// The ways out, as JSON; of the finding's own pair alone.
    pub fixes: Vec<Value>,
}

#[derive(Debug, Default)]
pub struct Case {
    pub name: String,
    pub text: String,
    shells: Vec<String>,
    pub needs: Vec<String>,
    pub expects: Vec<Expected>,
    allowed: Vec<Expected>,
    told: Option<u64>,
    at: Vec<(String, String, String)>,
    fixes: Vec<String>,
    pub suppress: Vec<String>,
    pub twins: Vec<String>,
    pub not: Vec<String>,
    pub unfixable: bool,
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus-check");
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut case = Self { name, ..Self::default() };
        for line in text.lines().take_while(|line| line.starts_with('#')) {
            let Some((key, value)) = line[1..].trim_start().split_once(": ") else { continue };
            let words = || value.split(' ').map(str::to_owned);
            match key {
                "shell" => case.shells = words().collect(),
                "needs" => case.needs = words().collect(),
                "expect" if value == "none" => case.expects.push(Expected::parse("note - -")),
                "expect" => case.expects.push(Expected::parse(value)),
                "maybe" | "more" => case.allowed.push(Expected::parse(value)),
                "told" => case.told = Some(value.parse().unwrap()),
                "at" => {
                    let [path, who, mark]: [String; 3] =
                        words().collect::<Vec<_>>().try_into().unwrap();
                    case.at.push((path, who, mark));
                }
                "fix" => case.fixes.push(value.to_owned()),
                "suppress" => case.suppress.push(value.to_owned()),
                "twin" => case.twins.push(value.to_owned()),
                "not" => case.not = words().collect(),
                "unfixable" => case.unfixable = true,
                _ => {}
            }
        }
        case.text = text;
        case
    }

    /// The shells that it is for, as far as they are installed.
    pub fn shells(&self) -> Vec<Shell> {
        let named = |shell: &Shell| match &self.shells[..] {
            [] => shell.name == "bash",
            [all] if all == "all" => true,
            some => some.iter().any(|name| name == shell.name),
        };
        shells().into_iter().filter(named).collect()
    }

    /// The script, changed.
    pub fn twin(&self, sed: &str) -> String {
        let mut child = Command::new("sed")
            .args(["-e", sed])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, self.text.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let twin = String::from_utf8(output.stdout).unwrap();
        assert_ne!(twin, self.text, "{}: {sed} changes nothing", self.name);
        twin
    }

    /// The number of the line that ends in `# MARK`.
    fn marked(&self, mark: &str) -> u64 {
        let end = format!("# {mark}");
        let at = self.text.lines().position(|line| !line.starts_with('#') && line.ends_with(&end));
        at.unwrap_or_else(|| panic!("{}: no line is marked {mark}", self.name)) as u64 + 1
    }

    /// Whether all that is between changes was found, and nothing that there is not.
    pub fn compare_changes(&self, checked: &Checked) -> Result<(), String> {
        let between = |class: &String| class == "write-write" || class == "create-create";
        self.compare_some(checked, |expected| expected.classes.iter().flatten().all(between))
    }

    fn compare_some(
        &self,
        checked: &Checked,
        needed: impl Fn(&Expected) -> bool,
    ) -> Result<(), String> {
        let found = &checked.found;
        let wanted = |expected: &&Expected| expected.paths != ["-"] && needed(expected);
        for expected in self.expects.iter().filter(wanted) {
            if !found.iter().any(|found| expected.meets(found)) {
                return Err(format!("missed: {expected:?}"));
            }
        }
        for found in found.iter().filter(|found| found.bad()) {
            let known = |expected: &Expected| expected.meets(found);
            if !self.expects.iter().chain(&self.allowed).any(known) {
                return Err(format!("not expected: {found:?}"));
            }
        }
        let errors = found.iter().any(|found| found.level == "error");
        if checked.code != i32::from(errors) {
            return Err(format!("exit code {}", checked.code));
        }
        Ok(())
    }

    /// Whether exactly that was found.
    pub fn compare(&self, checked: &Checked) -> Result<(), String> {
        self.compare_some(checked, |_| true)?;
        if self.told.is_some_and(|told| told != checked.counted) {
            return Err(format!("{} errors and warnings are shown", checked.counted));
        }
        let found = &checked.found;
        for (path, who, mark) in &self.at {
            let line = self.marked(mark);
            let there = found.iter().filter(|found| meets(path, &found.path)).any(|found| {
                (0..2).any(|side| found.who[side] == *who && found.at[side] == Some(line))
            });
            if !there {
                return Err(format!("{who} is not at {line} ({mark})"));
            }
        }
        for fix in &self.fixes {
            let mut text = fix.clone();
            while let Some((before, rest)) = text.split_once('{') {
                let (mark, after) = rest.split_once('}').unwrap();
                text = format!("{before}{}{after}", self.marked(mark));
            }
            let first = |found: &Found| found.fixes.first().is_some_and(|fix| fix["text"] == *text);
            if !found.iter().any(first) {
                return Err(format!("no way out is: {text}"));
            }
        }
        Ok(())
    }
}

impl Expected {
    fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split(' ').collect();
        let list = |text: &str| text.split('|').map(str::to_owned).collect();
        match words[..] {
            [level, path] => {
                Self { levels: list(level), classes: None, paths: list(path), who: None }
            }
            [level, class, path] => Self {
                levels: list(level),
                classes: Some(list(class)),
                paths: list(path),
                who: None,
            },
            [level, class, path, one, other] => Self {
                levels: list(level),
                classes: Some(list(class)),
                paths: list(path),
                who: Some(sorted(one.to_owned(), other.to_owned())),
            },
            _ => panic!("not LEVEL CLASS PATH WHO WHO: {text}"),
        }
    }

    fn meets(&self, found: &Found) -> bool {
        self.levels.contains(&found.level)
            && self.classes.as_ref().is_none_or(|classes| classes.contains(&found.class))
            && self.paths.iter().any(|path| meets(path, &found.path))
            && self
                .who
                .as_ref()
                .is_none_or(|who| *who == sorted(found.who[0].clone(), found.who[1].clone()))
    }
}

fn sorted(one: String, other: String) -> [String; 2] {
    if one <= other { [one, other] } else { [other, one] }
}

/// Who a side is, in words of the corpus.
fn name(side: &Value) -> String {
    let run = side["run"].as_u64().filter(|run| *run > 0);
    let run = run.map_or(String::new(), |run| format!("@{run}"));
    match side["who"].as_str().unwrap() {
        "script" => "script".to_owned(),
        "left" => format!("left:{}{run}", side["task"].as_str().unwrap()),
        _ => format!("{}{run}", side["task"].as_str().unwrap()),
    }
}

/// Whether a path is meant: `*` is anything, `%XX` a character.
fn meets(pattern: &str, path: &str) -> bool {
    let plain = |part: &str| {
        let mut pieces = part.split('%');
        let mut text = pieces.next().unwrap_or("").to_owned();
        for piece in pieces {
            let (code, rest) = piece.split_at(2);
            text.push(u8::from_str_radix(code, 16).unwrap().into());
            text += rest;
        }
        text
    };
    let parts: Vec<String> = pattern.split('*').map(plain).collect();
    let (first, rest) = parts.split_first().unwrap();
    let Some((last, middle)) = rest.split_last() else { return path == first };
    let inner = path.strip_prefix(first.as_str()).and_then(|path| path.strip_suffix(last.as_str()));
    let mut inner = inner;
    for part in middle {
        inner = inner.and_then(|text| Some(text.split_once(part.as_str())?.1));
    }
    inner.is_some()
}

impl Found {
    /// All that a report has, with paths as they are below `work`.
    pub fn of(json: &str, work: &Path) -> Vec<Self> {
        let lines = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut all = Vec::new();
        for finding in lines.filter(|line| line["t"] == "finding") {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let suppressed = finding["harmless"] == "suppressed";
            let level = if suppressed { "note" } else { finding["level"].as_str().unwrap() };
            let others = finding["others"].as_array().unwrap();
            for (number, pair) in std::iter::once(&finding).chain(others).enumerate() {
                let (sides, more) = (&pair["sides"], pair["more"].as_array().unwrap());
                let fixes = finding["fixes"].as_array().filter(|_| number == 0);
                for path in std::iter::once(&finding["path"]).chain(more) {
                    let path = text(path);
                    let prefix = format!("{}/", work.display());
                    all.push(Self {
                        level: level.to_owned(),
                        class: text(&finding["class"]),
                        path: path.strip_prefix(&prefix).unwrap_or(&path).to_owned(),
                        who: [0, 1].map(|side| name(&sides[side])),
                        at: [0, 1].map(|side| sides[side]["at"]["line"].as_u64()),
                        fixes: fixes.cloned().unwrap_or_default(),
                    });
                }
            }
        }
        all
    }

    /// Whether it is about this path and between these two.
    pub fn is_about(&self, path: &str, who: [&str; 2]) -> bool {
        let [one, other] = who.map(str::to_owned);
        self.path == path && sorted(one, other) == sorted(self.who[0].clone(), self.who[1].clone())
    }

    /// An error or a warning.
    pub fn bad(&self) -> bool {
        self.level != "note"
    }
}
