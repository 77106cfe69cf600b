//! The `.properties` format, read as `java.util.Properties` reads it.
//!
//! Lines are first joined where they end in an odd number of backslashes; the white space that begins the next line
//! goes. Comments (`#`, `!`) are recognised at the beginning of a joined line only and are never continued. The key ends
//! at the first unescaped `=`, `:` or white space. `\t \n \r \f` and `\uXXXX` are escapes, any other escaped character
//! stands for itself. A later key replaces an earlier one.

use std::collections::BTreeMap;

/// Why a text is not a properties file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed \\uxxxx escape in line {line}")]
pub struct MalformedEscape {
    /// Number of the (joined) line's first line, from 1.
    pub line: usize,
}

/// Parses a properties file. Bytes that are not UTF-8 are taken as Latin-1, as old files have them.
pub fn parse_bytes(bytes: &[u8]) -> Result<BTreeMap<String, String>, MalformedEscape> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text),
        Err(_) => parse(&bytes.iter().map(|b| char::from(*b)).collect::<String>()),
    }
}

/// Parses a properties text.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, MalformedEscape> {
    let mut properties = BTreeMap::new();
    let mut lines = Lines { rest: text, number: 0, ended_in_two: false };
    while let Some((line, number)) = lines.next_joined() {
        let (key, value) = split(&line);
        let malformed = || MalformedEscape { line: number };
        properties.insert(unescape(key).ok_or_else(malformed)?, unescape(value).ok_or_else(malformed)?);
    }
    Ok(properties)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

struct Lines<'a> {
    rest: &'a str,
    number: usize,
    /// Whether the last line ended in two characters. Java's reader, which stops at the first, then knows of no more
    /// lines if there are none, while otherwise a lone backslash at the very end is an empty key.
    ended_in_two: bool,
}

impl<'a> Lines<'a> {
    /// The next line as it stands in the file, without its end.
    fn next_natural(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (line, after) = self.rest.split_at(end);
        self.ended_in_two = after.starts_with("\r\n");
        self.rest = after.strip_prefix("\r\n").or_else(|| after.get(1..)).unwrap_or("");
        Some(line)
    }

    /// The next line that is neither blank nor a comment, joined with those that continue it.
    fn next_joined(&mut self) -> Option<(String, usize)> {
        let mut joined = String::new();
        let mut number = 0;
        loop {
            let Some(line) = self.next_natural() else {
                return (!joined.is_empty()).then_some((joined, number));
            };
            let line = line.trim_start_matches(is_blank);
            // A line that continues nothing but a lone backslash is still the first one, and may be a comment.
            if joined.is_empty() {
                if line.is_empty() || line.starts_with(['#', '!']) {
                    continue;
                }
                number = self.number;
            }
            if !is_continued(line) {
                joined.push_str(line);
                return Some((joined, number));
            }
            joined.push_str(&line[..line.len() - 1]);
            if joined.is_empty() && self.rest.is_empty() && !self.ended_in_two {
                return Some((joined, number));
            }
        }
    }
}

fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Splits into key and value, both still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let mut end = line.len();
    for (i, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if is_blank(c) || c == '=' || c == ':' {
            end = i;
            break;
        }
    }
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(is_blank);
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_blank))
}

/// `None` if an escape is malformed.
fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    let mut buffer = [0u16; 2];
    while let Some(c) = chars.next() {
        let c = if c == '\\' {
            chars.next()?
        } else {
            units.extend_from_slice(c.encode_utf16(&mut buffer));
            continue;
        };
        let plain = match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\x0c',
            'u' => {
                // Surrogates come as two escapes, hence the way over UTF-16.
                let mut unit = 0u32;
                for _ in 0..4 {
                    unit = unit * 16 + chars.next()?.to_digit(16)?;
                }
                units.push(u16::try_from(unit).ok()?);
                continue;
            }
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parse(text), Ok(expected), "{text:?}");
    }

    #[test]
    fn separators() {
        check(
            "a=1\nb:2\nc 3\nd\t=\t4\ne = : 5\nf",
            &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", ": 5"), ("f", "")],
        );
        check("=x", &[("", "x")]);
        check("a\\ b\\=c\\:d=e", &[("a b=c:d", "e")]);
        check("a=b=c:d e", &[("a", "b=c:d e")]);
        check("a=trailing \r\nb=2\rc=3", &[("a", "trailing "), ("b", "2"), ("c", "3")]);
    }

    #[test]
    fn comments_and_blank_lines() {
        check("# a=1\n  ! b=2\n\n \t\nc=#3\n#not continued\\\nd=4", &[("c", "#3"), ("d", "4")]);
    }

    #[test]
    fn continuations() {
        check("a=1,\\\n   2,\\\r\n\t3", &[("a", "1,2,3")]);
        check("a=1\\\\\nb=2", &[("a", "1\\"), ("b", "2")]);
        check("a=1\\", &[("a", "1")]);
        check("a=1\\\n#2", &[("a", "1#2")]);
    }

    #[test]
    fn escapes() {
        check("a=\\u00e4\\ud83d\\ude00\\t\\n\\q\\\"", &[("a", "ä😀\t\nq\"")]);
        check("C\\:\\\\dir=D\\:\\\\x", &[("C:\\dir", "D:\\x")]);
        assert_eq!(parse("x=1\na=\\u12g4"), Err(MalformedEscape { line: 2 }));
        assert_eq!(parse_bytes(b"a=\xe4").unwrap().get("a").map(String::as_str), Some("ä"));
    }

    #[test]
    fn as_java_reads_it() {
        let text = |hex: &str| {
            let digits = hex.as_bytes().chunks(2).map(|d| std::str::from_utf8(d).unwrap());
            String::from_utf8(digits.map(|d| u8::from_str_radix(d, 16).unwrap()).collect()).unwrap()
        };
        for row in include_str!("../testdata/properties.tsv").lines() {
            let fields: Vec<&str> = row.split('\t').collect();
            let input = text(fields[0]);
            if fields.get(1) == Some(&"malformed") {
                assert!(parse(&input).is_err(), "{input:?}");
                continue;
            }
            let pairs = fields[1..].chunks(2).map(|pair| (text(pair[0]), text(pair[1])));
            assert_eq!(parse(&input), Ok(pairs.collect()), "{input:?}");
        }
    }

    #[test]
    fn later_keys_win() {
        check("a=1\na=2", &[("a", "2")]);
    }
}
