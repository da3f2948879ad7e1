//! The files of a run directory: their names, commands, the watcher's file.

use meanwhile::run::files::{Command, LOG, attempt_of, is_ours, of_attempt, parse_watcher};

/// Panics if a promise is broken.
pub fn check(data: &[u8]) {
    let command = Command::parse(data);
    let _ = command.display();
    let words: Vec<u8> = command.argv.iter().flat_map(|word| [&word[..], &[0]].concat()).collect();
    assert!(data.starts_with(&words));
    assert_eq!(Command::parse(&words).argv, command.argv);

    let text = String::from_utf8_lossy(data);
    for file in text.split('\n') {
        if let Some((id, attempt)) = attempt_of(file) {
            assert!(is_ours(file));
            if file.ends_with(LOG) {
                assert_eq!(of_attempt(&id, attempt, LOG), file, "a file of one attempt alone");
            }
        }
        assert!(!is_ours(file) || !file.contains('/'), "only in the directory itself");
    }
    let _ = parse_watcher(&text);
}
