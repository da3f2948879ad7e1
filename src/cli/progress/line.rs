//! Making it fit: lines of a terminal's width, of text that may hold anything.
//!
//! Width is what a terminal shows, not bytes or characters: 漢 takes two
//! places, an accent none. What terminals are not agreed on, or what would
//! change more than its own place, is left out.

use std::fmt::Write as _;

use anstyle::{Effects, Style};
use unicode_width::UnicodeWidthChar;

use super::colour;
use super::view::Row;

/// More marks than this on one letter are a prank.
const MARKS: usize = 4;

/// The columns of names and of states are at most so wide; a part of the line.
const NAMES: (usize, usize) = (2, 5);

/// The last line of a log that has something in it, of the log's end: without
/// escape sequences and all else that would move the cursor or turn the text
/// around. Where a line was written over (`\r`), what was written last.
pub fn last(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let text = anstream::adapter::strip_str(&text).to_string();
    let pieces = text.rsplit(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']);
    pieces.map(shown).find(|line| !line.trim().is_empty()).unwrap_or_default().trim_end().to_owned()
}

/// Without what is not for showing.
fn shown(text: &str) -> String {
    let mut marks = 0;
    let mut kept = String::new();
    for c in text.chars().map(|c| if c == '\t' { ' ' } else { c }) {
        match c.width() {
            None => {}
            Some(_) if is_invisible(c) => {}
            Some(0) => {
                marks += 1;
                if marks <= MARKS && !kept.is_empty() {
                    kept.push(c);
                }
            }
            Some(_) => {
                marks = 0;
                kept.push(c);
            }
        }
    }
    kept
}

/// What is not seen (though some is counted as a place) and is no mark on a letter: it
/// turns the direction of the text, or joins what terminals then show with different widths.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// How wide a text is that [`shown`] lets through.
fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// As much of it as is so wide; a mark at its end where something is missing.
fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let Some(most) = most.checked_sub(1) else { return String::new() };
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= most
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

/// A line under way.
struct Line {
    text: String,
    /// How much room is left.
    left: usize,
    colour: bool,
}

impl Line {
    fn new(columns: usize, colour: bool) -> Self {
        Self { text: String::new(), left: columns, colour }
    }

    fn put(&mut self, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = cut(text, self.left);
        self.left -= width(&text).min(self.left);
        let style = if self.colour { style } else { Style::new() };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{style}{text}{style:#}");
    }

    /// A column: as wide as that, and a gap.
    fn column(&mut self, style: Style, text: &str, wide: usize) {
        let text = cut(text, wide);
        self.put(style, &text);
        let gap = (wide - width(&text).min(wide) + 2).min(self.left);
        self.text.push_str(&" ".repeat(gap));
        self.left -= gap;
    }

    fn done(self) -> String {
        self.text.trim_end_matches(' ').to_owned()
    }
}

const FAINT: Style = Style::new().effects(Effects::DIMMED);

/// The lines that show these tasks, and that there are `more`, none of them
/// wider than so many columns.
pub fn frame(rows: &[Row], more: usize, columns: usize, colour: bool) -> Vec<String> {
    let widest = |of: fn(&Row) -> &str| rows.iter().map(|row| width(of(row))).max().unwrap_or(0);
    let most = (columns * NAMES.0 / NAMES.1).max(1);
    let names = widest(|row| &row.name).min(most);
    let states = widest(|row| &row.what).min(most);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let mut line = Line::new(columns, colour);
            line.column(colour::of(&row.of), &row.name, names);
            line.column(Style::new(), &row.what, states);
            line.put(FAINT, &row.note);
            line.done()
        })
        .collect();
    if more > 0 {
        let text =
            if rows.is_empty() { format!("{more} tasks") } else { format!("and {more} more") };
        lines.push(one(&text, columns, colour));
    }
    lines
}

/// A line that is about no single task.
pub fn one(text: &str, columns: usize, colour: bool) -> String {
    let mut line = Line::new(columns, colour);
    line.put(FAINT, text);
    line.done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(name: &str, what: &str, note: &str) -> Row {
        Row { name: name.into(), of: name.into(), what: what.into(), note: note.into() }
    }

    #[test]
    fn columns_line_up_and_end_where_the_terminal_does() {
        let rows = [
            row("init_nova", "1m30s, usually 2m", "Building wheel for nova"),
            row("db", "45s", ""),
        ];
        assert_eq!(
            frame(&rows, 0, 80, false),
            ["init_nova  1m30s, usually 2m  Building wheel for nova", "db         45s"]
        );
        assert_eq!(
            frame(&rows, 3, 40, false),
            ["init_nova  1m30s, usually …  Building w…", "db         45s", "and 3 more"]
        );
        assert_eq!(frame(&rows, 0, 1, false), ["…", "…"]);
        assert_eq!(frame(&[], 1000, 80, false), ["1000 tasks"]);
    }

    #[test]
    fn wide_characters_take_two_places() {
        let rows = [row("a", "1s", "漢字漢字漢字")];
        assert_eq!(frame(&rows, 0, 14, false), ["a  1s  漢字漢…"]);
        assert_eq!(frame(&rows, 0, 13, false), ["a  1s  漢字…"]);
        assert_eq!(cut("漢", 1), "…");
        assert_eq!(cut("e\u{301}te\u{301}", 3), "e\u{301}te\u{301}", "accents take none");
    }

    #[test]
    fn colour_changes_no_character() {
        let rows = [row("a", "1s", "漢 text"), row("bb", "10s", "")];
        for columns in 1..30 {
            let plain = frame(&rows, 1, columns, false);
            let coloured = frame(&rows, 1, columns, true);
            assert!(coloured[0].contains("\x1b["));
            let stripped: Vec<String> = coloured
                .iter()
                .map(|line| anstream::adapter::strip_str(line).to_string().trim_end().to_owned())
                .collect();
            assert_eq!(stripped, plain);
        }
    }

    #[test]
    fn the_last_line_is_the_last_that_says_something() {
        for (tail, line) in [
            (&b"one\ntwo\n"[..], "two"),
            (b"one\ntwo", "two"),
            (b"one\n\n  \n\t\n", "one"),
            (b"10%\r20%\r30%", "30%"),
            (b"10%\r\n", "10%"),
            (b"a\tb", "a b"),
            (b"  indented", "  indented"),
            (b"", ""),
            (b"\x1b[31mred\x1b[0m\n", "red"),
            (b"\x1b]0;title\x07text\x1b[2J\x1b[H", "text"),
            (b"\x1bP1$r0m\x1b\\q\x1b[", "q"),
            (b"a\x00\x07\x08b\x7f", "ab"),
            (b"caf\xe9 noir", "caf\u{fffd} noir"),
            (b"\xff\xfex", "\u{fffd}\u{fffd}x"),
            ("a\u{202e}b\u{9b}31mc\u{200d}".as_bytes(), "ab31mc"),
            ("a\u{fff9}b\u{ad}c".as_bytes(), "abc"),
            ("one\u{2028}two".as_bytes(), "two"),
            ("\u{301}\u{301}".as_bytes(), ""),
        ] {
            assert_eq!(last(tail), line, "{tail:?}");
        }
        let prank = format!("a{}b", "\u{301}".repeat(1000));
        assert_eq!(last(prank.as_bytes()).chars().count(), 2 + MARKS);
    }

    proptest! {
        #[test]
        fn no_log_drives_the_terminal(tail in proptest::collection::vec(any::<u8>(), 0..300), columns in 1usize..60) {
            let note = last(&tail);
            prop_assert!(!note.chars().any(|c| c.is_control() || is_invisible(c)));
            for line in frame(&[row("some-name", "12s", &note)], 2, columns, false) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }

        #[test]
        fn no_text_drives_the_terminal(text in "\\PC*|.*", columns in 1usize..60) {
            let note = last(text.as_bytes());
            prop_assert!(!note.chars().any(|c| c.is_control() || is_invisible(c)));
            for line in frame(&[row("n", "queued 12s", &note)], 0, columns, false) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }
    }
}
