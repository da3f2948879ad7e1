//! The beginning and the end of a log, where all of it would be too much: the
//! beginning tells what the task was about, the end why it failed.

/// What a report shows of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Its beginning; all of it if nothing is cut.
    pub head: Vec<u8>,
    /// Its end; empty if nothing is cut.
    pub tail: Vec<u8>,
    /// How many bytes between the two are left out.
    pub cut: u64,
    /// How many bytes the log has.
    pub bytes: u64,
}

impl Excerpt {
    /// Of a log of so many `bytes`, of which `head` and `tail` were read.
    /// Half a line at the cut is left out with the rest, unless it is most of
    /// what there is.
    pub fn new(mut head: Vec<u8>, mut tail: Vec<u8>, bytes: u64) -> Self {
        let read = (head.len() + tail.len()) as u64;
        if bytes > read {
            if let Some(at) = memchr::memrchr(b'\n', &head).filter(|at| *at >= head.len() / 2) {
                head.truncate(at + 1);
            }
            if let Some(at) = memchr::memchr(b'\n', &tail).filter(|at| *at <= tail.len() / 2) {
                tail.drain(..=at);
            }
        } else {
            head.append(&mut tail);
        }
        let bytes = bytes.max(read);
        let cut = bytes - (head.len() + tail.len()) as u64;
        Self { head, tail, cut, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_falls_between_lines() {
        let cut = Excerpt::new(b"one\ntwo\nthr".into(), b"ive\nsix\nseven\n".into(), 100);
        assert_eq!((&cut.head[..], &cut.tail[..]), (&b"one\ntwo\n"[..], &b"six\nseven\n"[..]));
        assert_eq!((cut.cut, cut.bytes), (82, 100));
        let long = Excerpt::new(b"a\nbbbbbbbb".into(), b"cccccccc\nd".into(), 30);
        assert_eq!((long.head.len(), long.tail.len(), long.cut), (10, 10, 10), "one long line");
    }

    #[test]
    fn nothing_is_cut_of_what_was_read_whole() {
        let whole = Excerpt::new(b"one\ntw".into(), b"o\nthree".into(), 13);
        assert_eq!(
            (&whole.head[..], &whole.tail[..], whole.cut),
            (&b"one\ntwo\nthree"[..], &b""[..], 0)
        );
        assert_eq!(Excerpt::new(Vec::new(), Vec::new(), 0), Excerpt::default());
        let grown = Excerpt::new(b"more than there was".into(), Vec::new(), 3);
        assert_eq!((grown.cut, grown.bytes), (0, 19));
    }
}
