//! What is a marker, system by system, and how much of it has to be seen to tell.

use super::{Escape, Neutral, What};
use crate::report::groups::Ci;

/// A longer marker is none: what may be kept of a log.
pub(super) const LONGEST: usize = 1024;

/// What stands at a place of a log.
pub(super) enum Found {
    Nothing,
    /// It depends on what comes next.
    Maybe,
    /// A marker: a blank belongs behind so many of its bytes.
    Marker(usize),
    /// Commands are off until there is this line.
    Off(Vec<u8>),
    /// They are on again.
    On,
}

impl Neutral {
    /// What `rest`, which begins with `byte`, is the beginning of.
    pub(super) fn look(&self, byte: u8, rest: &[u8]) -> Found {
        let fresh = self.blank && self.escape == Escape::Outside;
        match (self.ci, byte) {
            (Ci::GitHub, b':') if fresh => self.github(rest),
            (Ci::GitHub | Ci::Azure, b'#') => self.bracket(rest),
            (Ci::TeamCity, b'#') => self.teamcity(rest),
            (Ci::GitLab, b's') => {
                match (begins(rest, b"section_start:"), begins(rest, b"section_end:")) {
                    (Some(true), _) | (_, Some(true)) => Found::Marker("section_".len()),
                    (None, _) | (_, None) => Found::Maybe,
                    _ => Found::Nothing,
                }
            }
            (Ci::Buildkite, b'-' | b'+' | b'~') if fresh => match rest {
                [a, b, c, blank, ..] if a == b && b == c && b" \t\x0b\x0c\r".contains(blank) => {
                    Found::Marker(0)
                }
                [a, others @ ..] if others.len() < 3 && others.iter().all(|b| a == b) => {
                    Found::Maybe
                }
                _ => Found::Nothing,
            },
            _ => Found::Nothing,
        }
    }

    /// `::name key=value::data`, at the beginning of a line.
    fn github(&self, rest: &[u8]) -> Found {
        let name = match named(rest, b"::", b" :") {
            Named::Not => return Found::Nothing,
            Named::Maybe => return Found::Maybe,
            Named::Is(name) => name,
        };
        let resumes =
            self.off.as_ref().is_some_and(|line| *line == [b"::", name, b"::\n"].concat());
        if resumes {
            return Found::On;
        }
        if self.what == What::All || is(name, &["group", "endgroup"]) {
            return Found::Marker(1);
        }
        if !is(name, &["stop-commands"]) {
            return Found::Nothing;
        }
        let Some(end) = rest.iter().take(LONGEST).position(|b| matches!(b, b'\n' | b'\r')) else {
            return if rest.len() < LONGEST { Found::Maybe } else { Found::Marker(1) };
        };
        let data = &rest[2 + name.len()..end];
        let token = data.windows(2).position(|pair| pair == b"::").map(|at| &data[at + 2..]);
        match token {
            // What would have to be escaped, nobody has as a token.
            Some(token) if is_token(token) => Found::Off([b"::", token, b"::\n"].concat()),
            _ => Found::Marker(1),
        }
    }

    /// `##[name]data`, anywhere.
    fn bracket(&self, rest: &[u8]) -> Found {
        if self.what == What::All && self.ci == Ci::Azure {
            match begins(rest, b"##vso[") {
                Some(true) => return Found::Marker(2),
                None => return Found::Maybe,
                Some(false) => {}
            }
        }
        match named(rest, b"##[", b" ]") {
            Named::Not => Found::Nothing,
            Named::Maybe => Found::Maybe,
            Named::Is(name) => {
                let ours = is(name, &["group", "endgroup", "stop-commands"]);
                if ours || self.what == What::All { Found::Marker(2) } else { Found::Nothing }
            }
        }
    }

    /// `##teamcity[name key='value']`, anywhere.
    fn teamcity(&self, rest: &[u8]) -> Found {
        match named(rest, b"##teamcity[", b" \t]") {
            Named::Not => Found::Nothing,
            Named::Maybe => Found::Maybe,
            Named::Is(_) if self.what == What::All => Found::Marker(2),
            Named::Is(name) if is(name, &["blockOpened", "blockClosed"]) => Found::Marker(2),
            Named::Is(name) if is(name, &["disableServiceMessages"]) => {
                Found::Off(b"##teamcity[enableServiceMessages]\n".to_vec())
            }
            Named::Is(name) if is(name, &["enableServiceMessages"]) => Found::On,
            Named::Is(_) => Found::Nothing,
        }
    }
}

enum Named<'a> {
    Not,
    Maybe,
    Is(&'a [u8]),
}

/// The name after `prefix`, up to one of `ends`.
fn named<'a>(rest: &'a [u8], prefix: &[u8], ends: &[u8]) -> Named<'a> {
    match begins(rest, prefix) {
        Some(true) => {}
        Some(false) => return Named::Not,
        None => return Named::Maybe,
    }
    let name = &rest[prefix.len()..];
    match name.iter().take(LONGEST).position(|b| ends.contains(b) || matches!(b, b'\n' | b'\r')) {
        Some(0) => Named::Not,
        Some(end) if ends.contains(&name[end]) => Named::Is(&name[..end]),
        Some(_) => Named::Not,
        None if name.len() < LONGEST => Named::Maybe,
        None => Named::Not,
    }
}

/// Whether `bytes` begin with `prefix`; none if they end within it.
fn begins(bytes: &[u8], prefix: &[u8]) -> Option<bool> {
    match bytes.get(..prefix.len()) {
        Some(begin) => Some(begin == prefix),
        None if prefix.starts_with(bytes) => None,
        None => Some(false),
    }
}

fn is(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn is_token(token: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_graphic() && !b"%:".contains(b);
    !token.is_empty() && token.iter().all(plain)
}
