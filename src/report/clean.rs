//! Text that came from tasks, fit to stand in a document: without the
//! escape sequences of terminals, without control characters, valid Unicode.
//! What a format's own syntax needs escaped is that format's business.

use std::fmt::Write as _;

use crate::run::excerpt::Excerpt;

/// The printable text of a log: lines end in a newline, tabs stay, invalid
/// UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    // Line by line: an escape sequence that never ends must not swallow the rest.
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let (line, end) = match line.strip_suffix(b"\n") {
            Some(line) => (line.strip_suffix(b"\r").unwrap_or(line), "\n"),
            None => (line, ""),
        };
        let line = String::from_utf8_lossy(line);
        let plain = anstream::adapter::strip_str(&line).to_string();
        // A progress line that was drawn over and over is so many lines.
        text.extend(plain.chars().filter_map(|c| match c {
            '\r' => Some('\n'),
            '\t' => Some(c),
            // These are no characters, says Unicode; XML refuses them.
            '\u{fffe}' | '\u{ffff}' => None,
            c => (!c.is_control()).then_some(c),
        }));
        text.push_str(end);
    }
    text
}

/// The text of an excerpt, which says what is cut.
pub fn excerpt(excerpt: &Excerpt) -> String {
    let mut all = text(&excerpt.head);
    if excerpt.cut > 0 {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = writeln!(all, "[{} of {} bytes are left out here]", excerpt.cut, excerpt.bytes);
        all.push_str(&text(&excerpt.tail));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_links_and_titles_go_and_words_stay() {
        for (bytes, plain) in [
            (&b"\x1b[1;31mred\x1b[0m \x1b[Kplain"[..], "red plain"),
            (b"\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ end", "link end"),
            (b"\x1b]0;title\x07a\tb\r\nc\n", "a\tb\nc\n"),
            (b"10%\r20%\r30%\n", "10%\n20%\n30%\n"),
            (b"a\0b\x08c\x7fd\xff\xc2\x9be", "abcd\u{fffd}e"),
            (b"\x1b]never ended\nthe rest\n", "\nthe rest\n"),
            ("\u{fffe}\u{ffff}\u{e9}\u{4e16}\u{1f600}".as_bytes(), "\u{e9}\u{4e16}\u{1f600}"),
            (b"\x1b", ""),
            (b"", ""),
            (b"no newline", "no newline"),
        ] {
            assert_eq!(text(bytes), plain, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_excerpt_says_what_it_lacks() {
        let cut = Excerpt { head: b"a".into(), tail: b"z\n".into(), cut: 7, bytes: 10 };
        assert_eq!(excerpt(&cut), "a\n[7 of 10 bytes are left out here]\nz\n");
        let whole = Excerpt { head: b"all\n".into(), ..Excerpt::default() };
        assert_eq!(excerpt(&whole), "all\n");
    }

    proptest! {
        #[test]
        fn nothing_but_text_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = text(&bytes);
            prop_assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            let lines = |text: &[u8]| text.split(|b| *b == b'\n').count();
            prop_assert!(lines(text.as_bytes()) >= lines(&bytes), "no line is swallowed");
        }
    }
}
