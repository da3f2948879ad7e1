//! Places in the script, as its user has them.

use super::model::Model;
use super::retime::{Deed, Op};
use crate::report::Subject;

/// A place in the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Its beginning.
    Begin,
    /// A line: `file:line`.
    Line(String),
    /// A call, where the shell does not tell its lines.
    Call(String),
    /// Its end.
    End,
}

impl Place {
    /// As it is.
    pub(super) fn full(&self) -> String {
        match self {
            Self::Begin => "its beginning".to_owned(),
            Self::Line(at) => at.clone(),
            Self::Call(call) => call.clone(),
            Self::End => "the end".to_owned(),
        }
    }

    /// A line without its file, where that is the one of `base`.
    pub(super) fn near(&self, base: &Self) -> String {
        match (self, base) {
            (Self::Line(at), Self::Line(base)) => {
                near(at, base.rsplit_once(':').map(|(file, _)| file))
            }
            _ => self.full(),
        }
    }
}

/// `file:line` as `:line` where that file is meant.
pub(super) fn near(at: &str, known: Option<&str>) -> String {
    match at.rsplit_once(':') {
        Some((file, line)) if known == Some(file) => format!(":{line}"),
        _ => at.to_owned(),
    }
}

/// A wait that blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// Where.
    pub at: Place,
    /// The verb.
    pub verb: &'static str,
    /// For how long, in microseconds.
    pub blocked: u64,
}

/// Tells the places of a run.
pub(super) struct Places<'m, 'a> {
    model: &'m Model<'a>,
    owned: bool,
}

impl<'m, 'a> Places<'m, 'a> {
    pub fn new(subject: &Subject<'_>, model: &'m Model<'a>) -> Self {
        Self { model, owned: subject.run.owner.is_some() }
    }

    /// Where in the script something is.
    pub fn of(&self, deed: &Deed<'_>) -> Place {
        if let Some(at) = deed.at {
            return Place::Line(at.to_owned());
        }
        let call = |verb: &str, task: usize| {
            let name = self.model.actors[task].task.map_or("", |task| task.id.as_str());
            Place::Call(format!("{verb} {name}"))
        };
        match deed.op {
            Op::Start(task) => call(if self.owned { "async_run" } else { "meanwhile start" }, task),
            Op::Wait(Some(task), _) => call(self.verb(task), task),
            Op::Wait(None, _) | Op::Work(_) => Place::Call("a wait".to_owned()),
        }
    }

    /// That it was waited for there.
    pub fn waited(&self, task: usize, at: Option<&str>, blocked: u64) -> Waited {
        let verb = self.verb(task);
        let at = at.map_or_else(|| Place::Call(verb.to_owned()), |at| Place::Line(at.to_owned()));
        Waited { at, verb, blocked }
    }

    /// What probably waited for a task: the journal does not tell the two apart.
    fn verb(&self, task: usize) -> &'static str {
        let capture = self.model.actors[task].task.is_some_and(|task| task.options.capture);
        match (self.owned, capture) {
            (true, false) => "async_wait",
            (true, true) => "async_get",
            (false, false) => "meanwhile wait",
            (false, true) => "meanwhile get",
        }
    }
}
