//! The critical chain: what the run waited for, from its beginning to its end.
//!
//! From the journal alone, with no declared graph. It is walked backwards
//! (Yang and Miller, Critical Path Analysis for the Execution of Parallel and
//! Distributed Programs, 1988): at its end the script was at work. It was so
//! since its latest wait that blocked, and what released that wait is the
//! task that it waited for. That task was at work since its own latest wait,
//! or since it began; it began when the task ended that it had to come after
//! (`--after`, a lock, a slot), or else when the script started it; and there
//! the walk goes on in the script. The links are contiguous, so that their
//! lengths add up to the run: to shorten the run, one of them must get shorter.
//!
//! Each wait is passed once, and so is the beginning of each task. So the walk
//! ends whatever a journal says, and takes a binary search for each step.

use super::model::{Model, SCRIPT};
use crate::report::Subject;
use crate::run::{Id, Time};

/// Who was at work in a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The script itself.
    Script,
    /// A task.
    Task(Id),
}

/// A stretch of the run in which one step held up all that came later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who was at work.
    pub step: Step,
    /// From when.
    pub from: Time,
    /// Until when.
    pub until: Time,
    /// Of a task, the line that waited for it; if none did, the one that
    /// started it. Of the script, the line that it came from: its latest wait.
    pub at: Option<String>,
    /// For how long, in microseconds, that line blocked on the task.
    pub blocked: u64,
}

/// The links, oldest first, from the run's beginning to its end.
pub fn chain(subject: &Subject<'_>) -> Vec<Link> {
    walk(&Model::new(subject), subject.run.owner.is_some())
}

/// Walks back through a run, from the end of its script if it has one.
pub(super) fn walk(model: &Model<'_>, owned: bool) -> Vec<Link> {
    let script = &model.actors[SCRIPT];
    // What happened after the script was over, the last task decided.
    let last = model.last().filter(|at| !owned || model.actors[*at].end > script.end);
    let mut walk = Walk {
        model,
        links: Vec::new(),
        at: model.until,
        open: model.actors.iter().map(|actor| actor.blocks.len()).collect(),
        begun: vec![false; model.actors.len()],
    };
    let mut next = Some((last.unwrap_or(SCRIPT), None));
    while let Some((actor, wait)) = next {
        next = walk.pass(actor, wait);
    }
    walk.links.reverse();
    walk.links
}

struct Walk<'m, 'a> {
    model: &'m Model<'a>,
    /// Latest first.
    links: Vec<Link>,
    /// How far back the walk is.
    at: Time,
    /// How many of its waits lie before that, for each actor.
    open: Vec<usize>,
    /// Whose beginning has been passed.
    begun: Vec<bool>,
}

/// An actor, and the wait that it released: its line, and for how long it blocked.
type Place<'a> = (usize, Option<(Option<&'a str>, u64)>);

impl<'a> Walk<'_, 'a> {
    /// Goes back over what `actor` did last; says where to go on.
    fn pass(&mut self, at: usize, wait: Option<(Option<&'a str>, u64)>) -> Option<Place<'a>> {
        let actor = &self.model.actors[at];
        let open = actor.blocks[..self.open[at]].partition_point(|b| b.until <= self.at);
        let block = actor.blocks[..open].last().filter(|block| block.until > actor.began);
        if let Some(block) = block {
            self.open[at] = open - 1;
            let came_from = if at == SCRIPT { Some((block.at, 0)) } else { wait };
            self.link(at, block.until, came_from);
            return Some((block.on, Some((block.at, block.until.since(block.from)))));
        }
        if at == SCRIPT {
            self.link(at, self.model.since, None);
            return None;
        }
        if std::mem::replace(&mut self.begun[at], true) {
            // Only a journal that contradicts itself leads here.
            return Some((SCRIPT, None));
        }
        self.link(at, actor.began, wait);
        if let Some((_, other)) = self.model.cause(at).filter(|(_, other)| !self.begun[*other]) {
            self.link(at, self.model.actors[other].end, wait);
            return Some((other, None));
        }
        self.link(at, actor.started.unwrap_or(actor.began), wait);
        Some((actor.parent, None))
    }

    /// Adds what reaches from `from` to where the walk is.
    fn link(&mut self, at: usize, from: Time, wait: Option<(Option<&'a str>, u64)>) {
        if from >= self.at {
            return;
        }
        let task = self.model.actors[at].task;
        let (place, blocked) = wait.unwrap_or((task.and_then(|task| task.at.as_deref()), 0));
        let step = task.map_or(Step::Script, |task| Step::Task(task.id.clone()));
        match self.links.last_mut() {
            // Of a task the latest line counts, of the script the earliest.
            Some(later) if later.step == step => {
                later.from = from;
                if step == Step::Script {
                    later.at = place.map(str::to_owned);
                }
            }
            _ => self.links.push(Link {
                step,
                from,
                until: self.at,
                at: place.map(str::to_owned),
                blocked,
            }),
        }
        self.at = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    const RUN: &str = "0.0 run - owner=1 ownerstart=0.0 script=s.sh\n";

    fn told(journal: &str, until: u64) -> String {
        let sample = Sample::new(&(RUN.to_owned() + journal));
        show(&chain(&sample.until(until)))
    }

    fn show(links: &[Link]) -> String {
        let shown: Vec<String> = links
            .iter()
            .map(|link| {
                let step = match &link.step {
                    Step::Script => "-",
                    Step::Task(id) => id.as_str(),
                };
                let blocked = link.blocked / 1_000_000;
                let (from, until) = (link.from.0 / 1_000_000, link.until.0 / 1_000_000);
                format!("{step} {from}-{until} {} {blocked}", link.at.as_deref().unwrap_or("?"))
            })
            .collect();
        shown.join(", ")
    }

    #[test]
    fn it_goes_through_the_waits_that_blocked() {
        let journal = "1.0 start a pid=2 at=s:1
            2.0 start b pid=3 at=s:2
            3.0 wait a by=9 at=s:3
            5.0 end a code=0
            5.0 woken - by=9 at=s:3
            5.0 collected a code=0 at=s:3
            6.0 wait b by=10 at=s:4
            9.0 end b code=0
            9.0 woken - by=10 at=s:4";
        assert_eq!(told(journal, 10), "- 0-2 ? 0, b 2-9 s:4 3, - 9-10 s:4 0");
        let short = journal.replace("9.0", "6.0");
        assert_eq!(told(&short, 10), "- 0-1 ? 0, a 1-5 s:3 2, - 5-10 s:3 0", "b was no wait");
        assert_eq!(told("", 10), "- 0-10 ? 0");
    }

    #[test]
    fn it_goes_into_tasks_that_wait_for_their_own() {
        let journal = "1.0 start a pid=2 at=s:1
            1.0 wait a by=9 at=s:2
            2.0 start a/b pid=3 at=s:8
            3.0 wait a/b by=10 in=a at=s:9
            7.0 end a/b code=0
            7.0 woken - by=10 at=s:9 in=a
            8.0 end a code=0
            8.0 woken - by=9";
        let chain = "- 0-1 ? 0, a 1-2 s:1 0, a/b 2-7 s:9 4, a 7-8 s:2 7, - 8-9 s:2 0";
        assert_eq!(told(journal, 9), chain);
    }

    #[test]
    fn what_kept_a_task_in_the_queue_is_on_it() {
        let start = "0.0 start a pid=2 at=s:1 lock=l queued=1\n0.0 begin a\n";
        let rest = "2.0 wait b by=9 at=s:3
            5.0 end a code=0
            5.0 begin b
            9.0 end b code=0
            9.0 woken - by=9";
        for kept in ["after=a", "lock=l"] {
            let journal = format!("{start}1.0 start b pid=3 at=s:2 queued=1 {kept}\n{rest}");
            assert_eq!(told(&journal, 9), "a 0-5 s:1 0, b 5-9 s:3 7", "{kept}");
        }
        // A slot is nobody's in particular: whoever gave way to it.
        let journal = format!("{start}1.0 start b pid=3 at=s:2 queued=1\n{rest}");
        assert_eq!(told(&journal, 9), "- 0-1 ? 0, b 1-9 s:3 7");
        let limited = Sample::new(&format!("{} jobs=1\n{journal}", RUN.trim_end()));
        assert_eq!(show(&chain(&limited.until(9))), "a 0-5 s:1 0, b 5-9 s:3 7");
    }

    #[test]
    fn of_any_it_is_the_one_that_was_collected() {
        let journal = "1.0 start a pid=2
            2.0 start b pid=3
            3.0 start c pid=4
            3.0 wait - by=9 at=s:3
            5.0 end a code=0
            5.0 end b code=0
            5.1 woken - by=9 at=s:3
            5.1 collected b code=0 at=s:3";
        assert_eq!(told(journal, 10), "- 0-2 ? 0, b 2-5 s:3 2, - 5-10 s:3 0");
    }

    #[test]
    fn without_an_end_or_an_owner_it_says_what_there_is() {
        // It waits still.
        let open = "1.0 start a pid=2\n2.0 wait a by=9 at=s:2";
        assert_eq!(told(open, 5), "- 0-1 ? 0, a 1-5 s:2 3");
        // The script is gone, and the run goes on until its last task.
        let left =
            "1.0 start a pid=2 at=s:1\n2.0 exit -\n5.0 end a code=0\n5.0 close - how=finished";
        assert_eq!(told(left, 5), "- 0-1 ? 0, a 1-5 s:1 0");
        let nobodys =
            Sample::new("0.0 run -\n1.0 start a pid=2\n4.0 end a code=0\n4.0 wait b by=3");
        assert_eq!(show(&chain(&nobodys.until(4))), "- 0-1 ? 0, a 1-4 ? 0");
        // A task that the script ended did not keep it waiting.
        let cancelled = "1.0 start a pid=2\n7.0 cancel a\n7.0 wait a by=9\n9.0 end a code=143\n9.0 woken - by=9";
        assert_eq!(told(cancelled, 10), "- 0-10 ? 0");
    }
}
