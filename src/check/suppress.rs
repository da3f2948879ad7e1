//! What the user says about conflicts: the suppressions file, and the
//! baseline, which has the same form.
//!
//! ```text
//! CLASS PATH A B # reason
//! ```
//! CLASS is a class's word or `*`. PATH is a glob: `*` and `?` do not match
//! `/`, `**` between slashes matches any number of directories; a glob without a `/` is for
//! the name alone, in whatever directory; the address of a socket is matched the same way. A and B are globs for the two, in either
//! order: the name of a task (with those of the tasks around it), `script`, or
//! `*`. White space separates; `#` begins a comment. A glob for a path with
//! white space in it has a `?` there.
//!
//! The classes that a conflict can have depend on who came first in the run that
//! was traced: who finds a file may read it, who does not find it misses it. So a
//! line of the baseline is about any class, or what was known would come back
//! under another name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use glob::{MatchOptions, Pattern};

use super::finding::{Class, Finding, Harmless, Level, Verdict, Who};
use crate::run::name::did_you_mean;

/// The form of a line, as hints have it.
const FORM: &str = "a line is: CLASS PATH-GLOB A B # reason; A and B are tasks, `script` or `*`";

/// The lines of a file of suppressions.
#[derive(Debug, Clone, Default)]
pub struct Suppressions {
    rules: Vec<Rule>,
    /// Those without a glob, by their path and the two in order: a baseline has thousands.
    exact: HashMap<(String, [String; 2]), Vec<usize>>,
    /// The others.
    globs: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Rule {
    line: usize,
    text: String,
    class: Option<Class>,
    path: Pattern,
    who: [Pattern; 2],
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuppressError {
    /// Too few or too many words.
    #[error("line {line}: {words} words before the comment, not 4")]
    Words {
        /// The line's number, from 1.
        line: usize,
        /// How many words it has.
        words: usize,
    },
    /// No class has that word.
    #[error("line {line}: `{}` is no class of conflicts", word.escape_debug())]
    Class {
        /// As above.
        line: usize,
        /// The word.
        word: String,
    },
    /// Not a glob.
    #[error("line {line}: `{}` is no glob: {why}", glob.escape_debug())]
    Glob {
        /// As above.
        line: usize,
        /// What stands there.
        glob: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl SuppressError {
    /// What can be done about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Words { .. } => FORM.to_owned(),
            Self::Class { word, .. } => {
                let words = Class::ALL.map(Class::word);
                match did_you_mean(word, words.into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}, and `*` for any", words.join(", ")),
                }
            }
            Self::Glob { .. } => {
                "`*` and `?` match within a name, `**` between slashes matches directories; write \
                 `[*]`, `[?]` and `[[]` for the characters themselves"
                    .to_owned()
            }
        }
    }
}

impl Suppressions {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, SuppressError> {
        let lines = text.lines().enumerate();
        let mut this = Self::default();
        for rule in lines.filter_map(|(at, text)| Rule::parse(at + 1, text).transpose()) {
            let (number, rule) = (this.rules.len(), rule?);
            match rule.exact() {
                Some(key) => this.exact.entry(key).or_default().push(number),
                None => this.globs.push(number),
            }
            this.rules.push(rule);
        }
        Ok(this)
    }

    /// Which of its lines, by their places, cover a conflict.
    pub(super) fn covering(
        &self,
        class: Class,
        paths: &[&str],
        [left, right]: [&Who; 2],
    ) -> BTreeSet<usize> {
        let meets = |rule: &Rule| {
            let [one, other] = &rule.who;
            paths.iter().any(|path| rule.is_about(path))
                && (is(one, left) && is(other, right) || is(one, right) && is(other, left))
        };
        let mut found: BTreeSet<usize> =
            self.globs.iter().copied().filter(|at| meets(&self.rules[*at])).collect();
        for path in paths.iter().flat_map(|path| [*path, path.rsplit('/').next().unwrap_or(path)]) {
            for one in names(left) {
                for other in names(right) {
                    let key = (path.to_owned(), sorted([one, other]));
                    found.extend(self.exact.get(&key).into_iter().flatten());
                }
            }
        }
        found.retain(|at| self.rules[*at].class.is_none_or(|own| own == class));
        found
    }

    /// Its lines that are not among `used`.
    pub(super) fn unused(&self, used: &BTreeSet<usize>) -> Vec<super::Unused> {
        let rest = self.rules.iter().enumerate().filter(|(at, _)| !used.contains(at));
        rest.map(|(_, rule)| super::Unused { line: rule.line, text: rule.text.clone() }).collect()
    }
}

fn sorted(mut pair: [&str; 2]) -> [String; 2] {
    pair.sort_unstable();
    pair.map(str::to_owned)
}

impl Rule {
    /// What it is about, if that is just one path and one pair.
    fn exact(&self) -> Option<(String, [String; 2])> {
        let [one, other] = &self.who;
        let plain =
            [&self.path, one, other].iter().all(|glob| !glob.as_str().contains(['*', '?', '[']));
        plain.then(|| (self.path.as_str().to_owned(), sorted([one.as_str(), other.as_str()])))
    }

    fn is_about(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().filter(|_| !self.path.as_str().contains('/'));
        let matches = |text: &str| self.path.matches_with(text, PATHS);
        matches(path) || name.is_some_and(matches)
    }

    fn parse(line: usize, text: &str) -> Result<Option<Self>, SuppressError> {
        let words: Vec<&str> =
            text.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        if words.is_empty() {
            return Ok(None);
        }
        let &[class, path, one, other] = &words[..] else {
            return Err(SuppressError::Words { line, words: words.len() });
        };
        let known = (class != "*").then(|| Class::parse(class));
        if known == Some(None) {
            return Err(SuppressError::Class { line, word: class.to_owned() });
        }
        let glob = |text: &str| {
            Pattern::new(text).map_err(|error| SuppressError::Glob {
                line,
                glob: text.to_owned(),
                why: error.msg,
            })
        };
        let text = text.trim().to_owned();
        let who = [glob(one)?, glob(other)?];
        Ok(Some(Self { line, text, class: known.flatten(), path: glob(path)?, who }))
    }
}

/// In paths: `*` stays within a name, and a leading dot is a character like others.
const PATHS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Whether it means them.
fn is(pattern: &Pattern, who: &Who) -> bool {
    names(who).iter().any(|name| pattern.matches(name))
}

/// What somebody can be called: a task by its name, or as that start of it.
fn names(who: &Who) -> [&str; 2] {
    match who {
        Who::Script => ["script"; 2],
        Who::Task { id, .. } | Who::Left { id, .. } => [id.name(), id.as_str()],
    }
}

/// A baseline: lines that cover the errors and warnings of a verdict that are not suppressed, in
/// an order that only they decide.
pub fn baseline(verdict: &Verdict) -> String {
    let mut lines: BTreeMap<(String, [String; 2]), BTreeSet<&str>> = BTreeMap::new();
    // What stands in the baseline already is to stay there.
    let open = |finding: &&Finding| {
        finding.level > Level::Note || finding.harmless == Some(Harmless::Known)
    };
    for finding in verdict.findings.iter().filter(open) {
        for (sides, more) in finding.pairs() {
            // Whichever start of a task: how often a step runs is not what it does.
            let who = sides.each_ref().map(|side| names(&side.who)[0]);
            for path in std::iter::once(&finding.path).chain(more) {
                let line = (literal(path), sorted(who));
                lines.entry(line).or_default().insert(finding.class.word());
            }
        }
    }
    let mut text = String::from(
        "# Conflicts that were there when this was written; `meanwhile check --baseline` takes\n\
         # them for known. Each line: any class, the path, the two, and what it was.\n",
    );
    for ((path, [one, other]), classes) in lines {
        let classes = classes.into_iter().collect::<Vec<_>>().join(", ");
        text.push_str(&format!("* {path} {one} {other} # {classes}\n"));
    }
    text
}

/// A line of suppressions that is about a finding.
pub fn line(finding: &Finding) -> String {
    let Finding { class, path, sides: [one, other], .. } = finding;
    format!("{} {} {} {}", class.word(), literal(path), names(&one.who)[0], names(&other.who)[0])
}

/// A glob for that path. What would end the word or the line is any character.
fn literal(path: &str) -> String {
    Pattern::escape(path)
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{finding, pair, task};

    fn covers(rules: &str, class: Class, path: &str, who: [&Who; 2]) -> bool {
        !Suppressions::parse(rules).unwrap().covering(class, &[path], who).is_empty()
    }

    #[test]
    fn a_line_covers_its_class_path_and_pair_in_either_order() {
        let rule = "write-read /etc/nova/*.conf init_nova script # read again later";
        let nova = task("init_nova");
        let met = |class, path, who| covers(rule, class, path, who);
        assert!(met(Class::WriteRead, "/etc/nova/nova.conf", [&Who::Script, &nova]));
        assert!(met(Class::WriteRead, "/etc/nova/nova.conf", [&nova, &Who::Script]));
        assert!(!met(Class::WriteWrite, "/etc/nova/nova.conf", [&nova, &Who::Script]));
        assert!(!met(Class::WriteRead, "/etc/nova/d/nova.conf", [&nova, &Who::Script]));
        assert!(!met(Class::WriteRead, "/etc/nova/nova.conf", [&nova, &nova]));
        assert!(!met(Class::WriteRead, "/etc/nova/nova.conf", [&task("x"), &Who::Script]));
    }

    #[test]
    fn globs_name_whole_trees_any_task_and_each_start_of_a_name() {
        let any = [&task("a/b~2"), &Who::Script];
        assert!(covers("* /srv/** * *", Class::Metadata, "/srv/x/.y/z", any));
        assert!(covers("* /srv/** a/* script", Class::Metadata, "/srv/x", any));
        assert!(covers("* /srv/** a/b script", Class::Metadata, "/srv/x", any));
        assert!(covers("* tcp:80 a/b~2 *", Class::BindConnect, "tcp:80", any));
        assert!(!covers("* /srv/* * *", Class::Metadata, "/srv/x/y", any));
        assert!(covers("* *.pid * *", Class::Metadata, "/srv/x/y.pid", any));
        assert!(!covers("* x/*.pid * *", Class::Metadata, "/srv/x/y.pid", any));
        // What has no glob is looked up, and means the same.
        for [path, a, b] in [
            ["/srv/y", "a/b~2", "script"],
            ["/srv/y", "script", "a/b"],
            ["y", "a/b", "script"],
            ["srv/y", "a/b", "script"],
            ["/srv/", "a/b", "script"],
            ["/srv/y", "a/b", "a/b"],
            ["/srv/y", "b", "script"],
        ] {
            let rule = |last: &str| format!("* {path} {a} {}{last}", &b[..b.len() - 1]);
            let end = &b[b.len() - 1..];
            let plain = covers(&rule(end), Class::Metadata, "/srv/y", any);
            let glob = covers(&rule(&format!("[{end}]")), Class::Metadata, "/srv/y", any);
            assert_eq!(plain, glob, "{path} {a} {b}");
        }
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        let read = Suppressions::parse("# why\n\n  \n* /a * * # x y\n").unwrap();
        assert_eq!((read.rules.len(), read.rules[0].line), (1, 4));
        assert_eq!(read.unused(&BTreeSet::new())[0].text, "* /a * * # x y");
        assert!(read.unused(&[0].into()).is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_with_what_would_do() {
        let told = |text: &str| {
            let error = Suppressions::parse(text).unwrap_err();
            (error.to_string(), error.hint())
        };
        let (what, hint) = told("\n* /a b # c");
        assert_eq!(what, "line 2: 3 words before the comment, not 4");
        assert_eq!(hint, FORM);
        let (what, hint) = told("write-reed /a * *");
        assert_eq!(what, "line 1: `write-reed` is no class of conflicts");
        assert_eq!(hint, "did you mean `write-read`?");
        assert!(told("\u{1b}[1m /a * *").0.contains("`\\u{1b}[1m`"));
        assert!(told("zzz /a * *").1.starts_with("there are write-write, "));
        let (what, hint) = told("* /a/x** * *");
        assert!(what.starts_with("line 1: `/a/x**` is no glob: "), "{what}");
        assert!(hint.contains("`**` between slashes"));
    }

    #[test]
    fn a_baseline_covers_what_it_was_written_from() {
        let paths = ["/a b/[x]*?", "/#c\n* /etc/** * *", "/\u{1b}[2J"];
        for path in paths {
            let who = [task("t/u~3"), Who::Script];
            let known = finding(Class::WriteRead, Level::Error, path, who.clone());
            let mut verdict = Verdict { findings: vec![known], ..Verdict::default() };
            verdict.findings[0].more.push("/more".into());
            verdict.findings[0].others.push(pair(path, [task("v"), task("w")], &["/v"]));
            let text = baseline(&verdict);
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            assert_eq!(lines.count(), 4, "{text}");
            assert!(!text.contains('\u{1b}'));
            for path in [path, "/more"] {
                assert!(covers(&text, Class::CreateMissing, path, [&who[0], &who[1]]), "{text}");
                assert!(!covers(&text, Class::WriteRead, path, [&task("v"), &who[1]]));
            }
            for path in [path, "/v"] {
                assert!(covers(&text, Class::WriteRead, path, [&task("w"), &task("v")]));
            }
            assert!(!covers(&text, Class::WriteRead, "/v", [&who[0], &who[1]]));
            assert!(!covers(&text, Class::WriteRead, "/etc/passwd", [&who[0], &who[1]]));
        }
    }

    #[test]
    fn a_baseline_does_not_depend_on_the_order_of_findings_and_has_no_notes() {
        let pair = |a: &str, b: &str| [task(a), task(b)];
        let mut findings = vec![
            finding(Class::WriteRead, Level::Error, "/b", pair("x", "y")),
            finding(Class::ChangeList, Level::Warning, "/a", pair("y", "x")),
            finding(Class::Metadata, Level::Note, "/c", pair("y", "x")),
            finding(Class::WriteWrite, Level::Error, "/b", pair("x", "y")),
        ];
        let text = baseline(&Verdict { findings: findings.clone(), ..Verdict::default() });
        findings.reverse();
        assert_eq!(text, baseline(&Verdict { findings, ..Verdict::default() }));
        let rules: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(rules, ["* /a x y # change-list", "* /b x y # write-read, write-write"]);
    }
}
