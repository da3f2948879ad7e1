//! What the check finds in whole runs.

use proptest::prelude::*;

use super::Suppressions;
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

/// What is found if `a` does the one and `b` the other, with nothing to order them.
fn beside(one: &str, other: &str) -> Vec<String> {
    let (a, b) = (format!("a: {one}"), format!("b: {other}"));
    found(&["script: start a; start b; wait a; wait b", &a, &b])
}

#[test]
fn the_table() {
    for (one, other, line) in [
        ("write /x", "write /x", "error write-write /x a b"),
        ("create /x", "truncate /x", "error write-write /x a b"),
        ("rename-onto /x", "write /x=9", "error write-write /x a b"),
        ("write /x", "read /x", "error write-read /x a b"),
        ("append /x", "read /x", "error write-read /x a b"),
        ("append /x", "exec /x", "error write-read /x a b"),
        ("append /x.log", "read /x.log", "warning write-read /x.log a b"),
        ("truncate /x.log", "read /x.log", "error write-read /x.log a b"),
        ("write /x", "read /x=9", "error write-read /x a b"),
        ("create-new /x", "taken /x", "error create-create /x a b"),
        ("create-new /x", "create /x", "error create-create /x a b"),
        ("rename-onto /x", "rename-onto /x", "error create-create /x a b"),
        ("rename-onto /x", "create /x", "error create-create /x a b"),
        ("bind /x", "taken /x", "error create-create /x a b"),
        ("create /x", "miss /x", "error create-missing /x a b"),
        ("append /x", "miss /x", "error create-missing /x a b"),
        ("taken /x", "miss /x", "error create-missing /x a b"),
        ("rename-onto /x", "miss /x", "error create-missing /x a b"),
        ("make-dir /x", "miss /x", "error create-missing /x a b"),
        ("make-dir /x", "look /x", "error create-missing /x a b"),
        ("create-new /x", "read /x", "error create-missing /x a b"),
        ("bind /x", "miss /x", "error create-missing /x a b"),
        ("remove /x", "look /x", "error remove-use /x a b"),
        ("remove /x", "miss /x", "error remove-use /x a b"),
        ("remove /x", "create /x", "error remove-use /x a b"),
        ("rename-from /x", "exec /x", "error remove-use /x a b"),
        ("remove /x", "rename-onto /x", "error remove-use /x a b"),
        ("remove /x", "connect /x", "error remove-use /x a b"),
        ("look /x; rename-onto /x", "read /x", "warning replace-read /x a b"),
        ("look /x; rename-onto /x", "look /x", "note metadata /x a b"),
        // It was not there before: it might have been missed.
        ("rename-onto /x", "read /x", "error create-missing /x a b"),
        ("miss /x; rename-onto /x", "look /x", "error create-missing /x a b"),
        ("create /d/x", "list /d", "warning change-list /d a b"),
        ("remove /d/x", "list /d", "warning change-list /d a b"),
        ("bind tcp:80", "connect tcp:80", "warning bind-connect tcp:80 a b"),
        ("bind tcp:80", "bind tcp:80", "error create-create tcp:80 a b"),
        ("meta /x", "read /x", "note metadata /x a b"),
        ("write /x", "look /x", "note metadata /x a b"),
        ("inherit /x", "read /x", "warning write-read /x a b"),
    ] {
        assert_eq!(beside(one, other), [line], "{one} beside {other}");
        // Whoever is the first to be started: the same is found.
        let other_way = line.strip_suffix(" a b").unwrap();
        assert!(beside(other, one)[0].starts_with(other_way), "{other} beside {one}");
    }
    for (one, other) in [
        ("read /x", "read /x"),
        ("miss /x", "miss /x"),
        ("look /x", "exec /x"),
        ("list /d", "list /d"),
        ("lock /x", "lock /x"),
        ("connect tcp:80", "connect tcp:80"),
        ("create /d/e/x", "list /d"),
        ("write /d/x", "list /d"),
        ("inherit /x", "inherit /x"),
        ("write /x", "write /y"),
    ] {
        assert_eq!(beside(one, other), [""; 0], "{one} beside {other}");
    }
}

#[test]
fn links_do_not_hide_a_file_and_a_path_is_the_same_whatever_file_it_has() {
    assert_eq!(beside("write /x=7", "read /y=7"), ["error write-read /x a b"]);
    assert_eq!(beside("write /y=7", "write /x=7"), ["error write-write /x a b"]);
    assert_eq!(beside("write /x=7", "read /x=8"), ["error write-read /x a b"]);
    assert_eq!(beside("make-dir /real=7/x", "list /link=7"), [""; 0]);
    assert_eq!(
        beside("look /real=7; create /real/x", "list /link=7"),
        ["warning change-list /real a b"]
    );
}

#[test]
fn a_file_that_is_renamed_into_place_was_written_before_anybody_could_read_it() {
    let rename = "create /t=7; rename-from /t=7; rename-onto /x=7";
    assert_eq!(beside(rename, "read /x=7"), ["error create-missing /x a b"]);
    let tree = "make-dir /t; create /t/x=7; rename-from /t; rename-onto /d";
    assert_eq!(beside(tree, "read /d/x=7"), ["error create-missing /d a b"]);
    let link = "create /t=7; create-new /x=7; remove /t=7";
    assert_eq!(beside(link, "read /x=7"), ["error create-missing /x a b"]);
    assert_eq!(beside("create /t=7", "read /x=7"), ["error write-read /t a b"]);
}

#[test]
fn a_directory_that_goes_takes_along_what_is_below() {
    assert_eq!(beside("rename-from /d", "read /d/e/x"), ["error remove-use /d a b"]);
    assert_eq!(beside("rename-from /d", "miss /d/e/x"), ["error remove-use /d a b"]);
    assert_eq!(beside("remove /d", "create /d/x"), ["error remove-use /d a b"]);
    assert_eq!(beside("remove /d", "miss /d/x"), [""; 0], "it was empty");
    let link = "create-new /d";
    assert_eq!(beside(link, "miss /d/x"), ["error create-missing /d a b"]);
    let turned = format!("{link}; remove /d; {link}");
    assert!(beside(&turned, "miss /d/x").contains(&"error remove-use /d a b".to_owned()));
    assert_eq!(beside("rename-onto /d", "miss /d/x"), ["error create-missing /d a b"]);
    assert_eq!(beside("rename-onto /d", "list /d/e"), ["error create-missing /d a b"]);
    // What is removed in the course of it is told by itself.
    assert_eq!(beside("remove /d/x; remove /d", "look /d/x"), ["error remove-use /d/x a b"]);
    // Names that only begin alike.
    assert_eq!(beside("rename-from /d", "read /d-x/y"), [""; 0]);
    assert_eq!(beside("rename-from /d", "read /d.x"), [""; 0]);
}

#[test]
fn one_directory_is_told_once() {
    assert_eq!(
        beside("write /d/x; write /d/y; write /e/x", "read /d/x; read /d/y; read /e/x"),
        ["error write-read /d/x a b +/d/y", "error write-read /e/x a b"]
    );
    // And a tree that somebody goes through.
    assert_eq!(
        beside(
            "make-dir /d/e; create /d/e/x; create /d/x",
            "list /d by ls at 1; list /d/e by ls at 1; list /c"
        ),
        ["warning change-list /d a b +/d/e"]
    );
}

#[test]
fn pairs_who_do_the_same_are_told_once() {
    let run = |tasks: &[&str]| {
        let name = |task: &&str| task.split_once(':').unwrap().0.to_owned();
        let starts: Vec<String> =
            tasks.iter().map(|task| format!("start {}", name(task))).collect();
        let script = format!("script: {}", starts.join("; "));
        found(&[&[&*script], tasks].concat())
    };
    // Who makes entries and who lists them, whatever line it is.
    assert_eq!(
        run(&[
            "a: create /d/1 by cp",
            "b: create /d/2 by cp",
            "c: list /d by ls",
            "e: list /d by ls",
            "f: list /d by find",
            "g: create /d/7 by mv",
        ]),
        [
            "warning change-list /d a c, a e, b c, b e",
            "warning change-list /d a f, b f",
            "warning change-list /d g c, g e",
            "warning change-list /d g f",
        ]
    );
    // An error has to be mended at each line.
    assert_eq!(
        run(&["a: write /x at 7", "b: write /x at 7", "c: write /x at 7", "e: write /x at 8"]),
        ["error write-write /x a b, a c, b c", "error write-write /x a e, b e, c e",]
    );
    // What they have besides may differ.
    assert_eq!(
        run(&[
            "a: write /d/x at 7; write /d/y at 8",
            "b: read /d/x at 9; read /d/y at 9",
            "c: read /d/x at 9"
        ]),
        ["error write-read /d/x a b +/d/y, a c"]
    );
    // Whom somebody can wait for, and what nobody can.
    assert_eq!(
        found(&[
            "script: start a; start b; read /x at 9",
            "a: write /x at 7",
            "b:",
            "left b: write /x at 7"
        ]),
        [
            "error write-write /x a left:b",
            "error write-read /x a script",
            "error write-read /x left:b script",
        ]
    );
}

#[test]
fn what_the_user_settles_for_one_pair_stands_for_that_alone() {
    let program = Program::new(&[
        "script: start a; start b; start c",
        "a: create /d/1",
        "b: list /d",
        "c: list /d",
    ]);
    let suppressions = Suppressions::parse("change-list /d a c").unwrap();
    assert_eq!(
        told(&judged(&program, &mut in_turn(), Some(&suppressions))),
        ["warning change-list /d a b", "note (suppressed) change-list /d a c"]
    );
}

#[test]
fn a_side_shows_the_access_that_tells_most() {
    let text = ["script: start a; read /x; read /x; wait a; read /x", "a: look /y; write /x"];
    let shown = |lines: bool| {
        let mut program = Program::new(&text);
        program.lines = lines;
        let verdict = judged(&program, &mut in_turn(), None);
        verdict.findings[0]
            .sides
            .each_ref()
            .map(|s| (s.at.clone(), s.from.clone(), s.until.clone()))
    };
    let line = |text: &str| Some(text.to_owned());
    let between = (line("script:1"), line("script:4"));
    let expected = |a: Option<String>, b: Option<String>| {
        [a, b].map(|at| (at, between.0.clone(), between.1.clone()))
    };
    assert_eq!(shown(true), expected(line("a:2"), line("script:2")));
    assert_eq!(shown(false), expected(None, None));
}

#[test]
fn a_runs_own_directory_is_not_the_scripts() {
    assert_eq!(beside("write /run/a.log", "read /run/a.log"), [""; 0]);
    assert_eq!(beside("remove /run", "look /run"), [""; 0]);
    assert_eq!(beside("write /runs", "read /runs"), ["error write-read /runs a b"]);
}

#[test]
fn many_tasks() {
    const MANY: usize = 300;
    let names = || (0..MANY).map(|n| format!("t{n}"));
    let tasks: Vec<String> = names().map(|name| format!("{name}: read /etc/x; write /x")).collect();
    let script = |step: &dyn Fn(&str) -> String| {
        names().map(|name| step(&name)).collect::<Vec<_>>().join("; ")
    };
    let found = |script: &str| {
        let script = format!("script: {script}");
        let lines: Vec<&str> = std::iter::once(&script).chain(&tasks).map(String::as_str).collect();
        found(&lines).len()
    };
    let one_by_one = script(&|name| format!("start {name}; wait {name}; read /x"));
    assert_eq!(found(&one_by_one), 0);
    let at_once = script(&|name| format!("start {name}"));
    // Of 44,850 pairs.
    assert_eq!(found(&at_once), 5_000);
    // The script reads what each writes.
    let reads = script(&|name| format!("start {name}; read /x; wait {name}"));
    assert_eq!(found(&reads), MANY);
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
    #![proptest_config(ProptestConfig::with_cases(300))]

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
