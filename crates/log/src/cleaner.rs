//! The log cleaner: of each key only the latest record stays (`cleanup.policy=compact`).
//!
//! A log says how dirty it is ([`crate::Log::cleanable`]); the owner of many logs chooses one and has it say what is to be
//! done ([`crate::Log::start_cleaning`]). A [`Cleaning`] does it on another thread, a step at a time: it reads the sealed
//! segments, writes what stays of them into `.cleaned` files, and gives each finished segment back, which the log puts in
//! the place of the old ones ([`crate::Log::swap_cleaned`]). At the end the log is told how far it is clean
//! ([`crate::Log::end_cleaning`]).
//!
//! Read first: `filter.rs` (what stays of a batch), then `run.rs` (the order of the steps).
//!
//! Invariants:
//! * Nothing at or beyond the last stable offset is touched, nor the active segment.
//! * A log that is truncated, renamed or dropped while it is being cleaned refuses what comes back.
//! * Retention waits while a log is being cleaned, so that the segments that are read stay.
//! * The last batch of every producer that the log knows stays, if need be without records.
//!
//! Non-obvious:
//! * Keys are compared by a keyed hash of 128 bits: two keys with the same one would be taken for one.
//! * A tombstone goes in two rounds. The first stamps the time at which it may go into the batch (the delete horizon,
//!   KIP-534), a later one takes it. The same holds for the marker of a transaction that has no records any more.

mod cleanable;
mod filter;
mod key_hash;
mod offset_map;
mod run;
mod swap;
mod throttle;
mod transactions;

pub use cleanable::Cleanable;
pub(crate) use cleanable::CleaningState;
pub use run::{CleanerSettings, Cleaning, CleaningId, CleaningStats, Step};
pub use swap::CleanedSegment;
pub use throttle::Throttle;
