//! Configuration keys of the client side, under the names that Kafka's clients give them.
//!
//! A [`ClientConfig`] is made from key-value pairs as they stand in a properties file. Every known key is checked at
//! once, so that what reads it later cannot meet a value of the wrong type. Keys that no client knows are kept and named
//! by [`ClientConfig::unknown_keys`]; they are no error, since interceptors and serialisers have keys of their own.

mod keys;

use std::collections::BTreeMap;

/// Which client a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Writes records.
    Producer,
    /// Reads records.
    Consumer,
    /// Asks for and changes what the cluster is.
    Admin,
}

/// Type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientValueKind {
    /// true or false.
    Boolean,
    /// 32-bit number.
    Int,
    /// 64-bit number.
    Long,
    /// Any text.
    Text,
    /// Texts with commas between.
    List,
    /// Name of a Java class.
    Class,
}

/// What a key's value may be, beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bounds {
    /// Everything of the type.
    Any,
    /// At least this number.
    AtLeast(i64),
    /// From the first number to the second, both included.
    Between(i64, i64),
    /// From the first number to the second, or exactly the third.
    BetweenOr(i64, i64, i64),
    /// One of these words, in small or capital letters.
    OneOf(&'static [&'static str]),
    /// At least one character.
    NotEmpty,
    /// earliest, latest, none or by_duration:DURATION.
    OffsetReset,
}

/// One key of a client.
#[derive(Clone, Copy, Debug)]
pub struct ClientKey {
    /// Name in a properties file.
    pub name: &'static str,
    /// Type of the value.
    pub kind: ClientValueKind,
    /// The value when none is set; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// What is allowed.
    pub bounds: Bounds,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

const fn key(
    name: &'static str,
    kind: ClientValueKind,
    default: Option<&'static str>,
    bounds: Bounds,
    doc: &'static str,
) -> ClientKey {
    ClientKey { name, kind, default, bounds, doc }
}

/// A key was given a value that it cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid value '{value}' for {key}: {allowed}")]
pub struct ClientConfigError {
    /// The key.
    pub key: String,
    /// What was given.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
}

/// A checked configuration of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    kind: ClientKind,
    values: BTreeMap<String, String>,
}

impl ClientKind {
    /// All keys of this client.
    pub const fn keys(self) -> &'static [ClientKey] {
        match self {
            Self::Producer => keys::PRODUCER_KEYS,
            Self::Consumer => keys::CONSUMER_KEYS,
            Self::Admin => keys::ADMIN_KEYS,
        }
    }

    /// The key of this name.
    pub fn key(self, name: &str) -> Option<&'static ClientKey> {
        self.keys().iter().find(|key| key.name == name)
    }
}

impl ClientConfig {
    /// Checks and takes over pairs as they stand in a properties file; a later pair wins over an earlier one.
    ///
    /// # Errors
    /// If a known key has a value of the wrong type or outside its bounds.
    pub fn new<K, V>(
        kind: ClientKind,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ClientConfigError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let mut values = BTreeMap::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if let Some(key) = kind.key(&name) {
                key.check(&value)?;
            }
            values.insert(name, value);
        }
        Ok(Self { kind, values })
    }

    /// Which client it is for.
    pub const fn kind(&self) -> ClientKind {
        self.kind
    }

    /// Whether the key was set rather than left at its default.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Keys that were set and that this client does not know.
    pub fn unknown_keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str).filter(|name| self.kind.key(name).is_none())
    }

    /// The value as text, or the default; `None` is Kafka's null.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(value) => Some(value.trim()),
            None => self.kind.key(name).and_then(|key| key.default),
        }
    }

    /// The value of a number key; 0 if this client has no such key.
    pub fn number(&self, name: &str) -> i64 {
        self.text(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The value of a key of milliseconds; negative values count as zero.
    pub fn millis(&self, name: &str) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.number(name)).unwrap_or(0))
    }

    /// The value of a Boolean key; false if this client has no such key.
    pub fn is_true(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The parts of a list key.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.text(name).map_or_else(Vec::new, |value| {
            value.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
        })
    }
}

impl ClientKey {
    /// Says whether the key may have this value.
    ///
    /// # Errors
    /// If it may not; the error names what is allowed.
    pub fn check(&self, value: &str) -> Result<(), ClientConfigError> {
        let value = value.trim();
        let typed = match self.kind {
            ClientValueKind::Boolean => {
                ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)).then_some(0)
            }
            ClientValueKind::Int => value.parse::<i32>().ok().map(i64::from),
            ClientValueKind::Long => value.parse::<i64>().ok(),
            ClientValueKind::Text | ClientValueKind::List | ClientValueKind::Class => Some(0),
        };
        let good = typed.is_some_and(|number| match self.bounds {
            Bounds::Any => true,
            Bounds::AtLeast(low) => !self.is_number() || number >= low,
            Bounds::Between(low, high) => (low..=high).contains(&number),
            Bounds::BetweenOr(low, high, other) => (low..=high).contains(&number) || number == other,
            Bounds::OneOf(words) => words.iter().any(|word| value.eq_ignore_ascii_case(word)),
            Bounds::NotEmpty => !value.is_empty(),
            Bounds::OffsetReset => {
                let (word, rest) = value.split_at_checked(12).unwrap_or((value, ""));
                ["latest", "earliest", "none"].iter().any(|w| value.eq_ignore_ascii_case(w))
                    || (word.eq_ignore_ascii_case("by_duration:") && !rest.is_empty())
            }
        });
        if good {
            return Ok(());
        }
        Err(ClientConfigError {
            key: self.name.to_owned(),
            value: value.to_owned(),
            allowed: format!("must be {}", self.allowed()),
        })
    }

    const fn is_number(&self) -> bool {
        matches!(self.kind, ClientValueKind::Int | ClientValueKind::Long)
    }

    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match (self.kind, self.bounds) {
            (ClientValueKind::Boolean, _) => "true or false".to_owned(),
            (_, Bounds::AtLeast(low)) => format!("a whole number of at least {low}"),
            (_, Bounds::Between(low, high)) => format!("a whole number from {low} to {high}"),
            (_, Bounds::BetweenOr(low, high, other)) => {
                format!("a whole number from {low} to {high}, or {other}")
            }
            (_, Bounds::OneOf(words)) => format!("one of {}", words.join(", ")),
            (_, Bounds::NotEmpty) => "not empty".to_owned(),
            (_, Bounds::OffsetReset) => "earliest, latest, none, or by_duration:PT1H".to_owned(),
            (ClientValueKind::Int | ClientValueKind::Long, Bounds::Any) => "a whole number".to_owned(),
            (_, Bounds::Any) => "a text".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_pass_their_own_bounds() {
        for kind in [ClientKind::Producer, ClientKind::Consumer, ClientKind::Admin] {
            for key in kind.keys() {
                if let Some(default) = key.default {
                    assert_eq!(key.check(default), Ok(()), "{}", key.name);
                }
                assert!(key.doc.ends_with('.'), "{}", key.name);
            }
        }
    }

    #[test]
    fn values_are_checked() {
        for (kind, name, value, allowed) in [
            (ClientKind::Producer, "acks", "2", Some("must be one of all, -1, 0, 1")),
            (ClientKind::Producer, "acks", "ALL", None),
            (ClientKind::Producer, "linger.ms", "-1", Some("must be a whole number of at least 0")),
            (ClientKind::Producer, "linger.ms", " 7 ", None),
            (ClientKind::Producer, "batch.size", "99999999999", Some("must be a whole number of at least 0")),
            (ClientKind::Producer, "compression.gzip.level", "-1", None),
            (
                ClientKind::Producer,
                "compression.gzip.level",
                "0",
                Some("must be a whole number from 1 to 9, or -1"),
            ),
            (ClientKind::Consumer, "enable.auto.commit", "yes", Some("must be true or false")),
            (
                ClientKind::Consumer,
                "auto.offset.reset",
                "first",
                Some("must be earliest, latest, none, or by_duration:PT1H"),
            ),
            (ClientKind::Consumer, "auto.offset.reset", "by_duration:PT5M", None),
            (ClientKind::Admin, "my.own.key", "x", None),
        ] {
            let result = ClientConfig::new(kind, [(name, value)]);
            assert_eq!(result.err().map(|e| e.allowed).as_deref(), allowed, "{name}={value}");
        }
    }

    #[test]
    fn values_defaults_and_unknown_keys_are_read() {
        let config = ClientConfig::new(
            ClientKind::Consumer,
            [("bootstrap.servers", "a:1, b:2"), ("mine", "1"), ("fetch.min.bytes", "5")],
        )
        .unwrap();
        assert_eq!(config.list("bootstrap.servers"), ["a:1", "b:2"]);
        assert_eq!(config.number("fetch.min.bytes"), 5);
        assert_eq!(config.number("max.poll.records"), 500);
        assert_eq!(config.text("group.id"), None);
        assert!(config.is_true("enable.auto.commit") && !config.is_set("enable.auto.commit"));
        assert_eq!(config.unknown_keys().collect::<Vec<_>>(), ["mine"]);
    }
}
