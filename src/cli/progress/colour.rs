//! A colour for each name, the same in every run.
//!
//! From the 256 that nearly every terminal has, not from its first 16, which
//! its theme chooses: of those some are hardly to be read on white, others on black.

use anstyle::{Ansi256Color, Style};

use super::settings;
use crate::client::live::Around;
use crate::process::terminal::Terminal;
use crate::run::{Id, files};

/// Colours that can be read on black and on white, none of them like another.
const PALETTE: [u8; 9] = [130, 64, 28, 30, 31, 27, 98, 164, 162];

/// The colour of a name.
pub fn of(name: &str) -> Style {
    let at = files::hash(name) % PALETTE.len() as u64;
    Ansi256Color(PALETTE[at as usize]).on_default()
}

/// Whether colours are welcome, if there is a terminal.
pub fn wanted() -> bool {
    settings::colours()
}

/// What stands around each line of a task that shows them while it runs, on
/// standard error: its name, coloured on a terminal.
pub fn around_live(id: &Id) -> Around {
    if !settings::can_draw() || Terminal::of(std::io::stderr()).is_none() {
        return Around { before: format!("{id} | "), after: "" };
    }
    let style = if wanted() { of(id.name()) } else { Style::new() };
    // A client may have drawn below: of the line where the next one begins nothing stays.
    let after = if settings::in_ci() { "" } else { "\x1b[K" };
    Around { before: format!("{style}{id}{style:#} | "), after }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of a colour of the 6x6x6 cube (WCAG 2.1).
    fn luminance(colour: u8) -> f64 {
        let at = usize::from(colour) - 16;
        let part = |level: usize| {
            let value = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0][level] / 255.0;
            if value <= 0.03928 { value / 12.92 } else { f64::powf((value + 0.055) / 1.055, 2.4) }
        };
        0.2126 * part(at / 36) + 0.7152 * part(at / 6 % 6) + 0.0722 * part(at % 6)
    }

    #[test]
    fn every_colour_can_be_read_on_black_and_on_white() {
        for colour in PALETTE {
            let light = luminance(colour) + 0.05;
            let (on_black, on_white) = (light / 0.05, 1.05 / light);
            assert!(on_black >= 4.0 && on_white >= 4.0, "{colour}: {on_black:.1} {on_white:.1}");
        }
    }

    #[test]
    fn a_name_keeps_its_colour_and_others_have_others() {
        assert_eq!(of("init_nova"), of("init_nova"));
        let all: std::collections::HashSet<String> =
            (0..100).map(|n| of(&format!("task{n}")).to_string()).collect();
        assert_eq!(all.len(), PALETTE.len());
    }
}
