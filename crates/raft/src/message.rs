//! What goes into the machine and what comes out.

use crate::disagreement::Disagreement;
use crate::log_state::OffsetAndEpoch;
use crate::quorum_state::QuorumState;
use crate::recovery::ControlState;
use bytes::Bytes;
use klamm_protocol::StrBytes;
use klamm_protocol::api::{
    add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse},
    api_versions::{ApiVersionsRequest, ApiVersionsResponse},
    begin_quorum_epoch::{BeginQuorumEpochRequest, BeginQuorumEpochResponse},
    describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse},
    end_quorum_epoch::{EndQuorumEpochRequest, EndQuorumEpochResponse},
    fetch::{FetchRequest, FetchResponse},
    fetch_snapshot::{FetchSnapshotRequest, FetchSnapshotResponse},
    remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse},
    update_raft_voter::{UpdateRaftVoterRequest, UpdateRaftVoterResponse},
    vote::{VoteRequest, VoteResponse},
};
use std::time::Duration;

/// A node to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its id; negative for a bootstrap server whose id is not known.
    pub id: i32,
    /// Host name or address of its controller listener.
    pub host: StrBytes,
    /// Port of its controller listener.
    pub port: u16,
}

/// A request of the quorum's protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum RaftRequest {
    /// Fetch of the metadata partition.
    Fetch(Box<FetchRequest>),
    /// Part of a snapshot.
    FetchSnapshot(FetchSnapshotRequest),
    /// Vote or pre-vote.
    Vote(VoteRequest),
    /// A new leader announces itself.
    BeginQuorumEpoch(BeginQuorumEpochRequest),
    /// A leader steps down.
    EndQuorumEpoch(EndQuorumEpochRequest),
    /// State of the quorum, asked by anybody.
    DescribeQuorum(DescribeQuorumRequest),
    /// What a node that wants to vote supports; only sent.
    ApiVersions(Box<ApiVersionsRequest>),
    /// Adds a voter.
    AddRaftVoter(AddRaftVoterRequest),
    /// Removes a voter.
    RemoveRaftVoter(RemoveRaftVoterRequest),
    /// Changes a voter's endpoints.
    UpdateRaftVoter(UpdateRaftVoterRequest),
}

/// The answer to a [`RaftRequest`], of the same kind.
#[derive(Clone, Debug, PartialEq)]
pub enum RaftResponse {
    /// See the request.
    Fetch(Box<FetchResponse>),
    /// See the request.
    FetchSnapshot(FetchSnapshotResponse),
    /// See the request.
    Vote(VoteResponse),
    /// See the request.
    BeginQuorumEpoch(BeginQuorumEpochResponse),
    /// See the request.
    EndQuorumEpoch(EndQuorumEpochResponse),
    /// See the request.
    DescribeQuorum(DescribeQuorumResponse),
    /// See the request.
    ApiVersions(Box<ApiVersionsResponse>),
    /// See the request.
    AddRaftVoter(AddRaftVoterResponse),
    /// See the request.
    RemoveRaftVoter(RemoveRaftVoterResponse),
    /// See the request.
    UpdateRaftVoter(UpdateRaftVoterResponse),
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// No connection, a broken one, or no answer in time.
    Disconnected,
    /// Nothing listens at the address: the server's process is gone. The machine it ran on has said so.
    Refused,
    /// The server does not have a version of the API that can carry the request.
    UnsupportedVersion,
}

/// What happens to a node.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// A request from another node; to be answered with [`Action::Respond`] or its relatives, maybe later.
    Request {
        /// Names the request until it is answered.
        token: u64,
        /// Name of the listener it came by.
        listener: StrBytes,
        /// What is asked.
        request: RaftRequest,
    },
    /// The outcome of an [`Action::Send`].
    Response {
        /// From the action.
        request_id: u64,
        /// The answer, or why there is none.
        result: Result<RaftResponse, RequestFailure>,
    },
    /// The records of the [`Action::Append`] under way are durable (or written, where it did not ask for more).
    Appended,
    /// A snapshot fetched from the leader is in place: the answer to [`Action::FinishSnapshot`].
    SnapshotInstalled {
        /// Which.
        id: OffsetAndEpoch,
        /// Read from it by [`crate::Recovery::snapshot`].
        control: ControlState,
    },
    /// A snapshot fetched from the leader is no use: the other answer to [`Action::FinishSnapshot`]. Nothing has changed.
    SnapshotDamaged {
        /// Which.
        id: OffsetAndEpoch,
    },
    /// This node has written a snapshot of its own.
    SnapshotSaved {
        /// The committed position it holds everything before.
        id: OffsetAndEpoch,
    },
    /// This node has deleted records that a snapshot covers.
    LogTrimmed {
        /// The first offset that is left.
        start_offset: i64,
        /// The oldest snapshot that is left.
        earliest_snapshot: OffsetAndEpoch,
    },
    /// The active controller gives up the lead.
    Resign {
        /// The epoch it led in; another one is ignored.
        epoch: i32,
    },
    /// The node wants to stop: hand the lead over, then [`Action::ShutdownComplete`].
    Shutdown {
        /// Time for that.
        timeout: Duration,
    },
}

/// What records to put into a fetch response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchRange {
    /// Start with the batch that holds this offset.
    pub offset: i64,
    /// Stop before this offset.
    pub end_offset: i64,
    /// At most so many bytes, but at least one batch.
    pub bytes_max: i32,
}

/// What the driver has to do, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Replace the file `quorum-state` and make it durable before the next action.
    PersistQuorumState {
        /// What to keep.
        state: QuorumState,
        /// Content of the file, of the version that the quorum is at.
        content: String,
    },
    /// Append whole batches to the log; when that is done: [`Input::Appended`]. Never two at a time.
    Append {
        /// Batches, end to end, with offsets and epochs set and valid checksums.
        batches: Bytes,
        /// Offset of the first record, the log's end.
        base_offset: i64,
        /// Offset after the last record.
        end_offset: i64,
        /// Whether the records must be durable before [`Input::Appended`]; not for an observer.
        sync: bool,
    },
    /// Cut the log so that it ends at `end_offset`, before the next action. Nothing committed is lost by it.
    Truncate {
        /// The new end.
        end_offset: i64,
    },
    /// Send a request; its outcome comes back as [`Input::Response`], after [`crate::Config::request_timeout`] at the
    /// latest. Not to be retried.
    Send {
        /// Names it.
        request_id: u64,
        /// To whom.
        to: Server,
        /// What.
        request: RaftRequest,
    },
    /// Answer a request.
    Respond {
        /// From [`Input::Request`].
        token: u64,
        /// The answer.
        response: RaftResponse,
    },
    /// Answer a fetch with records: put what `range` says into the records of the one partition.
    RespondFetch {
        /// From [`Input::Request`].
        token: u64,
        /// All but the records.
        response: Box<FetchResponse>,
        /// Which records.
        range: FetchRange,
    },
    /// Answer a snapshot fetch: see [`crate::finish_fetch_snapshot`].
    RespondFetchSnapshot {
        /// From [`Input::Request`].
        token: u64,
        /// All but size and bytes.
        response: FetchSnapshotResponse,
        /// Of which snapshot.
        id: OffsetAndEpoch,
        /// From which byte.
        position: i64,
        /// At most so many bytes.
        bytes_max: i32,
    },
    /// Everything before `offset` is committed. Never goes back.
    HighWatermark {
        /// The first offset that is not.
        offset: i64,
    },
    /// Who leads has changed. With this node as leader it comes only when everything before its epoch is committed.
    LeaderChanged {
        /// The epoch.
        epoch: i32,
        /// Its leader; `None` while there is none or it is not known.
        leader: Option<i32>,
    },
    /// Write a part of the leader's snapshot, at `position` of the file under way; position 0 starts it anew.
    WriteSnapshot {
        /// Which.
        id: OffsetAndEpoch,
        /// Where in the file.
        position: i64,
        /// What.
        bytes: Bytes,
    },
    /// The snapshot is whole: check it, put it in place durably, start the log empty at its offset, load the image from
    /// it; then [`Input::SnapshotInstalled`], or [`Input::SnapshotDamaged`].
    FinishSnapshot {
        /// Which.
        id: OffsetAndEpoch,
    },
    /// Another node and this one do not agree on who votes: say so. Told once for each such difference.
    Disagree {
        /// How they differ.
        disagreement: Disagreement,
    },
    /// The node may stop.
    ShutdownComplete,
}

/// Why records cannot be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This node does not lead in that epoch.
    #[error("not the leader in epoch {0}")]
    NotLeader(i32),
    /// A record is larger than a batch may be.
    #[error("a record of {0} bytes does not fit into a batch")]
    TooLarge(usize),
}
