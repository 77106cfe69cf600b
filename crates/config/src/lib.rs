//! The one table of config keys: every key of Kafka 4.3 for brokers, topics, groups, client metrics and quota entities,
//! with type, default, rule, importance, update mode and documentation, one row per key; and everything derived from
//! it: parsing, typed reading, what DescribeConfigs answers, what alterations are allowed, the reference pages.
//!
//! It is not a place for values at run time: it reads no files and keeps no state that changes. Whoever needs a value
//! on a hot path copies it out.
//!
//! Read first: [`key::KeyDef`] (a row) and the tables in `broker/`, [`topic`], [`group`]; then [`BrokerConfig`]
//! (a node's own config).
//!
//! Invariants: names are unique within a table; every default keeps its key's rule; the facts are those of Kafka 4.3.1
//! (a test compares them with a list that Kafka's own classes wrote, `testdata/`).
//!
//! # Non-obvious
//! * A row's doc comment is the documentation users see, in DescribeConfigs and on the reference page.
//! * Unknown keys are no error. Kafka warns of them, and plugins of other programs keep theirs in the same file.
//! * `node.id` and `broker.id` stand for each other when only one is set.
//! * A topic key falls back to several broker keys of different units, of which the first that is *set* counts, while
//!   the default is always that of the last: `retention.ms` is `log.retention.hours` x 3,600,000 unless one of the
//!   others is there.
//! * A class name is only text here: Klamm loads no Java classes.

pub mod alter;
pub mod assignors;
pub mod broker;
mod broker_config;
pub mod client;
pub mod client_metrics;
pub mod describe;
pub mod error;
pub mod group;
pub mod key;
pub mod listener;
mod names;
pub mod properties;
pub mod providers;
pub mod quota;
pub mod reference;
pub mod table;
pub mod topic;
pub mod topic_config;
pub mod valid;
pub mod value;

pub use broker_config::{BrokerConfig, Role};
pub use error::{ConfigError, ConfigErrors};
pub use key::{Importance, Key, KeyDef, Update};
pub use listener::{Endpoint, SecurityProtocol, Voter};
pub use table::{Table, Values};
pub use topic_config::{GroupConfig, TopicConfig};
pub use value::{Class, ConfigType, Password, Type, Value};

#[cfg(test)]
mod facts;
