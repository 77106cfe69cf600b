//! The controller's decisions, as pure functions on the metadata image.
//!
//! Each command reads a [`Context`] (the tentative image, an index of it, and the node's config) and answers an
//! [`Outcome`](klamm_timeline::Outcome): records and a response that holds once they are committed. One file per
//! decision.
//!
//! It is not a driver: it appends nothing, keeps no clock and talks to nobody. It does not authorize; where an answer
//! depends on what the caller may see, it asks an [`Access`].
//!
//! Read first: [`Context`], [`topics::create_topics`], then [`partitions::Change`] (how a partition may change),
//! [`Heartbeats`] (the state that is in no log).
//!
//! # The driver
//! 1. On becoming leader (raft's `LeaderChanged`): [`activate`] gives the records to append first (the
//!    bootstrap records on an empty log), and [`Heartbeats::activate`] starts the brokers' sessions.
//! 2. Each request: call the decision on the tentative image, encode the records with
//!    [`record_version`](klamm_metadata::image::record_version) at the tentative image's `metadata.version`, propose
//!    them to raft, apply them to the timeline with the end offset that raft answers, bring the [`PartitionIndex`] up with
//!    the timeline's tentative image, answer when it is committed. With no records: answer when everything that is tentative now is committed. If raft refuses, or another leader comes:
//!    revert, and answer NOT_CONTROLLER.
//! 3. From time to time, while active: [`brokers::fence_expired`] at [`Heartbeats::next_deadline`],
//!    [`periodic`] decisions (preferred leaders, unclean elections, a NoOp record).
//!
//! Invariants: a decision looks at nothing but its arguments; the records of an outcome can be replayed in their order
//! on the image that was decided on.
//!
//! *Non-obvious*
//! * A broker's epoch is the offset of its registration record, so that a registration has to be told the offset that
//!   the next record gets.
//! * Heartbeats change [`Heartbeats`] at once, committed or not: a lost touch only shortens a session.
//! * A broker is unfenced by the first heartbeat whose metadata offset proves that it has read its own registration.

pub mod activation;
mod api_error;
pub mod brokers;
pub mod client_quotas;
pub mod configs;
mod context;
pub mod controllers;
pub mod features;
mod heartbeats;
mod partition_index;
pub mod partitions;
pub mod periodic;
pub mod placement;
pub mod producer_ids;
mod random;
pub mod scram;
pub mod topics;

#[cfg(test)]
mod tests;

pub use activation::activate;
pub use api_error::ApiError;
pub use context::{Access, Context};
pub use heartbeats::Heartbeats;
pub use partition_index::{PartitionIndex, PartitionKey};
pub use random::Random;

use klamm_protocol::metadata::MetadataRecord;

/// What a decision of the controller answers.
pub type Outcome<T> = klamm_timeline::Outcome<MetadataRecord, T>;

/// At most so many partitions may be created with one request. Kafka's value.
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;

/// At most so many records may come of one request of a user. Kafka's value.
pub const RECORDS_PER_REQUEST_MAX: usize = 10_000;
