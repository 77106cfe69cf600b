//! What the raft machine wants done, in the order in which it wants it.
//!
//! Actions are the durability contract: a vote is on disk before it is sent. Some of them lead to the next step (a
//! snapshot is in place, this node leads now); that waits until all actions of the step before are done.

use bytes::Bytes;
use klamm_io::spawn;
use klamm_raft::{Action, Input, RaftResponse};
use tracing::error;

use super::{Driver, Event};
use crate::quorum::{disagreement, metadata_log::MetadataLogError};

/// What comes after all actions of a step.
pub(super) enum Afterwards {
    /// The next step.
    Step(Input),
    /// This node leads in that epoch, after that other leader.
    Activate { epoch: i32, before: Option<i32> },
}

impl Driver {
    /// Carries out all actions of one step, and then what they have asked for, one after the other.
    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        assert!(!self.carrying_out, "one step, then all its actions, then the next step");
        self.carrying_out = true;
        for action in actions {
            if let Err(error) = self.carry_out_one(action) {
                self.fail(&error);
                return;
            }
        }
        self.carrying_out = false;
        while let Some(next) = self.afterwards.pop_front() {
            match next {
                Afterwards::Step(input) => self.step(input),
                Afterwards::Activate { epoch, before } => self.activate(epoch, before),
            }
        }
    }

    fn carry_out_one(&mut self, action: Action) -> Result<(), MetadataLogError> {
        let now_ms = self.world.clock.wall_ms();
        match action {
            Action::PersistQuorumState { content, .. } => self.log.write_quorum_state(&content)?,
            Action::Append { batches, base_offset, end_offset, sync } => {
                let now = self.world.clock.now();
                self.measured.appends(now, self.raft.is_leader(), end_offset - base_offset);
                let handle = self.log.append(batches, now_ms)?;
                let events = self.events.clone();
                spawn::local(async move {
                    let done = if sync {
                        spawn::blocking(move || handle.sync()).await
                    } else {
                        Some(handle.unsynced())
                    };
                    // A quorum whose leader does not know what it has on disk would stand still, and nobody would know why.
                    let Some(done) = done else {
                        error!("a defect in syncing the metadata log: the node ends");
                        spawn::abort();
                    };
                    let _ = events.send(Event::Synced(done));
                });
            }
            Action::Truncate { end_offset } => self.log.truncate(end_offset, now_ms)?,
            Action::Send { request_id, to, request } => {
                let (peers, events) = (self.peers.clone(), self.events.clone());
                spawn::local(async move {
                    let result = peers.send(&to, request).await;
                    let _ = events.send(Event::Answer(request_id, result));
                });
            }
            Action::Respond { token, response } => self.respond(token, response),
            Action::RespondFetch { token, mut response, range } => {
                let bytes_max = u32::try_from(range.bytes_max).unwrap_or(0);
                let found = self.log.read(range.offset, range.end_offset, bytes_max)?;
                let records = found.map_or_else(Bytes::new, |(bytes, _)| bytes);
                for topic in &mut response.responses {
                    for partition in &mut topic.partitions {
                        partition.records = Some(klamm_protocol::Records::Bytes(records.clone()));
                    }
                }
                self.respond(token, RaftResponse::Fetch(response));
            }
            Action::RespondFetchSnapshot { token, mut response, id, position, bytes_max } => {
                let file = self.log.read_snapshot(id, position, bytes_max)?;
                let file = file.map(|(size, bytes)| (size, klamm_protocol::Records::Bytes(bytes)));
                klamm_raft::finish_fetch_snapshot(&mut response, file);
                self.respond(token, RaftResponse::FetchSnapshot(response));
            }
            Action::HighWatermark { offset } => {
                self.measured.committed(self.world.clock.now(), offset);
                self.committed(offset)?;
            }
            Action::LeaderChanged { epoch, leader } => self.leader_changed(epoch, leader),
            Action::WriteSnapshot { id, position, bytes } => {
                self.log.write_snapshot_part(id, position, &bytes)?
            }
            Action::FinishSnapshot { id } => self.install_snapshot(id)?,
            Action::Disagree { disagreement } => {
                disagreement::tell(&disagreement, self.config.is_controller())
            }
            Action::ShutdownComplete => {
                if let Some(left) = self.left.take() {
                    let _ = left.send(());
                }
            }
        }
        Ok(())
    }

    fn respond(&mut self, token: u64, response: RaftResponse) {
        if let Some(reply) = self.requests.remove(&token) {
            let _ = reply.send(response);
        }
    }
}
