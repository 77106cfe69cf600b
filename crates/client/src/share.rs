//! Share groups (KIP-932), as clients use them: reading as a member of one, and their administration.
//!
//! Read first: [`ShareConsumer::poll`].
//!
//! Invariants
//! * A record that `poll` gave out is accepted, released or rejected at most once, to the broker that it came from.
//! * Nothing is acknowledged outside the share session in which it was acquired.
//!
//! *Non-obvious*
//! * Acknowledgements travel with the next fetch, or by themselves when [`ShareConsumer::commit`] or
//!   [`ShareConsumer::close`] asks for it.
//! * A record whose lock is renewed (KIP-1222) is given out again by a later poll, and something is to be said of it again.
//! * A session that a broker has lost gives its records back: what was to be said of them is dropped.

mod acknowledgements;
mod admin;
mod consumer;
mod member;
mod renewals;
mod session;
mod settings;

pub use acknowledgements::AcknowledgeType;
pub use admin::{ShareGroupDescription, ShareGroupMember, ShareOffset};
pub use consumer::{ShareConsumer, ShareRecord};
