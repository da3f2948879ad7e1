//! Ways out of a conflict, in the user's own lines.
//!
//! Of two actors, what matters is where their lines of descent part: at the
//! actor that started the one and is (or started a task around) the other. There
//! a wait can be moved, or a start. What would never end is not proposed: that a
//! task waits for one that waits for it, or for a lock that is held meanwhile.

use super::conflict::makes_dir;
use super::deeds::{Deeds, Facts};
use super::finding::{Class, Fix};
use super::lines;
use super::order::Order;
use super::pairs::Conflict;
use super::places;
use super::segments::Segments;
use super::waits::Waits;
use crate::run::footprint::{Access, Op, Traced};
use crate::run::name::{MAX_BYTES, Name};
use crate::run::task::Task;

/// What ways out are found with.
pub struct Fixer<'a, 'b> {
    /// The segments.
    pub segments: &'b Segments<'a>,
    /// What they did.
    pub deeds: &'b Deeds,
    /// The trace.
    pub traced: &'a Traced,
    /// The script's own waits.
    pub waits: Waits,
}

impl Fixer<'_, '_> {
    /// The ways out, best first.
    pub fn fixes(&self, conflict: &Conflict, order: &mut Order) -> Vec<Fix> {
        let whose = conflict.sides.map(|(node, _)| self.segments.whose(node));
        if let Some(parents) = self.parents(conflict) {
            return vec![parents];
        }
        if whose.iter().any(|whose| whose.left) {
            // Nobody can wait for what nobody knows of.
            return Vec::new();
        }
        let [one, other] = whose.map(|whose| whose.actor as usize);
        let lines = [self.line(one), self.line(other)];
        let [a, b] = &lines;
        let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        match (a.get(common).copied(), b.get(common).copied()) {
            (None, Some(task)) => self.around(conflict.sides[0], task, other, order),
            (Some(task), None) => self.around(conflict.sides[1], task, one, order),
            (Some(a), Some(b)) => self.beside(conflict, [(a, one), (b, other)], order),
            (None, None) => Vec::new(),
        }
    }

    /// Of two that make one directory the second fails, in whatever order.
    fn parents(&self, conflict: &Conflict) -> Option<Fix> {
        let accesses = conflict.sides.map(|(_, access)| &self.traced.accesses[access as usize]);
        let plain = |access: &&Access| matches!(access.op, Op::NewDir | Op::DirTaken);
        let dirs = accesses.iter().all(|access| makes_dir(access.op));
        if conflict.clash.class != Class::CreateCreate || !dirs {
            return None;
        }
        let line =
            |access: &Access| Some(lines::innermost(self.traced.text(access.at?)).to_owned());
        let mut lines: Vec<String> = accesses.into_iter().filter(plain).filter_map(line).collect();
        lines.dedup();
        Some(Fix::Parents { lines })
    }

    /// An actor with those around it, from the script on.
    fn line(&self, actor: usize) -> Vec<usize> {
        let mut line = vec![actor];
        let mut at = actor;
        while at != 0 {
            at = self.segments.actors[at].parent;
            line.push(at);
        }
        line.reverse();
        line
    }

    /// One of the two started a task that is, or is around, the other.
    fn around(
        &self,
        (node, access): (u32, u32),
        task: usize,
        inner: usize,
        order: &mut Order,
    ) -> Vec<Fix> {
        let access = &self.traced.accesses[access as usize];
        let Some(started) = self.task(task) else { return Vec::new() };
        let (start, end) = (started.at.as_deref(), started.collected_at.as_deref());
        let at = access.at.map(|at| lines::between(self.traced.text(at), start, end).to_owned());
        let mut fixes = Vec::new();
        // A task within it that it does not wait for is to be waited for there first.
        if inner != task && !self.over_with(inner, task, order) {
            let run = |actor: usize| self.segments.actors[actor].task.map(|(run, _)| run);
            let over = run(inner) == run(task) && order.leads(self.segments.last(task), node);
            let Some(inner) = self.task(inner) else { return fixes };
            // Unless that is over: then it is known here, by its whole name.
            let (task, before) =
                if over { (whole(inner, started), at.clone()) } else { (short(inner), None) };
            fixes.push(Fix::WaitBefore { task, before, now: collected(inner) });
            if over {
                return fixes;
            }
        }
        let [_, until] = self.segments.cuts(node);
        // (What comes before a line is over behind it; but not if that waits for this very task.)
        let until = until.filter(|line| end != Some(&**line) && start != Some(&**line));
        // (What is waited for by looking, and is ended by the script, would go on for ever.)
        let who = self.segments.whose(node).actor as usize;
        let waits = access.at.is_some_and(|at| self.waits.has(who, at, inner));
        let parent = self.segments.actors[task].parent;
        let serves = waits && started.cancelled && self.over_with(task, parent, order);
        if !serves {
            fixes.push(Fix::WaitBefore {
                task: short(started),
                before: at.clone(),
                now: collected(started),
            });
        }
        if let Some(line) = at.or(until).filter(|_| !waits) {
            fixes.push(Fix::StartAfter { task: short(started), line });
        }
        fixes
    }

    /// Both are tasks of one actor, or within such: `a` and `b` with the outermost of each.
    fn beside(
        &self,
        conflict: &Conflict,
        pair: [(usize, usize); 2],
        order: &mut Order,
    ) -> Vec<Fix> {
        let age = |task: usize| {
            (self.segments.actors[task].born.1, self.segments.actors[task].born.0, task)
        };
        let [(early, early_in), (late, late_in)] =
            if age(pair[0].0) <= age(pair[1].0) { pair } else { [pair[1], pair[0]] };
        let (Some(first), Some(second)) = (self.task(early), self.task(late)) else {
            return Vec::new();
        };
        let mut fixes = Vec::new();
        let at = second.at.as_deref().map(str::to_owned);
        // (In a loop no line is before the one and behind the other.)
        let looped = at.is_some() && first.at == second.at;
        // If order does not matter, a lock costs least.
        if looped || self.updates(conflict) {
            fixes.extend(self.lock(conflict, [early_in, late_in], order));
        }
        if looped {
            return fixes;
        }
        // It waits for the other one anyway: it could before.
        if self.needs(early, late, order) {
            let own = conflict
                .sides
                .into_iter()
                .find(|(node, _)| self.segments.whose(*node).actor as usize == early);
            let line = own.and_then(|(_, access)| self.traced.accesses[access as usize].at);
            let before = line.map(|line| lines::innermost(self.traced.text(line)).to_owned());
            fixes.extend(before.is_some().then(|| Fix::WaitBefore {
                task: short(second),
                before,
                now: None,
            }));
            return fixes;
        }
        let within = early_in != early && !self.over_with(early_in, early, order);
        if let Some(inner) = self.task(early_in).filter(|_| within) {
            fixes.push(Fix::WaitBefore { task: short(inner), before: None, now: collected(inner) });
        }
        let same_run = match (self.segments.actors[early].task, self.segments.actors[late].task) {
            (Some((a, _)), Some((b, _))) => a == b,
            _ => false,
        };
        if same_run {
            fixes.push(Fix::After { task: short(second), other: short(first), at: at.clone() });
        }
        if at.is_some() || !same_run {
            fixes.push(Fix::WaitBefore { task: short(first), before: at, now: collected(first) });
        }
        fixes
    }

    /// Whether both change what is there, so that order does not matter.
    fn updates(&self, conflict: &Conflict) -> bool {
        let updates = |(node, access): &(u32, u32)| {
            let actor = self.segments.whose(*node).actor;
            let path = self.traced.accesses[*access as usize].path;
            let facts = self.deeds.facts(path, actor);
            facts.has(Facts::CHANGED) && !facts.has(Facts::OVERWRITTEN)
        };
        match conflict.clash.class {
            Class::Contention => true,
            Class::WriteWrite | Class::CreateCreate => conflict.sides.iter().all(updates),
            _ => false,
        }
    }

    /// A common lock.
    fn lock(&self, conflict: &Conflict, tasks: [usize; 2], order: &mut Order) -> Option<Fix> {
        let path = self.traced.path(conflict.path);
        let [one, other] = tasks;
        // One would wait for the other, which waits for the lock.
        if self.needs(one, other, order) || self.needs(other, one, order) {
            return None;
        }
        let [one, other] = [self.task(one)?, self.task(other)?];
        let known = one.options.locks.first().or(other.options.locks.first()).cloned();
        let lock = match (conflict.clash.class, places::manager(&path)) {
            (Class::Contention, Some(manager)) => manager.word().to_owned(),
            _ => known.unwrap_or_else(|| word(&path)),
        };
        Some(Fix::Lock { lock, tasks: [short(one), short(other)] })
    }

    /// Whether `task` cannot end before `other` has.
    fn needs(&self, task: usize, other: usize, order: &mut Order) -> bool {
        order.leads(self.segments.last(other), self.segments.last(task))
    }

    /// Whether the end of `around` means that of `inner`.
    fn over_with(&self, inner: usize, around: usize, order: &mut Order) -> bool {
        self.needs(around, inner, order)
    }

    fn task(&self, actor: usize) -> Option<&Task> {
        self.segments.actors[actor].task.map(|(_, task)| task)
    }
}

/// A task's name where it is started and waited for.
fn short(task: &Task) -> String {
    let name = task.id.name();
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

/// The same for whoever started `outer`, a task around it.
fn whole(task: &Task, outer: &Task) -> String {
    let around = outer.id.parent().map_or(0, |parent| parent.name().len() + 1);
    task.id.name().get(around..).unwrap_or_default().to_owned()
}

fn collected(task: &Task) -> Option<String> {
    task.collected_at.as_deref().map(str::to_owned)
}

/// A name for a lock around a path: its last, made of what names are made of.
fn word(path: &str) -> String {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:@+-".contains(c);
    let name: String =
        name.chars().map(|c| if fits(c) { c } else { '_' }).take(MAX_BYTES).collect();
    let name = name.trim_start_matches(['.', ':', '@', '+', '-']);
    if Name::new(name).is_ok() { name.to_owned() } else { "lock".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Program, in_turn, verdict};
    use crate::check::{Input, judge};
    use crate::run::{Record, Run};

    /// The ways out of the first finding.
    fn fixes(lines: &[&str]) -> Vec<String> {
        let verdict = verdict(lines);
        let tell = |fix: &Fix| match fix {
            Fix::WaitBefore { task, before, now } => {
                let line = |line: &Option<String>| line.clone().unwrap_or_else(|| "-".into());
                format!("wait {task} before {}, now {}", line(before), line(now))
            }
            Fix::After { task, other, at } => {
                format!("{task} after {other} at {}", at.as_deref().unwrap_or("-"))
            }
            Fix::Lock { lock, tasks: [one, other] } => format!("lock {lock} {one} {other}"),
            Fix::Parents { lines } => format!("mkdir -p at {}", lines.join(" ")),
            Fix::StartAfter { task, line } => format!("start {task} behind {line}"),
        };
        verdict.findings.first().map_or_else(Vec::new, |f| f.fixes.iter().map(tell).collect())
    }

    #[test]
    fn the_script_waits_earlier_or_starts_later() {
        assert_eq!(
            fixes(&["script: start a; look /y; read /x; wait a", "a: write /x"]),
            ["wait a before script:3, now script:4", "start a behind script:3"]
        );
        assert_eq!(
            fixes(&["script: start a; read /x", "a: write /x"]),
            ["wait a before script:2, now -", "start a behind script:2"]
        );
    }

    #[test]
    fn without_a_line_of_its_own_a_start_moves_behind_the_next_verb() {
        let told = |lines: &[&str]| {
            let (mut traced, runs) = Program::new(lines).run(&mut in_turn());
            for access in &mut traced.accesses {
                access.at = None;
            }
            let input = Input { traced: &traced, runs: &runs, suppressions: None, baseline: None };
            judge(&input).findings.swap_remove(0).fixes
        };
        let now = Some("script:3".to_owned());
        let wait = |now| Fix::WaitBefore { task: "a".into(), before: None, now };
        assert_eq!(told(&["script: start a; read /x; wait a", "a: write /x"]), [wait(now)]);
        let line = "script:3".to_owned();
        assert_eq!(
            told(&["script: start a; read /x; start b", "a: write /x", "b:"]),
            [wait(None), Fix::StartAfter { task: "a".into(), line }]
        );
    }

    #[test]
    fn what_a_line_waits_for_is_not_started_behind_it() {
        let looks = |steps: &str| {
            let script = format!("script: start a; {steps}; wait a");
            fixes(&[&script, "a: create-new /x; bind tcp:80"])
        };
        assert_eq!(looks("look /x at 2").len(), 2);
        assert_eq!(looks("miss /x at 2; look /x at 2"), ["wait a before 2, now script:4"]);
        assert_eq!(looks("connect tcp:80 at 2"), ["wait a before 2, now script:3"]);
    }

    #[test]
    fn of_two_tasks_the_later_one_comes_after_the_first() {
        assert_eq!(
            fixes(&["script: start a; start b; wait a; wait b", "a: write /x", "b: read /x"]),
            ["b after a at script:2", "wait a before script:2, now script:3"]
        );
        assert_eq!(
            fixes(&["script: start b; start a; wait a; wait b", "a: write /x", "b: read /x"]),
            ["a after b at script:2", "wait b before script:2, now script:4"]
        );
    }

    #[test]
    fn two_that_update_take_turns_but_two_that_overwrite_do_not() {
        let first = |step: &str| {
            let (a, b) = (format!("a: {step}"), format!("b: {step}"));
            fixes(&["script: start a; start b; wait a; wait b", &a, &b]).swap_remove(0)
        };
        assert_eq!(first("read /etc/my.conf; truncate /etc/my.conf"), "lock my.conf a b");
        assert_eq!(first("write /srv/.state"), "lock state a b");
        assert_eq!(first("truncate /x"), "b after a at script:2");
        assert_eq!(first("lock /var/lib/dpkg/lock; write /var/lib/dpkg/status"), "lock apt a b");
    }

    #[test]
    fn a_lock_that_one_has_is_the_lock_for_both() {
        assert_eq!(
            fixes(&[
                "script: start a; start b lock=l; wait a; wait b",
                "a: write /x",
                "b: write /x"
            ])[0],
            "lock l a b"
        );
    }

    #[test]
    fn tasks_of_a_loop_take_turns() {
        let program =
            Program::new(&["script: start a; start b; wait a", "a: write /x", "b: read /x"]);
        let (traced, mut runs) = program.run(&mut in_turn());
        let mut run = Run::default();
        for record in ["5 start a pid=101 at=s:1", "5 start b pid=102 at=s:1"] {
            run.apply(&Record::parse(record.as_bytes()).unwrap());
        }
        runs[0].1 = run;
        let input = Input { traced: &traced, runs: &runs, suppressions: None, baseline: None };
        let finding = &judge(&input).findings[0];
        let tasks = ["a".to_owned(), "b".to_owned()];
        assert_eq!(finding.fixes, [Fix::Lock { lock: "x".into(), tasks }]);
    }

    #[test]
    fn inner_tasks_are_waited_for_where_they_are_started() {
        assert_eq!(
            fixes(&["script: start a; read /x; wait a", "a: start c", "a/c: write /x"]),
            [
                "wait c before -, now -",
                "wait a before script:2, now script:3",
                "start a behind script:2"
            ]
        );
        assert_eq!(
            fixes(&["script: start a; read /x; wait a", "a: start c; wait c", "a/c: write /x"]),
            ["wait a before script:2, now script:3", "start a behind script:2"]
        );
        assert_eq!(
            fixes(&["script: start a; wait a", "a: start c; read /x; wait c", "a/c: write /x"]),
            ["wait c before a:2, now a:3", "start c behind a:2"]
        );
    }

    #[test]
    fn nothing_is_proposed_that_would_never_end() {
        // a waits for b, but not before it has written.
        let waits = |step: &str| {
            let a = format!("a: {step} /x; see b");
            fixes(&["script: start a; start b; wait a; wait b", &a, "b: write /x"])
        };
        assert_eq!(waits("write"), ["wait b before a:1, now -"]);
        assert_eq!(waits("read"), ["wait b before a:1, now -"]);
        // Nobody can wait for what a task left.
        assert_eq!(fixes(&["script: start a; wait a; read /x", "a:", "left a: write /x"]), [""; 0]);
    }

    #[test]
    fn of_two_that_make_a_directory_no_order_helps() {
        let both = |a: &str, b: &str| {
            fixes(&[
                "script: start a; start b; wait a; wait b",
                &format!("a: {a} /d"),
                &format!("b: {b} /d"),
            ])
        };
        assert_eq!(both("new-dir", "dir-taken"), ["mkdir -p at a:1 b:1"]);
        assert_eq!(both("make-dir", "dir-taken"), ["mkdir -p at b:1"]);
        assert_eq!(both("new-dir", "have-dir"), ["mkdir -p at a:1"]);
    }

    #[test]
    fn a_lock_has_a_name_that_can_be_given() {
        for (path, name) in [
            ("/etc/nova/nova.conf", "nova.conf"),
            ("/srv/.state", "state"),
            ("/srv/a b\n", "a_b_"),
            ("/srv/...", "lock"),
            ("/", "lock"),
            ("/srv/d/", "d"),
            ("tcp:80", "tcp:80"),
            ("/é", "_"),
        ] {
            assert_eq!(word(path), name, "{path}");
        }
        assert!(Name::new(&word(&format!("/{}", "x".repeat(300)))).is_ok());
    }
}
