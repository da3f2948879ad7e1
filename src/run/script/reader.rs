//! Where each word and each command of a script begins and ends.
//!
//! One pass over the characters. What is nested (quotes, substitutions, parentheses) lies on a
//! stack; a word goes on in the innermost commands on it. Where two shells would not agree, it is
//! given up.

use std::collections::VecDeque;

use super::commands::{Broken, Command, Commands, Until, Word};

/// What is nested deeper is not read.
const DEEPEST: usize = 64;

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
        let number = |word: &Word| {
            let digits = word.text.chars().all(|c| c.is_ascii_digit());
            digits && !word.quoted && !word.expanded
        };
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
        let begins = commands.word.is_none() && commands.words.iter().all(Word::is_before);
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
        if let Ok(commands) = self.commands() {
            commands.end_word();
        }
    }

    fn end_command(&mut self) -> Read {
        let command = self.commands()?.end()?;
        self.found.extend(command);
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
