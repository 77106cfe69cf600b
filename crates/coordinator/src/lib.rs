//! The group coordinator: who is in which group, and how far each has read. The [transaction coordinator](transaction):
//! which transactional id has which producer, and how far its transaction is. The [share coordinator](share): how far a
//! share group's deliveries are.
//!
//! One [`GroupCoordinator`] looks after the groups of one partition of `__consumer_offsets`. It decides on requests
//! and timers, and answers an [`Outcome`]: records to append, requests to complete, timers to set. It has no clock, no
//! randomness, no log and no network; its driver, in `server`, has.
//!
//! It is not the one who finds coordinators, creates `__consumer_offsets`, authorizes, or resolves topic ids: that is
//! done by the handlers before a request comes here.
//!
//! Read first: [`GroupCoordinator::handle`], [`Outcome`], [`GroupsState`]; then `group/classic.rs` (JoinGroup and
//! SyncGroup) and `group/consumer.rs` (KIP-848) and `group/share.rs` (KIP-932), each with one file for each API beside it.
//!
//! Invariants
//! * Replaying the records of all outcomes into an empty [`GroupsState`] gives [`GroupCoordinator::state`].
//! * Every request is completed exactly once: at once, when committed, or later by another outcome if it is parked.
//! * A group in memory is in [`GroupCoordinator::state`] too, as soon as the outcome that made it is appended.
//!
//! *Non-obvious*
//! * A classic group's rebalance happens in memory; its records only note the result. So a classic group has two
//!   halves: `GroupState` is replayed, `Classic` is what its members see. The first is what the second starts from
//!   after a change of leader, and nothing more.
//! * Therefore `handle` changes the groups in memory at once, before its records are appended. What must not be seen
//!   before they are committed is held back in a [`Continuation`], and what has to be undone if they are lost is kept
//!   in it.
//! * A consumer group, in contrast, is its records and nothing else. A decision writes its records on a draft of the
//!   group as it goes, so that each step sees the ones before.
//! * A streams group's endpoint epoch, its configured topology and a wish to shut down are in memory only, as in Kafka.
//! * Kinds of groups share their ids. An empty group gives way to one of another kind; only share groups neither give
//!   way nor take another's place, and stay until they are deleted. A group with members goes from the classic to the
//!   consumer protocol and back as `group.consumer.migration.policy` allows (`group/consumer/migrate.rs`): its records
//!   say all that there is of it, its new form is in memory at once, and who was waiting in the old one is told to
//!   rejoin.
//! * A share group's partitions are assigned only when they have state with the share coordinator ([`share`]). The
//!   machine does not ask for it: its answers say what to ask, and a later request says what came of it
//!   (`group/share/request.rs`).
//! * Lists of groups and of consumer group members come in the order of Kafka's hash tables, which its tests compare.
//! * A JoinGroup of a new member creates the group and writes an empty record for it, as Kafka does, so that
//!   ListGroups, which reads committed state, shows it.
//! * The answer MEMBER_ID_REQUIRED is given before that record is committed: the id means nothing yet.
//! * Ids and metadata that are kept are copied: a slice of a request would keep its whole frame in memory.
//! * Where Kafka leaves a request of a removed or replaced member without an answer, here it gets one.

mod cluster;
mod coordinator;
mod effect;
mod group;
mod java_hash;
mod java_table;
mod offsets;
mod pattern;
mod record;
mod request;
mod settings;
pub mod share;
mod state;
mod token;
mod topic_hash;
pub mod transaction;
mod write_error;

pub use cluster::{Cluster, NoCluster};
pub use coordinator::{GroupCoordinator, Loader};
pub use effect::{
    Completion, Continuation, Effects, Outcome, Reply, StaticMemberSwap, StreamsHeartbeat, TimerKey,
};
pub use group::share::request::{Initialize, ShareGroupReply, ShareGroupRequest, TopicPartitions};
pub use group::{Census, GroupKind};
pub use java_hash::java_hash;
pub use record::{ConsumerRecord, GroupRecord, ShareRecord, StreamsRecord};
pub use request::{EndTransaction, Request, RequestContext};
pub use settings::{ConsumerTiming, GroupSettings, MigrationPolicy, ShareTiming, StreamsTiming};
pub use state::{GroupsState, LogRecord};
pub use token::Token;
pub use topic_hash::{group_hash, topic_hash};
