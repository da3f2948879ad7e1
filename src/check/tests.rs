//! What the check finds in whole runs.

use proptest::prelude::*;

use super::sample::{Program, found, in_turn, judged, told};

#[test]
fn what_nothing_orders_is_found_and_what_a_wait_orders_is_not() {
    assert_eq!(
        found(&["script: start a; read /x; wait a", "a: write /x"]),
        ["error write-read /x a script"]
    );
    let ordered: [&[&str]; 5] = [
        &["script: start a; wait a; read /x", "a: write /x"],
        &["script: write /x; start a; wait a", "a: read /x"],
        &["script: start a; wait a; start b; wait b", "a: write /x", "b: read /x"],
        &["script: start a; start b after=a; wait a; wait b", "a: write /x", "b: write /x"],
        &["script: start a; wait a; read /x", "a: start b; wait b", "a/b: write /x"],
    ];
    for lines in ordered {
        assert_eq!(found(lines), [""; 0], "{lines:?}");
    }
    let open: [(&[&str], &str); 5] = [
        (&["script: start a; write /x", "a: read /x"], "error write-read /x script a"),
        (
            &["script: start a; start b; wait a; wait b", "a: write /x", "b: write /x"],
            "error write-write /x a b",
        ),
        (
            // Nobody waits for b.
            &["script: start a; wait a; read /x", "a: start b", "a/b: write /x"],
            "error write-read /x a/b script",
        ),
        (
            &["script: start a; start b; wait a; read /x; wait b", "a:", "b: write /x"],
            "error write-read /x b script",
        ),
        (
            &["script: start a; wait a; read /x", "a:", "left a: write /x"],
            "error write-read /x left:a script",
        ),
    ];
    for (lines, line) in open {
        assert_eq!(found(lines), [line], "{lines:?}");
    }
}

#[test]
fn whoever_sees_a_task_over_comes_after_it() {
    let lines = |second: &str| {
        let b = format!("b: {second}; read /x");
        found(&["script: start a; start b; wait a; wait b", "a: write /x", &b])
    };
    assert_eq!(lines("see a"), [""; 0]);
    assert_eq!(lines("look /y"), ["error write-read /x a b"]);
}

/// Some steps of one of the actors; `a` and `b` are tasks, `a/c` is one of a's.
fn steps(of: &'static str) -> impl Strategy<Value = String> {
    let deeds = prop_oneof![
        Just("look"),
        Just("miss"),
        Just("read"),
        Just("exec"),
        Just("write"),
        Just("append"),
        Just("truncate"),
        Just("create"),
        Just("create-new"),
        Just("taken"),
        Just("make-dir"),
        Just("have-dir"),
        Just("remove"),
        Just("rename-from"),
        Just("rename-onto"),
        Just("meta"),
        Just("list"),
        Just("bind"),
        Just("connect"),
        Just("lock"),
        Just("inherit"),
    ];
    let paths = prop_oneof![
        Just("/d"),
        Just("/d/x"),
        Just("/d/y=7"),
        Just("/z=7"),
        Just("/d/x/e.log"),
        Just("/x.pyc"),
        Just("/var/lib/dpkg/lock"),
    ];
    let held = prop_oneof![4 => Just(""), 1 => Just(" held /lock")];
    let content = prop_oneof![3 => Just(""), 1 => Just(" content 5")];
    let deed = (deeds, paths, held, content)
        .prop_map(|(deed, path, held, content)| format!("{deed} {path}{held}{content}"));
    proptest::collection::vec(deed, 0..4).prop_map(move |deeds| format!("{of}{}", deeds.join("; ")))
}

fn programs() -> impl Strategy<Value = Vec<String>> {
    let script = (steps(""), steps(""), steps(""), steps(""), steps(""), 0..6usize);
    let tasks = (steps("a: "), steps("b: "), steps("a/c: "), steps("left a: "), 0..3usize);
    (script, tasks).prop_map(|((s0, s1, s2, s3, s4, how), (a, b, c, left, nested))| {
        let (start, ends) = match how {
            0 => ("start b", ["wait a", "wait b"]),
            1 => ("start b after=a", ["wait a", "wait b"]),
            2 => ("start b lock=l", ["wait b", ""]),
            3 => ("start b", ["", ""]),
            4 => ("start b", ["wait b", "wait a"]),
            _ => ("wait a; start b", ["wait b", ""]),
        };
        let lock = if how == 2 { " lock=l" } else { "" };
        let [one, other] = ends;
        let a = match nested {
            0 => a,
            1 => format!("{a}; start c; wait c; {}", &c[5..]),
            _ => format!("a: start c; {}", &a[3..]),
        };
        let script =
            format!("script: {s0}; start a{lock}; {s1}; {start}; {s2}; {one}; {s3}; {other}; {s4}");
        vec![script, a, b, c, left]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// The core of it: what is found does not depend on who came first.
    #[test]
    fn the_verdict_does_not_depend_on_the_schedule(
        lines in programs(),
        picks in proptest::collection::vec(0usize..4, 60),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let program = Program::new(&lines);
        let usual = told(&judged(&program, &mut in_turn(), None));
        let mut picks = picks.into_iter();
        let other = told(&judged(&program, &mut |_| picks.next().unwrap_or(0), None));
        prop_assert_eq!(usual, other);
    }
}
