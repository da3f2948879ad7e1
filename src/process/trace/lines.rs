//! What the trap of `shell/check.sh` tells: the line that a script is at, and,
//! in functions, the lines that called them.
//!
//! `FILE:LINE`, or `FILE:LINE<FUNCTIONS<FILES<LINES`, the last three as bash has
//! them: the function that runs, the one that called it and so on; the file of
//! each; the line that called each. What comes of it is `FILE:LINE<FILE:LINE<…`,
//! without the glue's functions, in which a task runs.

/// The lines, the innermost first.
pub fn lines(told: &str) -> String {
    let mut parts = told.split('<');
    let mut lines = parts.next().unwrap_or("").to_owned();
    let [functions, files, called] =
        [parts.next(), parts.next(), parts.next()].map(|words| words.unwrap_or("").split(' '));
    for ((function, file), line) in functions.zip(files).skip(1).zip(called) {
        if function.starts_with("_mw_") {
            break;
        }
        lines = lines + "<" + file + ":" + line;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn who_called_whom() {
        assert_eq!(lines("a.sh:7"), "a.sh:7");
        assert_eq!(lines("lib.sh:3<h g main<lib.sh a.sh a.sh<5 8 0"), "lib.sh:3<a.sh:5<a.sh:8");
        assert_eq!(
            lines(
                "a.sh:9<work step _mw_guard _mw_fork main<a.sh b.sh a.sh a.sh a.sh<4 488 174 10 0"
            ),
            "a.sh:9<b.sh:4"
        );
        for torn in ["", "a:1<", "a:1<f", "a:1<f g<a", "a:1<f g<a b<"] {
            assert!(lines(torn).len() <= torn.len() + 4, "{torn}");
        }
    }
}
