//! A task: one start of a name, and where it stands.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use super::{Id, Kind, Record, Time, code, record};

/// A process, told from a later one with the same pid by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// The pid.
    pub pid: u32,
    /// When it started; of a guard, a moment not earlier than that.
    pub started: Time,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its guard waits for a dependency, a lock or a slot.
    Queued,
    /// Its command is at work.
    Running,
    /// Code 0.
    Succeeded,
    /// Any other code of its own.
    Failed(u8),
    /// Ended by a signal (a shell reports both this and `exit 128+N` as 128+N).
    Signalled(u8),
    /// Ended because its time was up.
    TimedOut,
    /// Ended because somebody cancelled it.
    Cancelled,
    /// Never begun, because a task that it depends on failed.
    Skipped,
    /// Its guard was killed before it could record an end.
    Lost,
}

impl State {
    /// The state's word in messages and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed(_) => "failed",
            Self::Signalled(_) => "signalled",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Lost => "lost",
        }
    }
}

/// A process that a task left running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Its pid.
    pub pid: u32,
    /// Its command name, as the kernel keeps it.
    pub comm: String,
}

/// What a task was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether its standard output is kept apart.
    pub capture: bool,
    /// It begins once these have succeeded.
    pub after: Vec<Id>,
    /// No other task that holds one of these runs beside it.
    pub locks: Vec<String>,
    /// How long it may run, in microseconds.
    pub timeout: Option<u64>,
    /// How often it is tried again when it fails.
    pub retries: u32,
    /// Whether its guard has to ask before it begins.
    pub queued: bool,
}

/// Why a task was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The task whose failure began it.
    pub root: Id,
    /// Its code.
    pub code: u8,
}

/// One start of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its key in the run.
    pub id: Id,
    /// Its guard, once `start` was read.
    pub guard: Option<Process>,
    /// The script's line that started it.
    pub at: Option<Box<str>>,
    /// What it was started with.
    pub options: Arc<Options>,
    /// When it was admitted, if it had to be.
    pub admitted: Option<Time>,
    /// The control group that it runs in, if it has one of its own.
    pub cgroup: Option<Box<Path>>,
    /// The token of the jobserver that it holds while it runs.
    pub token: Option<u8>,
    /// How many of its clients have lent that while they block.
    pub lent: u32,
    /// When it ended, and with which code.
    pub end: Option<(Time, u8)>,
    /// Its CPU time in microseconds, where the journal has it.
    pub cpu: Option<u64>,
    /// How many attempts failed and were followed by another.
    pub failures: u32,
    /// When each of them failed, and with which code.
    pub tries: Vec<(Time, u8)>,
    /// Whether its guard vanished.
    pub lost: bool,
    /// Whether its time was up.
    pub timed_out: bool,
    /// Whether somebody asked for its end.
    pub cancelled: bool,
    /// Why it never began.
    pub skipped: Option<Box<Cause>>,
    /// Whether its output was shown while it ran.
    pub shown: bool,
    /// Who shows its output while it runs.
    pub live: Option<Process>,
    /// Whether all of its output was shown so.
    pub live_done: bool,
    /// Whether errexit, set in the script, had no effect inside it, because
    /// it was started in a condition (`async_run … ||`, `if async_run …`).
    pub errexit_off: bool,
    /// When it was collected.
    pub collected: Option<Time>,
    /// The script's line that collected it.
    pub collected_at: Option<Box<str>>,
    /// The pid of the client that collected it.
    pub collected_by: Option<u32>,
    /// What it left running.
    pub leaks: Vec<Leak>,
}

/// No options, as most tasks have it: they share it.
fn plain() -> Arc<Options> {
    static PLAIN: LazyLock<Arc<Options>> = LazyLock::new(Arc::default);
    PLAIN.clone()
}

impl Options {
    /// Reads the fields of a `start` record.
    pub fn parse(fields: &str) -> Self {
        let get = |key| record::get(fields, key);
        let list = |key| get(key).into_iter().flat_map(|list: &str| list.split(','));
        Self {
            capture: get("capture") == Some("1"),
            after: list("after").filter_map(Id::parse).collect(),
            locks: list("lock").map(str::to_owned).collect(),
            timeout: get("timeout").and_then(|micros| micros.parse().ok()),
            retries: get("retries").and_then(|count| count.parse().ok()).unwrap_or(0),
            queued: get("queued") == Some("1"),
        }
    }

    /// As fields of a `start` record.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let after: Vec<&str> = self.after.iter().map(Id::as_str).collect();
        let mut fields = Vec::new();
        let mut add = |key, value: String, wanted: bool| {
            if wanted {
                fields.push((key, value));
            }
        };
        add("capture", "1".into(), self.capture);
        add("queued", "1".into(), self.queued);
        add("after", after.join(","), !after.is_empty());
        add("lock", self.locks.join(","), !self.locks.is_empty());
        add("timeout", self.timeout.unwrap_or(0).to_string(), self.timeout.is_some());
        add("retries", self.retries.to_string(), self.retries > 0);
        fields
    }
}

/// As `key=value key=value`.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> =
            self.fields().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.write_str(&fields.join(" "))
    }
}

impl Task {
    /// One of which nothing is known yet.
    pub(super) fn new(id: Id) -> Self {
        Self {
            id,
            guard: None,
            at: None,
            options: plain(),
            admitted: None,
            cgroup: None,
            token: None,
            lent: 0,
            end: None,
            cpu: None,
            failures: 0,
            tries: Vec::new(),
            lost: false,
            timed_out: false,
            cancelled: false,
            skipped: None,
            shown: false,
            live: None,
            live_done: false,
            errexit_off: false,
            collected: None,
            collected_at: None,
            collected_by: None,
            leaks: Vec::new(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        match self.end {
            None if self.began().is_none() && self.options.queued => State::Queued,
            None => State::Running,
            Some(_) if self.skipped.is_some() => State::Skipped,
            Some(_) if self.timed_out => State::TimedOut,
            Some(_) if self.lost => State::Lost,
            Some((_, code::OK)) => State::Succeeded,
            Some(_) if self.cancelled => State::Cancelled,
            Some((_, code)) => code::signal(code).map_or(State::Failed(code), State::Signalled),
        }
    }

    /// Its exit code, once it has ended.
    pub fn code(&self) -> Option<u8> {
        self.end.map(|(_, code)| code)
    }

    /// Whether it is being ended: it is not to begin, nor to be tried again.
    pub fn is_ending(&self) -> bool {
        self.cancelled || self.timed_out
    }

    /// When its command began; none: it is queued, or never did.
    pub fn began(&self) -> Option<Time> {
        let at_once = self.guard.filter(|_| !self.options.queued).map(|guard| guard.started);
        self.admitted.or(at_once)
    }

    /// How long its command ran, in microseconds; to `now` if it still does.
    pub fn elapsed(&self, now: Time) -> u64 {
        let until = self.end.map_or(now, |(time, _)| time);
        self.began().map_or(0, |began| until.since(began))
    }

    /// How long it was queued, in microseconds; to `now` if it still is.
    pub fn queued(&self, now: Time) -> u64 {
        let until = self.admitted.or(self.end.map(|(time, _)| time)).unwrap_or(now);
        self.guard.filter(|_| self.options.queued).map_or(0, |guard| until.since(guard.started))
    }

    /// When its time is up, if it runs and has a limit.
    pub fn deadline(&self) -> Option<Time> {
        let running = self.end.is_none() && !self.timed_out;
        let micros = self.options.timeout.filter(|_| running)?;
        Some(Time(self.began()?.0.saturating_add(micros)))
    }

    /// Takes in a record about it; `lean` and `past` as in [`super::Run`].
    pub(super) fn apply(
        &mut self,
        kind: Kind,
        time: Time,
        record: &Record<'_>,
        lean: bool,
        past: bool,
    ) {
        // None of ours is the machine's first process, whatever a journal says.
        let process = || {
            let pid = record.number("pid").map(|pid| if past || pid == 1 { 0 } else { pid });
            pid.map(|pid| Process { pid, started: time })
        };
        let place = || record.get("at").filter(|_| !lean).map(Box::from);
        match kind {
            Kind::Start if self.guard.is_none() => {
                self.guard = process();
                self.at = place();
                let options = Options::parse(record.fields());
                if options != *self.options {
                    self.options = options.into();
                }
            }
            Kind::Begin if self.admitted.is_none() && self.end.is_none() => {
                self.admitted = Some(time);
                self.token = record.number("token");
                self.cgroup = record.get("cgroup").map(|path| Path::new(path).into());
            }
            Kind::Lend => self.lent = self.lent.saturating_add(1),
            Kind::Back => self.lent = self.lent.saturating_sub(1),
            Kind::Free => self.token = None,
            Kind::Attempt => {
                self.failures = self.failures.saturating_add(1);
                if !lean {
                    self.tries.push((time, record.number("code").unwrap_or(code::FAILED)));
                }
            }
            Kind::End => {
                if let Some(code) = record.number("code") {
                    self.ended(time, code);
                    self.cpu = self.cpu.or_else(|| record.number("cpu"));
                    self.errexit_off |= record.get("errexit") == Some("off");
                }
            }
            Kind::Lost if self.end.is_none() => {
                let code = record.number("code");
                self.lost = code.is_none_or(|code| code == code::LOST);
                self.ended(time, code.unwrap_or(code::LOST));
            }
            Kind::Timeout if self.end.is_none() => self.timed_out = true,
            Kind::Cancel if self.end.is_none() => self.cancelled = true,
            Kind::Skip if self.end.is_none() => {
                let root = record.get("root").and_then(Id::parse);
                let code = record.number("code").unwrap_or(code::LOST);
                self.skipped = root.map(|root| Cause { root, code }.into());
            }
            // One that comes too late has nothing to show: see `client::live`.
            Kind::Live if record.get("done") == Some("1") => self.live_done = true,
            Kind::Live if self.end.is_none() => self.live = process(),
            Kind::Shown => self.shown = true,
            Kind::Collected if self.collected.is_none() => {
                self.collected = Some(time);
                self.collected_at = place();
                self.collected_by = record.number("by");
            }
            Kind::Leak => self.leaks.push(Leak {
                pid: record.number("pid").unwrap_or(0),
                comm: record.get("comm").unwrap_or("?").to_owned(),
            }),
            _ => {}
        }
    }

    /// The first code stands. Where meanwhile ended the task, or never let it
    /// begin, that is what its code says.
    fn ended(&mut self, time: Time, code: u8) {
        let code = match () {
            () if self.skipped.is_some() => code::SKIPPED,
            () if self.timed_out => code::TIMED_OUT,
            () => code,
        };
        self.end.get_or_insert((time, code));
    }
}
