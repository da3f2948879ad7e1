//! Names of tasks, and the ids that tell two starts of one name apart.
//!
//! A **name** is what the user writes. A task started inside another task is
//! `parent/child`. An **id** is a name plus, from the second start of that
//! name in a run on, `~N`: it is unique in the run, and its records and files
//! are keyed by it. `~` and `%` (which stands for `/` in file names) are not
//! in the alphabet of names, so no name can be mistaken for another's id or
//! leave the run directory.

use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes.
pub const MAX_BYTES: usize = 128;

/// The longest name with those of the tasks around it: it is a file's name, with a suffix.
pub const MAX_PATH: usize = 240;

/// The rule, as messages print it.
pub const RULE: &str = "letters, digits and _ . : @ + - (not first: . : @ + -), at most 128 bytes";

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a task needs a name")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("a name of {0} bytes is too long")]
    Long(usize),
    /// Too deep inside other tasks for the name of a file.
    #[error(
        "{0} is too long: with the names of the tasks that it runs in, at most {MAX_PATH} bytes"
    )]
    Deep(String),
    /// A character outside the alphabet.
    #[error("`{}` is not a valid task name", .0.escape_debug())]
    Alphabet(String),
}

/// A valid task name, possibly of a nested task (`parent/child`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Checks one name as a user gives it (no `/`).
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(NameError::Long(text.len()));
        }
        let first = text.as_bytes()[0];
        if !(first.is_ascii_alphanumeric() || first == b'_') || !text.bytes().all(is_name_byte) {
            return Err(NameError::Alphabet(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Checks a name that may name a nested task: names joined by `/`.
    pub fn nested(text: &str) -> Result<Self, NameError> {
        for part in text.split('/') {
            Self::new(part)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as the user knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names to try for `self` used inside the task `scope`: the child
    /// of the scope first, then the scopes around it, as variables are looked up.
    pub fn lookup(&self, scope: Option<&Id>) -> Vec<String> {
        let mut found = Vec::new();
        let mut rest = scope.map(Id::as_str);
        while let Some(around) = rest {
            found.push(format!("{around}/{}", self.0));
            rest = around.rsplit_once('/').map(|(outer, _)| outer);
        }
        found.push(self.0.clone());
        found
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A task's key in its run: `name`, or `name~2` for the second start of that name.
/// Copies share their text: a run keeps several of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

impl Id {
    /// Checks an id as it stands in a record.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() <= 1_000
            && text.split('/').all(|part| {
                let (name, count) = part.split_once('~').unwrap_or((part, "1"));
                Name::new(name).is_ok()
                    && count.len() <= 9
                    && !count.is_empty()
                    && count.bytes().all(|b| b.is_ascii_digit())
            });
        valid.then(|| Self(text.into()))
    }

    /// The id of the `count`th start of `name` (counted from 1) inside `scope`.
    pub fn of(name: &Name, scope: Option<&Id>, count: usize) -> Self {
        let path = scope.map_or_else(|| name.0.clone(), |s| format!("{}/{}", s.0, name.0));
        Self(if count > 1 { format!("{path}~{count}") } else { path }.into())
    }

    /// The id as it stands in records.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the count of its last part.
    pub fn name(&self) -> &str {
        self.split().0
    }

    /// Which start of its name this is, counted from 1.
    pub fn count(&self) -> usize {
        self.split().1
    }

    /// The task that this one was started in.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// Whether this is `other` or was started inside it.
    pub fn within(&self, other: &Self) -> bool {
        self == other || self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.starts_with('/'))
    }

    fn split(&self) -> (&str, usize) {
        let last = self.0.rfind('/').map_or(0, |at| at + 1);
        match self.0[last..].find('~') {
            None => (&self.0, 1),
            Some(at) => (&self.0[..last + at], self.0[last + at + 1..].parse().unwrap_or(1)),
        }
    }
}

impl std::borrow::Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:@+-".contains(&byte)
}

/// The candidate nearest to `name`, if it is near enough to be meant.
pub fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_alphabet() {
        for good in ["a", "_", "0", "init_nova", "ks-domain", "a.b:c@d+e", &"x".repeat(128)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "-x",
            "a b",
            "a\nb",
            "a/b",
            "a~2",
            "a%b",
            "é",
            ":x",
            &"x".repeat(129),
        ] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_count_the_starts_of_a_name() {
        let name = Name::new("step").unwrap();
        assert_eq!(Id::of(&name, None, 1).as_str(), "step");
        let second = Id::of(&name, None, 2);
        assert_eq!((second.as_str(), second.name(), second.count()), ("step~2", "step", 2));
        let nested = Id::of(&name, Some(&second), 3);
        assert_eq!(nested.as_str(), "step~2/step~3");
        assert_eq!((nested.name(), nested.count()), ("step~2/step", 3));
        assert_eq!(nested.parent(), Some(second.clone()));
        assert!(nested.within(&second) && !second.within(&nested));
        assert!(!Id::of(&Name::new("step2").unwrap(), None, 1).within(&Id::of(&name, None, 1)));
    }

    #[test]
    fn a_name_is_looked_up_from_the_inside_out() {
        let scope = Id::parse("a/b~2").unwrap();
        assert_eq!(Name::new("x").unwrap().lookup(Some(&scope)), ["a/b~2/x", "a/x", "x"]);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["init_nova", "init_glance"];
        assert_eq!(did_you_mean("init_noav", known.into_iter()), Some("init_nova"));
        assert_eq!(did_you_mean("zzz", known.into_iter()), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            if let Ok(name) = Name::new(&text) {
                prop_assert_eq!(Id::parse(&text).map(|id| id.name().to_owned()), Some(text.clone()));
                prop_assert!(!name.as_str().contains(['/', '\0', '\n', ' ']));
            }
            let _ = Id::parse(&text);
        }
    }
}
