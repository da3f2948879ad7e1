//! The simple commands of a shell script, with their lines.
//!
//! This reads what decides where a command begins and ends: quotes, comments,
//! here-documents, substitutions, `case`, lines that are continued. It knows the syntax that dash,
//! busybox, mksh, ksh93 and yash have in common. Where that does not come out even, or means
//! something else in one of them, there are no commands at all rather than wrong ones.

use std::collections::VecDeque;

/// What is nested deeper is not read.
const DEEPEST: usize = 64;

/// Words that stand before a command.
const BEFORE: [&str; 10] = ["!", "{", "if", "then", "elif", "else", "while", "until", "do", "time"];

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// Whether the shell makes something else of it.
    pub expanded: bool,
    quoted: bool,
    line: usize,
}

impl Word {
    /// What it is, if that can be read.
    pub fn literal(&self) -> Option<&str> {
        (!self.expanded).then_some(&*self.text)
    }

    fn is(&self, reserved: &str) -> bool {
        !self.expanded && !self.quoted && self.text == reserved
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

/// The commands of a script; none if it cannot be read to its end.
pub fn commands(text: &str) -> Option<Vec<Command>> {
    let mut reader = Reader {
        rest: text,
        line: 1,
        nested: vec![Nested::Commands(Commands::new(Until::End))],
        bodies: VecDeque::new(),
        found: Vec::new(),
    };
    reader.read().then_some(reader.found)
}

/// What ends a stretch of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Paren,
    /// Likewise, but they are no commands: an array or a pattern.
    Pattern,
    Tick,
}

#[derive(Debug)]
struct Commands {
    until: Until,
    words: Vec<Word>,
    word: Option<Word>,
    /// Whether the next word is where something is redirected to.
    redirected: bool,
    /// How many `case` are open: a parenthesis closes their patterns.
    cases: usize,
}

impl Commands {
    fn new(until: Until) -> Self {
        Self { until, words: Vec::new(), word: None, redirected: false, cases: 0 }
    }
}

#[derive(Debug)]
enum Nested {
    Commands(Commands),
    /// Within double quotes.
    Double,
    /// `${…}`; whether single quotes quote in it.
    Parameter(bool),
    /// `$((…))`, with the parentheses that are open.
    Sum(usize),
}

/// A here-document that is to come.
#[derive(Debug)]
struct Body {
    end: String,
    tabs: bool,
    expanded: bool,
}

/// Nothing that is open stays so.
struct Broken;

type Read = Result<(), Broken>;

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    nested: Vec<Nested>,
    bodies: VecDeque<Body>,
    found: Vec<Command>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> bool {
        while let Some(next) = self.next() {
            if self.one(next).is_err() || self.nested.len() > DEEPEST {
                return false;
            }
        }
        let ended = self.end_command().is_ok() && self.bodies.is_empty();
        let [Nested::Commands(commands)] = &self.nested[..] else { return false };
        ended && commands.cases == 0
    }

    fn one(&mut self, next: char) -> Read {
        match self.nested.last() {
            Some(Nested::Commands(_)) => self.in_commands(next),
            Some(Nested::Double) => self.in_double(next),
            Some(Nested::Parameter(quotes)) => self.in_parameter(next, *quotes),
            Some(Nested::Sum(open)) => self.in_sum(next, *open),
            None => Err(Broken),
        }
    }

    fn in_commands(&mut self, next: char) -> Read {
        match next {
            ' ' | '\t' => self.end_word(),
            '\n' => {
                self.end_command()?;
                self.skip_bodies()?;
            }
            ';' | '&' | '|' => self.end_command()?,
            '#' if self.commands()?.word.is_none() => {
                let comment = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(comment);
            }
            '\'' => {
                let text = self.quoted()?;
                let word = self.word()?;
                word.quoted = true;
                word.text += text;
            }
            '"' => {
                self.word()?.quoted = true;
                self.nested.push(Nested::Double);
            }
            '\\' => self.escape()?,
            '$' => self.dollar()?,
            '`' => self.tick()?,
            '<' | '>' => self.redirect(next)?,
            '(' => self.open()?,
            ')' => self.close()?,
            _ => {
                let word = self.word()?;
                word.expanded |= matches!(next, '*' | '?' | '[')
                    || (next == '{' && !word.text.is_empty())
                    || (next == '~' && word.text.is_empty());
                word.text.push(next);
            }
        }
        Ok(())
    }

    fn in_double(&mut self, next: char) -> Read {
        match next {
            '"' => {
                self.nested.pop();
            }
            '\\' => self.escape()?,
            '$' => self.dollar()?,
            '`' => self.tick()?,
            _ => {
                self.within(next)?;
                self.word()?.text.push(next);
            }
        }
        Ok(())
    }

    fn in_parameter(&mut self, next: char, quotes: bool) -> Read {
        match next {
            '}' => {
                self.nested.pop();
            }
            '"' => self.nested.push(Nested::Double),
            '\'' if quotes => {
                self.quoted()?;
            }
            '\\' => self.escape()?,
            '$' => self.dollar()?,
            '`' => self.tick()?,
            _ => self.within(next)?,
        }
        Ok(())
    }

    fn in_sum(&mut self, next: char, open: usize) -> Read {
        match next {
            '(' => self.sum(open + 1),
            ')' if open > 0 => self.sum(open - 1),
            ')' if self.eat(')') => {
                self.nested.pop();
            }
            // A substitution that begins with a subshell, perhaps.
            ')' | '\'' => return Err(Broken),
            '"' => self.nested.push(Nested::Double),
            '\\' => self.escape()?,
            '$' => self.dollar()?,
            '`' => self.tick()?,
            _ => self.within(next)?,
        }
        Ok(())
    }

    fn sum(&mut self, open: usize) {
        self.nested.pop();
        self.nested.push(Nested::Sum(open));
    }

    /// What is behind a `$`.
    fn dollar(&mut self) -> Read {
        let quoted = !matches!(self.nested.last(), Some(Nested::Commands(_)));
        match self.rest.chars().next() {
            Some('(') => {
                self.word()?.expanded = true;
                self.next();
                let sum = self.eat('(');
                let commands = Nested::Commands(Commands::new(Until::Paren));
                self.nested.push(if sum { Nested::Sum(0) } else { commands });
            }
            Some('{') => {
                self.word()?.expanded = true;
                self.next();
                // Within double quotes, single ones quote in patterns alone.
                let name = self.rest.trim_start_matches(['!', '#']);
                let name = name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
                let pattern = name.starts_with(['#', '%', '/', '^', ',']);
                self.nested.push(Nested::Parameter(pattern || !quoted));
            }
            Some('\'') if !quoted => {
                self.next();
                // Some shells know `\'` in it, others end there.
                if self.quoted()?.ends_with('\\') {
                    return Err(Broken);
                }
                self.word()?.expanded = true;
            }
            Some('"') if !quoted => self.word()?.expanded = true,
            Some(next) if next.is_alphanumeric() || "_@*#?$!-".contains(next) => {
                self.next();
                self.word()?.expanded = true;
            }
            _ => self.word()?.text.push('$'),
        }
        Ok(())
    }

    fn tick(&mut self) -> Read {
        if matches!(self.nested.last(), Some(Nested::Commands(one)) if one.until == Until::Tick) {
            self.end_command()?;
            return self.pop();
        }
        if self.in_ticks() {
            return Err(Broken);
        }
        self.word()?.expanded = true;
        self.nested.push(Nested::Commands(Commands::new(Until::Tick)));
        Ok(())
    }

    fn in_ticks(&self) -> bool {
        let tick = |n: &Nested| matches!(n, Nested::Commands(one) if one.until == Until::Tick);
        self.nested.iter().any(tick)
    }

    /// What is behind a backslash.
    fn escape(&mut self) -> Read {
        match self.next() {
            // The line goes on.
            Some('\n') => Ok(()),
            Some('`') if self.in_ticks() => Err(Broken),
            Some(next) => {
                let word = self.word()?;
                word.quoted = true;
                word.text.push(next);
                Ok(())
            }
            None => Err(Broken),
        }
    }

    fn redirect(&mut self, sign: char) -> Read {
        let number = |word: &Word| !word.quoted && word.text.chars().all(|c| c.is_ascii_digit());
        let commands = self.commands()?;
        // The descriptor's number.
        if commands.word.as_ref().is_some_and(number) {
            commands.word = None;
        }
        self.end_word();
        if sign == '<' && self.rest.starts_with('<') && !self.rest.starts_with("<<") {
            self.next();
            return self.here();
        }
        if self.eat('(') {
            self.word()?.expanded = true;
            self.nested.push(Nested::Commands(Commands::new(Until::Paren)));
            return Ok(());
        }
        let signs = self.rest.find(|c: char| !"<>&|".contains(c)).unwrap_or(self.rest.len());
        self.take(signs.min(2));
        self.commands()?.redirected = true;
        Ok(())
    }

    /// Notes a here-document: its end is the next word.
    fn here(&mut self) -> Read {
        let tabs = self.eat('-');
        let blanks = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.take(blanks);
        let end = self.rest.find([' ', '\t', '\n', ';', '&', '|', '<', '>', '(', ')', '`']);
        let word = self.take(end.unwrap_or(self.rest.len()));
        let end: String = word.chars().filter(|c| !"'\"\\".contains(*c)).collect();
        if end.is_empty() || end.contains('$') {
            return Err(Broken);
        }
        self.bodies.push_back(Body { expanded: end == word, end, tabs });
        Ok(())
    }

    fn skip_bodies(&mut self) -> Read {
        while let Some(body) = self.bodies.pop_front() {
            loop {
                if self.rest.is_empty() {
                    return Err(Broken);
                }
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                let line = self.take(length);
                self.next();
                let bare = if body.tabs { line.trim_start_matches('\t') } else { line };
                if bare == body.end {
                    break;
                }
                // A verb within a substitution in it is not looked for, and not overlooked.
                if body.expanded && line.contains("async_") && line.contains(['`', '(']) {
                    return Err(Broken);
                }
            }
        }
        Ok(())
    }

    fn open(&mut self) -> Read {
        let empty = self.rest.trim_start_matches([' ', '\t']);
        let commands = self.commands()?;
        let begins = commands.word.is_none() && commands.words.iter().all(before);
        let adjacent = commands.word.is_some();
        if !begins && empty.starts_with(')') {
            // A function begins.
            self.end_command()?;
            let blanks = self.rest.len() - empty.len();
            self.take(blanks + 1);
            return Ok(());
        }
        if adjacent {
            self.word()?.expanded = true;
            self.nested.push(Nested::Commands(Commands::new(Until::Pattern)));
            return Ok(());
        }
        self.end_command()?;
        let sum = begins && self.eat('(');
        let commands = Nested::Commands(Commands::new(Until::Paren));
        self.nested.push(if sum { Nested::Sum(0) } else { commands });
        Ok(())
    }

    fn close(&mut self) -> Read {
        self.end_command()?;
        let commands = self.commands()?;
        match commands.until {
            _ if commands.cases > 0 => Ok(()),
            Until::Paren | Until::Pattern => self.pop(),
            Until::End | Until::Tick => Err(Broken),
        }
    }

    /// Leaves a stretch of commands.
    fn pop(&mut self) -> Read {
        match self.nested.pop() {
            Some(Nested::Commands(commands)) if commands.cases == 0 => Ok(()),
            _ => Err(Broken),
        }
    }

    fn end_word(&mut self) {
        if let Ok(commands) = self.commands()
            && let Some(word) = commands.word.take()
        {
            if !std::mem::take(&mut commands.redirected) {
                commands.words.push(word);
            }
        }
    }

    fn end_command(&mut self) -> Read {
        self.end_word();
        let commands = self.commands()?;
        let mut words = std::mem::take(&mut commands.words);
        if commands.until == Until::Pattern {
            return Ok(());
        }
        let begin = words.iter().position(|word| !before(word)).unwrap_or(words.len());
        words.drain(..begin);
        match &words[..] {
            [first, .., last] if first.is("case") && !last.is("esac") => commands.cases += 1,
            [first, ..] if first.is("esac") => {
                commands.cases = commands.cases.checked_sub(1).ok_or(Broken)?;
            }
            _ => {}
        }
        if let Some(first) = words.first() {
            let line = first.line;
            self.found.push(Command { line, words });
        }
        Ok(())
    }

    /// The commands that are read, outside of what is nested in a word of theirs.
    fn commands(&mut self) -> Result<&mut Commands, Broken> {
        let commands = |nested| match nested {
            &mut Nested::Commands(ref mut commands) => Some(commands),
            _ => None,
        };
        self.nested.iter_mut().rev().find_map(commands).ok_or(Broken)
    }

    fn word(&mut self) -> Result<&mut Word, Broken> {
        let line = self.line;
        let commands = self.commands()?;
        Ok(commands.word.get_or_insert_with(|| Word { line, ..Word::default() }))
    }

    /// Up to the closing quote.
    fn quoted(&mut self) -> Result<&'a str, Broken> {
        let text = self.take(self.rest.find('\'').ok_or(Broken)?);
        self.next();
        if text.contains('\n') {
            self.within('\n')?
        }
        Ok(text)
    }

    /// A character within a word. (Where would a here-document begin that was announced before?)
    fn within(&self, next: char) -> Read {
        if next == '\n' && !self.bodies.is_empty() { Err(Broken) } else { Ok(()) }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.take(next.len_utf8());
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.rest.starts_with(wanted);
        if there {
            self.next();
        }
        there
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        taken
    }
}

/// Whether a command may follow this word.
fn before(word: &Word) -> bool {
    BEFORE.iter().any(|reserved| word.is(reserved)) || word.assigns()
}

#[cfg(test)]
mod tests {
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
