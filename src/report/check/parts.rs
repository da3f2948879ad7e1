//! Parts of a finding that the text and the page tell in the same words.

use super::Checked;
use super::words::{self, clean, number, plural};
use crate::check::{Finding, Pair, Side, Who};

/// So many paths that share a finding are named.
const NAMED: usize = 3;

/// So many pairs.
const PAIRS: usize = 5;

/// A longer line of the script is cut, characters.
const WIDTH: usize = 90;

/// The other paths and pairs that a finding stands for.
pub fn besides(checked: &Checked<'_>, finding: &Finding) -> Vec<String> {
    let list = |named: Vec<String>, all: usize| match all - named.len() {
        0 => named.join(", "),
        rest => format!("{} and {} more", named.join(", "), number(rest as u64)),
    };
    let Finding { more, others, .. } = finding;
    let mut lines = Vec::new();
    if !more.is_empty() {
        let named = more.iter().take(NAMED).map(|path| clean(path)).collect();
        lines.push(format!("the same with {}", list(named, more.len())));
    }
    if !others.is_empty() {
        // The line is told where it is another one.
        let side = |side: &Side, first: &Side| match &side.at {
            Some(at) if side.at != first.at => {
                format!("{} ({})", checked.who(&side.who), clean(at))
            }
            _ => checked.who(&side.who),
        };
        let [a, b] = &finding.sides;
        let pair = |Pair { sides: [one, other], .. }: &Pair| {
            format!("{}–{}", side(one, a), side(other, b))
        };
        let named = others.iter().take(PAIRS).map(pair).collect();
        let pairs = plural(others.len(), "more pair");
        lines.push(format!("and between {pairs}: {}", list(named, others.len())));
    }
    lines
}

/// The line that a side is about, or the best that is known.
pub fn place(checked: &Checked<'_>, side: &Side) -> String {
    let line = side.at.as_ref().or(side.from.as_ref()).or(side.until.as_ref());
    line.map_or_else(|| checked.moment(side), |line| clean(line))
}

/// The line itself, if it is the very one.
pub fn quoted(checked: &Checked<'_>, side: &Side) -> Option<String> {
    let start = side.from.as_ref().filter(|_| side.who != Who::Script);
    let line = (checked.source)(side.at.as_ref().or(start)?)?;
    let line = clean(line.trim());
    let mut cut: String = line.chars().take(WIDTH).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    Some(cut).filter(|line| !line.is_empty())
}

/// What was done there, and by which program.
pub fn deed(side: &Side, path: &str) -> String {
    let other = clean(&side.path);
    let it = if side.path == path { "it" } else { &other };
    let times = match side.count {
        0 | 1 => String::new(),
        count => format!(", {} times", number(u64::from(count))),
    };
    format!("{} {}{times}", clean(&side.program), words::deed(side.op, it))
}
