//! Paths that are known for what they are, whoever's script it is: caches,
//! logs, and what package managers keep under their own lock.

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manager {
    /// dpkg and apt.
    Apt,
    /// rpm with dnf or yum.
    Dnf,
    /// zypper.
    Zypper,
    /// pacman.
    Pacman,
    /// apk.
    Apk,
    /// brew.
    Brew,
}

impl Manager {
    /// A name for a lock around it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Zypper => "zypper",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }
}

/// What managers change under their lock: trees, and single files.
const KEPT: [(Manager, &str); 27] = [
    (Manager::Apt, "/var/lib/dpkg"),
    (Manager::Apt, "/var/lib/apt"),
    (Manager::Apt, "/var/cache/apt"),
    (Manager::Apt, "/var/cache/debconf"),
    (Manager::Apt, "/var/log/apt"),
    (Manager::Apt, "/var/log/dpkg.log"),
    (Manager::Apt, "/var/log/alternatives.log"),
    (Manager::Dnf, "/var/lib/rpm"),
    (Manager::Dnf, "/usr/lib/sysimage/rpm"),
    (Manager::Dnf, "/usr/lib/sysimage/libdnf5"),
    (Manager::Dnf, "/var/lib/dnf"),
    (Manager::Dnf, "/var/lib/yum"),
    (Manager::Dnf, "/var/cache/dnf"),
    (Manager::Dnf, "/var/cache/libdnf5"),
    (Manager::Dnf, "/var/cache/yum"),
    (Manager::Dnf, "/run/yum.pid"),
    (Manager::Zypper, "/var/lib/zypp"),
    (Manager::Zypper, "/var/cache/zypp"),
    (Manager::Zypper, "/run/zypp.pid"),
    (Manager::Pacman, "/var/lib/pacman"),
    (Manager::Pacman, "/var/cache/pacman"),
    (Manager::Apk, "/lib/apk/db"),
    (Manager::Apk, "/usr/lib/apk/db"),
    (Manager::Apk, "/var/cache/apk"),
    (Manager::Brew, "/usr/local/var/homebrew/locks"),
    (Manager::Brew, "/opt/homebrew/var/homebrew/locks"),
    (Manager::Brew, "/home/linuxbrew/.linuxbrew/var/homebrew/locks"),
];

/// The manager in whose keeping a path is.
pub fn manager(path: &str) -> Option<Manager> {
    KEPT.iter().find(|(_, tree)| within(path, tree)).map(|(manager, _)| *manager)
}

/// Trees in a home that are made to be used by several at once: each entry is
/// written under another name, or checked when it is read, and made anew if it is not there.
const SHARED: [&str; 12] = [
    "/.cache",
    "/.ccache",
    "/.cache/ccache",
    "/.cache/pip",
    "/.cache/fontconfig",
    "/.cache/go-build",
    "/.cache/mesa_shader_cache",
    "/.npm/_cacache",
    "/.npm/_logs",
    "/.npm/_locks",
    "/.npm/_update-notifier-last-checked",
    "/.npm",
];

/// Caches of the system that are renamed into place, and in which an old one does as well.
const SYSTEM: [&str; 6] = [
    "/etc/ld.so.cache",
    "/var/cache/ldconfig",
    "/var/cache/fontconfig",
    "/var/cache/man",
    "/usr/share/mime/mime.cache",
    "/usr/lib/locale/locale-archive",
];

/// Whether a path is of a cache that whoever uses it makes anew from its source.
pub fn is_cache(path: &str) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    // Python writes x.cpython-312.pyc.140234 and renames that.
    let bytecode = name == "__pycache__"
        || dir.ends_with("/__pycache__")
        || has_extension(name, &["pyc", "pyo"])
        || name.starts_with(".zcompdump");
    // Of the first and the last only the directory itself: others keep other things there.
    let shared = SHARED.iter().enumerate().any(|(at, tree)| {
        if at == 0 || at == SHARED.len() - 1 {
            path.ends_with(tree)
        } else {
            path.find(tree).is_some_and(|from| within(&path[from..], tree))
        }
    });
    bytecode || shared || SYSTEM.iter().any(|tree| within(path, tree) || path == format!("{tree}~"))
}

/// The database that a file belongs to, as SQLite names what it keeps beside one.
pub fn database(path: &str) -> Option<&str> {
    ["-journal", "-wal", "-shm"].iter().find_map(|end| path.strip_suffix(end))
}

/// Whether a file is a log, by its name.
pub fn is_log(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    within(path, "/var/log") || has_extension(name, &["log"])
}

/// `a.log` and `a.log.1`.
fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
    name.rsplit_once('.').is_some_and(|(_, own)| extensions.contains(&own))
}

fn within(path: &str, tree: &str) -> bool {
    path.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manager_keeps() {
        assert_eq!(manager("/var/lib/dpkg/lock-frontend"), Some(Manager::Apt));
        assert_eq!(manager("/var/lib/dpkg"), Some(Manager::Apt));
        assert_eq!(manager("/var/lib/dpkg-old/x"), None);
        assert_eq!(manager("/home/u/var/lib/dpkg/x"), None);
        assert_eq!(manager("/usr/lib/sysimage/rpm/rpmdb.sqlite"), Some(Manager::Dnf));
    }

    #[test]
    fn caches() {
        for path in [
            "/p/__pycache__",
            "/p/__pycache__/a.cpython-312.pyc",
            "/p/__pycache__/a.cpython-312.pyc.139872342",
            "/p/a.pyc",
            "/home/u/.zcompdump",
            "/home/u/.zcompdump-host-5.9",
            "/home/u/.cache",
            "/home/u/.cache/pip/http/1",
            "/root/.npm/_cacache/tmp/x",
            "/root/.npm/_update-notifier-last-checked",
            "/root/.npm",
            "/etc/ld.so.cache",
            "/etc/ld.so.cache~",
        ] {
            assert!(is_cache(path), "{path}");
        }
        for path in [
            "/p/cache",
            "/home/u/.cache/own/state",
            "/home/u/.npm/own",
            "/p/__pycache__.py",
            "/p/pyc",
            "/p/.pyc2x",
            "/home/u/.cache/pipx/x",
            "/etc/ld.so.conf",
        ] {
            assert!(!is_cache(path), "{path}");
        }
    }

    #[test]
    fn logs() {
        for path in ["/var/log/syslog", "/srv/a.log", "/srv/a.log.1"] {
            assert!(is_log(path), "{path}");
        }
        for path in ["/srv/log", "/srv/a.logs", "/srv/catalog", "/srv/a.log.d/conf"] {
            assert!(!is_log(path), "{path}");
        }
    }
}
