//! Fetching a snapshot from the leader.

use crate::machine::Raft;
use crate::message::{Action, RaftRequest};
use crate::recovery::ControlState;
use crate::role::Role;
use crate::wire::TellsLeader;
use crate::{METADATA_TOPIC, Now, OffsetAndEpoch};
use bytes::Bytes;
use klamm_protocol::api::fetch_snapshot::{
    FetchSnapshotRequest, FetchSnapshotRequestPartitionSnapshot, FetchSnapshotRequestSnapshotId,
    FetchSnapshotRequestTopicSnapshot, FetchSnapshotResponse,
};
use klamm_protocol::{ErrorCode, Records};

impl Raft {
    pub(crate) fn fetch_snapshot_request(&self, id: OffsetAndEpoch, position: i64) -> RaftRequest {
        RaftRequest::FetchSnapshot(FetchSnapshotRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            replica_id: self.config.node_id,
            max_bytes: self.config.snapshot_bytes_max,
            topics: vec![FetchSnapshotRequestTopicSnapshot {
                name: METADATA_TOPIC.into(),
                partitions: vec![FetchSnapshotRequestPartitionSnapshot {
                    partition: 0,
                    current_leader_epoch: self.epoch,
                    snapshot_id: FetchSnapshotRequestSnapshotId {
                        end_offset: id.offset,
                        epoch: id.epoch,
                        ..Default::default()
                    },
                    position,
                    replica_directory_id: self.config.directory_id,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        })
    }

    pub(crate) fn handle_fetch_snapshot_response(
        &mut self,
        now: Now,
        response: FetchSnapshotResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(heard) = response.heard() else { return false };
        let error = heard.error;
        if self.handle_common(now, heard, actions) {
            return false;
        }
        let Some(partition) =
            response.topics.into_iter().next().and_then(|topic| topic.partitions.into_iter().next())
        else {
            return false;
        };
        let fetch_deadline = now.monotonic + self.config.fetch_timeout;
        let Role::Follower(follower) = &mut self.role else { return false };
        let Some((id, position)) = follower.snapshot else { return false };
        let answered =
            OffsetAndEpoch { offset: partition.snapshot_id.end_offset, epoch: partition.snapshot_id.epoch };
        if error != ErrorCode::None || answered != id || partition.position != position {
            // The leader has a newer one, most likely; the next fetch tells. It is alive, at any rate.
            follower.snapshot = None;
            follower.fetch_deadline = fetch_deadline;
            return false;
        }
        follower.fetch_deadline = fetch_deadline;
        let bytes = match partition.unaligned_records {
            Records::Bytes(bytes) => bytes,
            Records::Gap { .. } => Bytes::new(),
        };
        let end = position.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        if bytes.is_empty() || end > partition.size {
            follower.snapshot = None;
            return false;
        }
        follower.snapshot = Some((id, end));
        actions.push(Action::WriteSnapshot { id, position, bytes });
        if end == partition.size {
            follower.installing = true;
            actions.push(Action::FinishSnapshot { id });
        }
        true
    }

    /// It is fetched anew, after a pause: the leader may have a newer one by then.
    pub(crate) fn handle_snapshot_damaged(&mut self, now: Now, id: OffsetAndEpoch) {
        if let Role::Follower(follower) = &mut self.role
            && follower.snapshot.is_some_and(|(fetched, _)| fetched == id)
        {
            follower.snapshot = None;
            follower.installing = false;
            let leader = follower.leader.id;
            self.peers.back_off(leader, now.monotonic);
        }
    }

    pub(crate) fn handle_snapshot_installed(
        &mut self,
        now: Now,
        id: OffsetAndEpoch,
        control: ControlState,
        actions: &mut Vec<Action>,
    ) {
        self.log.reset_to_snapshot(id);
        self.control = control;
        let fetch_deadline = now.monotonic + self.config.fetch_timeout;
        if let Role::Follower(follower) = &mut self.role {
            follower.snapshot = None;
            follower.installing = false;
            follower.fetch_deadline = fetch_deadline;
        }
        self.announce_high_watermark(id.offset, actions);
    }
}
