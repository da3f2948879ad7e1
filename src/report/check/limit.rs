//! By when a task is to be waited for, in words, where the line of that is not
//! known: before whatever was found to be too early, or at the end of the task around it.

use super::words::{clean, deed};
use crate::check::{Finding, Side, Who};

/// When a side was that has no line.
pub type Moment<'a> = &'a dyn Fn(&Side) -> String;

/// By when a task is to be waited for, where that has no line of its own.
pub fn limit(finding: &Finding, task: &str, moment: Moment<'_>) -> String {
    let [one, other] = &finding.sides;
    let ways = [(one, other), (other, one)];
    let ways = ways.map(|(own, other)| Some((around(&own.who, &other.who, task)?, own, other)));
    // Best is one whose task the other side has started itself.
    let best =
        ways.into_iter().flatten().min_by_key(|(around, _, other)| *around != names(&other.who));
    let Some((around, own, other)) = best else { return "before the other".to_owned() };
    let inside = names(&other.who);
    // Names of another run say nothing in this one.
    let one_run = match (run(&own.who), run(&other.who)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    match (inside.strip_prefix(&*around), around.last()) {
        (Some([sibling, ..]), _) if one_run => format!("before {sibling} is started"),
        (None, Some(around)) if one_run => format!("at the end of {around}"),
        _ => {
            let it = if other.path == finding.path { "it" } else { &clean(&other.path) };
            let does = deed(other.op, it);
            format!("before `{}` {does} ({})", clean(&other.program), whence(other, moment))
        }
    }
}

/// The tasks around a task, the outermost first, if somebody is that task or within it. Of several
/// of that name, the one that `other` has started, or the innermost.
fn around<'a>(who: &'a Who, other: &Who, task: &str) -> Option<Vec<&'a str>> {
    let mut whole = names(who);
    let task: Vec<&str> = task.split('/').collect();
    let starts = |at: &usize| whole[*at..].starts_with(&task);
    let mut all: Vec<usize> = (0..whole.len()).filter(starts).collect();
    let last = all.pop()?;
    let started = |at: &usize| whole[..*at] == names(other);
    let at = all.into_iter().find(started).unwrap_or(last);
    whole.truncate(at);
    Some(whole)
}

/// The names of a task with those around it; none of the script.
fn names(who: &Who) -> Vec<&str> {
    match who {
        Who::Script => Vec::new(),
        Who::Task { id, .. } | Who::Left { id, .. } => id.name().split('/').collect(),
    }
}

fn run(who: &Who) -> Option<usize> {
    match who {
        Who::Script => None,
        Who::Task { run, .. } | Who::Left { run, .. } => Some(*run),
    }
}

/// Where a side was, as well as it is known.
fn whence(side: &Side, moment: Moment<'_>) -> String {
    let [at, from, until] =
        [&side.at, &side.from, &side.until].map(|line| line.as_deref().map(clean));
    match (&side.who, at, from, until) {
        (_, Some(at), ..) => format!("at {at}"),
        (Who::Script, None, Some(from), Some(until)) => format!("between {from} and {until}"),
        (Who::Script, None, Some(from), None) => format!("behind {from}"),
        (Who::Script, None, None, Some(until)) => format!("before {until}"),
        (Who::Script, None, None, None) => moment(side),
        (Who::Task { id, .. } | Who::Left { id, .. }, ..) => format!("in {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{nova, task};
    use super::*;

    #[test]
    fn without_lines_a_way_out_says_who_waits_until_when() {
        let told = |who: &[Who; 2], task| {
            let mut finding = nova();
            for (side, who) in finding.sides.iter_mut().zip(who) {
                side.who = who.clone();
                side.at = None;
            }
            limit(&finding, task, &|_| "in s.sh, after 0.50s".to_owned())
        };
        let reads = |place: &str| format!("before `/usr/bin/grep` reads it ({place})");
        for (who, name, text) in [
            ([task("p/a"), task("p")], "a", reads("in p")),
            ([task("a/c"), Who::Script], "c", "at the end of a".into()),
            ([task("a/c"), Who::Script], "a", reads("in s.sh, after 0.50s")),
            ([task("a/c"), Who::Script], "a/c", reads("in s.sh, after 0.50s")),
            ([task("a/a"), Who::Script], "a", reads("in s.sh, after 0.50s")),
            ([task("a"), task("b")], "a", "before b is started".into()),
            ([task("a/c"), task("b/d")], "a", "before b is started".into()),
            ([task("a/c"), task("b")], "c", "at the end of a".into()),
            ([task("p/a"), task("p/b/d")], "a", "before b is started".into()),
            ([task("a"), Who::Script], "z", "before the other".into()),
        ] {
            assert_eq!(told(&who, name), text, "{who:?} {name}");
        }
    }

    #[test]
    fn a_place_is_told_as_well_as_it_is_known() {
        let line = |text: &str| Some(text.to_owned());
        let whence = |from, until| {
            let mut side = nova().sides[1].clone();
            (side.at, side.from, side.until) = (None, from, until);
            whence(&side, &|_| "in s.sh".to_owned())
        };
        assert_eq!(whence(line("s.sh:4"), line("s.sh:6")), "between s.sh:4 and s.sh:6");
        assert_eq!(whence(line("s.sh:4"), None), "behind s.sh:4");
        assert_eq!(whence(None, line("s.sh:6")), "before s.sh:6");
        assert_eq!(whence(None, None), "in s.sh");
    }
}
