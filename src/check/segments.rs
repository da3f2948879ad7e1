//! Who did what, and what comes before what: from groups, clients and
//! journals to segments and the arrows between them.
//!
//! An *actor* is the script or a task: the group of its guard, with all groups
//! below that are no task's. An actor's time is cut where it starts a task (when the guard
//! is born) and where it collects one (when the client ends); the pieces are
//! *segments*. A task's guard's death is a cut, too: what comes behind it was done by what the
//! task left running. Arrows lead
//!
//! - from a segment to the next of its actor;
//! - from a start's segment to the first of the task;
//! - from a task's last, up to its death, to what is behind a collection of it;
//! - from the last of a dependency (`--after`) to the first of the task.
//!
//! # Why there are no circles
//!
//! A segment reaches from one moment to another. An arrow never leads to one that begins
//! earlier, and where both begin in the same moment, to one of a younger group: so the
//! segments can be sorted, whatever a journal says. What would lead back (a collection of what
//! was not born then) is no arrow. A tracer may see a death late; but what was collected, or
//! waited for by a task that has begun since, was dead by then. So a death is moved
//! to before that.

use std::collections::HashMap;

use super::owners::{latest, owners};
use super::{Gone, Input, Who};
use crate::run::footprint::{Access, Client, Group};
use crate::run::task::Task;
use crate::run::{Id, Time};

/// The script.
pub const SCRIPT: usize = 0;

/// Somebody whom findings tell apart: an actor, or what it left running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Whose {
    /// The actor's number.
    pub actor: u32,
    /// Whether it is what the actor left.
    pub left: bool,
}

/// A place in an actor's time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    /// What happens in later moments is behind it.
    moment: u32,
    /// The line of the script.
    at: Option<String>,
}

/// The script or a task.
#[derive(Debug)]
pub struct Actor<'a> {
    /// Which task; none: the script.
    pub task: Option<(usize, &'a Task)>,
    /// Who started it.
    pub parent: usize,
    /// When it was born.
    pub born: (Time, u32),
    /// When it was dead, in moments.
    died: u32,
    cuts: Vec<Cut>,
    /// Its first segment, before they are sorted.
    offset: usize,
}

/// Where a task was seen to be over.
#[derive(Debug)]
struct Seen<'a> {
    task: usize,
    by: usize,
    moment: u32,
    at: Option<&'a str>,
}

/// The segments of a run, numbered so that every arrow leads to a higher one.
#[derive(Debug)]
pub struct Segments<'a> {
    /// The script and the tasks; who starts comes before whom it starts.
    pub actors: Vec<Actor<'a>>,
    /// Of each segment, whose it is, and which of its actor's.
    nodes: Vec<(Whose, u32)>,
    /// The numbers of the actors' segments.
    numbers: Vec<u32>,
    /// The arrows, sorted.
    pub arrows: Vec<(u32, u32)>,
    /// The actor of each group.
    of_group: Vec<usize>,
    /// Tasks whose processes are not known.
    pub untold: Vec<Gone>,
}

impl<'a> Segments<'a> {
    /// Those of a traced run.
    pub fn new(input: &Input<'a>) -> Self {
        let groups = &input.traced.groups;
        let (owners, untold) = owners(input);
        let mut actors = vec![Actor::new(None, SCRIPT, None)];
        let mut of_group = Vec::with_capacity(groups.len());
        for (number, group) in groups.iter().enumerate() {
            let parent = group.parent.map_or(0, |parent| parent as usize);
            let parent = of_group.get(parent).copied().unwrap_or(SCRIPT);
            of_group.push(match owners.get(&number) {
                Some(task) if number > 0 => {
                    let mut actor = Actor::new(Some(*task), parent, Some(group));
                    // Nobody is older than who started him.
                    actor.born.1 = actor.born.1.max(actors[parent].born.1);
                    actor.died = actor.died.max(actor.born.1);
                    actors.push(actor);
                    actors.len() - 1
                }
                _ => parent,
            });
        }
        let (nodes, numbers, arrows) = (Vec::new(), Vec::new(), Vec::new());
        let mut this = Self { actors, nodes, numbers, arrows, of_group, untold };
        let by_id: HashMap<(usize, &Id), usize> = this.tasks().collect();
        let seen = this.seen(input, &by_id);
        let after = this.after(&by_id);
        this.bury(&seen, &after);
        this.cut(&seen, &input.traced.accesses);
        this.sort(&seen, &after);
        this
    }

    /// The segment of an access.
    pub fn node(&self, access: &Access) -> u32 {
        let actor = self.of_group.get(access.group as usize).copied().unwrap_or(SCRIPT);
        let epoch = self.actors[actor].epoch(access.moment);
        self.numbers[self.actors[actor].offset + epoch]
    }

    /// The actor of a group.
    pub fn actor_of(&self, group: u32) -> usize {
        self.of_group.get(group as usize).copied().unwrap_or(SCRIPT)
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whose a segment is.
    pub fn whose(&self, node: u32) -> Whose {
        self.nodes[node as usize].0
    }

    /// The last segment of a task in its guard's life, the script's last.
    pub fn last(&self, actor: usize) -> u32 {
        self.numbers[self.actors[actor].offset + self.actors[actor].last()]
    }

    /// Whether who started a task sees it over before it ends itself.
    pub fn awaited(&self, actor: usize) -> bool {
        let (last, parent) = (self.last(actor), self.actors[actor].parent as u32);
        let from = self.arrows.partition_point(|arrow| *arrow < (last, 0));
        let ends = self.arrows[from..].iter().take_while(|arrow| arrow.0 == last);
        let within = Whose { actor: parent, left: false };
        ends.into_iter().any(|arrow| self.whose(arrow.1) == within)
    }

    /// Somebody, for findings.
    pub fn who(&self, whose: Whose) -> Who {
        match self.actors[whose.actor as usize].task {
            None => Who::Script,
            Some((run, task)) if whose.left => Who::Left { run, id: task.id.clone() },
            Some((run, task)) => Who::Task { run, id: task.id.clone() },
        }
    }

    /// Whether one is named before the other where both are equal: whoever came first.
    pub fn precedes(&self, one: Whose, other: Whose) -> bool {
        let name = |whose: Whose| {
            let task = self.actors[whose.actor as usize].task;
            (task.is_some(), whose.left, task.map(|(run, task)| (run, &task.id)))
        };
        name(one) < name(other)
    }

    /// Of a segment of the script: behind which line it begins, before which it ends. Of a
    /// task's: where the task was started and collected.
    pub fn between(&self, node: u32) -> [Option<String>; 2] {
        let (whose, epoch) = self.nodes[node as usize];
        let actor = &self.actors[whose.actor as usize];
        let own = |line: &Option<Box<str>>| line.as_deref().map(str::to_owned);
        match actor.task {
            Some((_, task)) => [own(&task.at), own(&task.collected_at)],
            None => actor.around(epoch as usize),
        }
    }

    /// Whether a segment is of a task that somebody collected.
    pub fn is_collected(&self, node: u32) -> bool {
        let task = self.actors[self.nodes[node as usize].0.actor as usize].task;
        task.is_some_and(|(_, task)| task.collected.is_some())
    }

    /// The lines of the cuts around a segment.
    pub fn cuts(&self, node: u32) -> [Option<String>; 2] {
        let (whose, epoch) = self.nodes[node as usize];
        self.actors[whose.actor as usize].around(epoch as usize)
    }

    fn tasks(&self) -> impl Iterator<Item = ((usize, &'a Id), usize)> + '_ {
        let tasks = self.actors.iter().enumerate();
        tasks.filter_map(|(at, actor)| actor.task.map(|(run, task)| ((run, &task.id), at)))
    }

    /// Where tasks were seen to be over, and by whom.
    fn seen(&self, input: &Input<'a>, by_id: &HashMap<(usize, &Id), usize>) -> Vec<Seen<'a>> {
        let mut clients: HashMap<u32, Vec<&Client>> = HashMap::new();
        for client in &input.traced.clients {
            clients.entry(client.pid).or_default().push(client);
        }
        for same in clients.values_mut() {
            same.sort_by_key(|client| client.born);
        }
        let mut found = Vec::new();
        let mut add = |run: usize, id: &Id, by: u32, time: Time, at: Option<&'a str>| {
            let client = clients.get(&by).and_then(|same| latest(same, time, |c| c.born));
            let (Some(client), Some(task)) = (client, by_id.get(&(run, id)).copied()) else {
                return;
            };
            let Some((_, moment)) = client.died else { return };
            let by = self.actor_of(client.group);
            if by != task && moment >= self.actors[task].born.1 {
                found.push(Seen { task, by, moment, at });
            }
        };
        for (run, (_, journal)) in input.runs.iter().enumerate() {
            for task in journal.tasks() {
                if let (Some(time), Some(by)) = (task.collected, task.collected_by) {
                    add(run, &task.id, by, time, task.collected_at.as_deref());
                }
            }
            for seen in &journal.seen {
                add(run, &seen.id, seen.by, seen.time, seen.at.as_deref());
            }
        }
        found
    }

    /// Which tasks come after which, of those that have begun.
    fn after(&self, by_id: &HashMap<(usize, &Id), usize>) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (number, actor) in self.actors.iter().enumerate() {
            let Some((run, task)) = actor.task.filter(|(_, task)| task.admitted.is_some()) else {
                continue;
            };
            let dependencies = task.options.after.iter();
            found.extend(dependencies.filter_map(|id| {
                let other = *by_id.get(&(run, id))?;
                // A task can only come after one that is there.
                (self.age(other) < self.age(number)).then_some((other, number))
            }));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn age(&self, actor: usize) -> (u32, Time, usize) {
        let (time, moment) = self.actors[actor].born;
        (moment, time, actor)
    }

    /// Moves deaths to before what is known to have come later.
    fn bury(&mut self, seen: &[Seen<'_>], after: &[(usize, usize)]) {
        let actors = &mut self.actors;
        // The first cut of each, but for its own death.
        let mut first = vec![u32::MAX; actors.len()];
        for Actor { parent, born: (_, moment), .. } in &actors[1..] {
            first[*parent] = first[*parent].min(*moment);
        }
        for Seen { task, by, moment, .. } in seen {
            first[*by] = first[*by].min(*moment);
            actors[*task].died = actors[*task].died.min(*moment);
        }
        let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (task, follower) in after {
            followers.entry(*task).or_default().push(*follower);
        }
        let mut youngest_first: Vec<usize> = followers.keys().copied().collect();
        youngest_first.sort_by_key(|at| std::cmp::Reverse(self.age(*at)));
        for at in youngest_first {
            for follower in &followers[&at] {
                let begun = first[*follower].min(self.actors[*follower].died);
                if begun > self.actors[at].born.1 {
                    self.actors[at].died = self.actors[at].died.min(begun - 1);
                }
            }
        }
    }

    fn cut(&mut self, seen: &[Seen<'_>], accesses: &[Access]) {
        // Most tasks leave nothing behind: then their deaths need no cut.
        let mut latest = vec![0; self.actors.len()];
        for access in accesses {
            let actor = self.actor_of(access.group);
            latest[actor] = latest[actor].max(access.moment);
        }
        for (at, latest) in latest.into_iter().enumerate().skip(1) {
            let Actor { parent, born: (_, moment), task, died, .. } = self.actors[at];
            let line = task.and_then(|(_, task)| task.at.as_deref()).map(str::to_owned);
            self.actors[parent].cuts.push(Cut { moment, at: line });
            if latest > died {
                self.actors[at].cuts.push(Cut { moment: died, at: None });
            }
        }
        for Seen { by, moment, at, .. } in seen {
            self.actors[*by].cuts.push(Cut { moment: *moment, at: at.map(str::to_owned) });
        }
        let mut offset = 0;
        for actor in &mut self.actors {
            // Of several in one moment, one with a line.
            actor.cuts.sort_by_key(|cut| (cut.moment, cut.at.is_none()));
            actor.cuts.dedup_by_key(|cut| cut.moment);
            actor.offset = offset;
            offset += actor.cuts.len() + 1;
        }
    }

    /// Numbers the segments and draws the arrows.
    fn sort(&mut self, seen: &[Seen<'_>], after: &[(usize, usize)]) {
        let actors = &self.actors;
        let mut after = after.to_vec();
        after.retain(|(task, follower)| actors[*task].died < actors[*follower].end(0));
        // A task that was queued begins when that is over.
        let behind = |moment: u32| u64::from(moment) + 1;
        let mut begin: Vec<u64> = actors.iter().map(|actor| actor.born.1.into()).collect();
        for (task, follower) in &after {
            begin[*follower] = begin[*follower].max(behind(actors[*task].died));
        }
        let mut order: Vec<(u64, usize, usize)> = Vec::new();
        for (at, actor) in actors.iter().enumerate() {
            let begins = |epoch: usize| match epoch {
                0 => begin[at],
                _ => behind(actor.cuts[epoch - 1].moment),
            };
            order.extend((0..=actor.cuts.len()).map(|epoch| (begins(epoch), at, epoch)));
        }
        order.sort_unstable();
        self.numbers = vec![0; order.len()];
        for (number, (_, at, epoch)) in order.iter().enumerate() {
            self.numbers[actors[*at].offset + epoch] = number as u32;
            let left = *at != SCRIPT && *epoch > actors[*at].last();
            self.nodes.push((Whose { actor: *at as u32, left }, *epoch as u32));
        }
        let number = |at: usize, epoch: usize| self.numbers[actors[at].offset + epoch];
        let behind = |at: usize, moment: u32| number(at, actors[at].epoch(moment) + 1);
        let mut arrows = Vec::new();
        for (at, actor) in actors.iter().enumerate() {
            arrows.extend((0..actor.cuts.len()).map(|e| (number(at, e), number(at, e + 1))));
            if at != SCRIPT {
                let parent = actor.parent;
                arrows.push((number(parent, actors[parent].epoch(actor.born.1)), number(at, 0)));
            }
        }
        let last = |at: usize| number(at, actors[at].last());
        arrows.extend(seen.iter().map(|seen| (last(seen.task), behind(seen.by, seen.moment))));
        arrows.extend(after.iter().map(|(task, follower)| (last(*task), number(*follower, 0))));
        arrows.sort_unstable();
        arrows.dedup();
        self.arrows = arrows;
    }
}

impl<'a> Actor<'a> {
    fn new(task: Option<(usize, &'a Task)>, parent: usize, group: Option<&Group>) -> Self {
        let born = group.map_or((Time(0), 0), |group| group.born);
        let died = group.and_then(|group| group.died).map_or(u32::MAX, |(_, moment)| moment);
        Self { task, parent, born, died, cuts: Vec::new(), offset: 0 }
    }

    /// Which of its segments a moment is in.
    fn epoch(&self, moment: u32) -> usize {
        self.cuts.partition_point(|cut| cut.moment < moment)
    }

    /// The segment at whose end it died.
    fn last(&self) -> usize {
        if self.task.is_some() { self.epoch(self.died) } else { self.cuts.len() }
    }

    /// The moment in which a segment ends.
    fn end(&self, epoch: usize) -> u32 {
        self.cuts.get(epoch).map_or(u32::MAX, |cut| cut.moment)
    }

    fn around(&self, epoch: usize) -> [Option<String>; 2] {
        let line = |at: usize| self.cuts.get(at).and_then(|cut| cut.at.clone());
        [epoch.checked_sub(1).and_then(line), line(epoch)]
    }
}
