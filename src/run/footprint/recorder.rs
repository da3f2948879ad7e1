//! Sums up accesses while they happen.

use std::collections::HashMap;
use std::hash::Hash;

use super::{
    Access, Blind, Client, FileId, FileNo, Gap, Group, GroupNo, HeldNo, Op, PathNo, TextNo, Traced,
};
use crate::run::Time;

/// Of so many of a group's latest misses it is known which they are.
const RECENT: usize = 64;

/// One access, as the tracer sees it.
#[derive(Debug, Clone, Copy)]
pub struct Touch<'a> {
    /// Who.
    pub group: GroupNo,
    /// What.
    pub op: Op,
    /// See [`Access::path`].
    pub path: &'a [u8],
    /// The file that the path means or meant, where there is one.
    pub file: Option<FileId>,
    /// The program.
    pub program: TextNo,
    /// The script's line.
    pub at: Option<TextNo>,
    /// What it held locked.
    pub held: HeldNo,
    /// When.
    pub time: Time,
}

/// Things that are known by their numbers from then on.
#[derive(Debug)]
struct Numbers<T> {
    all: Vec<T>,
    index: HashMap<T, u32>,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { all: Vec::new(), index: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Numbers<T> {
    fn of<Q: ?Sized + Hash + Eq + ToOwned<Owned = T>>(&mut self, thing: &Q) -> u32
    where
        T: std::borrow::Borrow<Q>,
    {
        if let Some(number) = self.index.get(thing) {
            return *number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(thing.to_owned());
        self.index.insert(thing.to_owned(), number);
        number
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    group: GroupNo,
    moment: u32,
    op: Op,
    path: PathNo,
    file: Option<FileNo>,
    program: TextNo,
    at: Option<TextNo>,
    held: HeldNo,
}

/// Records a traced run. It forgets what cannot matter to anybody.
#[derive(Debug)]
pub struct Recorder {
    traced: Traced,
    moment: u32,
    most: usize,
    paths: Numbers<Vec<u8>>,
    files: Numbers<FileId>,
    texts: Numbers<String>,
    held: Numbers<Vec<FileNo>>,
    index: HashMap<Key, usize>,
    /// Where there is no room, each access is one.
    gaps: HashMap<(Blind, GroupNo, TextNo), usize>,
    /// The latest misses of a process, by its pid.
    misses: HashMap<u32, Vec<usize>>,
}

impl Recorder {
    /// Begins. The script's first process is `pid`; of different accesses at
    /// `most` so many are kept.
    pub fn new(light: bool, pid: u32, born: Time, most: usize) -> Self {
        let script = Group { parent: None, pid, born: (born, 0), died: None };
        let mut held = Numbers::default();
        held.of(&[][..]);
        Self {
            traced: Traced { light, groups: vec![script], ..Traced::default() },
            moment: 0,
            most,
            paths: Numbers::default(),
            files: Numbers::default(),
            texts: Numbers::default(),
            held,
            index: HashMap::new(),
            gaps: HashMap::new(),
            misses: HashMap::new(),
        }
    }

    /// The moment that it is.
    pub fn moment(&self) -> u32 {
        self.moment
    }

    /// What comes now may be behind a start or a collection.
    pub fn advance(&mut self) {
        self.moment += 1;
    }

    /// Begins a group, whose first process `pid` was forked at `born`.
    pub fn group(&mut self, parent: GroupNo, pid: u32, born: (Time, u32)) -> GroupNo {
        self.traced.groups.push(Group { parent: Some(parent), pid, born, died: None });
        (self.traced.groups.len() - 1) as GroupNo
    }

    /// A group's first process has ended.
    pub fn group_died(&mut self, group: GroupNo, time: Time) {
        let now = (time, self.moment);
        if let Some(group) = self.traced.groups.get_mut(group as usize) {
            group.died.get_or_insert(now);
        }
    }

    /// A process of this program was forked at `born` and ends now; what its
    /// group does from here on comes after it.
    pub fn client(&mut self, pid: u32, group: GroupNo, born: Time, died: Time) {
        let died = Some((died, self.moment));
        self.traced.clients.push(Client { pid, group, born, died });
        self.advance();
    }

    /// A run was opened in this directory.
    pub fn run(&mut self, dir: &[u8]) {
        if !self.traced.runs.iter().any(|known| known == dir) {
            self.traced.runs.push(dir.to_owned());
        }
    }

    /// The number of a program's path, or of a script's line.
    pub fn text(&mut self, text: &str) -> TextNo {
        self.texts.of(text)
    }

    /// The number of a set of locked files.
    pub fn held(&mut self, locked: &[FileId]) -> HeldNo {
        let mut files: Vec<FileNo> = locked.iter().map(|file| self.files.of(file)).collect();
        files.sort_unstable();
        files.dedup();
        self.held.of(&files[..])
    }

    /// Something was not seen.
    pub fn gap(&mut self, why: Blind, group: GroupNo, program: TextNo) {
        let gaps = &mut self.traced.gaps;
        let number = *self.gaps.entry((why, group, program)).or_insert_with(|| {
            gaps.push(Gap { why, group, program, count: 0 });
            gaps.len() - 1
        });
        gaps[number].count = gaps[number].count.saturating_add(1);
    }

    /// What is in a file that the group has written.
    pub fn content(&mut self, group: GroupNo, file: FileId, digest: Option<u64>) {
        let file = self.files.of(&file);
        match digest {
            Some(digest) => self.traced.contents.insert((group, file), digest),
            None => self.traced.contents.remove(&(group, file)),
        };
    }

    /// An access by the process `pid`.
    pub fn touch(&mut self, pid: u32, touch: &Touch<'_>) {
        self.traced.total += 1;
        if nobodys(touch.path) {
            return;
        }
        if self.index.len() >= self.most {
            self.gap(Blind::Full, touch.group, touch.program);
            return;
        }
        let (group, op, program, at, held) =
            (touch.group, touch.op, touch.program, touch.at, touch.held);
        let path = self.paths.of(touch.path);
        let file = touch.file.map(|file| self.files.of(&file));
        let key = Key { group, moment: self.moment, op, path, file, program, at, held };
        let number = *self.index.entry(key).or_insert_with(|| {
            self.traced.accesses.push(Access {
                group,
                moment: self.moment,
                op,
                path,
                file,
                program,
                at,
                held,
                count: 0,
                searched: 0,
                first: touch.time,
                last: touch.time,
            });
            self.traced.accesses.len() - 1
        });
        let access = &mut self.traced.accesses[number];
        access.count = access.count.saturating_add(1);
        access.last = touch.time;
        match op {
            Op::Miss => {
                let misses = self.misses.entry(pid).or_default();
                if misses.len() == RECENT {
                    misses.remove(0);
                }
                misses.push(number);
            }
            Op::Look | Op::Read | Op::Exec => self.found(pid, path),
            _ => {}
        }
    }

    /// The process has found what it may have looked for elsewhere before: a
    /// search along a path, as for programs, libraries, modules and headers.
    fn found(&mut self, pid: u32, path: PathNo) {
        let Some(misses) = self.misses.get_mut(&pid).filter(|misses| !misses.is_empty()) else {
            return;
        };
        let name = |path: PathNo| file_name(&self.paths.all[path as usize]);
        let accesses = &mut self.traced.accesses;
        misses.retain(|miss| {
            let same = accesses[*miss].path != path && name(accesses[*miss].path) == name(path);
            if same {
                accesses[*miss].searched = accesses[*miss].searched.saturating_add(1);
            }
            !same
        });
    }

    /// A process has ended.
    pub fn process_died(&mut self, pid: u32) {
        self.misses.remove(&pid);
    }

    /// All of it.
    pub fn finish(self) -> Traced {
        Traced {
            paths: self.paths.all,
            files: self.files.all,
            texts: self.texts.all,
            held: self.held.all,
            ..self.traced
        }
    }
}

/// Whether it is the kernel's, and no file: what is read and written there is
/// a device, or tells of processes.
fn nobodys(path: &[u8]) -> bool {
    // /dev/shm is a file system like any other.
    let below = |dir: &[u8]| {
        path.strip_prefix(dir).is_some_and(|rest| rest.first().is_none_or(|b| *b == b'/'))
    };
    (below(b"/dev") && !below(b"/dev/shm")) || below(b"/proc") || below(b"/sys")
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(op: Op, path: &str) -> Touch<'_> {
        let path = path.as_bytes();
        Touch { group: 0, op, path, file: None, program: 0, at: None, held: 0, time: Time(1) }
    }

    fn recorder() -> Recorder {
        Recorder::new(false, 7, Time(0), 100)
    }

    #[test]
    fn what_happens_within_a_moment_is_summed_up() {
        let mut recorder = recorder();
        for _ in 0..3 {
            recorder.touch(7, &touch(Op::Read, "/a"));
        }
        recorder.advance();
        recorder.touch(7, &touch(Op::Read, "/a"));
        let traced = recorder.finish();
        let counts: Vec<_> = traced.accesses.iter().map(|a| (a.moment, a.count)).collect();
        assert_eq!((counts, traced.total), (vec![(0, 3), (1, 1)], 4));
    }

    #[test]
    fn a_search_along_a_path_is_known_when_it_finds() {
        let mut recorder = recorder();
        recorder.touch(7, &touch(Op::Miss, "/usr/local/bin/cc"));
        recorder.touch(8, &touch(Op::Miss, "/opt/cc"));
        recorder.touch(7, &touch(Op::Miss, "/usr/local/bin/ld"));
        recorder.touch(7, &touch(Op::Exec, "/usr/bin/cc"));
        let searched: Vec<_> = recorder.finish().accesses.iter().map(|a| a.searched).collect();
        assert_eq!(searched, [1, 0, 0, 0], "not another process's, not another name's");
    }

    #[test]
    fn what_appears_where_it_was_missed_is_no_search() {
        let mut recorder = recorder();
        recorder.touch(7, &touch(Op::Miss, "/a/conf"));
        recorder.touch(7, &touch(Op::Read, "/a/conf"));
        assert_eq!(recorder.finish().accesses[0].searched, 0);
    }

    #[test]
    fn devices_and_processes_are_no_files() {
        let mut recorder = recorder();
        for path in ["/dev/null", "/proc/self/stat", "/sys/x", "/dev/shm/x", "/device", "/dev"] {
            recorder.touch(7, &touch(Op::Write, path));
        }
        let traced = recorder.finish();
        let paths: Vec<_> = traced.accesses.iter().map(|a| traced.path(a.path)).collect();
        assert_eq!(paths, ["/dev/shm/x", "/device"]);
    }

    #[test]
    fn what_there_is_no_room_for_is_a_gap() {
        let mut recorder = Recorder::new(false, 7, Time(0), 1);
        recorder.touch(7, &touch(Op::Read, "/a"));
        recorder.touch(7, &touch(Op::Read, "/b"));
        recorder.touch(7, &touch(Op::Read, "/c"));
        let traced = recorder.finish();
        assert_eq!(
            (traced.accesses.len(), traced.gaps[0].why, traced.gaps[0].count),
            (1, Blind::Full, 2)
        );
    }
}
