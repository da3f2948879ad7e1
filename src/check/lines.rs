//! Lines of a script, where functions call functions: which of them to show,
//! and which to put a wait at.

/// The line itself, of a line with those that called it.
pub fn innermost(at: &str) -> &str {
    at.split('<').next().unwrap_or(at)
}

/// Of those, the one behind which stands where a task is started, and before which, where it is
/// collected: who reads there sees all three. Else the line itself.
pub fn between<'a>(at: &'a str, start: Option<&str>, end: Option<&str>) -> &'a str {
    let Some((file, start)) = start.and_then(split) else { return innermost(at) };
    let end = end.and_then(split);
    let end = end.filter(|(other, line)| *other == file && *line > start);
    let last = end.map_or(u64::MAX, |(_, line)| line);
    let fits = at.split('<').filter(|line| {
        split(line).is_some_and(|(other, line)| other == file && start < line && line <= last)
    });
    fits.min_by_key(|line| split(line)).unwrap_or_else(|| innermost(at))
}

fn split(at: &str) -> Option<(&str, u64)> {
    let (file, line) = at.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{between, innermost};

    #[test]
    fn the_line_to_wait_at_stands_where_the_task_is_started() {
        let at = "lib.sh:35<lib.sh:70<a.sh:36<a.sh:80";
        assert_eq!(innermost(at), "lib.sh:35");
        let line = |start: &str, end: &str| between(at, Some(start), Some(end)).to_owned();
        assert_eq!(line("a.sh:20", "a.sh:40"), "a.sh:36");
        assert_eq!(line("a.sh:20", "b.sh:1"), "a.sh:36", "the first behind the start");
        assert_eq!(line("a.sh:50", "a.sh:90"), "a.sh:80");
        assert_eq!(line("a.sh:40", "a.sh:50"), "lib.sh:35", "none");
        assert_eq!(line("lib.sh:60", "lib.sh:90"), "lib.sh:70");
        assert_eq!(line("c.sh:1", "c.sh:9"), "lib.sh:35");
        assert_eq!(between(at, Some("a.sh:20"), None), "a.sh:36");
        assert_eq!(between(at, None, None), "lib.sh:35");
    }
}
