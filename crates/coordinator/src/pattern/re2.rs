//! From RE2/J's syntax to that of the `regex` crate.

use super::class;
use super::escape::read_character;
use std::collections::BTreeSet;
use std::fmt::Write;

pub(super) const BAD_NAME: &str = "invalid named capture";
const BAD_GROUP: &str = "invalid or unsupported Perl syntax";
const NESTED_REPETITION: &str = "invalid nested repetition operator";
const NOTHING_TO_REPEAT: &str = "missing argument to repetition operator";

/// How often a repetition may ask for its argument.
const REPETITIONS_MAX: u32 = 1000;

/// The same expression in the syntax of the `regex` crate.
///
/// # Errors
/// What RE2/J says of an expression that it refuses.
pub(super) fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut translation = Translation {
        rest: pattern,
        out: String::new(),
        last: Last::Nothing,
        depth: 0,
        names: BTreeSet::new(),
    };
    while let Some(next) = translation.rest.chars().next() {
        translation.step(next)?;
    }
    if translation.depth > 0 { Err("missing closing )") } else { Ok(translation.out) }
}

/// What has just been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// The beginning of the expression, of a group or of an alternative.
    Nothing,
    /// Something that can be repeated.
    Atom,
    /// A repetition, which cannot be repeated.
    Repetition,
}

struct Translation<'a> {
    rest: &'a str,
    out: String,
    last: Last,
    depth: usize,
    names: BTreeSet<&'a str>,
}

impl<'a> Translation<'a> {
    fn step(&mut self, next: char) -> Result<(), &'static str> {
        match next {
            '(' => self.group(),
            ')' => {
                // RE2/J's words for it.
                self.depth = self.depth.checked_sub(1).ok_or("regexp/syntax: internal error")?;
                self.atom(1, ")");
                Ok(())
            }
            '|' => {
                self.skip(1);
                self.out.push('|');
                self.last = Last::Nothing;
                Ok(())
            }
            '*' | '+' | '?' => {
                let operator = &self.rest[..1];
                self.skip(1);
                self.repetition(operator)
            }
            '{' => match read_counts(self.rest) {
                Some((length, counts)) => {
                    let operator = counts?;
                    self.skip(length);
                    self.repetition(&operator)
                }
                None => self.literal('{'),
            },
            '[' => {
                let (length, class) = class::bracketed(self.rest)?;
                self.atom(length, &class);
                Ok(())
            }
            '\\' => self.escape(),
            '^' | '$' | '.' => {
                self.atom(1, next.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            literal => self.literal(literal),
        }
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    fn atom(&mut self, length: usize, translated: &str) {
        self.skip(length);
        self.out.push_str(translated);
        self.last = Last::Atom;
    }

    fn literal(&mut self, literal: char) -> Result<(), &'static str> {
        self.atom(literal.len_utf8(), &regex::escape(literal.encode_utf8(&mut [0; 4])));
        Ok(())
    }

    fn repetition(&mut self, operator: &str) -> Result<(), &'static str> {
        match self.last {
            Last::Nothing => return Err(NOTHING_TO_REPEAT),
            Last::Repetition => return Err(NESTED_REPETITION),
            Last::Atom => {}
        }
        self.out.push_str(operator);
        if self.rest.starts_with('?') {
            self.skip(1);
            self.out.push('?');
        }
        self.last = Last::Repetition;
        Ok(())
    }

    /// `(`, with what may follow: a name, or flags.
    fn group(&mut self) -> Result<(), &'static str> {
        let Some(perl) = self.rest.strip_prefix("(?") else {
            self.skip(1);
            self.open("(?:");
            return Ok(());
        };
        if let Some(named) = perl.strip_prefix("P<").or_else(|| perl.strip_prefix('<')) {
            let end = named.find('>').ok_or(BAD_NAME)?;
            let name = &named[..end];
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(is_word) {
                return Err(BAD_NAME);
            }
            if !self.names.insert(name) {
                return Err("duplicate capture group name");
            }
            self.rest = &named[end + 1..];
            self.open("(?:");
            return Ok(());
        }
        let end = perl.find([':', ')']).ok_or(BAD_GROUP)?;
        check_flags(&perl[..end])?;
        let flags = &perl[..end];
        let is_open = perl[end..].starts_with(':');
        self.rest = &perl[end + 1..];
        if is_open {
            self.open(&format!("(?{flags}:"));
        } else if !flags.is_empty() {
            write!(self.out, "(?{flags})").map_err(|_| BAD_GROUP)?;
        }
        Ok(())
    }

    fn open(&mut self, translated: &str) {
        self.out.push_str(translated);
        self.depth += 1;
        self.last = Last::Nothing;
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        if let Some(quoted) = self.rest.strip_prefix("\\Q") {
            let (text, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            self.rest = rest;
            if !text.is_empty() {
                self.out.push_str(&regex::escape(text));
                self.last = Last::Atom;
            }
            return Ok(());
        }
        let as_is = ["\\A", "\\B", "\\z"].into_iter().find(|escape| self.rest.starts_with(escape));
        if let Some(escape) = as_is {
            self.atom(2, escape);
        } else if self.rest.starts_with("\\b") {
            self.atom(2, "(?-u:\\b)");
        } else if let Some((length, class)) = class::escaped(self.rest)? {
            self.atom(length, &format!("[{class}]"));
        } else {
            let (length, code) = read_character(self.rest)?;
            let mut class = String::from("[");
            class::put_range(&mut class, code, code);
            class.push(']');
            self.atom(length, class::or_nothing(&class));
        }
        Ok(())
    }
}

/// `ims`, then perhaps a minus and more of them.
fn check_flags(flags: &str) -> Result<(), &'static str> {
    let mut parts = flags.splitn(2, '-');
    let is_known = |part: &str| part.chars().all(|flag| matches!(flag, 'i' | 'm' | 's' | 'U'));
    let (on, off) = (parts.next().unwrap_or_default(), parts.next());
    if is_known(on) && off.is_none_or(|off| !off.is_empty() && is_known(off)) {
        Ok(())
    } else {
        Err(BAD_GROUP)
    }
}

/// `{2}`, `{2,}` or `{2,3}`, with its length. `None`: the brace stands for itself.
fn read_counts(text: &str) -> Option<(usize, Result<String, &'static str>)> {
    let (counts, _) = text.strip_prefix('{')?.split_once('}')?;
    let (least, most) = counts.split_once(',').map_or((counts, None), |(least, most)| (least, Some(most)));
    let is_number = |digits: &str| {
        let has_zero_ahead = digits.len() > 1 && digits.starts_with('0');
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) && !has_zero_ahead
    };
    if !is_number(least) || !most.is_none_or(|most| most.is_empty() || is_number(most)) {
        return None;
    }
    // What does not fit is too much in any case.
    let number = |digits: &str| digits.parse().unwrap_or(u32::MAX);
    let (low, high) = (number(least), most.filter(|most| !most.is_empty()).map(number));
    let is_valid = low <= REPETITIONS_MAX && high.is_none_or(|high| high <= REPETITIONS_MAX && low <= high);
    let operator = if is_valid { Ok(format!("{{{counts}}}")) } else { Err("invalid repeat count") };
    Some((counts.len() + 2, operator))
}
