//! What a broker knows about share groups' consumption (KIP-932): which records of a partition are with which member, and
//! the sessions by which members fetch and acknowledge.
//!
//! What it is not: no log, no network, no clock, and not where state is kept. Offsets go in, decisions come out; what has
//! to be kept comes out as [`StateWrite`]s, and the driver says later whether they were. Who is a member of a group, and
//! which partitions it may read, is for the group's coordinator; a share partition takes any member id.
//!
//! Read first: [`SharePartition`], then [`session`].
//!
//! How a shard uses it
//! * **Load**: ask the persister, then [`SharePartition::load`].
//! * **Fetch**: if [`SharePartition::can_acquire`], read the log from [`SharePartition::next_fetch_offset`], and give the
//!   batches found to [`SharePartition::acquire`]. What it returns is locked for the member. If the offset is not in the
//!   log any more: [`SharePartition::log_start_moved`].
//! * **Acknowledge**: [`SharePartition::acknowledge`]; keep the write; [`SharePartition::written`].
//! * **Dead letters**: after each of these, copy what [`SharePartition::take_dead_letters`] gives, then
//!   [`SharePartition::dead_lettered`], for all of it or part by part; and tell what
//!   [`SharePartition::take_breaker_change`] gives.
//! * **Timers**: sleep until [`SharePartition::next_deadline`], then [`SharePartition::expire`].
//! * **Member gone**: [`SharePartition::release`].
//!
//! Invariants
//! * A record is with one member at most, from when it is acquired until its lock has run out or it is acknowledged *and*
//!   that is written.
//! * A record is delivered at most as often as the group's limit says. A failed write never lowers its count.
//! * A record on its way to the dead-letter queue stays so, and holds the start offset back, until the driver says that it
//!   is there *and* that is written.
//! * The start offset passes a record only if it is acknowledged, archived, or gone from the log.
//! * Time only comes in as an argument: a [`std::time::Duration`] since any fixed moment, never going back.
//!
//! Non-obvious
//! * Records are tracked by the batches in which they were fetched, and one by one only where the fates of a batch's
//!   records differ. The bounds of those batches are seen by clients, and say how far a suspect batch is halved, so they
//!   are kept as Kafka keeps them.
//! * A change that is being written has happened already as far as anybody can see, only that nothing else may happen to
//!   the records until it is known to be written; if that fails they are back with the member, unless the lock has run out
//!   meanwhile.
//! * When a lock runs out the records are free at once, whether that can be written or not: the lock was never written
//!   either.

mod aborted;
mod batch;
mod breaker;
mod delivery;
mod partition;
pub mod session;

pub use aborted::{AbortedTransaction, BatchKind, BatchSpan};
pub use breaker::{BreakerSettings, BreakerState};
pub use delivery::{GivenUp, RecordState};
pub use partition::{
    Acknowledgement, AcquireMode, AcquireRequest, AcquiredRecords, Backoff, DeadLetter, Expired, Loaded,
    NotLoaded, Refusal, Settings, SharePartition, StateBatch, StateWrite, WriteId,
};

/// The offset that the persister has for a share partition which nobody has consumed from.
pub const UNINITIALIZED_START_OFFSET: i64 = -1;

#[cfg(test)]
mod tests;
