//! Fetching the metadata log from the leader, as follower or observer.

use crate::machine::Raft;
use crate::message::{Action, RaftRequest};
use crate::role::Role;
use crate::{METADATA_TOPIC, METADATA_TOPIC_ID, Now, OffsetAndEpoch};
use bytes::Bytes;
use klamm_protocol::Records;
use klamm_protocol::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData, ReplicaState,
};
use klamm_protocol::records::BatchIter;

/// How long the leader may keep a fetch waiting. Kafka's value.
const FETCH_WAIT_MS: i32 = 500;

impl Raft {
    pub(crate) fn fetch_from_bootstrap(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.appending.is_some() || self.peers.any_in_flight() {
            // An append under way would make the next fetch ask for what is already here.
            return;
        }
        let leader = self.leader_server();
        if let Some(server) = self.peers.ready_bootstrap(now.monotonic, leader.as_ref()) {
            self.send(now, server, Self::fetch_request, actions);
        }
    }

    pub(crate) fn poll_follower(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Follower(follower) = &self.role else { return };
        if self.may_stand() && now.monotonic >= follower.fetch_deadline {
            return self.become_prospective(now, actions);
        }
        let (leader, snapshot, installing) =
            (follower.leader.clone(), follower.snapshot, follower.installing);
        if installing || self.appending.is_some() || self.peers.any_in_flight() {
            return;
        }
        if self.peers.is_backing_off(leader.id) && !self.peers.is_ready(leader.id, now.monotonic) {
            // The leader does not answer; maybe another one has been elected.
            return self.fetch_from_bootstrap(now, actions);
        }
        if let Some(request) = self.voter_update(now) {
            self.send(now, leader, |_| request, actions);
            return;
        }
        match snapshot {
            Some((id, position)) => {
                self.send(now, leader, |raft| raft.fetch_snapshot_request(id, position), actions)
            }
            None => self.send(now, leader, Self::fetch_request, actions),
        };
    }

    fn fetch_request(&self) -> RaftRequest {
        RaftRequest::Fetch(Box::new(FetchRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            replica_state: ReplicaState { replica_id: self.config.node_id, ..Default::default() },
            max_wait_ms: FETCH_WAIT_MS,
            max_bytes: self.config.fetch_bytes_max,
            topics: vec![FetchTopic {
                topic: METADATA_TOPIC.into(),
                topic_id: METADATA_TOPIC_ID,
                partitions: vec![FetchPartition {
                    partition: 0,
                    current_leader_epoch: self.epoch,
                    fetch_offset: self.log.end_offset(),
                    last_fetched_epoch: self.log.last_epoch(),
                    replica_directory_id: self.config.directory_id,
                    high_watermark: self.high_watermark().unwrap_or(-1),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }))
    }

    pub(crate) fn handle_fetch_response(
        &mut self,
        now: Now,
        response: FetchResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        if !self.hear(now, &response, actions) || !matches!(self.role, Role::Follower(_)) {
            return false;
        }
        let Some(partition) =
            response.responses.into_iter().next().and_then(|topic| topic.partitions.into_iter().next())
        else {
            return false;
        };
        if !self.follow(partition, actions) {
            return false;
        }
        let fetch_deadline = now.monotonic + self.config.fetch_timeout;
        if let Role::Follower(follower) = &mut self.role {
            follower.fetch_deadline = fetch_deadline;
            follower.has_fetched = true;
        }
        true
    }

    /// Does what the leader's answer says. Returns false if that cannot be.
    fn follow(&mut self, partition: PartitionData, actions: &mut Vec<Action>) -> bool {
        let diverging = &partition.diverging_epoch;
        let snapshot = &partition.snapshot_id;
        if diverging.epoch >= 0 {
            let end = OffsetAndEpoch { offset: diverging.end_offset, epoch: diverging.epoch };
            let end_offset = self.log.truncation_offset(end);
            let committed = self.committed_at_least();
            assert!(
                end_offset >= committed,
                "the leader asks to truncate to {end_offset}, but everything before {committed} is committed"
            );
            self.log.truncate(end_offset);
            self.control.truncate(end_offset);
            actions.push(Action::Truncate { end_offset });
        } else if snapshot.epoch >= 0 && snapshot.end_offset >= 0 {
            let id = OffsetAndEpoch { offset: snapshot.end_offset, epoch: snapshot.epoch };
            if id.offset < self.committed_at_least() || self.log.latest_snapshot() == Some(id) {
                // It would take back what is committed, or we have it. The fetch is repeated after a pause.
                return false;
            }
            if let Role::Follower(follower) = &mut self.role {
                follower.snapshot = Some((id, 0));
            }
        } else {
            let bytes = match partition.records {
                Some(Records::Bytes(bytes)) => bytes,
                _ => Bytes::new(),
            };
            self.append_fetched(bytes, actions);
            let known = (partition.high_watermark >= 0).then_some(partition.high_watermark);
            self.follow_high_watermark(known, actions);
        }
        true
    }

    /// The lower bound of what is committed: the high watermark, or what our own snapshot covers, which was committed
    /// when it was written. A restart forgets the former.
    pub(crate) fn committed_at_least(&self) -> i64 {
        let snapshot = self.log.latest_snapshot().map_or(0, |id| id.offset);
        self.high_watermark().unwrap_or(0).max(snapshot)
    }

    /// Appends the batches that are whole, undamaged and continue the log; what comes after is fetched again.
    fn append_fetched(&mut self, bytes: Bytes, actions: &mut Vec<Action>) {
        let base_offset = self.log.end_offset();
        let (mut end_offset, mut last_epoch, mut good) = (base_offset, self.log.last_epoch(), 0);
        let mut batches = BatchIter::new(bytes.clone());
        while let Some(Ok(batch)) = batches.next() {
            let header = batch.header();
            let epoch = header.partition_leader_epoch;
            let continues = header.base_offset == end_offset
                && header.next_offset() > end_offset
                && epoch >= last_epoch
                && epoch <= self.epoch;
            if !continues || batch.check_crc().is_err() {
                break;
            }
            (end_offset, last_epoch, good) = (header.next_offset(), epoch, batches.position());
        }
        if good > 0 {
            // A voter vouches for what it has fetched, and so may an observer that becomes one.
            let sync = self.config.is_controller;
            self.append(bytes.slice(..good), base_offset, end_offset, sync, actions);
        }
    }

    /// The leader's high watermark, as far as our own log goes.
    pub(crate) fn follow_high_watermark(&mut self, known: Option<i64>, actions: &mut Vec<Action>) {
        let log_end = self.log.end_offset();
        if let Role::Follower(follower) = &mut self.role {
            if let Some(offset) = known {
                follower.leader_high_watermark = follower.leader_high_watermark.max(offset);
            }
            let offset = follower.leader_high_watermark.min(log_end);
            if offset >= 0 && follower.leader_high_watermark >= 0 {
                let has_all = follower.leader_high_watermark == offset;
                self.announce_high_watermark(offset, actions);
                if has_all {
                    self.judge_leader(actions);
                }
            }
        }
    }
}
