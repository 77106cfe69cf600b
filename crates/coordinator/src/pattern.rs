//! Regular expressions of clients. They take time that is linear in what they are compared with, as RE2's do.

use regex::{Error, Regex, RegexBuilder};

/// Bounds what a compiled expression may take; Kafka has no bound but the size of a request.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// An expression that has to match a whole text.
pub(crate) fn whole_match(pattern: &str) -> Result<Regex, Error> {
    // By itself first, so that it cannot close the group that is put around it.
    RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build()?;
    RegexBuilder::new(&format!("\\A(?:{pattern})\\z")).size_limit(COMPILED_BYTES_MAX).build()
}
