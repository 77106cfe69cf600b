//! Names with wildcards, as Kafka's shell has them: `*`, `?`, `{one,another}`, and `\` before what is meant as it is.

use regex::Regex;

/// One name of a path: what it matches.
pub(super) enum Glob {
    /// Exactly this. A pattern that is none, such as one whose brace is not closed, is taken as it is.
    Literal(String),
    Pattern(Regex),
}

impl Glob {
    pub(super) fn new(text: &str) -> Self {
        pattern(text)
            .and_then(|pattern| Regex::new(&pattern).ok())
            .map_or_else(|| Self::Literal(text.to_owned()), Self::Pattern)
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Literal(text) => text == name,
            Self::Pattern(pattern) => pattern.is_match(name),
        }
    }
}

/// The regular expression of a glob; `None` if it has no wildcards, or is broken.
fn pattern(glob: &str) -> Option<String> {
    let mut pattern = "^(?s:".to_owned();
    let (mut is_literal, mut in_group) = (true, false);
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '?' => pattern.push('.'),
            '*' => pattern.push_str(".*"),
            '{' if in_group => return None,
            '{' => {
                in_group = true;
                pattern.push_str("(?:(?:");
            }
            ',' if in_group => pattern.push_str(")|(?:"),
            '}' if in_group => {
                in_group = false;
                pattern.push_str("))");
            }
            c => {
                let c = if c == '\\' { chars.next().unwrap_or(c) } else { c };
                pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                continue;
            }
        }
        is_literal = false;
    }
    pattern.push_str(")$");
    (!is_literal && !in_group).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match() {
        for (glob, name, matches) in [
            ("alpha", "alpha", true),
            ("alpha", "alph", false),
            ("a*", "alpha", true),
            ("a*", "beta", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("{alpha,be*}", "alpha", true),
            ("{alpha,be*}", "beta", true),
            ("{alpha,be*}", "alphabet", false),
            ("x.{1,2}", "x.2", true),
            ("x.?", "xy1", false),
            (r"\*?", "*1", true),
            (r"\*?", "a1", false),
            ("a,b*", "a,bc", true),
            ("{open", "{open", true),
            ("{a{b}}", "{a{b}}", true),
            ("a}*", "a}b", true),
        ] {
            assert_eq!(Glob::new(glob).matches(name), matches, "{glob} {name}");
        }
    }
}
