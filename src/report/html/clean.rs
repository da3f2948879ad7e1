//! Text from outside, so that a reader sees what is there: no control
//! character acts, and none hides.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with what would act or hide made visible: control characters as
/// their pictures (`␛`), marks that reorder or vanish as `‹U+202E›`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            '\x7f' => shown.push('\u{2421}'),
            _ if acts(c) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "‹U+{:04X}›", u32::from(c));
            }
            _ => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// C1 controls; what reorders the text around it; what breaks a line in
/// scripts; what is nothing to see, save the joiners that languages need.
fn acts(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{2028}' | '\u{2029}'
        | '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A log as text: without the sequences that drive a terminal; lines that a
/// program wrote over each other stand one below the other.
pub fn log(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
            None => (line, ""),
        };
        // Line by line: a sequence that never ends must not swallow the rest.
        for (n, part) in line.split('\r').enumerate() {
            if n > 0 && !shown.is_empty() && !shown.ends_with('\n') {
                shown.push('\n');
            }
            shown.push_str(&visible(&plain(part)));
        }
        shown.push_str(end);
    }
    shown
}

/// Without ANSI sequences. Other control characters stay, to be shown.
fn plain(line: &str) -> Cow<'_, str> {
    if !line.contains(['\x1b', '\u{9b}']) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(anstream::adapter::strip_str(line).to_string())
}

/// What a text costs inside the page, in bytes (see `data::json`).
pub fn cost(c: char) -> usize {
    match c {
        '<' | '\u{2028}' | '\u{2029}' => 6,
        '"' | '\\' | '\n' | '\t' => 2,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_is_shown() {
        for (text, shown) in [
            ("plain", "plain"),
            ("naïve 東京 👩‍🚀", "naïve 東京 👩‍🚀"),
            ("a\0b\x07c\x1b[1m\x7f", "a␀b␇c␛[1m␡"),
            ("gpj.\u{202e}exe", "gpj.‹U+202E›exe"),
            ("a\u{2028}b\u{9b}c\u{feff}", "a‹U+2028›b‹U+009B›c‹U+FEFF›"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn a_log_is_what_a_reader_of_the_terminal_saw() {
        for (bytes, text) in [
            (&b"\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07\n"[..], "red link\n"),
            (b"10%\r50%\r100%\ndone\r\n", "10%\n50%\n100%\ndone\n"),
            (b"\r\rstart", "start"),
            (b"bad \xff\xfe bytes", "bad \u{fffd}\u{fffd} bytes"),
            (b"\x1b]never ended\nthe next line\n", "\nthe next line\n"),
            (b"a\0b\x08", "a␀b␈"),
        ] {
            assert_eq!(log(bytes), text, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn nothing_acts_whatever_came(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = log(&bytes);
            prop_assert!(!text.chars().any(|c| acts(c) || (c.is_control() && !"\n\t".contains(c))));
        }
    }
}
