//! Regular expressions of clients, as RE2/J takes them, which Kafka uses. They take time that is linear in what they are
//! compared with.
//!
//! They are translated for the `regex` crate, whose syntax is close to RE2's and yet another: it has set operations in
//! classes, Unicode classes for `\d` and `\w`, and words for what RE2 refuses. What remains different: an expression that
//! is nested or repeated too deeply for the bounds here is refused; classes know a newer Unicode; `\B` looks at Unicode
//! words; `\p{Unknown}` is refused.

mod class;
mod escape;
mod re2;

use regex::{Regex, RegexBuilder};

/// Bounds what a compiled expression may take; Kafka has no bound but the size of a request.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// An expression that has to match a whole text.
///
/// # Errors
/// What is wrong with it, in RE2/J's words.
pub(crate) fn whole_match(pattern: &str) -> Result<Regex, &'static str> {
    let translated = re2::translate(pattern)?;
    RegexBuilder::new(&format!("\\A(?:{translated})\\z"))
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| "expression is too large")
}

#[cfg(test)]
mod tests;
