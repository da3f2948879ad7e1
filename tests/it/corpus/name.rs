//! Names and ids: what is accepted keeps the rule, and an id comes apart into
//! what it was made of.

use meanwhile::run::files::{ARGV, LOG, is_ours, of_task, task_of};
use meanwhile::run::name::{MAX_BYTES, did_you_mean};
use meanwhile::run::{Id, Name};

/// Panics if a promise is broken.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').collect();
    for line in &lines {
        name(line);
        id(line);
    }
    if let Some(near) = did_you_mean(lines[0], lines[1..].iter().copied()) {
        assert!(lines[1..].contains(&near));
    }
}

fn name(text: &str) {
    if let Err(error) = Name::nested(text) {
        let _ = error.to_string();
    }
    let Ok(name) = Name::new(text) else { return };
    assert!(text.len() <= MAX_BYTES && !text.contains(['/', '%', '~', '\0', ' ']));
    assert!(!text.starts_with(['-', '.', '@', '+', ':']));
    let scope = Id::parse("outer~3/inner").expect("an id");
    for scope in [None, Some(&scope)] {
        for count in [1, 2, 999_999_999] {
            let id = Id::of(&name, scope, count);
            assert_eq!(Id::parse(id.as_str()).as_ref(), Some(&id));
            assert_eq!((id.count(), id.parent().as_ref()), (count, scope));
            assert!(id.name().ends_with(text));
            assert!(scope.is_none_or(|scope| id.within(scope) && !scope.within(&id)));
        }
        assert_eq!(name.lookup(scope).len(), if scope.is_some() { 3 } else { 1 });
    }
}

fn id(text: &str) {
    let Some(id) = Id::parse(text) else { return };
    assert_eq!(id.as_str(), text);
    assert!(text.starts_with(id.name()) && id.within(&id));
    let _ = id.count();
    if let Some(parent) = id.parent() {
        assert!(id.within(&parent) && !parent.within(&id));
    }
    for suffix in [LOG, ARGV] {
        let file = of_task(&id, suffix);
        assert!(!file.contains('/') && !file.starts_with('.') && is_ours(&file));
        assert_eq!(task_of(&file), Some(id.clone()));
    }
}
