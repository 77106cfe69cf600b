//! What the table says about one key, and how it is declared.

use std::marker::PhantomData;

use crate::error::ConfigError;
use crate::valid::Valid;
use crate::value::{ConfigType, Type, Value};

/// How much a key matters to most users, by Kafka's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Everyone should look at it.
    High,
    /// For tuning.
    Medium,
    /// For special cases.
    Low,
}

impl Importance {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// Whether and where a key may be altered at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// Only in the properties file of a broker.
    ReadOnly,
    /// For one broker; security keys only with a listener's prefix.
    PerBroker,
    /// For one broker or, as a default, for all.
    ClusterWide,
    /// On the resource itself: keys of topics, groups, client metrics and quota entities.
    Resource,
}

impl Update {
    /// Kafka's name on its reference page; empty for [`Update::Resource`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::PerBroker => "per-broker",
            Self::ClusterWide => "cluster-wide",
            Self::Resource => "",
        }
    }
}

/// What a key is when it is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Setting it is a duty.
    Required,
    /// [`Value::Null`].
    Null,
    /// The value that the text parses to.
    Text(&'static str),
}

/// A broker key that gives a topic or group key its default, with the factor that turns its unit into the other's.
pub type Synonym = (&'static str, i64);

/// Milliseconds of an hour.
pub const HOURS: i64 = 3_600_000;
/// Milliseconds of a minute.
pub const MINUTES: i64 = 60_000;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct KeyDef {
    /// The key.
    pub name: &'static str,
    /// Type of its value.
    pub value_type: Type,
    /// Its value when not set.
    pub fallback: Fallback,
    /// What is allowed.
    pub valid: Valid,
    /// How much it matters.
    pub importance: Importance,
    /// Whether it may be altered at run time.
    pub update: Update,
    /// Not shown to users; for tests and tuning.
    pub internal: bool,
    /// Whether it has its effect in Klamm.
    pub supported: bool,
    /// Why it can have none, where Klamm is built otherwise; empty for all others.
    pub moot: &'static str,
    /// Broker keys that it falls back to, the first that is set counts. Only of topic and group keys.
    pub synonyms: &'static [Synonym],
    doc: &'static [&'static str],
}

impl KeyDef {
    /// A key that is neither internal nor supported.
    pub const fn new(
        (name, value_type): (&'static str, Type),
        fallback: Fallback,
        valid: Valid,
        importance: Importance,
        update: Update,
        doc: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            value_type,
            fallback,
            valid,
            importance,
            update,
            internal: false,
            supported: false,
            moot: "",
            synonyms: &[],
            doc,
        }
    }

    /// The same key, internal.
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// The same key, with its effect in Klamm.
    pub const fn supported(mut self) -> Self {
        self.supported = true;
        self
    }

    /// The same key, for which Klamm has no use, and why.
    pub const fn moot(mut self, why: &'static str) -> Self {
        self.moot = why;
        self
    }

    /// The same key, falling back to broker keys.
    pub const fn from(mut self, synonyms: &'static [Synonym]) -> Self {
        self.synonyms = synonyms;
        self
    }

    /// What the key does, in a sentence or two.
    pub fn documentation(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// Whether its value is never shown.
    pub fn is_sensitive(&self) -> bool {
        self.value_type == Type::Password
    }

    /// Parses and checks a value. Duplicates in lists are dropped where Kafka drops them.
    pub fn parse(&self, text: &str) -> Result<Value, ConfigError> {
        let mut value = Value::parse(self.value_type, text)
            .map_err(|reason| ConfigError::invalid(self.name, self.shown(text), reason))?;
        if let (Valid::List { .. }, Value::List(items)) = (&self.valid, &mut value) {
            let mut seen = std::collections::BTreeSet::new();
            items.retain(|item| seen.insert(item.clone()));
        }
        self.check(&value)?;
        Ok(value)
    }

    /// Checks a parsed value.
    pub fn check(&self, value: &Value) -> Result<(), ConfigError> {
        self.valid.check(value).map_err(|wrong| {
            let shown = wrong.item.unwrap_or_else(|| value.to_string());
            ConfigError::invalid(self.name, shown, wrong.reason)
        })
    }

    /// The default, parsed. `None` if the key has to be set.
    pub fn default_value(&self) -> Option<Value> {
        match self.fallback {
            Fallback::Required => None,
            Fallback::Null => Some(Value::Null),
            // A test parses all defaults.
            Fallback::Text(text) => Some(Value::parse(self.value_type, text).unwrap_or(Value::Null)),
        }
    }

    fn shown(&self, text: &str) -> String {
        if self.is_sensitive() { crate::value::HIDDEN.to_owned() } else { text.to_owned() }
    }
}

/// A key together with the Rust type of its value.
#[derive(Debug)]
pub struct Key<T> {
    /// The row.
    pub def: KeyDef,
    value: PhantomData<fn() -> T>,
}

impl<T: ConfigType> Key<T> {
    /// Declares a key. The row's type has to be that of `T`; [`keys!`](crate::keys) sees to it.
    pub const fn new(def: KeyDef) -> Self {
        Self { def, value: PhantomData }
    }

    /// The key's name.
    pub const fn name(&self) -> &'static str {
        self.def.name
    }
}

/// Declares keys, one row each, and the list of all of them.
///
/// ```text
/// keys! { DEFS;
///     /// What it does and in which unit.
///     LOG_ROLL_HOURS: i32 = "log.roll.hours", default(168), at_least(1), High, ReadOnly;
/// }
/// ```
/// The name's doc comment is the documentation that users see. Default: `required`, `null` or `default(...)`. After the
/// update mode may stand `supported`, `moot("why")`, `internal` and `from(&[("broker.key", FACTOR), ...])`.
#[macro_export]
#[doc(hidden)]
macro_rules! keys {
    ($list:ident; $(
        $(#[doc = $doc:literal])+
        $id:ident: $rust:ty = $name:literal, $fallback:ident $(($text:literal))?, $valid:expr, $importance:ident,
            $update:ident $(, $flag:ident $(($arg:expr))?)*;
    )+) => {
        $(
            $(#[doc = $doc])+
            pub static $id: $crate::key::Key<$rust> = $crate::key::Key::new(
                $crate::key::KeyDef::new(
                    ($name, <$rust as $crate::value::ConfigType>::TYPE),
                    $crate::fallback!($fallback $(($text))?),
                    {
                        #[allow(unused_imports, reason = "not every table has rows with every kind of rule")]
                        use $crate::valid::{Valid::*, *};
                        $valid
                    },
                    $crate::key::Importance::$importance,
                    $crate::key::Update::$update,
                    &[$($doc),+],
                )$(.$flag($($arg)?))*
            );
        )+
        /// All keys of this table, in the order of the file.
        pub(crate) static $list: &[&$crate::key::KeyDef] = &[$(&$id.def),+];
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! fallback {
    (required) => {
        $crate::key::Fallback::Required
    };
    (null) => {
        $crate::key::Fallback::Null
    };
    (default($text:literal)) => {
        $crate::key::Fallback::Text(concat!($text))
    };
}
