//! Waits of the script's own: a line at which somebody looks again and again, until what another
//! one makes is there. They order nothing, but a way out must not start that other one behind it.

use std::collections::{HashMap, HashSet};

use super::segments::Segments;
use crate::run::Time;
use crate::run::footprint::{Access, Op, PathNo, TextNo, Traced};

/// Who waits at which line for whom, by the numbers of actors.
#[derive(Debug, Default)]
pub struct Waits(HashSet<(usize, TextNo, usize)>);

impl Waits {
    /// Those of a traced run.
    pub fn new(traced: &Traced, segments: &Segments<'_>) -> Self {
        let actor = |access: &Access| segments.actor_of(access.group);
        let place = |access: &Access| Some((actor(access), access.at?, access.path));
        let mut missed: HashMap<(usize, TextNo, PathNo), Time> = HashMap::new();
        for access in traced.accesses.iter().filter(|access| access.op == Op::Miss) {
            if let Some(place) = place(access) {
                missed.entry(place).or_insert(access.first);
            }
        }
        let mut awaited: HashMap<PathNo, Vec<(usize, TextNo)>> = HashMap::new();
        for access in &traced.accesses {
            let Some((who, at, path)) = place(access) else { continue };
            let found = match access.op {
                Op::Look | Op::Read | Op::Exec | Op::List => {
                    missed.get(&(who, at, path)).is_some_and(|missed| access.last > *missed)
                }
                // (There is nobody to connect to before.)
                Op::Connect => true,
                _ => false,
            };
            if found {
                awaited.entry(path).or_default().push((who, at));
            }
        }
        let makes = |op: Op| {
            matches!(
                op,
                Op::Create | Op::CreateNew | Op::MakeDir | Op::NewDir | Op::RenameOnto | Op::Bind
            )
        };
        let mut waits = HashSet::new();
        for access in traced.accesses.iter().filter(|access| makes(access.op)) {
            let by = actor(access);
            let others = awaited.get(&access.path).into_iter().flatten();
            waits.extend(others.filter(|(who, _)| *who != by).map(|(who, at)| (*who, *at, by)));
        }
        Self(waits)
    }

    /// Whether somebody waits at a line for what another one makes.
    pub fn has(&self, who: usize, at: TextNo, maker: usize) -> bool {
        self.0.contains(&(who, at, maker))
    }
}
