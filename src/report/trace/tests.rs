//! What viewers want of a trace holds for the traces of any run.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::*;
use crate::report::sample;
use proptest::prelude::*;

fn events(journal: &str) -> Vec<Value> {
    let sample = sample(journal, &[("a", b"curl\0secret\0")]);
    let text = document(&sample.subject(), false);
    assert!(!text.contains("secret"));
    let json: Value = serde_json::from_str(&text).unwrap();
    json["traceEvents"].as_array().unwrap().clone()
}

fn number(event: &Value, key: &str) -> u64 {
    event[key].as_u64().unwrap_or_else(|| panic!("{key} of {event}"))
}

/// What viewers want: slices of a track nest, and an arrow has both of
/// its ends in slices, the first not after the second.
fn check(events: &[Value]) {
    let mut tracks: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let from = number(event, "ts");
        assert!(number(event, "dur") > 0, "{event}");
        tracks.entry(number(event, "tid")).or_default().push((from, from + number(event, "dur")));
    }
    for (track, slices) in &mut tracks {
        slices.sort_by_key(|(from, until)| (*from, Reverse(*until)));
        let mut open: Vec<(u64, u64)> = Vec::new();
        for slice in slices {
            open.retain(|around| around.1 > slice.0);
            assert!(
                open.iter().all(|around| around.1 >= slice.1),
                "{slice:?} overlaps one of {open:?} on track {track}"
            );
            open.push(*slice);
        }
    }
    let inside = |event: &Value| {
        let at = number(event, "ts");
        let slices = tracks.get(&number(event, "tid"));
        slices.is_some_and(|slices| slices.iter().any(|s| s.0 <= at && at < s.1))
    };
    let mut arrows: HashMap<u64, Vec<&Value>> = HashMap::new();
    for event in events.iter().filter(|event| event["cat"] == "arrow") {
        assert!(inside(event), "{event} hangs in the air");
        arrows.entry(number(event, "id")).or_default().push(event);
    }
    for ends in arrows.values() {
        assert_eq!(ends.len(), 2, "{ends:?}");
        assert_eq!((&ends[0]["ph"], &ends[1]["ph"]), (&json!("s"), &json!("f")));
        assert_eq!(ends[1]["bp"], "e");
        assert!(number(ends[0], "ts") <= number(ends[1], "ts"), "{ends:?}");
    }
    for track in tracks.keys() {
        let named = |e: &&Value| e["name"] == "thread_name" && e["tid"] == *track;
        assert_eq!(events.iter().filter(named).count(), 1, "track {track}");
    }
    let known = ["X", "s", "f", "M", "i", "C"];
    assert!(events.iter().all(|event| known.contains(&event["ph"].as_str().unwrap())));
}

fn named<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().find(|event| event["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

const JOURNAL: &str = "1.000000 run - owner=1 ownerstart=1.0 wall=1700000000000000 script=s.sh cpus=4\n\
    1.100000 start a pid=2 at=s.sh:3 idle=1.0\n1.200000 start b pid=3 queued=1 retries=1\n\
    2.000000 end a code=0 idle=3.0\n2.000000 begin b\n2.500000 attempt b code=1\n\
    2.100000 start b/c pid=4\n2.600000 wait b/c by=8 in=b\n2.900000 end b/c code=0\n\
    2.910000 woken - by=8\n1.500000 wait a by=9 at=s.sh:5\n2.010000 woken - by=9\n\
    2.200000 wait - by=10\n2.300000 wait b by=11\n3.000000 end b code=3 idle=4.0\n\
    3.000000 woken - by=10\n3.100000 woken - by=11\n3.200000 exit -\n3.300000 close - how=finished\n";

#[test]
fn a_run_is_tracks_of_nested_slices_with_arrows() {
    let events = events(JOURNAL);
    check(&events);
    let a = named(&events, "a");
    assert_eq!((number(a, "ts"), number(a, "dur"), number(a, "tid")), (100_000, 900_000, 2));
    let b = named(&events, "b");
    assert_eq!(number(b, "tid"), 2, "the slot is free again");
    assert_eq!(b["args"]["queued_seconds"], 0.8);
    assert_eq!((&b["args"]["state"], &b["args"]["attempts"]), (&json!("failed"), &json!(2)));
    assert_eq!(number(named(&events, "b/c"), "tid"), 3);
    assert_eq!(number(named(&events, "blocked: b/c"), "tid"), 2, "inside the task that waits");
    let script = named(&events, "s.sh");
    assert_eq!((number(script, "tid"), number(script, "dur")), (1, 2_200_000));
    assert_eq!(number(named(&events, "blocked: a"), "tid"), 1);
    assert_eq!(number(named(&events, "blocked: b"), "tid"), 4, "it would overlap");
    assert_eq!(number(named(&events, "attempt 1 failed: 1"), "ts"), 1_500_000);
    let starts = events.iter().filter(|e| e["name"] == "starts" && e["ph"] == "s").count();
    let ends = events.iter().filter(|e| e["name"] == "ends the wait" && e["ph"] == "f").count();
    assert_eq!((starts, ends), (3, 4));
    let idle = events.iter().filter(|event| event["name"] == "idle processors");
    let idle: Vec<&Value> = idle.map(|event| &event["args"]["idle"]).collect();
    assert_eq!(idle, [&json!(2.22), &json!(1.0)]);
}

#[test]
fn what_is_no_whole_run_is_still_a_trace() {
    check(&events(""));
    check(&events("1.0 start a pid=2\n1.0 wait a by=3\n"));
    let open = events("1.0 run - owner=1 ownerstart=1.0\n1.0 start a pid=2\n5.0 start b pid=2\n");
    check(&open);
    assert_eq!(named(&open, "a")["args"]["state"], "unfinished");
    assert_eq!(number(named(&open, "a"), "dur"), 4_000_000, "to the last that is known");
    let most = u64::MAX / 1_000_000;
    check(&events(&format!(
        "1.0 run - owner=1 ownerstart=1.0\n{most}.0 start a pid=2\n1.0 end a code=0\n\
         {most}.0 wait a by=1\n{most}.0 woken - by=1"
    )));
}

proptest! {
    #[test]
    fn any_run_is_tracks_of_nested_slices(
        tasks in proptest::collection::vec((0u64..40, 0u64..20, 0u64..3, any::<bool>()), 0..12),
        waits in proptest::collection::vec((0u64..40, 0u64..20, 0usize..14), 0..8),
        owner in any::<bool>(),
    ) {
        let owner = if owner { " owner=1 ownerstart=3.0" } else { "" };
        let mut journal = format!("5.0 run -{owner}");
        for (n, (from, length, nested, open)) in tasks.iter().enumerate() {
            let id = if *nested == 0 { format!("t{n}") } else { format!("t0/t{n}") };
            journal += &format!("\n{from}.0 start {id} pid=2");
            if !open { journal += &format!("\n{}.0 end {id} code={nested}", from + length); }
        }
        for (n, (from, length, task)) in waits.iter().enumerate() {
            let (on, scope) = if task % 2 == 0 { (format!("t{task}"), "") } else { ("-".into(), " in=t0") };
            journal += &format!("\n{from}.0 wait {on} by={n}{scope}\n{}.0 woken - by={n}", from + length);
        }
        check(&events(&journal));
    }
}
