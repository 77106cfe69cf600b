//! Share groups' records on their way (KIP-932): the share partitions of a shard, and keeping their state.

mod batches;
pub mod dead_letters;
pub mod measures;
pub mod partitions;
pub mod persister;
pub mod settings;
