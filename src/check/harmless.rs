//! Conflicts that do no harm, or less: what is known beyond the two deeds
//! themselves. The table has those that the deeds alone decide.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::conflict::Clash;
use super::deeds::{Deed, Deeds, Facts, How};
use super::finding::{Class, Harmless, Level};
use super::places::{self, Manager};
use super::segments::{SCRIPT, Segments, Whose};
use crate::run::footprint::{Access, FileNo, HeldNo, Op, PathNo, Traced};

/// What demotions ask.
#[derive(Debug)]
pub struct Knowledge<'a> {
    traced: &'a Traced,
    /// By actor: the locks that its task holds from its begin to its end, each with its run.
    locks: Vec<BTreeSet<(usize, &'a str)>>,
    /// Which actors change what a manager keeps.
    managing: HashSet<(Manager, u32)>,
    /// Which actors lock what.
    locking: HashSet<(&'a [u8], u32)>,
    /// Of each set of held files, those that are not a manager's.
    held: Vec<Vec<FileNo>>,
    /// What was in files, at one time or another.
    contents: HashSet<(FileNo, u64)>,
}

/// One side of a conflict, as demotions see it.
#[derive(Debug, Clone, Copy)]
pub struct One {
    /// Whose.
    pub whose: Whose,
    /// The access, by its place.
    pub access: u32,
    /// What it did, under which locks.
    pub deed: Deed,
    /// What its actor did there in all.
    pub facts: Facts,
}

impl<'a> Knowledge<'a> {
    /// Gathers it.
    pub fn new(traced: &'a Traced, segments: &Segments<'a>, deeds: &Deeds) -> Self {
        let (mut managing, mut locking) = (HashSet::new(), HashSet::new());
        for (path, actor, facts) in deeds.known() {
            if facts.has(Facts::LOCKED) {
                locking.extend(traced.paths.get(path as usize).map(|p| (p.as_slice(), actor)));
            }
            if facts.has(Facts::CHANGED) || facts.has(Facts::LOCKED) {
                managing.extend(places::manager(&traced.path(path)).map(|m| (m, actor)));
            }
        }
        // A manager's own lock does not make its users wait for each other: they fail.
        let mut kept: HashMap<FileNo, bool> = HashMap::new();
        for access in traced.accesses.iter().filter(|access| access.op == Op::Lock) {
            if let Some(file) = access.file {
                let is = kept.entry(file).or_default();
                *is |= places::manager(&traced.path(access.path)).is_some();
            }
        }
        let own = |set: &Vec<FileNo>| {
            set.iter().copied().filter(|file| kept.get(file) != Some(&true)).collect()
        };
        let held = traced.held.iter().map(own).collect();
        let contents = traced.contents.iter().map(|((_, file), digest)| (*file, *digest)).collect();
        Self { traced, locks: locks(segments), managing, locking, held, contents }
    }

    /// The manager over whose state two contend, if both change it.
    pub fn contended(&self, path: PathNo, actors: [u32; 2]) -> Option<Manager> {
        let manager = places::manager(&self.traced.path(path))?;
        actors.iter().all(|actor| self.managing.contains(&(manager, *actor))).then_some(manager)
    }

    /// Whether the two exclude each other by a lock that makes one wait.
    pub fn locked(&self, one: (Whose, HeldNo), other: (Whose, HeldNo)) -> bool {
        let locks = |(whose, _): (Whose, HeldNo)| {
            self.locks.get(whose.actor as usize).filter(|_| !whose.left)
        };
        let tasks = match (locks(one), locks(other)) {
            (Some(a), Some(b)) => !a.is_disjoint(b),
            _ => false,
        };
        let held =
            |(_, set): (Whose, HeldNo)| self.held.get(set as usize).map_or(&[][..], Vec::as_slice);
        tasks || held(one).iter().any(|file| held(other).contains(file))
    }

    /// What becomes of a conflict at `path`.
    pub fn demoted(&self, clash: Clash, path: PathNo, one: One, other: One) -> Clash {
        let note = |why| Clash { level: Level::Note, harmless: Some(why), ..clash };
        if self.locked((one.whose, one.deed.held), (other.whose, other.deed.held)) {
            return note(Harmless::Locked);
        }
        if clash.level == Level::Note && clash.harmless.is_some() {
            return clash;
        }
        let both = |facts: Facts| one.facts.has(facts) && other.facts.has(facts);
        // Who makes a name that has to be new, and removes it, makes a lock of it; so does who
        // locks the file. Only that a locked file is removed is no part of it.
        let removed = clash.class == Class::RemoveUse;
        if both(Facts::PROTOCOL) || both(Facts::LOCKED) && !removed {
            return note(Harmless::Locked);
        }
        if clash.level == Level::Note {
            return clash;
        }
        let name = self.traced.path(path);
        // What lies beside a database is under its lock, also when it is made and removed.
        let locks =
            |base: &str, one: One| self.locking.contains(&(base.as_bytes(), one.whose.actor));
        if places::database(&name).is_some_and(|base| locks(base, one) && locks(base, other)) {
            return note(Harmless::Locked);
        }
        // Who removes a cache, or finds it gone, has it made anew.
        if places::is_cache(&name) {
            return note(Harmless::Cache);
        }
        if self.same(clash.class, one, other) {
            return note(Harmless::SameContent);
        }
        let appends = one.deed.op == Op::Append || one.deed.how == How::Keeping;
        let grows = appends && clash.class == Class::WriteRead;
        if grows && places::is_log(&name) {
            return Clash { level: Level::Warning, ..clash };
        }
        clash
    }

    /// Whether both leave the same in the file. (While one writes, another reads a part: so it
    /// helps two writers, and who reads what is renamed into place.)
    fn same(&self, class: Class, one: One, other: One) -> bool {
        let traced = self.traced;
        let [a, b] = [one, other].map(|one| &traced.accesses[one.access as usize]);
        let own = |access: &Access| traced.contents.get(&(access.group, access.file?)).copied();
        let whole = |op: Op| matches!(op, Op::Create | Op::Truncate | Op::RenameOnto);
        match class {
            Class::WriteWrite | Class::CreateCreate if whole(a.op) && whole(b.op) => {
                own(a).is_some() && own(a) == own(b)
            }
            Class::ReplaceRead if a.file != b.file => {
                let pair = b.file.zip(own(a));
                pair.is_some_and(|pair| self.contents.contains(&pair))
            }
            _ => false,
        }
    }
}

/// The locks that each actor is under: its task's, and those of the tasks around
/// it, as far as these wait for it before they end.
fn locks<'a>(segments: &Segments<'a>) -> Vec<BTreeSet<(usize, &'a str)>> {
    let mut found: Vec<BTreeSet<(usize, &str)>> = Vec::with_capacity(segments.actors.len());
    for (at, actor) in segments.actors.iter().enumerate() {
        let mut own = BTreeSet::new();
        if let Some((run, task)) = actor.task {
            own.extend(task.options.locks.iter().map(|lock| (run, lock.as_str())));
            let parent = actor.parent;
            if parent != SCRIPT && segments.awaited(at) {
                own.extend(found[parent].iter().copied());
            }
        }
        found.push(own);
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::check::sample::found;

    /// What is found if `a` does the one and `b` the other, with nothing to order them.
    fn beside(one: &str, other: &str) -> Vec<String> {
        let (a, b) = (format!("a: {one}"), format!("b: {other}"));
        found(&["script: start a; start b; wait a; wait b", &a, &b])
    }

    #[test]
    fn two_that_append_lose_nothing() {
        assert_eq!(beside("append /x", "append /x"), ["note (appends) write-write /x a b"]);
        assert_eq!(beside("append /x", "truncate /x"), ["error write-write /x a b"]);
        // An empty file is made, and kept if it is there.
        assert_eq!(
            beside("create /x and append /x", "append /x"),
            ["note (appends) write-write /x a b"]
        );
        assert_eq!(beside("create /x and touch /x", "append /x"), ["note metadata /x a b"]);
    }

    #[test]
    fn who_touches_a_file_writes_nothing_but_there_is_one_then() {
        let touch = "create /x and touch /x";
        for step in ["touch /x", "append /x", "truncate /x", "truncate /x; read /x"] {
            let levels = beside(touch, step);
            assert!(levels.iter().all(|line| line.starts_with("note ")), "{step}: {levels:?}");
        }
        for step in ["miss /x", "look /x", "read /x", "meta /x"] {
            assert_eq!(beside(touch, step)[0], "error create-missing /x a b", "{step}");
        }
        assert_eq!(beside("touch /x", "miss /x")[0], "error create-missing /x a b");
        // Whether it is replaced, or replaces, depends on the order.
        for (one, other) in
            [("look /x=6; rename-onto /x=7", touch), ("rename-onto /x=7", "touch /x")]
        {
            assert_eq!(beside(one, other)[0], "error create-create /x a b", "{one}");
        }
    }

    #[test]
    fn both_write_through_what_the_script_has_opened() {
        assert_eq!(
            beside("inherit /x", "write /x"),
            ["note (shared-descriptor) write-write /x a b"]
        );
    }

    #[test]
    fn whoever_makes_a_directory_if_there_is_none() {
        assert_eq!(beside("make-dir /d", "have-dir /d"), ["note (make-dirs) create-create /d a b"]);
        // mkdir -p looks before.
        assert_eq!(
            beside("make-dir /d", "miss /d; have-dir /d; look /d; create /d/x"),
            ["note (make-dirs) create-create /d a b", "note (make-dirs) create-missing /d a b"]
        );
        // So does makedirs(), which looks at what is above.
        assert_eq!(
            beside("make-dir /d; make-dir /d/a", "look /d at 1; make-dir /d/b at 1"),
            ["note (make-dirs) create-missing /d a b"]
        );
        assert_eq!(
            beside("make-dir /d; make-dir /d/a", "look /d; make-dir /d/b")[0],
            "error create-missing /d a b"
        );
        // So does who makes something in there.
        let filled =
            |before: &str| beside("make-dir /d", &format!("{before}create-new /d/b; fill /d"));
        assert_eq!(filled("")[0], "error create-missing /d a b");
        assert_eq!(filled("have-dir /d; "), ["note (make-dirs) create-create /d a b"]);
        assert_eq!(
            beside("make-dir /d", "look /d at 1; make-dir /d/b at 1; fill /d at 1"),
            ["note (make-dirs) create-missing /d a b"]
        );
        assert_eq!(
            beside("make-dir /d", "make-dir /d/b at 1; fill /d at 1; make-dir /d/c at 1")[0],
            "error create-missing /d a b"
        );
        // One that has to be new makes the other fail; both look before, or neither does.
        assert_eq!(beside("new-dir /d", "dir-taken /d"), ["warning create-create /d a b"]);
        assert_eq!(beside("new-dir /d", "have-dir /d"), ["warning create-create /d a b"]);
        assert_eq!(beside("make-dir /d", "dir-taken /d"), ["warning create-create /d a b"]);
        for second in ["miss /d; dir-taken /d", "look /d"] {
            let found = beside("miss /d; new-dir /d", second);
            assert_eq!(found[0], "error create-missing /d a b");
        }
        // Who relies on it without making it does not.
        assert_eq!(beside("make-dir /d", "look /d")[0], "error create-missing /d a b");
    }

    #[test]
    fn what_somebody_has_seen_to_is_there() {
        assert_eq!(
            beside("create /x", "append /x; look /x"),
            ["error write-write /x a b", "note metadata /x a b"]
        );
        // Not if he has removed it since.
        assert!(
            beside("make-dir /x", "have-dir /x; remove /x; look /x")
                .contains(&"error create-missing /x a b".to_owned())
        );
    }

    #[test]
    fn the_same_content_twice() {
        let same = |one: &str, other: &str| beside(one, other);
        assert_eq!(
            same("truncate /x content 1", "truncate /x content 1"),
            ["note (same-content) write-write /x a b"]
        );
        assert_eq!(
            same("truncate /x content 1", "truncate /x content 2"),
            ["error write-write /x a b"]
        );
        // In between it is empty.
        assert_eq!(
            same("truncate /x content 1; read /x", "truncate /x content 1"),
            ["error write-read /x b a", "note (same-content) write-write /x a b"]
        );
        // What is in place is never in between.
        assert_eq!(
            same("rename-onto /x=7 content 1", "rename-onto /x=8 content 1"),
            ["note (same-content) create-create /x a b"]
        );
        assert_eq!(
            found(&[
                "script: create /x=6 content 1; start a; start b; wait a; wait b",
                "a: look /x=6; rename-onto /x=7 content 1",
                "b: read /x=6",
            ]),
            ["note (same-content) replace-read /x a b"]
        );
        // To look at what is to be replaced adds nothing.
        assert_eq!(
            same(
                "miss /x at 1; rename-onto /x=7 content 1 at 1",
                "look /x=7 at 1; rename-onto /x=8 content 1 at 1"
            ),
            ["note (same-content) create-create /x a b"]
        );
        assert_eq!(
            same(
                "look /x by [ at 1; rename-onto /x=7 content 1 at 1",
                "rename-onto /x=8 content 1"
            )[0],
            "error create-missing /x b a"
        );
        // A part of a file that is the same says nothing of the rest.
        assert_eq!(same("write /x content 1", "write /x content 1"), ["error write-write /x a b"]);
    }

    #[test]
    fn what_lies_beside_a_database_is_under_its_lock() {
        let use_it = "lock /db; create /db-wal; remove /db-wal";
        assert!(beside(use_it, use_it).iter().all(|line| line.starts_with("note (locked) ")));
        assert!(beside(use_it, "create /db-wal")[0].starts_with("error "));
    }

    #[test]
    fn a_common_lock_leaves_the_order_open() {
        let held = |a: &str, b: &str| {
            beside(&format!("truncate /x held {a}"), &format!("truncate /x held {b}"))
        };
        assert_eq!(held("/l", "/l"), ["note (locked) write-write /x a b"]);
        assert_eq!(beside("truncate /x held /l", "truncate /x"), ["error write-write /x a b"]);
        // Who locks the file itself does so because he shares it; but not who removes it.
        assert_eq!(
            beside("create /l; lock /l", "create /l; lock /l"),
            ["note (locked) write-write /l a b"]
        );
        assert_eq!(beside("write /l; lock /l", "write /l"), ["error write-write /l a b"]);
        assert!(
            beside("lock /l; remove /l", "lock /l").contains(&"error remove-use /l a b".to_owned())
        );
        // A file that has to be new is a lock, if it is removed.
        assert_eq!(
            beside("create-new /l; remove /l", "taken /l; create-new /l; remove /l"),
            ["note (locked) create-create /l a b", "note (locked) remove-use /l a b"]
        );
        assert_eq!(
            beside("make-dir /l; remove /l", "have-dir /l; make-dir /l; remove /l")
                .iter()
                .filter(|line| !line.starts_with("note "))
                .count(),
            0
        );
        assert!(
            beside("make-dir /l; remove /l", "have-dir /l")
                .contains(&"error remove-use /l a b".to_owned())
        );
    }

    #[test]
    fn tasks_with_one_lock_do_not_run_beside_each_other() {
        let tasks = |first: &str, second: &str, inner: &str| {
            let script = format!("script: start a {first}; start b {second}; wait a; wait b");
            let a = format!("a: start c; {inner}; write /x");
            found(&[&script, &a, "a/c: write /x", "b: write /x"])
        };
        assert_eq!(
            tasks("lock=l", "lock=l", "wait c"),
            ["note (locked) write-write /x a b, a/c b"]
        );
        assert_eq!(tasks("lock=l", "lock=m", "wait c").len(), 2);
        assert!(tasks("lock=l", "lock=m", "wait c")[0].starts_with("error "));
        // c may go on when a is over and has given its lock back.
        let gone_on = tasks("lock=l", "lock=l", "look /y");
        assert_eq!(
            gone_on,
            [
                "error write-write /x a a/c",
                "error write-write /x a/c b",
                "note (locked) write-write /x a b"
            ]
        );
    }

    #[test]
    fn a_cache_is_made_anew_by_whoever_finds_it_old() {
        assert_eq!(
            beside(
                "create-new /p/__pycache__/x.pyc.1; rename-onto /p/__pycache__/x.pyc",
                "read /p/__pycache__/x.pyc"
            ),
            ["note (cache) create-missing /p/__pycache__/x.pyc a b"]
        );
        assert_eq!(
            beside("make-dir /p/__pycache__", "list /p"),
            ["note (cache) change-list /p a b"]
        );
    }

    #[test]
    fn a_search_that_finds_elsewhere_is_no_race() {
        // The second look-up of the name finds it.
        assert_eq!(
            beside("create /usr/local/bin/cc", "miss /usr/local/bin/cc; exec /usr/bin/cc"),
            ["note (search) create-missing /usr/local/bin/cc a b"]
        );
    }

    #[test]
    fn a_name_that_only_one_knew_and_removed_is_in_nobodys_way() {
        assert_eq!(
            beside("create-new /tmp/x; remove /tmp/x", "list /tmp"),
            ["note (private) change-list /tmp a b"]
        );
        assert_eq!(beside("create-new /tmp/x", "list /tmp"), ["warning change-list /tmp a b"]);
        assert_eq!(
            beside("create-new /tmp/x; remove /tmp/x", "list /tmp; look /tmp/x"),
            [
                "error create-missing /tmp/x a b",
                "error remove-use /tmp/x a b",
                "warning change-list /tmp a b"
            ]
        );
        // Made again after it was removed.
        assert_eq!(
            beside("create-new /tmp/x; remove /tmp/x; create /tmp/x", "list /tmp"),
            ["warning change-list /tmp a b"]
        );
        // In place edits do not change what is listed.
        assert_eq!(
            beside("read /d/x=7; create-new /d/t; rename-from /d/t; rename-onto /d/x=8", "list /d"),
            ["note (private) change-list /d a b"]
        );
    }

    #[test]
    fn who_goes_through_a_directory_takes_what_there_is() {
        let through =
            |step: &str| beside(step, "list /d by /bin/find at 1; look /d/x by /bin/find at 1");
        assert_eq!(through("make-dir /d/x"), ["warning change-list /d a b +/d/x"]);
        assert_eq!(through("remove /d/x"), ["warning change-list /d a b +/d/x"]);
        assert!(through("rename-from /d")[0].starts_with("error remove-use /d a b"));
        assert!(
            beside("remove /d/x", "look /d/x by /bin/find at 1; list /d by /bin/find at 1")
                .contains(&"error remove-use /d/x a b".to_owned()),
            "it had the name before"
        );
        // make has listed the directory, and looks for what it is to make.
        assert_eq!(
            beside("create /d/x", "list /d by /bin/make at 1; look /d/x by /bin/make at 1")[0],
            "error create-missing /d/x a b"
        );
    }

    #[test]
    fn who_wants_it_gone_does_not_mind() {
        assert_eq!(beside("remove /x", "miss /x by /bin/rm"), ["note (removes) remove-use /x a b"]);
        assert_eq!(beside("remove /x", "miss /x by /bin/cat"), ["error remove-use /x a b"]);
    }

    #[test]
    fn two_that_use_a_package_manager_contend_once() {
        let install = "write /var/lib/dpkg/lock; lock /var/lib/dpkg/lock; \
                       create /var/lib/dpkg/status-new; look /var/lib/dpkg/status; rename-onto /var/lib/dpkg/status; \
                       append /var/log/dpkg.log";
        assert_eq!(beside(install, install), ["warning contention /var/lib/dpkg/lock a b"]);
        // Who only reads is not kept out.
        assert_eq!(
            beside(install, "read /var/lib/dpkg/status"),
            ["warning replace-read /var/lib/dpkg/status a b"]
        );
        // dpkg's own lock makes nobody wait; a lock of the run does.
        let lock = "held /var/lib/dpkg/lock";
        let under = format!("lock /var/lib/dpkg/lock; write /var/lib/dpkg/status {lock}");
        assert_eq!(beside(&under, &under), ["warning contention /var/lib/dpkg/status a b"]);
        let (a, b) = (format!("a: {install}"), format!("b: {install}"));
        let script = "script: start a lock=apt; start b lock=apt; wait a; wait b";
        assert!(found(&[script, &a, &b]).iter().all(|line| line.starts_with("note (locked) ")));
    }
}
