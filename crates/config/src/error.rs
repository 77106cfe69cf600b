//! What is wrong with a config.

use std::fmt;

/// One thing that is wrong, in a text for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key's value is of the wrong type or not allowed.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// The value; passwords are hidden.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// A key without default is not set.
    #[error("Missing required configuration \"{key}\" which has no default value.")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// Keys contradict each other, or a resource does not have a key.
    #[error("{0}")]
    Rule(String),
}

impl ConfigError {
    /// A value that is of the wrong type or not allowed.
    pub fn invalid(key: impl Into<String>, value: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), value: value.into(), reason: reason.into() }
    }
}

/// Everything that is wrong, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
