//! What it is to a program that something is there already where it would make
//! something: of some that everybody uses only their arguments tell. `mkdir` fails,
//! `mkdir -p` does not mind. `ln` fails, `ln -f` tries, and then puts another in its
//! place: it is a replacement in either case. `rm -r` empties a directory, and fails if
//! that has something in it all the same.

use super::guards::arguments;

/// Programs that are many in one.
const MANY: [&[u8]; 3] = [b"busybox", b"toybox", b"coreutils"];

/// What it is to a program that there is something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Minds {
    /// As the call says.
    #[default]
    Usual,
    /// A directory that is there will not do.
    NewDirs,
    /// A link takes its place.
    Replaces,
    /// A directory was emptied, and is to go.
    Empties,
}

/// That of a process that has just begun this program.
pub fn minds(pid: u32, program: &[u8]) -> Minds {
    let name = base(program);
    if MANY.contains(&name) || [&b"mkdir"[..], b"ln", b"rm"].contains(&name) {
        of(&arguments(pid))
    } else {
        Minds::Usual
    }
}

fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// By the arguments, each with a NUL at its end.
fn of(arguments: &[u8]) -> Minds {
    let mut words = arguments.split(|b| *b == 0);
    let mut called = words.next().map(base).unwrap_or_default();
    // `busybox mkdir`, `coreutils --coreutils-prog=mkdir`: whichever of them is installed.
    if MANY.iter().any(|many| called.starts_with(many)) {
        let word = words.next().unwrap_or_default();
        called = word.strip_prefix(b"--coreutils-prog=").unwrap_or(word);
    }
    match called {
        b"mkdir" if !has(&mut words, b"p", b"parents", b"m") => Minds::NewDirs,
        b"ln" if has(&mut words, b"f", b"force", b"St") => Minds::Replaces,
        b"rm" if has(&mut words, b"rR", b"recursive", b"") => Minds::Empties,
        _ => Minds::Usual,
    }
}

/// Whether an option is among them: one of these letters, or a word, which may be cut short. What is
/// behind one of `others` is the value of that.
fn has<'a>(
    words: &mut impl Iterator<Item = &'a [u8]>,
    letters: &[u8],
    long: &[u8],
    others: &[u8],
) -> bool {
    words.take_while(|word| *word != b"--").any(|word| match word {
        [b'-', b'-', begin @ ..] => long.starts_with(begin),
        [b'-', own @ ..] => {
            own.iter().take_while(|own| !others.contains(own)).any(|own| letters.contains(own))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::{Minds, of};

    #[test]
    fn only_a_plain_mkdir_wants_all_new() {
        let plain = |words: &[&str]| {
            let words: Vec<u8> =
                words.iter().flat_map(|w| [w.as_bytes(), b"\0"].concat()).collect();
            of(&words) == Minds::NewDirs
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

    #[test]
    fn a_link_replaces_if_it_is_forced() {
        let replaces = |line: &str| of(line.replace(' ', "\0").as_bytes()) == Minds::Replaces;
        for line in
            ["ln -sfn a b", "/bin/ln -fs a b", "ln --symbolic --forc a b", "busybox ln -sf a"]
        {
            assert!(replaces(line), "{line}");
        }
        for line in ["ln -s a b", "ln -s -t f a", "ln -Sf a b", "ln -- -f", "cp -f a b"] {
            assert!(!replaces(line), "{line}");
        }
    }

    #[test]
    fn what_is_emptied_is_to_go() {
        for (line, empties) in [
            ("rm -rf a", true),
            ("rm a --recurs", true),
            ("rm -fR a", true),
            ("rm -f a", false),
            ("rm -- -r", false),
            ("rmdir a", false),
        ] {
            assert_eq!(of(line.replace(' ', "\0").as_bytes()) == Minds::Empties, empties, "{line}");
        }
    }
}
