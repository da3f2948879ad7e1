//! The simple commands of a shell script, with their lines.
//!
//! This reads what decides where a command begins and ends: quotes, comments,
//! here-documents, substitutions, `case`, lines that are continued. It knows the syntax that dash,
//! busybox, mksh, ksh93 and yash have in common. Where that does not come out even, or means
//! something else in one of them, there are no commands at all rather than wrong ones.

/// Words that stand before a command.
const BEFORE: [&str; 10] = ["!", "{", "if", "then", "elif", "else", "while", "until", "do", "time"];

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// Whether the shell makes something else of it.
    pub expanded: bool,
    /// Whether a part of it is in quotes.
    pub quoted: bool,
    /// The line that it begins in.
    pub line: usize,
}

impl Word {
    /// What it is, if that can be read.
    pub fn literal(&self) -> Option<&str> {
        (!self.expanded).then_some(&*self.text)
    }

    fn is(&self, reserved: &str) -> bool {
        !self.expanded && !self.quoted && self.text == reserved
    }

    /// Whether a command may follow it.
    pub fn is_before(&self) -> bool {
        BEFORE.iter().any(|reserved| self.is(reserved)) || self.assigns()
    }

    fn assigns(&self) -> bool {
        let name = self.text.split_once('=').map_or("", |(name, _)| name);
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }
}

/// A command with its words: it begins with the name of a program, a function or a builtin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line of its name.
    pub line: usize,
    /// The words.
    pub words: Vec<Word>,
}

/// The script does not come out even.
#[derive(Debug)]
pub struct Broken;

/// What ends a stretch of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The end of the script.
    End,
    /// `)`.
    Paren,
    /// Likewise, but they are no commands: an array or a pattern.
    Pattern,
    /// A backtick.
    Tick,
}

/// A stretch of commands, of which one is being read.
#[derive(Debug)]
pub struct Commands {
    /// What ends it.
    pub until: Until,
    /// The words of that one.
    pub words: Vec<Word>,
    /// The word that goes on.
    pub word: Option<Word>,
    /// Whether the next word is where something is redirected to.
    pub redirected: bool,
    /// How many `case` are open: a parenthesis closes their patterns.
    pub cases: usize,
}

impl Commands {
    /// None is read yet.
    pub fn new(until: Until) -> Self {
        Self { until, words: Vec::new(), word: None, redirected: false, cases: 0 }
    }

    /// The word ends, if there is one.
    pub fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if !std::mem::take(&mut self.redirected) {
            self.words.push(word);
        }
    }

    /// The command ends, if there is one.
    pub fn end(&mut self) -> Result<Option<Command>, Broken> {
        self.end_word();
        let mut words = std::mem::take(&mut self.words);
        if self.until == Until::Pattern {
            return Ok(None);
        }
        let begin = words.iter().position(|word| !word.is_before()).unwrap_or(words.len());
        words.drain(..begin);
        match &words[..] {
            [first, .., last] if first.is("case") && !last.is("esac") => self.cases += 1,
            [first, ..] if first.is("esac") => {
                self.cases = self.cases.checked_sub(1).ok_or(Broken)?;
            }
            _ => {}
        }
        Ok(words.first().map(|first| first.line).map(|line| Command { line, words }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::commands;
    use super::*;
    use proptest::prelude::*;

    /// The commands, each as `LINE word word`; what is expanded as `?`.
    fn read(text: &str) -> Vec<String> {
        let words = |words: &[Word]| {
            let words: Vec<&str> = words.iter().map(|w| w.literal().unwrap_or("?")).collect();
            words.join(" ")
        };
        let all = commands(text).unwrap_or_default();
        all.iter().map(|one| format!("{} {}", one.line, words(&one.words))).collect()
    }

    #[test]
    fn commands_begin_where_the_shell_begins_them() {
        for (text, found) in [
            (
                "a b; c && d || e & f | g\nh",
                &["1 a b", "1 c", "1 d", "1 e", "1 f", "1 g", "2 h"][..],
            ),
            ("# a\nb #c\nd#e f", &["2 b", "3 d#e f"]),
            ("a \\\n  b\nc\\\nd e", &["1 a b", "3 cd e"]),
            ("a 'b\nc' \"d\ne\" f\\ g\nh", &["1 a b\nc d\ne f g", "4 h"]),
            (
                "if a; then b; elif c; then d; else e; fi",
                &["1 a", "1 b", "1 c", "1 d", "1 e", "1 fi"],
            ),
            ("! a; { b; }; time c; X=1 Y= d e=f", &["1 a", "1 b", "1 }", "1 c", "1 d e=f"]),
            ("while a; do b; done >f", &["1 a", "1 b", "1 done"]),
            ("f() { a; }\nf ( )\n{ b; }", &["1 f", "1 a", "1 }", "2 f", "3 b", "3 }"]),
            ("(a; (b)); c", &["1 a", "1 b", "1 c"]),
            (">f a 2>&1 <b >>c >|d 3<>e f1 >g h <&- i", &["1 a f1 h i"]),
            ("a $b \"$c\" ${d} `e f` \"$(g h)\" i$", &["1 e f", "1 g h", "1 a ? ? ? ? ? i$"]),
            ("a=$(b)\nc", &["1 b", "2 c"]),
            ("a $b>c $1>d \"$2\"2>e", &["1 a ? ? ?"]),
            ("a *.sh [b] c? ~ {d,e} f{g,h}", &["1 a ? ? ? ? {d,e} ?"]),
            ("a '*' \"?\" '$b' \\$c", &["1 a * ? $b $c"]),
            ("'if' a", &["1 if a"]),
            ("a=(b c) d; e @(f|g) h", &["1 d", "1 e ? h"]),
        ] {
            assert_eq!(read(text), found, "{text}");
        }
    }

    #[test]
    fn what_is_nested_is_read_to_its_end() {
        for (text, found) in [
            ("a \"${b:-it's}\"; c", &["1 a ?", "1 c"][..]),
            ("a \"${b#'}'}\"; c", &["1 a ?", "1 c"]),
            ("a ${b%'}'} ${#c} $# $$ ${d:-\"}\"}; e", &["1 a ? ? ? ? ?", "1 e"]),
            ("a $((1 << (2 + 3))); b", &["1 a ?", "1 b"]),
            ("((a << 2)); if ((b)); then c; fi", &["1 c", "1 fi"]),
            ("a $(b \"$(c ')')\" # )\n); d", &["1 c )", "1 b ?", "1 a ?", "2 d"]),
            ("case a in b) c;; (d|e) f;; *) g; esac; h", &["1 case a in b", "1 c"]),
            ("a $(case b in c) d;; esac); e", &["1 case b in c", "1 d", "1 esac", "1 a ?", "1 e"]),
            ("case a in esac; b", &["1 case a in esac", "1 b"]),
            ("a <(b c) d", &["1 b c", "1 a ? d"]),
        ] {
            assert_eq!(read(text)[..found.len()], *found, "{text}");
        }
        assert_eq!(read("case a in b) c;; (d|e) f;; *) g; esac; h").last().unwrap(), "1 h");
    }

    #[test]
    fn here_documents_are_skipped() {
        for (text, found) in [
            ("a <<E b\nc\nE\nd", &["1 a b", "4 d"][..]),
            ("a <<-'E F'\nE F", &[]),
            ("a <<-'E'; b\n\t'c\n\tE\nd", &["1 a", "1 b", "4 d"]),
            ("a <<A <<\"B\"\nA\nx\nB\nc", &["1 a", "5 c"]),
            ("$(a <<E\n)\nE\n); b", &["1 a", "4 ?", "4 b"]),
            ("a <<<E b\nc", &["1 a b", "2 c"]),
            ("a <<E\n$(async_get b)\nE", &[]),
            ("a <<'E'\n$(async_get b)\nE\nc", &["1 a", "4 c"]),
        ] {
            let read: Vec<String> = read(text);
            // (Where a word began that a substitution is in, is no matter here.)
            let line = |text: &String| text.replace("1 ?", "4 ?");
            assert_eq!(read.iter().map(line).collect::<Vec<_>>(), found, "{text}");
        }
    }

    #[test]
    fn what_does_not_come_out_even_has_no_commands() {
        let deep = "a $(".repeat(100_000);
        for text in [
            "a 'b",
            "a \"b",
            "a `b",
            "a $(b",
            "a ${b",
            "a $((b)",
            "a; )",
            "case a in",
            "a; esac",
            "a <<E",
            "a <<E\nb",
            "a <<$E\n$E",
            "a <<E 'b\nc'\nE",
            "a \\",
            "a $'b\\'c'",
            "a `b \\`c\\` d`",
            "a `b \"`c`\"`",
            "$(case a in b) c)",
            "a $((b) | c)",
            &deep,
        ] {
            assert_eq!(commands(text), None, "{}", &text[..text.len().min(40)]);
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[ab \\n\\t;&|<>(){}'\"\\\\$`#=-]{0,60}|.{0,40}") {
            for command in commands(&text).unwrap_or_default() {
                prop_assert!(!command.words.is_empty());
                prop_assert!(command.line <= text.matches('\n').count() + 1);
            }
        }
    }
}
