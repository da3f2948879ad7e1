//! Text from outside, so that a reader sees what is there: no character in it
//! acts, and none hides.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with control characters as `^[`, and with marks that reorder or
/// vanish as `‹U+202E›`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| acts(c) || (c.is_ascii_control() && !"\n\t".contains(c))) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\0'..='\x1f' | '\x7f' => shown.extend(['^', char::from(c as u8 ^ 0x40)]),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_is_shown() {
        for (text, shown) in [
            ("plain", "plain"),
            ("naïve 東京 👩‍🚀", "naïve 東京 👩‍🚀"),
            ("a\0b\x07c\x1b[1m\x7f", "a^@b^Gc^[[1m^?"),
            ("gpj.\u{202e}exe", "gpj.‹U+202E›exe"),
            ("a\u{2028}b\u{9b}c\u{feff}", "a‹U+2028›b‹U+009B›c‹U+FEFF›"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_acts_whatever_came(text in any::<String>()) {
            let text = visible(&text);
            prop_assert!(!text.chars().any(|c| acts(c) || (c.is_control() && !"\n\t".contains(c))));
        }
    }
}
