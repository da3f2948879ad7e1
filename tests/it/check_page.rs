//! What a check found, on the page of its run, in a real browser.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use meanwhile::process::dir::RunDir;
use meanwhile::process::journal::Journal;
use meanwhile::report::Subject;
use meanwhile::report::advice::chain;
use meanwhile::report::html::races::{Conflict, Lane, Races, Side};
use meanwhile::report::html::{self, Input};
use meanwhile::run::{Id, Time};
use serde_json::json;

use crate::browser::Browser;
use crate::made::Made;
use crate::sandbox::Sandbox;

/// The page of the run in this directory, with what a check found in it.
fn page(dir: &Path, races: &Races) -> PathBuf {
    let dir = RunDir::open(dir).unwrap();
    let journal = Journal::read(&dir).unwrap();
    let subject = Subject {
        run: journal.run(),
        commands: &HashMap::new(),
        until: journal.run().last,
        live: false,
        script_cpu: None,
        cores: 2,
        torn: false,
        past: None,
    };
    let input = Input {
        subject: &subject,
        chain: &chain::chain(&subject),
        moves: &[],
        earlier: None,
        logs: None,
        commands: false,
        dir: "run",
        races: Some(races),
    };
    let file = dir.path().join("page.html");
    std::fs::write(&file, html::document(&input).unwrap()).unwrap();
    file
}

fn side(lane: Lane, seconds: f64, place: &str) -> Side {
    Side {
        lane,
        time: Time((seconds * 1e6) as u64 + 1_000_000_000),
        place: place.into(),
        text: "/usr/bin/sed writes it".into(),
        source: Some("sed -i s/a/b/ \"$CONF\"".into()),
    }
}

fn task(name: &str) -> Lane {
    Lane::Task(Id::parse(name).unwrap())
}

fn conflict(level: &'static str, heading: &str, sides: [Side; 2]) -> Conflict {
    Conflict {
        level,
        class: "write-read",
        heading: heading.into(),
        sides,
        notes: vec!["the same with /etc/b".into()],
        hints: vec!["move `async_wait a` from s.sh:9 to before s.sh:4".into()],
    }
}

#[test]
fn each_conflict_is_drawn_between_its_two_sides_and_listed() {
    let sandbox = Sandbox::new();
    let mut made = Made::new(&sandbox.run_dir(), "made.sh");
    made.task("a", 1.0, 9.0, 0).task("b", 2.0, 8.0, 0).close(10.0, "finished");
    let races = Races {
        summary: "2 errors, 1 warning; 2 tasks".into(),
        conflicts: vec![
            conflict(
                "error",
                "/etc/a is written by a and read by the script",
                [side(task("a"), 3.0, "lib:7"), side(Lane::Script, 5.0, "s.sh:4")],
            ),
            conflict(
                "warning",
                "/etc/c is replaced by a and read by b",
                [side(task("a"), 4.0, "lib:8"), side(task("b"), 6.0, "lib:9")],
            ),
            conflict(
                "error",
                "of another run",
                [side(task("a"), 4.5, "lib:8"), side(Lane::None, 6.0, "other.sh:1")],
            ),
        ],
        gaps: vec!["sudo ran without the privileges".into()],
    };
    let file = page(&sandbox.run_dir(), &races);
    let text = std::fs::read_to_string(&file).unwrap();
    let list = text.split("<noscript>").next().unwrap();
    for part in ["2 errors, 1 warning", "/etc/a is written by a", "lib:7", "sudo ran", "s.sh:9 to"]
    {
        assert!(list.contains(part), "{part} is there without the script");
    }
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let marks = "document.querySelectorAll('.timeline .race').length";
    let lines = "document.querySelectorAll('.clashes line').length";
    assert_eq!((browser.number(marks), browser.number(lines)), (5, 2));
    // A mark is in its lane, at its time.
    let off = "(() => { \
        const middle = (e, axis) => { const b = e.getBoundingClientRect(); return axis === 'x' ? b.x + b.width / 2 : b.y + b.height / 2; }; \
        const [mark, bar] = ['.timeline [data-race=\"1\"].race', '.timeline [data-key=task0]'].map((s) => document.querySelector(s)); \
        const box = bar.getBoundingClientRect(); \
        return [Math.abs(middle(mark, 'y') - middle(bar, 'y')), Math.abs(middle(mark, 'x') - (box.x + box.width * 3 / 8))]; })()";
    let off = browser.ask(off);
    assert!(off[0].as_f64().unwrap() < 2.0 && off[1].as_f64().unwrap() < 3.0, "{off}");
    // Between the marks of a conflict is its line.
    let ends = browser.ask(
        "(() => { const line = document.querySelector('.clashes line.warning'); \
         const from = line.ownerSVGElement.getBoundingClientRect(); \
         return [...document.querySelectorAll('.timeline [data-race=\"1\"]')].map((mark, n) => { \
           const box = mark.getBoundingClientRect(); \
           return [box.x + box.width / 2 - from.x - line[`x${n + 1}`].baseVal.value, box.y + box.height / 2 - from.y - line[`y${n + 1}`].baseVal.value]; }); })()",
    );
    for end in ends.as_array().unwrap() {
        let near = |n: usize| end[n].as_f64().unwrap().abs() < 3.0;
        assert!(near(0) && near(1), "{ends}");
    }
    // From the list to the timeline, which shows it closer.
    let width = "document.querySelector('.plane').offsetWidth";
    let before = browser.number(width);
    browser.click(".races [data-race='0']");
    browser.until(&format!("{width} > {before}"));
    let current = "[...document.querySelectorAll('.timeline .race.current')].map((e) => e.ariaLabel).join('|')";
    let heading = "/etc/a is written by a and read by the script";
    assert_eq!(browser.text(current), format!("{heading}|{heading}"));
    // From the timeline to the list.
    browser.click("#zoom-fit");
    // What is scrolled hides what hovers: that is told with the next frame.
    browser.ask(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))",
    );
    browser.point(".timeline .race.warning");
    browser.until("!document.getElementById('hover').hidden");
    let hover = browser.text("document.getElementById('hover').textContent");
    assert!(hover.contains("/etc/c is replaced"), "{hover}");
    browser.click(".timeline .race.warning");
    assert_eq!(browser.text("document.querySelector('.races li.current').id"), "race1");
    let focused = "document.activeElement.textContent";
    assert_eq!(browser.text(focused), "/etc/c is replaced by a and read by b");
    // What the filter hides has no marks.
    browser.click("#filter");
    browser.insert("nothing like it");
    browser.until(&format!("{lines} === 0"));
    assert_eq!(browser.number(marks), 1, "the script's lane stays");
    browser.assert_quiet(&file);
}

#[test]
fn hundreds_of_conflicts_are_not_too_many() {
    let sandbox = Sandbox::new();
    let mut made = Made::new(&sandbox.run_dir(), "made.sh");
    for n in 0..300u32 {
        let from = f64::from(n) / 10.0;
        made.task(&format!("t{n}"), from, from + 5.0, 0);
    }
    made.close(40.0, "finished");
    let conflict = |n: u32| {
        let at = f64::from(n) / 20.0;
        let other = task(&format!("t{}", n % 299 + 1));
        conflict(
            "error",
            &format!("/f{n}"),
            [side(task(&format!("t{}", n % 299)), at, "a:1"), side(other, at + 0.5, "a:2")],
        )
    };
    let races = Races {
        summary: "2,000 errors".into(),
        conflicts: (0..2000).map(conflict).collect(),
        gaps: Vec::new(),
    };
    let file = page(&sandbox.run_dir(), &races);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("and 1500 more"), "the list has an end");
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&file);
    let marks = browser.number("document.querySelectorAll('.timeline .race').length");
    assert!((100..=202).contains(&marks), "{marks} marks");
    assert_eq!(browser.number("document.querySelectorAll('.races ol > li').length"), 500);
    let took = "(() => { const begin = performance.now(); for (let n = 0; n < 20; n++) document.getElementById('zoom-in').click(); return performance.now() - begin; })()";
    assert!(browser.ask(took).as_f64().unwrap() < 2000.0, "drawing is quick");
    assert_eq!(browser.ask("window.pwned"), json!(null));
    browser.assert_quiet(&file);
}
