//! How a follower tells the leader of itself: UpdateRaftVoter as a voter, AddRaftVoter and RemoveRaftVoter as an observer
//! that joins by itself (`controller.quorum.auto.join.enable`).

use crate::Now;
use crate::machine::Raft;
use crate::message::{Action, RaftRequest};
use crate::role::Role;
use crate::wire::{TellsLeader, endpoint_list};
use klamm_protocol::ErrorCode;
use klamm_protocol::api::{
    add_raft_voter::{self, AddRaftVoterRequest},
    remove_raft_voter::RemoveRaftVoterRequest,
    update_raft_voter::{self, KRaftVersionFeature, UpdateRaftVoterRequest, UpdateRaftVoterResponse},
};

impl Raft {
    /// What there is to tell the leader now, instead of a fetch.
    pub(crate) fn voter_update(&mut self, now: Now) -> Option<RaftRequest> {
        let fetch_timeout = self.config.fetch_timeout;
        let has_updated_leader = match &mut self.role {
            Role::Follower(follower)
                if follower.has_fetched && now.monotonic >= follower.voter_update_deadline =>
            {
                follower.voter_update_deadline = now.monotonic + fetch_timeout;
                follower.has_updated_leader
            }
            _ => return None,
        };
        let is_dynamic = self.control.kraft_version() > 0;
        let own = self.config.voter();
        if self.is_voter() {
            let outdated = self.voters().voter(own.key.id).is_some_and(|known| *known != own);
            let wanted = if is_dynamic { outdated } else { !has_updated_leader };
            return wanted.then(|| self.update_voter_request());
        }
        if !is_dynamic || !self.config.is_controller || !self.config.auto_join {
            return None;
        }
        let request = match self.voters().voter(own.key.id) {
            // Our id votes with another directory: a disk that is no more. It has to go before we can come.
            Some(old) => RaftRequest::RemoveRaftVoter(RemoveRaftVoterRequest {
                cluster_id: Some(self.config.cluster_id.clone()),
                voter_id: old.key.id,
                voter_directory_id: old.key.wire_directory_id(),
                ..Default::default()
            }),
            None => RaftRequest::AddRaftVoter(AddRaftVoterRequest {
                cluster_id: Some(self.config.cluster_id.clone()),
                timeout_ms: i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX),
                voter_id: own.key.id,
                voter_directory_id: own.key.wire_directory_id(),
                listeners: endpoint_list!(own.endpoints, add_raft_voter::Listener),
                // The leader cannot commit it while we wait for the answer instead of fetching.
                ack_when_committed: false,
                ..Default::default()
            }),
        };
        Some(request)
    }

    fn update_voter_request(&self) -> RaftRequest {
        let own = self.config.voter();
        RaftRequest::UpdateRaftVoter(UpdateRaftVoterRequest {
            cluster_id: Some(self.config.cluster_id.clone()),
            current_leader_epoch: self.epoch,
            voter_id: own.key.id,
            voter_directory_id: own.key.wire_directory_id(),
            listeners: endpoint_list!(own.endpoints, update_raft_voter::Listener),
            kraft_version_feature: KRaftVersionFeature {
                min_supported_version: own.kraft_versions.0,
                max_supported_version: own.kraft_versions.1,
                ..Default::default()
            },
            ..Default::default()
        })
    }

    pub(crate) fn handle_update_voter_response(
        &mut self,
        now: Now,
        response: &UpdateRaftVoterResponse,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(heard) = response.heard() else { return false };
        let error = heard.error;
        if self.handle_common(now, heard, actions) {
            return false;
        }
        if !matches!(error, ErrorCode::None | ErrorCode::UnsupportedVersion) {
            return false;
        }
        let fetch_deadline = now.monotonic + self.config.fetch_timeout;
        if let Role::Follower(follower) = &mut self.role {
            follower.has_updated_leader = true;
            follower.fetch_deadline = fetch_deadline;
        }
        true
    }
}

/// Whether AddRaftVoter or RemoveRaftVoter for ourselves has done what it can for now.
pub(crate) fn is_settled(error_code: i16) -> bool {
    matches!(
        ErrorCode::from_code(error_code),
        ErrorCode::None | ErrorCode::RequestTimedOut | ErrorCode::DuplicateVoter | ErrorCode::VoterNotFound
    )
}
