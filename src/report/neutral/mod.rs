//! A task's own markers, made harmless: inside a group they would end it, or
//! begin one that swallows what follows.
//!
//! A blank is put into each marker of that kind (`: :endgroup::`), which
//! leaves it readable and takes its power. Other commands of the CI system
//! (masks, annotations, variables) pass as they are: they are what the task
//! meant. Where a task switches commands off and does not switch them on
//! again, the end of its output does.
//!
//! It is a filter over bytes as they come, in any pieces, and keeps no more
//! of them than the beginning of what may become a marker.

mod marker;

use memchr::memchr3;

use super::groups::Ci;
use marker::Found;

/// What is made harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Markers of groups.
    Groups,
    /// All commands: in output that was printed before.
    All,
}

/// The filter.
#[derive(Debug)]
pub struct Neutral {
    ci: Ci,
    what: What,
    /// Nothing but what is not seen stands before this place in its line.
    blank: bool,
    escape: Escape,
    /// What may become a marker with what comes next.
    held: Vec<u8>,
    last: u8,
    /// The line that switches commands on again, while they are off.
    off: Option<Vec<u8>>,
}

/// Where in an escape sequence of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    Begun,
    /// `ESC [ … letter`
    Control,
    /// `ESC ] … BEL`
    Text,
}

impl Neutral {
    /// For a task's output on `ci`.
    pub fn new(ci: Ci, what: What) -> Self {
        Self {
            ci,
            what,
            blank: true,
            escape: Escape::Outside,
            held: Vec::new(),
            last: b'\n',
            off: None,
        }
    }

    /// Takes the next bytes; `out` gets what is to be written.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            self.pass(bytes, out);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(bytes);
            self.pass(&joined, out);
        }
    }

    /// The output is over: its last line gets its end, if it has none.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let last = self.held.last().copied().unwrap_or(self.last);
        if last != b'\n' {
            self.feed(b"\n", out);
        }
        out.append(&mut self.held);
        if let Some(line) = self.off.take() {
            out.extend_from_slice(&line);
        }
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let (mut from, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            if !self.blank {
                // The rest of most lines is gone past at the speed of a byte search.
                match memchr3(b'\n', b'\r', self.sign(), &bytes[at..]) {
                    Some(0) => {}
                    Some(more) => {
                        at += more;
                        continue;
                    }
                    None => {
                        at = bytes.len();
                        break;
                    }
                }
            }
            match self.look(byte, &bytes[at..]) {
                Found::Nothing => {}
                Found::Maybe => break,
                Found::Marker(length) => {
                    out.extend_from_slice(&bytes[from..at + length]);
                    out.push(b' ');
                    from = at + length;
                    at = from.max(at + 1);
                    self.blank = false;
                    continue;
                }
                Found::Off(line) => self.off = self.off.take().or(Some(line)),
                Found::On => self.off = None,
            }
            self.step(byte);
            at += 1;
        }
        out.extend_from_slice(&bytes[from..at]);
        self.held.extend_from_slice(&bytes[at..]);
        if at > 0 {
            self.last = bytes[at - 1];
        }
    }

    /// What a marker in the middle of a line begins with.
    fn sign(&self) -> u8 {
        match self.ci {
            Ci::GitHub | Ci::Azure | Ci::TeamCity => b'#',
            Ci::GitLab => b's',
            Ci::Buildkite => b'\n',
        }
    }

    /// Goes past a byte.
    fn step(&mut self, byte: u8) {
        if matches!(byte, b'\n' | b'\r') {
            // .NET, in which two of the agents are written, ends lines at both.
            (self.blank, self.escape) = (true, Escape::Outside);
            return;
        }
        if !self.blank {
            return;
        }
        self.escape = match (self.escape, byte) {
            (_, 0x1b) => Escape::Begun,
            (Escape::Begun, b'[') => Escape::Control,
            (Escape::Begun, b']' | b'_' | b'P' | b'^') => Escape::Text,
            (Escape::Begun, 0x20..=0x2f) => Escape::Begun,
            (Escape::Begun, _) => Escape::Outside,
            (Escape::Control, 0x40..=0x7e) | (Escape::Text, 0x07) => Escape::Outside,
            (Escape::Outside, _) => {
                self.blank = match self.ci {
                    // It skips white space, of which Unicode has a lot.
                    Ci::GitHub => !(0x21..0x7f).contains(&byte),
                    _ => false,
                };
                Escape::Outside
            }
            (within, _) => within,
        };
    }
}

/// A line of ours in which there is text from outside.
pub fn line(ci: Ci, text: &str) -> String {
    let mut out = Vec::new();
    let mut neutral = Neutral::new(ci, What::All);
    neutral.feed(text.as_bytes(), &mut out);
    out.append(&mut neutral.held);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::marker::LONGEST;
    use super::*;
    use proptest::prelude::*;

    const ALL: [Ci; 5] = [Ci::GitHub, Ci::GitLab, Ci::Buildkite, Ci::Azure, Ci::TeamCity];

    fn whole(ci: Ci, what: What, pieces: &[&[u8]]) -> String {
        let (mut neutral, mut out) = (Neutral::new(ci, what), Vec::new());
        for piece in pieces {
            neutral.feed(piece, &mut out);
        }
        neutral.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn groups(ci: Ci, text: &str) -> String {
        whole(ci, What::Groups, &[text.as_bytes()])
    }

    #[test]
    fn github() {
        for (text, expected) in [
            ("::group::a", ": :group::a\n"),
            (" \t\u{a0}::EndGroup::\n", " \t\u{a0}: :EndGroup::\n"),
            ("\x1b[0;1m::group title=a::b\n", "\x1b[0;1m: :group title=a::b\n"),
            ("a\r::endgroup::\n", "a\r: :endgroup::\n"),
            ("x ##[endgroup] ##[group]\n", "x ## [endgroup] ## [group]\n"),
            ("####[endgroup]\n", "#### [endgroup]\n"),
            ("std::group::of ::group::x\n", "std::group::of ::group::x\n"),
            ("::groups::\n::group\n:::group::\n", "::groups::\n::group\n:::group::\n"),
            ("::error::a\n::add-mask::b\n##[error]c\n", "::error::a\n::add-mask::b\n##[error]c\n"),
            ("::stop-commands::t0/=\nx\n", "::stop-commands::t0/=\nx\n::t0/=::\n"),
            ("::stop-commands::t\nx\n::t::\ny", "::stop-commands::t\nx\n::t::\ny\n"),
            (
                "::stop-commands::t\n::stop-commands::u\n::u::",
                "::stop-commands::t\n::stop-commands::u\n::u::\n::t::\n",
            ),
            ("::stop-commands::t", "::stop-commands::t\n::t::\n"),
            ("::stop-commands::a%0A\n", ": :stop-commands::a%0A\n"),
            ("::stop-commands::\n", ": :stop-commands::\n"),
        ] {
            assert_eq!(groups(Ci::GitHub, text), expected, "{text:?}");
        }
        let long = format!("::stop-commands::{}\n", "t".repeat(2 * LONGEST));
        assert_eq!(groups(Ci::GitHub, &long), long.replacen("::", ": :", 1));
        assert_eq!(line(Ci::GitHub, "x: at ##[debug].sh:3"), "x: at ## [debug].sh:3");
    }

    #[test]
    fn the_others() {
        for (ci, text, expected) in [
            (Ci::GitLab, "a section_start:1:x\r\x1b[0K", "a section_ start:1:x\r\x1b[0K\n"),
            (Ci::GitLab, "section_section_end:1:x\n", "section_section_ end:1:x\n"),
            (Ci::GitLab, "sections, section_starts\n", "sections, section_starts\n"),
            (Ci::Buildkite, "--- a\n+++ b\n~~~\tc\n", " --- a\n +++ b\n ~~~\tc\n"),
            (Ci::Buildkite, "\x1b[1m\x1b]0;title\x07--- a\n", "\x1b[1m\x1b]0;title\x07 --- a\n"),
            (
                Ci::Buildkite,
                "---\n----\n-+- \n a --- b\n --- c",
                "---\n----\n-+- \n a --- b\n --- c\n",
            ),
            (Ci::Buildkite, "^^^ +++\n", "^^^ +++\n"),
            (
                Ci::Azure,
                "##[endgroup]\n##vso[task.setvariable variable=a]b\n",
                "## [endgroup]\n##vso[task.setvariable variable=a]b\n",
            ),
            (
                Ci::TeamCity,
                "a ##teamcity[blockClosed name='x']\n",
                "a ## teamcity[blockClosed name='x']\n",
            ),
            (
                Ci::TeamCity,
                "##teamcity[testStarted name='x']\n",
                "##teamcity[testStarted name='x']\n",
            ),
            (
                Ci::TeamCity,
                "##teamcity[disableServiceMessages]\n",
                "##teamcity[disableServiceMessages]\n##teamcity[enableServiceMessages]\n",
            ),
            (
                Ci::TeamCity,
                "##teamcity[disableServiceMessages]\n##teamcity[enableServiceMessages]",
                "##teamcity[disableServiceMessages]\n##teamcity[enableServiceMessages]\n",
            ),
        ] {
            assert_eq!(groups(ci, text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_was_printed_before_commands_nothing() {
        for (ci, text) in [
            (Ci::GitHub, "::set-output name=a::b"),
            (Ci::GitHub, "##[debug]a"),
            (Ci::Azure, "##vso[task.setvariable variable=a]b"),
            (Ci::TeamCity, "##teamcity[buildStop comment='a']"),
        ] {
            let out = whole(ci, What::All, &[text.as_bytes()]);
            assert_eq!(out.trim_end().replacen(' ', "", 1), text, "{out:?}");
        }
    }

    /// What markers are made of.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop::sample::select(vec![
            "::",
            ":",
            "#",
            "##[",
            "group",
            "endgroup",
            "stop-commands",
            "]",
            " ",
            "\n",
            "\r",
            "section_",
            "start:",
            "end:1:x",
            "---",
            "+++",
            "-",
            "~~~ ",
            "\x1b[0m",
            "\x1b]",
            "\x07",
            "##teamcity[",
            "blockOpened",
            "blockClosed ",
            "disableServiceMessages]",
            "a",
            "é",
        ]);
        prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in text(), cuts in prop::collection::vec(0..99_usize, 0..9), at in 0..5_usize) {
            for what in [What::Groups, What::All] {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
                cuts.sort_unstable();
                let mut pieces = Vec::new();
                let mut from = 0;
                for cut in cuts {
                    pieces.push(&text[from..cut]);
                    from = cut;
                }
                pieces.push(&text[from..]);
                prop_assert_eq!(whole(ALL[at], what, &pieces), whole(ALL[at], what, &[&text]));
            }
        }

        #[test]
        fn what_is_harmless_stays_so(text in text(), at in 0..5_usize) {
            let once = groups(ALL[at], &String::from_utf8_lossy(&text));
            // But that commands are on again, which comes at the end.
            let again = groups(ALL[at], &once);
            prop_assert!(again == once || again.starts_with(&once), "{once:?} {again:?}");
        }

        #[test]
        fn only_blanks_come_in(text in text(), at in 0..5_usize) {
            let out = groups(ALL[at], &String::from_utf8_lossy(&text));
            let bare = |text: &str| text.replace(' ', "");
            let text = String::from_utf8_lossy(&text).into_owned();
            prop_assert!(bare(&out).starts_with(&bare(&text)), "{text:?} {out:?}");
        }
    }
}
