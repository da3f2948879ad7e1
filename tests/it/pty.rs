//! A pseudo-terminal with a program in it, and what a person sees there.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::sandbox::{Sandbox, until};

/// A terminal with an interactive bash in it, or another program.
pub struct Terminal<'a> {
    pub sandbox: &'a Sandbox,
    pub line: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Its sizes, rows and columns, each from so many bytes on.
    sizes: RefCell<Vec<(usize, (u16, u16))>>,
    pub reader: JoinHandle<()>,
    pub closing: Arc<AtomicBool>,
    pub child: Child,
}

impl<'a> Terminal<'a> {
    pub fn open(sandbox: &'a Sandbox, words: &[&str]) -> Self {
        Self::with(sandbox, words, &[("TERM", "dumb")], (24, 80))
    }

    /// The same with variables of its own, and of a size: rows, columns.
    pub fn with(
        sandbox: &'a Sandbox,
        words: &[&str],
        variables: &[(&str, &str)],
        size: (u16, u16),
    ) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        set_size(&master, size);
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let noctty = rustix::fs::OFlags::NOCTTY.bits() as i32;
        let open = || OpenOptions::new().read(true).write(true).custom_flags(noctty).open(&name);
        // A session of its own, whose terminal it is.
        let mut command = sandbox.command("setsid", &[&["--ctty"], words].concat());
        command.env("PS1", "next> ").env("HISTFILE", "/dev/null").envs(variables.iter().copied());
        command.stdin(open().unwrap()).stdout(open().unwrap()).stderr(open().unwrap());
        let child = command.spawn().unwrap();
        drop(command);
        let line = File::from(master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(AtomicBool::new(false));
        let (mut from, written, close) =
            (line.try_clone().unwrap(), screen.clone(), closing.clone());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            loop {
                let closing = close.load(Ordering::Relaxed);
                let mut polled = [PollFd::new(&from, PollFlags::IN)];
                if poll(&mut polled, Some(&moment)).unwrap_or(0) > 0 {
                    let Ok(read @ 1..) = from.read(&mut buffer) else { return };
                    written.lock().unwrap().extend_from_slice(&buffer[..read]);
                } else if closing {
                    return;
                }
            }
        });
        Self { sandbox, line, screen, sizes: RefCell::new(vec![(0, size)]), reader, closing, child }
    }

    /// An interactive bash, ready for a command.
    pub fn bash(sandbox: &'a Sandbox) -> Self {
        let terminal = Self::open(sandbox, &["bash", "--norc", "--noediting", "-i"]);
        terminal.wait_for("next> ");
        terminal
    }

    pub fn keys(&self, keys: &str) {
        (&self.line).write_all(keys.as_bytes()).unwrap();
    }

    /// Presses ^C, then types a command; waits for what that prints. On a
    /// loaded machine a ^C has been seen to reach no process at all, whichever
    /// shell it was; then it is pressed again, as a person would, and told.
    #[track_caller]
    pub fn interrupt(&self, command: &str, printed: &str) {
        for again in 0..5 {
            // (bash runs no more of a line that was interrupted.)
            self.keys("\x03");
            self.keys(&format!("\n{command}\n"));
            let pressed = std::time::Instant::now();
            let soon = || self.text().contains(printed) || pressed.elapsed().as_secs() >= 5;
            if until(soon) && self.text().contains(printed) {
                return;
            }
            println!("^C number {} reached nobody: {:#?}", again + 1, self.sandbox.census());
        }
        self.wait_for(printed);
    }

    /// Presses ^C, again where it reached nobody (see above), until the prompt is back.
    #[track_caller]
    pub fn interrupt_alone(&self) {
        for _ in 0..5 {
            self.keys("\x03");
            let pressed = std::time::Instant::now();
            let back = || self.screen().contents().trim_end().ends_with("\nnext>");
            if until(|| back() || pressed.elapsed().as_secs() >= 5) && back() {
                return;
            }
        }
        panic!("no prompt in:\n{}\nthere are: {:#?}", self.text(), self.sandbox.census());
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).replace('\r', "")
    }

    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let seen = until(|| self.text().contains(text));
        assert!(seen, "no {text:?} in:\n{}\nthere are: {:#?}", self.text(), self.sandbox.census());
    }

    /// The script runs its tasks.
    pub fn ready(&self, tasks: usize) {
        let sleeping =
            || self.sandbox.census().iter().filter(|(_, l)| l.starts_with("/bin/sleep 1")).count();
        assert!(until(|| sleeping() == tasks), "{}\n{:#?}", self.text(), self.sandbox.census());
    }

    /// All that was written to it.
    pub fn bytes(&self) -> Vec<u8> {
        self.screen.lock().unwrap().clone()
    }

    /// What a person sees, as a terminal makes it of what was written.
    pub fn screen(&self) -> vt100::Screen {
        let part = |n: u16| std::num::NonZeroU16::new(n).unwrap();
        let sizes = self.sizes.borrow();
        let (rows, columns) = sizes[0].1;
        let mut parser = vt100::Parser::new(part(rows), part(columns), 1000);
        let bytes = self.bytes();
        for (at, (from, (rows, columns))) in sizes.iter().enumerate() {
            let until = sizes.get(at + 1).map_or(bytes.len(), |next| next.0);
            parser.set_size(part(*rows), part(*columns));
            parser.process(&bytes[*from..until]);
        }
        parser.screen().clone()
    }

    /// Waits for a person to see that.
    #[track_caller]
    pub fn sees(&self, what: &str, sought: impl Fn(&str) -> bool) -> String {
        let seen = until(|| sought(&self.screen().contents()));
        let contents = self.screen().contents();
        assert!(seen, "not seen, {what}:\n{contents}\nthere are: {:#?}", self.sandbox.census());
        contents
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.sizes.borrow_mut().push((self.bytes().len(), (rows, columns)));
        set_size(&self.line, (rows, columns));
    }

    /// Waits for the program to end, and for all that it started.
    pub fn ended(mut self) -> vt100::Screen {
        self.child.wait().unwrap();
        self.sandbox.assert_empty();
        // What was written before is to be read now.
        self.closing.store(true, Ordering::Relaxed);
        let reader = std::mem::replace(&mut self.reader, std::thread::spawn(|| {}));
        reader.join().unwrap();
        self.screen()
    }

    /// Ends the interactive shell.
    pub fn leave(mut self) {
        self.keys("exit\n");
        self.sandbox.assert_empty();
        self.child.wait().unwrap();
    }

    /// The line is cut, the window is closed.
    pub fn hang_up(mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.reader.join().unwrap();
        drop(self.line);
        self.sandbox.assert_empty();
        self.child.wait().unwrap();
    }
}

fn set_size(terminal: impl AsFd, (rows, columns): (u16, u16)) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}
