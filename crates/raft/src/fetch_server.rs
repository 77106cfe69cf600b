//! Answering fetches of the metadata log, as leader.

use crate::leader::ParkedFetch;
use crate::log_state::{OffsetAndEpoch, Validity};
use crate::machine::Raft;
use crate::message::{Action, FetchRange, RaftResponse};
use crate::role::Role;
use crate::voters::ReplicaKey;
use crate::{BOOTSTRAP_SNAPSHOT, METADATA_TOPIC, METADATA_TOPIC_ID, Now};
use bytes::Bytes;
use klamm_protocol::api::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData, SnapshotId,
};
use klamm_protocol::api::fetch_snapshot as snapshot;
use klamm_protocol::{ErrorCode, Records};
use std::time::Duration;

/// At most so many bytes in an answer, whatever was asked for: they are held in memory.
const RESPONSE_BYTES_MAX: i32 = 8 << 20;

/// What a fetch finds.
enum Found {
    Records { high_watermark: Option<i64>, range: FetchRange },
    Nothing { high_watermark: Option<i64> },
    Diverging(OffsetAndEpoch),
    Snapshot(OffsetAndEpoch),
}

impl Raft {
    pub(crate) fn handle_fetch(
        &mut self,
        now: Now,
        token: u64,
        listener: &str,
        request: &FetchRequest,
        actions: &mut Vec<Action>,
    ) {
        let mut refuse = |error: ErrorCode| {
            let response = FetchResponse { error_code: error.code(), ..Default::default() };
            actions.push(Action::Respond { token, response: RaftResponse::Fetch(Box::new(response)) });
        };
        if request.cluster_id.as_ref().is_some_and(|id| *id != self.config.cluster_id) {
            return refuse(ErrorCode::InconsistentClusterId);
        }
        let partition = match request.topics.as_slice() {
            [topic] if topic.topic == *METADATA_TOPIC || topic.topic_id == METADATA_TOPIC_ID => {
                match topic.partitions.as_slice() {
                    [partition] if partition.partition == 0 => partition,
                    _ => return refuse(ErrorCode::InvalidRequest),
                }
            }
            _ => return refuse(ErrorCode::InvalidRequest),
        };
        let replica_id = if request.replica_state.replica_id >= 0 {
            request.replica_state.replica_id
        } else {
            request.replica_id
        };
        let fetch = ParkedFetch {
            token,
            listener: listener.into(),
            key: ReplicaKey::from_wire(replica_id, partition.replica_directory_id),
            epoch: partition.current_leader_epoch,
            offset: partition.fetch_offset,
            last_epoch: partition.last_fetched_epoch,
            high_watermark: partition.high_watermark,
            bytes_max: request.max_bytes.min(RESPONSE_BYTES_MAX),
            deadline: now.monotonic + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        };
        let malformed = request.max_wait_ms < 0
            || fetch.offset < 0
            || fetch.last_epoch < 0
            || fetch.last_epoch > fetch.epoch;
        if malformed || replica_id == self.config.node_id {
            return self.answer_fetch(&fetch, Err(ErrorCode::InvalidRequest), actions);
        }
        self.serve_fetch(now, fetch, request.max_wait_ms > 0, actions);
    }

    /// Answers, or parks the fetch if there is nothing to say yet.
    fn serve_fetch(&mut self, now: Now, fetch: ParkedFetch, may_wait: bool, actions: &mut Vec<Action>) {
        // A leader that stops is heard to the end.
        if let Err(error) = self.check_leader_request(fetch.epoch)
            && error != ErrorCode::BrokerNotAvailable
        {
            return self.answer_fetch(&fetch, Err(error), actions);
        }
        let found = self.find(now, &fetch, actions);
        match found {
            Found::Nothing { high_watermark }
                if may_wait && high_watermark.is_none_or(|offset| offset <= fetch.high_watermark) =>
            {
                if let Role::Leader(leader) = &mut self.role {
                    leader.parked.push(fetch);
                }
            }
            found => self.answer_fetch(&fetch, Ok(found), actions),
        }
    }

    /// Looks at the log from the follower's position, and notes how far it is.
    fn find(&mut self, now: Now, fetch: &ParkedFetch, actions: &mut Vec<Action>) -> Found {
        let log_end = self.log.end_offset();
        if fetch.offset == 0
            && let Some(id) = self.snapshot_to_send()
        {
            // An empty log fills faster from a snapshot.
            return Found::Snapshot(id);
        }
        match self.log.validate(fetch.offset, fetch.last_epoch) {
            Validity::Diverging(end) => return Found::Diverging(end),
            Validity::Snapshot(id) => return Found::Snapshot(id),
            Validity::Valid => {}
        }
        let fetch_timeout = self.config.fetch_timeout;
        let mut moved = false;
        if let Role::Leader(leader) = &mut self.role {
            moved = leader.fetched(now, fetch.key, fetch.offset, log_end, fetch_timeout);
        }
        self.after_leader_progress(now, moved, actions);
        let high_watermark = match &self.role {
            Role::Leader(leader) => leader.high_watermark,
            _ => None,
        };
        if fetch.offset >= log_end {
            return Found::Nothing { high_watermark };
        }
        let range = FetchRange { offset: fetch.offset, end_offset: log_end, bytes_max: fetch.bytes_max };
        Found::Records { high_watermark, range }
    }

    /// The log has grown or the high watermark has moved: tell everybody.
    pub(crate) fn after_leader_progress(
        &mut self,
        now: Now,
        high_watermark_moved: bool,
        actions: &mut Vec<Action>,
    ) {
        let log_end = self.log.end_offset();
        let Role::Leader(leader) = &mut self.role else { return };
        let high_watermark = leader.high_watermark;
        let (ready, waiting) =
            std::mem::take(&mut leader.parked).into_iter().partition(|fetch: &ParkedFetch| {
                fetch.offset < log_end || high_watermark.is_some_and(|offset| offset > fetch.high_watermark)
            });
        leader.parked = waiting;
        let announced = leader.announced;
        if high_watermark_moved && let Some(offset) = high_watermark {
            self.announce_high_watermark(offset, actions);
            if !announced {
                self.announce_leader(actions);
            }
            self.settle_voter_change(actions);
        }
        for fetch in ready {
            self.serve_fetch(now, fetch, false, actions);
        }
    }

    /// Answers the fetches that have waited long enough.
    pub(crate) fn expire_fetches(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let (expired, waiting) = std::mem::take(&mut leader.parked)
            .into_iter()
            .partition(|fetch: &ParkedFetch| now.monotonic >= fetch.deadline);
        leader.parked = waiting;
        let high_watermark = leader.high_watermark;
        for fetch in expired {
            self.answer_fetch(&fetch, Ok(Found::Nothing { high_watermark }), actions);
        }
    }

    /// Refuses everything that waits, since this node leads no longer.
    pub(crate) fn abandon_lead(&mut self, error: ErrorCode, actions: &mut Vec<Action>) {
        self.abandon_voter_change(actions);
        let Role::Leader(leader) = &mut self.role else { return };
        for fetch in std::mem::take(&mut leader.parked) {
            self.answer_fetch(&fetch, Err(error), actions);
        }
    }

    fn answer_fetch(&self, fetch: &ParkedFetch, found: Result<Found, ErrorCode>, actions: &mut Vec<Action>) {
        let mut partition = PartitionData {
            partition_index: 0,
            high_watermark: -1,
            log_start_offset: self.log.start_offset(),
            current_leader: LeaderIdAndEpoch {
                leader_id: self.leader_id().unwrap_or(-1),
                leader_epoch: self.epoch,
                ..Default::default()
            },
            records: Some(Records::Bytes(Bytes::new())),
            ..Default::default()
        };
        let mut records = None;
        match found {
            Err(error) => partition.error_code = error.code(),
            Ok(Found::Nothing { high_watermark }) => partition.high_watermark = high_watermark.unwrap_or(-1),
            Ok(Found::Records { high_watermark, range }) => {
                partition.high_watermark = high_watermark.unwrap_or(-1);
                records = Some(range);
            }
            Ok(Found::Diverging(end)) => {
                partition.diverging_epoch =
                    EpochEndOffset { epoch: end.epoch, end_offset: end.offset, ..Default::default() };
            }
            Ok(Found::Snapshot(id)) => {
                partition.snapshot_id =
                    SnapshotId { epoch: id.epoch, end_offset: id.offset, ..Default::default() };
            }
        }
        let response = Box::new(FetchResponse {
            responses: vec![FetchableTopicResponse {
                topic: METADATA_TOPIC.into(),
                topic_id: METADATA_TOPIC_ID,
                partitions: vec![partition],
                ..Default::default()
            }],
            node_endpoints: self
                .leader_endpoint(&fetch.listener)
                .map(|(node_id, endpoint)| NodeEndpoint {
                    node_id,
                    host: endpoint.host,
                    port: i32::from(endpoint.port),
                    ..Default::default()
                })
                .into_iter()
                .collect(),
            ..Default::default()
        });
        let token = fetch.token;
        actions.push(match records {
            Some(range) => Action::RespondFetch { token, response, range },
            None => Action::Respond { token, response: RaftResponse::Fetch(response) },
        });
    }

    pub(crate) fn handle_fetch_snapshot(
        &mut self,
        now: Now,
        token: u64,
        listener: &str,
        request: &snapshot::FetchSnapshotRequest,
        actions: &mut Vec<Action>,
    ) {
        let partition = match self.partition_of(request) {
            Ok(partition) => partition,
            Err(error) => {
                let response = RaftResponse::FetchSnapshot(self.refused_snapshot(listener, request, error));
                return actions.push(Action::Respond { token, response });
            }
        };
        let id =
            OffsetAndEpoch { offset: partition.snapshot_id.end_offset, epoch: partition.snapshot_id.epoch };
        let error = match self.check_leader_request(partition.current_leader_epoch) {
            Err(error) => error,
            // Its voters are written to the log by the first leader; it is not for others.
            Ok(()) if id == BOOTSTRAP_SNAPSHOT => ErrorCode::SnapshotNotFound,
            Ok(()) => ErrorCode::None,
        };
        let response = self.snapshot_response(listener, id, partition.position, error);
        if error == ErrorCode::None {
            let fetch_timeout = self.config.fetch_timeout;
            let key = ReplicaKey::from_wire(request.replica_id, partition.replica_directory_id);
            if let Role::Leader(leader) = &mut self.role {
                leader.check_quorum(&key, now.monotonic, fetch_timeout);
            }
            let (position, bytes_max) = (partition.position, request.max_bytes.min(RESPONSE_BYTES_MAX));
            actions.push(Action::RespondFetchSnapshot { token, response, id, position, bytes_max });
        } else {
            actions.push(Action::Respond { token, response: RaftResponse::FetchSnapshot(response) });
        }
    }

    /// Refuses the request as a whole, or, if it is about a partition that there is not, for that one.
    fn refused_snapshot(
        &self,
        listener: &str,
        request: &snapshot::FetchSnapshotRequest,
        error: ErrorCode,
    ) -> snapshot::FetchSnapshotResponse {
        let asked = request.topics.first().and_then(|topic| Some((topic, topic.partitions.first()?)));
        let Some((topic, partition)) = asked.filter(|_| error == ErrorCode::InvalidRequest) else {
            return snapshot::FetchSnapshotResponse { error_code: error.code(), ..Default::default() };
        };
        let none = OffsetAndEpoch { offset: 0, epoch: 0 };
        let mut response = self.snapshot_response(listener, none, 0, ErrorCode::UnknownTopicOrPartition);
        for answer in &mut response.topics {
            answer.name = topic.name.clone();
            for answer in &mut answer.partitions {
                answer.index = partition.partition;
                answer.current_leader = snapshot::LeaderIdAndEpoch::default();
            }
        }
        response
    }

    fn snapshot_response(
        &self,
        listener: &str,
        id: OffsetAndEpoch,
        position: i64,
        error: ErrorCode,
    ) -> snapshot::FetchSnapshotResponse {
        snapshot::FetchSnapshotResponse {
            topics: vec![snapshot::FetchSnapshotResponseTopicSnapshot {
                name: METADATA_TOPIC.into(),
                partitions: vec![snapshot::FetchSnapshotResponsePartitionSnapshot {
                    index: 0,
                    error_code: error.code(),
                    snapshot_id: snapshot::FetchSnapshotResponseSnapshotId {
                        end_offset: id.offset,
                        epoch: id.epoch,
                        ..Default::default()
                    },
                    current_leader: snapshot::LeaderIdAndEpoch {
                        leader_id: self.leader_id().unwrap_or(-1),
                        leader_epoch: self.epoch,
                        ..Default::default()
                    },
                    position,
                    unaligned_records: Records::Bytes(Bytes::new()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            node_endpoints: self
                .leader_endpoint(listener)
                .map(|(node_id, endpoint)| snapshot::NodeEndpoint {
                    node_id,
                    host: endpoint.host,
                    port: endpoint.port,
                    ..Default::default()
                })
                .into_iter()
                .collect(),
            ..Default::default()
        }
    }
}

/// Completes the answer of [`Action::RespondFetchSnapshot`]: `file` is the snapshot's size and the bytes from the
/// position on, or `None` if there is no such snapshot.
pub fn finish_fetch_snapshot(response: &mut snapshot::FetchSnapshotResponse, file: Option<(i64, Records)>) {
    for topic in &mut response.topics {
        for partition in &mut topic.partitions {
            match &file {
                None => partition.error_code = ErrorCode::SnapshotNotFound.code(),
                Some((size, _)) if partition.position < 0 || partition.position >= *size => {
                    partition.error_code = ErrorCode::PositionOutOfRange.code();
                }
                Some((size, records)) => {
                    partition.size = *size;
                    partition.unaligned_records = records.clone();
                }
            }
        }
    }
}
