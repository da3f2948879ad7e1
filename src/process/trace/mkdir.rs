//! Whether a directory that is there is a failure to whoever would make it. To a
//! program that makes directories on its way it is none; nor to `mkdir -p`. To a
//! plain `mkdir` it is, which only its arguments tell.

use super::guards::arguments;

/// Programs that may be it: its own, and those that are many in one.
const PROGRAMS: [&[u8]; 4] = [b"mkdir", b"busybox", b"toybox", b"coreutils"];

/// Whether a process that has just begun this program is a `mkdir` that wants all new.
pub fn wants_new(pid: u32, program: &[u8]) -> bool {
    let name = base(program);
    PROGRAMS.contains(&name) && is_plain(&arguments(pid))
}

fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// Whether these arguments, each with a NUL at its end, are those of `mkdir` without `-p`.
fn is_plain(arguments: &[u8]) -> bool {
    let mut words = arguments.split(|b| *b == 0);
    let mut called = words.next().map(base);
    // `busybox mkdir`, `coreutils --coreutils-prog=mkdir`: whichever of them is installed.
    if called.is_some_and(|name| name != b"mkdir") {
        let word = words.next().unwrap_or_default();
        called = Some(word.strip_prefix(b"--coreutils-prog=").unwrap_or(word));
    }
    if called != Some(b"mkdir") {
        return false;
    }
    for word in words {
        match word {
            b"--" => break,
            // (It may be cut short.)
            [b'-', b'-', b'p', rest @ ..] if b"arents".starts_with(rest) => return false,
            [b'-', b'-', ..] => {}
            [b'-', letters @ ..] => {
                // What is behind -m is its mode.
                let own = letters.split(|letter| *letter == b'm').next().unwrap_or_default();
                if own.contains(&b'p') {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_a_plain_mkdir_wants_all_new() {
        let plain = |words: &[&str]| {
            let words: Vec<u8> =
                words.iter().flat_map(|w| [w.as_bytes(), b"\0"].concat()).collect();
            is_plain(&words)
        };
        assert!(plain(&["mkdir", "d"]));
        assert!(plain(&["/bin/mkdir", "-m", "755", "d"]));
        assert!(plain(&["mkdir", "-vmp", "d"]), "the mode");
        assert!(plain(&["mkdir", "--mode=p", "--", "-p"]));
        assert!(plain(&["busybox", "mkdir", "d"]));
        assert!(plain(&["coreutils", "--coreutils-prog=mkdir", "d"]));
        for words in [
            &["mkdir", "-p", "d"][..],
            &["mkdir", "-vp", "d"],
            &["mkdir", "-pm755", "d"],
            &["mkdir", "d", "-p"],
            &["mkdir", "--parents", "d"],
            &["mkdir", "--par", "d"],
            &["busybox", "sh", "mkdir"],
            &["busybox"],
            &["install", "-d", "d"],
            &[],
        ] {
            assert!(!plain(words), "{words:?}");
        }
    }
}
