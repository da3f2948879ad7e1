//! One record: any bytes are read, and what is written is read as it was meant.

use meanwhile::run::record::{LF, MAX_BYTES, RS, encode};
use meanwhile::run::{Id, Kind, Record, Time};

const KINDS: [Kind; 7] =
    [Kind::Run, Kind::Start, Kind::End, Kind::Wait, Kind::Collected, Kind::Seen, Kind::Close];

/// Panics if a promise is broken.
pub fn check(data: &[u8]) {
    let (mut id, mut time, mut kind) = (None, Time(data.len() as u64), KINDS[data.len() % 7]);
    if let Some(record) = Record::parse(data) {
        for key in ["pid", "code", "cpu", "wall", "skew", "at", ""] {
            let _ = record.number::<u32>(key);
            let _ = record.number::<i64>(key);
            if let Some(value) = record.get(key) {
                assert!(!value.contains(' '));
            }
        }
        (id, time, kind) = (record.id, record.time, record.kind);
    }
    round_trip(data, id.as_ref(), time, kind);
}

/// Any values may come from a script.
fn round_trip(data: &[u8], id: Option<&Id>, time: Time, kind: Kind) {
    let text = String::from_utf8_lossy(data);
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (at, comm) = text.split_at(half);
    let fields = [("code", "7".to_owned()), ("at", at.to_owned()), ("comm", comm.to_owned())];
    let line = encode(time, kind, id, &fields);
    assert!(line.len() <= MAX_BYTES);
    let body = line.strip_prefix(RS).and_then(|line| line.strip_suffix(LF)).expect("framed");
    assert!(!body.contains([RS, LF]));
    let record = Record::parse(body.as_bytes()).expect("a record");
    assert_eq!((record.time, record.kind, record.id.as_ref()), (time, kind, id));
    assert!(!record.from_uptime);
    assert_eq!(record.number("code"), Some(7u8));
    for (key, value) in &fields[1..] {
        let kept = record.get(key);
        let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(kept.is_none_or(|kept| kept.len() == value.chars().count()));
        assert!(kept.is_none_or(|kept| !plain || kept == value));
    }
}
