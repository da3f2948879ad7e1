//! What the check makes of journals that lie and of traces that lack something:
//! it may be wrong, but it comes to an end, and it says what it has not seen.

use proptest::prelude::*;

use super::sample::{Program, in_turn, told};
use super::*;
use crate::run::footprint::{Access, Blind, Client, FileId, Group, Op};
use crate::run::{Record, Time};

fn folded(lines: &[String]) -> Run {
    let mut run = Run::default();
    for line in lines {
        run.apply(&Record::parse(line.as_bytes()).expect(line));
    }
    run
}

fn judged(traced: &Traced, run: Run) -> Verdict {
    let runs = [(b"/run".to_vec(), run)];
    judge(&Input { traced, runs: &runs, suppressions: None, baseline: None })
}

/// A program's trace, with another journal.
fn with_journal(program: &[&str], lines: &[&str]) -> Verdict {
    let (traced, _) = Program::new(program).run(&mut in_turn());
    judged(&traced, folded(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()))
}

#[test]
fn a_task_that_the_trace_has_not_is_a_gap() {
    let program = ["script: start a; read /x", "a: write /x"];
    let verdict = with_journal(&program, &["5 start a pid=101", "5.2 start b pid=999"]);
    assert_eq!(told(&verdict), ["error write-read /x a script"]);
    let gaps: Vec<_> = verdict.gaps.iter().map(|gap| (gap.why, &gap.who)).collect();
    let b = Who::Task { run: 0, id: crate::run::Id::parse("b").unwrap() };
    assert_eq!(gaps, [(Blind::Untold, &b)]);
    assert_eq!(verdict.tasks, 2);
    // Two cannot have been one guard.
    let verdict = with_journal(&program, &["5 start a pid=101", "5 start b pid=101"]);
    assert_eq!(verdict.gaps.len(), 1);
}

#[test]
fn a_pid_means_the_latest_that_had_it() {
    let (mut traced, _) =
        Program::new(&["script: start a; wait a; read /x; start b", "a: write /x", "b: write /x"])
            .run(&mut in_turn());
    traced.groups[2].pid = traced.groups[1].pid;
    traced.groups[2].born.0 = Time(9_000_000);
    let client = traced.clients[0].pid;
    let run = [
        "5.00 start a pid=101".to_owned(),
        format!("5.5 collected a by={client}"),
        "9.00 start b pid=101".to_owned(),
    ];
    let verdict = judged(&traced, folded(&run));
    assert_eq!((told(&verdict), verdict.gaps.len()), (Vec::new(), 0));
    let late = [format!("5 collected a by={client}"), "9.00 start a pid=101".to_owned()];
    assert_eq!(told(&judged(&traced, folded(&late))), [""; 0], "the second one is a");
}

#[test]
fn what_was_not_collected_orders_nothing() {
    let program = ["script: start a; wait a; read /x", "a: write /x"];
    let race = ["error write-read /x a script"];
    for collected in [
        "5.2 collected a by=999",
        "5.2 collected a",
        "5.2 collected b by=102",
        // Before anybody was born who has that pid.
        "1.0 collected a by=102",
    ] {
        let verdict = with_journal(&program, &["5.00 start a pid=101", collected]);
        assert_eq!(told(&verdict), race, "{collected}");
    }
    let verdict = with_journal(&program, &["5.00 start a pid=101", "5.2 collected a by=102"]);
    assert_eq!(told(&verdict), [""; 0]);
}

#[test]
fn tasks_that_come_after_each_other_do_not() {
    let program = ["script: start a; start b", "a: write /x", "b: write /x"];
    let verdict = with_journal(
        &program,
        &[
            "5.00 start a pid=101 after=b queued=1",
            "5.00 start b pid=102 after=a,b queued=1",
            "5.1 begin a",
            "5.1 begin b",
        ],
    );
    assert_eq!(told(&verdict), [""; 0], "the second one after the first");
}

fn records() -> impl Strategy<Value = String> {
    let id = prop_oneof![Just("a"), Just("b"), Just("a/c"), Just("a~2"), Just("a/c/d")];
    let kind = prop_oneof![
        Just("start"),
        Just("begin"),
        Just("end"),
        Just("collected"),
        Just("seen"),
        Just("lost"),
        Just("skip"),
        Just("cancel"),
        Just("wait"),
        Just("woken"),
    ];
    let fields = prop_oneof![
        (0u32..8).prop_map(|pid| format!("pid={pid}")),
        (0u32..8).prop_map(|pid| format!("by={pid} at=s:{pid}")),
        (0u32..8).prop_map(|pid| format!("pid={pid} after=a,b,a/c,a~2 lock=l,m queued=1")),
        Just("code=0".to_owned()),
    ];
    (0u64..30, kind, id, fields)
        .prop_map(|(time, kind, id, fields)| format!("0.{time:06} {kind} {id} {fields}"))
}

fn moments() -> impl Strategy<Value = (Time, u32)> {
    (0u64..30, prop_oneof![8 => 0u32..12, 1 => Just(u32::MAX)])
        .prop_map(|(time, moment)| (Time(time), moment))
}

fn traces() -> impl Strategy<Value = Traced> {
    let group =
        (proptest::option::of(0u32..9), 0u32..8, moments(), proptest::option::of(moments()))
            .prop_map(|(parent, pid, born, died)| Group { parent, pid, born, died });
    let client = (0u32..8, 0u32..9, moments(), proptest::option::of(moments()))
        .prop_map(|(pid, group, born, died)| Client { pid, group, born: born.0, died });
    let ops = prop_oneof![
        Just(Op::Write),
        Just(Op::Read),
        Just(Op::Remove),
        Just(Op::List),
        Just(Op::RenameOnto),
        Just(Op::Create),
        Just(Op::Miss),
        Just(Op::Lock),
        Just(Op::Bind),
        Just(Op::Connect),
    ];
    let access = (0u32..9, moments(), ops, 0u32..9, proptest::option::of(0u32..4), 0u32..4)
        .prop_map(|(group, (first, moment), op, path, file, number)| Access {
            group,
            moment,
            op,
            path,
            file,
            program: number,
            at: (number > 2).then_some(number),
            held: number,
            count: 1,
            searched: 0,
            first,
            last: first,
        });
    (
        proptest::collection::vec(group, 0..7),
        proptest::collection::vec(client, 0..7),
        proptest::collection::vec(access, 0..30),
    )
        .prop_map(|(groups, clients, accesses)| Traced {
            groups,
            clients,
            accesses,
            paths: ["/", "/a", "/a/b", "/a/b/c", "", "tcp:1", "/run/x", "//"]
                .map(|path| path.as_bytes().to_vec())
                .to_vec(),
            files: (0..3).map(|ino| FileId { dev: 1, ino, made: 0 }).collect(),
            held: vec![Vec::new(), vec![0], vec![9]],
            texts: vec!["/bin/x".into()],
            ..Traced::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_comes_it_comes_to_an_end(
        traced in traces(),
        lines in proptest::collection::vec(records(), 0..14),
    ) {
        let one = judged(&traced, folded(&lines));
        // And to the same one each time.
        prop_assert_eq!(one, judged(&traced, folded(&lines)));
    }

    #[test]
    fn segments_are_sorted_whatever_comes(
        traced in traces(),
        lines in proptest::collection::vec(records(), 0..14),
    ) {
        let runs = [(b"/run".to_vec(), folded(&lines))];
        let input = Input { traced: &traced, runs: &runs, suppressions: None, baseline: None };
        let segments = Segments::new(&input);
        prop_assert!(segments.arrows.iter().all(|(from, to)| from < to), "one leads back");
        for access in &traced.accesses {
            prop_assert!((segments.node(access) as usize) < segments.len());
        }
    }
}
