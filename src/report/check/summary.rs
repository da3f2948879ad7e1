//! All that a check found, in one line; and what it does not claim.

use super::words::{clean, number, plural};
use super::{Checked, Counts};
use crate::check::Harmless;
use crate::run::code;

/// One line that says it all.
pub fn summary(checked: &Checked<'_>, notes: bool) -> String {
    let verdict = checked.verdict;
    if checked.runs.is_empty() && checked.unread.is_empty() {
        let ended = match checked.code {
            code::OK => String::new(),
            code => format!(" and ended with {}", ended(code)),
        };
        return format!(
            "meanwhile: check: nothing was checked: the script opened no run{ended}\n\
             hint: it loads the functions with eval -- \"$(meanwhile init bash)\", finds meanwhile by PATH, \
             and can write where runs are kept (MEANWHILE_DIR)\n"
        );
    }
    let found = Counts::of(verdict);
    let gaps = verdict.gaps.len();
    let mut told: Vec<String> = Vec::new();
    if found.errors > 0 {
        told.push(plural(found.errors, "error"));
    }
    if found.warnings > 0 {
        told.push(plural(found.warnings, "warning"));
    }
    let mut besides: Vec<String> = Vec::new();
    if found.notes > 0 {
        let how = if notes { "" } else { " (--notes shows them)" };
        // Which of two came first still matters where a lock keeps them apart.
        let open = verdict.findings.iter().filter(|one| one.harmless == Some(Harmless::Locked));
        let open = match open.count() {
            0 => String::new(),
            count if count == found.notes => ", serialised by a lock in an open order".to_owned(),
            count => {
                format!(", {} of them serialised by a lock in an open order", number(count as u64))
            }
        };
        besides.push(format!("{}{open}{how}", plural(found.notes, "note")));
    }
    if found.suppressed > 0 {
        besides.push(format!("{} suppressed", number(found.suppressed as u64)));
    }
    if found.known > 0 {
        besides.push(format!("{} in the baseline", number(found.known as u64)));
    }
    let mut parts: Vec<String> = Vec::new();
    let none = told.is_empty();
    let ways = |count: usize| if count == 1 { "one thing was" } else { "some things were" };
    let mut but: Vec<String> = Vec::new();
    but.extend(checked.unread.iter().map(|text| clean(text)));
    if checked.code != code::OK {
        but.push(format!(
            "the script ended with {}, and was checked up to there",
            ended(checked.code)
        ));
    }
    if verdict.light {
        but.push("reads were not looked at (--light)".to_owned());
    }
    if gaps > 0 {
        but.push(format!("{} not seen ({})", ways(gaps), plural(gaps, "gap")));
    }
    let but = but.join("; ");
    parts.push(match (none, but.is_empty()) {
        (true, true) => "no races seen".to_owned(),
        (true, false) => format!("no races seen, but {but}"),
        (false, true) => told.join(", "),
        (false, false) => format!("{}; {but}", told.join(", ")),
    });
    parts.extend((!besides.is_empty()).then(|| besides.join(", ")));
    let (different, all) = verdict.accesses;
    parts.push(format!(
        "{}, {}, {} of them different",
        plural(verdict.tasks, "task"),
        if all == 1 { "1 access".to_owned() } else { format!("{} accesses", number(all)) },
        number(different as u64)
    ));
    format!("meanwhile: check: {}\n", parts.join("; "))
}

/// An exit code with its meaning.
fn ended(exit: u8) -> String {
    match code::signal(exit).and_then(code::signal_name) {
        Some(name) => format!("exit code {exit} (SIG{name})"),
        None => format!("exit code {exit}"),
    }
}
