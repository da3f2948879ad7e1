//! `meanwhile get`: collects one task and prints what it captured.

use super::wait::{Caller, finish, parse_names};
use super::{Failure, checked, message};
use crate::client::Error;
use crate::client::collect::collect;
use crate::client::replay::Log;
use crate::client::request::{Output, Request, Which};
use crate::run::{duration, files};

/// Wait for a task, print its standard output, return its code.
///
/// The task must have been started with --capture; the rest of what it said
/// (its standard error) goes to standard error. In a script: async_get VAR NAME.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// The task.
    name: String,
    /// Give up after this time, with code 124; the task goes on.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<u64>,
    #[command(flatten)]
    caller: Caller,
}

impl Get {
    pub fn run(self) -> Result<u8, Failure> {
        let names = parse_names(std::slice::from_ref(&self.name))?;
        let dir = self.caller.open()?;
        let request = Request {
            which: Which::Named(names),
            scope: self.caller.scope().cloned(),
            waiter: self.caller.waiter(&dir),
            at: self.caller.at().cloned(),
            timeout: self.timeout,
            if_started: false,
            once: false,
            with_script: self.caller.prepare_answer(&dir).is_some(),
            fail_fast: false,
            checked: checked::traced(),
            output: Output::Replay,
        };
        let answer = self.caller.prepare_answer(&dir);
        let mut teller = message::Plain::default();
        let mut teller = self.caller.shown(&dir, &mut teller);
        let outcome = collect(&dir, &request, &mut message::raw_stderr()?, &mut teller);
        if let Some(id) = outcome.as_ref().ok().and_then(|outcome| outcome.ended.first()) {
            let failed = |error| Error::Replay { id: id.clone(), error };
            let attempt = outcome.as_ref().map_or(1, |outcome| outcome.attempt);
            match Log::open(&dir, id, attempt, files::OUT).map_err(failed)? {
                Some(mut out) => out.replay(&mut message::raw_stdout()?).map_err(failed)?,
                None => {
                    return Err(Failure::usage(
                        format!("{id}: its output was not captured"),
                        format!("start it with: async_run --capture {} …", id.name()),
                    ));
                }
            }
        }
        finish(answer, false, self.caller.scope(), outcome)
    }
}
