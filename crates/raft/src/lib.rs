//! KRaft: the quorum that replicates `__cluster_metadata-0` (KIP-595, 630, 853, 996).
//!
//! [`Raft`] is one node's part in it, as a protocol machine: [`Raft::step`] takes one [`Input`] and pushes
//! [`Action`]s; [`Raft::next_deadline`] says when to come back with [`Input::Tick`]. It knows the metadata log by its
//! shape only ([`LogState`]: offsets, epochs, snapshots); bytes pass through it on their way to the log, and fetches
//! are answered with a range for the driver to read.
//!
//! It is not the log, not the network and not the controller; it does not look into data records.
//!
//! Read first: [`Action`] (the contract with the driver), [`Raft`], then `role.rs`.
//!
//! # The driver
//! 1. Read `quorum-state`, the latest snapshot and the log from there through [`Recovery`], then [`Raft::new`] and one
//!    [`Input::Tick`].
//! 2. After every step, carry out **all actions in order** before the next step. The order is the durability contract:
//!    a vote is on disk before it is sent, records are on disk before [`Input::Appended`] counts them.
//! 3. [`Action::Append`] may be carried out while other inputs are stepped; there is never more than one under way.
//!    Every other write is done before the next action.
//! 4. [`Action::HighWatermark`]: everything before it is committed. Read the batches between the offset applied so far
//!    and it from the log (or commit what was applied when it was proposed).
//! 5. [`Action::LeaderChanged`] with this node as leader: propose from now on, with that epoch. It comes after the
//!    high watermark has passed the epoch's first record, so that everything from before is applied.
//!
//! # Invariants
//! Those of the published TLA+ models of KRaft. Asserted here: an epoch never goes back; the high watermark never goes
//! back; nothing before it, or before our own snapshot, is truncated; offsets of appends are contiguous. Watched by
//! `tests/faults.rs` under crashes, losses and delays: a node votes once per epoch, an epoch has one leader, committed
//! histories are prefixes of one another, nothing acknowledged is lost. They rest on this:
//! * Epoch and vote are durable before the answer that tells of them (`election.rs`).
//! * A voter's fetch offset, and the leader's own part in the high watermark, count durable records only (`leader.rs`).
//! * A candidate gets a vote only if its log's last epoch, then its end, is not behind the voter's (`election.rs`).
//! * Majorities of successive voter sets overlap (`voter_change.rs`).
//! * A pre-vote binds nobody, so that losing touch with a leader early costs nothing but messages (`epochs.rs`).
//!
//! *Non-obvious*
//! * A leader's high watermark is unknown until a record of its own epoch is replicated: committing records of earlier
//!   epochs by counting replicas is the Raft paper's figure 8.
//! * A node that led before a restart starts as *resigned*, so that it cannot vote for another in that epoch.
//! * The voter set in force is the last one in the log, committed or not.
//! * The bootstrap snapshot `00000000000000000000-0000000000.checkpoint` is never sent to others: the first leader
//!   writes the voters in it to the log instead.
//! * An observer discovers the leader by sending Fetch to any bootstrap server: the error names the leader.

mod config;
mod control;
mod describe;
mod disagreement;
mod dynamic_quorum;
mod election;
mod epochs;
mod fetch_client;
mod fetch_server;
mod leader;
mod log_state;
mod machine;
mod message;
mod peers;
mod quorum_state;
mod recovery;
mod role;
mod snapshot_transfer;
#[cfg(test)]
mod tests;
mod versions;
mod voter_change;
mod voter_update;
mod voters;
mod wire;

pub use config::{Config, Endpoint, parse_voters};
pub use disagreement::Disagreement;
pub use fetch_server::finish_fetch_snapshot;
pub use log_state::{LogState, OffsetAndEpoch, Validity};
pub use machine::Raft;
pub use message::{
    Action, FetchRange, Input, ProposeError, RaftRequest, RaftResponse, RequestFailure, Server,
};
pub use quorum_state::{QuorumState, QuorumStateError, QuorumStateFile};
pub use recovery::{ControlState, Recovery};
pub use versions::fetch_in_version;
pub use voters::{ReplicaKey, Voter, VoterSet};

use klamm_protocol::Uuid;
use std::time::Duration;

/// Name of the metadata topic; its partition is 0.
pub const METADATA_TOPIC: &str = "__cluster_metadata";
/// Id of the metadata topic.
pub const METADATA_TOPIC_ID: Uuid = Uuid::from_u128(1);
/// Name of the feature that says how voters are kept (KIP-853): 0 in the configuration, 1 in the log.
pub const KRAFT_VERSION_FEATURE: &str = "kraft.version";
/// The levels of [`KRAFT_VERSION_FEATURE`] that we can live with, first and last.
pub const KRAFT_VERSIONS: (i16, i16) = (0, 1);
/// The snapshot that `storage format` writes for a dynamic quorum.
pub const BOOTSTRAP_SNAPSHOT: OffsetAndEpoch = OffsetAndEpoch { offset: 0, epoch: 0 };

/// The time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since the node's start; never goes back. Deadlines are in it.
    pub monotonic: Duration,
    /// Milliseconds since 1970, for record timestamps and DescribeQuorum.
    pub wall_ms: i64,
}
