//! The journal as a file, searched from its end for a few names: whatever
//! stands in it, in chunks of whatever size.

use meanwhile::process::dir::RunDir;
use meanwhile::process::journal::Journal;

/// Panics if a promise is broken. The first byte gives the size of a chunk.
pub fn check(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let me = (std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(format!("meanwhile-fuzz-{}-{:?}", me.0, me.1));
    let dir = RunDir::create(&path).expect("a directory");
    std::fs::write(dir.path().join("journal"), bytes).expect("a journal");
    search(&dir, 1 + u64::from(*size));
    std::fs::remove_dir_all(&path).expect("removed");
}

fn search(dir: &RunDir, size: u64) {
    let full = Journal::open(dir).expect("readable");
    let tasks = full.run().tasks().iter().take(3);
    let mut names: Vec<String> = tasks.map(|task| task.id.name().to_owned()).collect();
    names.push("nobody".to_owned());
    for names in [&names[..], &names[..1], &[]] {
        let some = Journal::about_in_chunks(dir, names, size).expect("readable");
        assert_eq!(some.torn(), full.torn());
        for task in some.run().tasks() {
            assert!(full.run().task(&task.id).is_some(), "{} is nowhere", task.id);
        }
    }
}
