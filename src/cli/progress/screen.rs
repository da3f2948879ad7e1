//! Lines below the cursor of a terminal that is not ours alone.
//!
//! The cursor rests where it would be without them, and the lines are drawn
//! below it. So whatever other processes print, a task that is shown live or
//! a key that is echoed, goes where it would go, over the lines, which are
//! drawn anew below; nothing of theirs is erased, and nothing has to be known
//! of what they did. When the terminal is made narrower, what it then wraps
//! is below the cursor, too, and goes with the rest. Once lines are there, the cursor may
//! have come to stand on one of them: what is to its right goes, too. (That of a
//! script's own goes with it, if it has written `\r` to write over its line.)
//!
//! A drawing is one write: room is made (a vertical tab goes down and keeps its
//! column, and scrolls where it must), the place of the cursor is saved, the
//! lines are put over the old ones, which flickers less than to erase them
//! first, and the cursor goes back. It is never hidden, and no mode stays changed.
//!
//! While lines are there, signals are taken: one that ends or stops this
//! process does so when they are gone. (And TTOU, which could stop it for
//! drawing in the background, is blocked.)

use std::fmt::Write as _;
use std::os::fd::{AsFd, BorrowedFd};

use crate::process::signals::{self, Signals};
use crate::process::terminal::{PATIENCE, Size, Terminal};

/// What only tells that something changed.
const NEWS: [i32; 4] = [libc::SIGCHLD, libc::SIGWINCH, libc::SIGCONT, libc::SIGURG];

/// A terminal to draw on.
pub struct Screen {
    terminal: Terminal,
    /// Taken as long as something is drawn.
    signals: Option<Signals>,
    drawn: bool,
}

impl Screen {
    /// Draws nothing yet.
    pub fn new(terminal: Terminal) -> Self {
        Self { terminal, signals: None, drawn: false }
    }

    /// What becomes readable when it must be drawn again, or taken away.
    pub fn alarm(&self) -> Option<BorrowedFd<'_>> {
        self.signals.as_ref().map(AsFd::as_fd)
    }

    /// Draws the lines that there are for a terminal of some size, none of
    /// them wider than that. Where it is not our turn, nothing.
    pub fn draw(&mut self, lines: impl FnOnce(Size) -> Vec<String>) {
        self.heed();
        if self.signals.is_none() {
            // Without them nothing could be taken away again.
            let Ok(taken) = Signals::take() else { return };
            self.signals = Some(taken);
        }
        if !self.terminal.is_ours() {
            // What we drew is no longer below the cursor.
            return self.let_go();
        }
        let size = self.terminal.size();
        // Of a line alone there is no below.
        if size.rows < 2 || !self.terminal.takes_output(0) {
            return;
        }
        if self.terminal.write(frame(&lines(size), self.drawn).as_bytes()).is_err() {
            return self.let_go();
        }
        self.drawn = true;
    }

    /// Takes away what is drawn; whether there was anything.
    pub fn clear(&mut self) -> bool {
        let drawn = self.drawn;
        self.erase();
        self.let_go();
        drawn
    }

    fn erase(&mut self) {
        // One that ^S has halted must not keep anybody from going on, or from ending.
        if std::mem::take(&mut self.drawn) && self.terminal.takes_output(PATIENCE) {
            // Nobody sees a terminal that is gone.
            let _ = self.terminal.write(frame(&[], true).as_bytes());
        }
    }

    fn let_go(&mut self) {
        self.drawn = false;
        if let Some(signals) = self.signals.take() {
            signals.give_back();
        }
    }

    /// Does what signals want that have come.
    fn heed(&mut self) {
        while let Some(arrived) = self.signals.as_mut().and_then(Signals::arrived) {
            if !NEWS.contains(&arrived.signal) {
                self.erase();
                // Ends this process, or stops it until it goes on.
                signals::stop_by(arrived.signal);
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The write that puts these lines below the cursor, and nothing else there;
/// nor to its right, if something of ours may be there.
fn frame(lines: &[String], again: bool) -> String {
    let room = lines.len().max(1);
    // (A width that the terminal sees otherwise must not wrap a line: no
    // wrapping meanwhile. 7: save all of the cursor, 8: put it back.)
    let right = if again { "\x1b[K" } else { "" };
    let mut text = format!("{}\x1b[{room}A\x1b7\x1b[m{right}\x1b[?7l", "\x0b".repeat(room));
    for (at, line) in lines.iter().enumerate() {
        let erase = if at + 1 == lines.len() { "\x1b[J" } else { "\x1b[K" };
        // Writing to a String cannot fail.
        let _ = write!(text, "\r\n{erase}{line}");
    }
    if lines.is_empty() {
        text.push_str("\r\n\x1b[J");
    }
    text + "\x1b[?7h\x1b8"
}
