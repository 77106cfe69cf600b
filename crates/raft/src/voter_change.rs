//! AddRaftVoter, RemoveRaftVoter and UpdateRaftVoter, as leader (KIP-853).
//!
//! # Invariants
//! * Voter sets differ by one voter, and a set is proposed only when the one before it is committed and a record of this
//!   epoch is: the majorities of any two sets in force overlap, so that no two leaders are elected.
//! * A set counts from the moment that its record is in the log, committed or not; a truncation takes it back.
//! * A new voter is let in only when it has caught up lately: the quorum must not wait for it to fetch everything.
//! * A leader that is removed leads until that is committed, without counting itself, and resigns then.

use crate::control::ControlRecord;
use crate::leader::Leader;
use crate::machine::Raft;
use crate::message::{Action, RaftRequest, RaftResponse, RequestFailure, Server};
use crate::role::Role;
use crate::voters::{ReplicaKey, Voter, VoterSet};
use crate::wire::endpoints_of;
use crate::{Endpoint, KRAFT_VERSION_FEATURE, Now};
use klamm_protocol::api::{
    add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse},
    api_versions::ApiVersionsResponse,
    remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse},
    update_raft_voter::{CurrentLeader, UpdateRaftVoterRequest, UpdateRaftVoterResponse},
};
use klamm_protocol::{ErrorCode, StrBytes};
use std::time::Duration;

/// A new voter has to have fetched within so much time.
const CAUGHT_UP_WITHIN_MS: i64 = 60 * 60 * 1000;

/// Who waits for a change: its token, and which of the two APIs it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Add(u64),
    Remove(u64),
}

/// A change of the voters that is under way; there is never more than one.
#[derive(Clone, Debug)]
pub(crate) struct VoterChange {
    /// `None` once it has its answer.
    asker: Option<Asker>,
    stage: Stage,
    deadline: Duration,
}

#[derive(Clone, Debug)]
enum Stage {
    /// The new voter is asked what it supports.
    Asking { request_id: u64, key: ReplicaKey, endpoints: Vec<Endpoint>, ack_when_committed: bool },
    /// Committed when the high watermark reaches this offset.
    Proposed { end_offset: i64 },
}

/// Why a change is refused.
type Refusal = (ErrorCode, String);

impl Raft {
    /// Answers an AddRaftVoter or RemoveRaftVoter.
    fn answer_change(
        asker: Asker,
        error: ErrorCode,
        message: Option<impl Into<StrBytes>>,
        actions: &mut Vec<Action>,
    ) {
        let (error_code, error_message) = (error.code(), message.map(Into::into));
        actions.push(match asker {
            Asker::Add(token) => Action::Respond {
                token,
                response: RaftResponse::AddRaftVoter(AddRaftVoterResponse {
                    error_code,
                    error_message,
                    ..Default::default()
                }),
            },
            Asker::Remove(token) => Action::Respond {
                token,
                response: RaftResponse::RemoveRaftVoter(RemoveRaftVoterResponse {
                    error_code,
                    error_message,
                    ..Default::default()
                }),
            },
        });
    }

    /// Whether the cluster and the leader are the right ones.
    fn check_change(&self, cluster_id: Option<&StrBytes>) -> Result<(), Refusal> {
        if let Some(id) = cluster_id.filter(|id| **id != self.config.cluster_id) {
            let message =
                format!("The given id \"{id}\" doesn't match the cluster id \"{}\"", self.config.cluster_id);
            return Err((ErrorCode::InconsistentClusterId, message));
        }
        self.check_leader_request(self.epoch).map_err(|error| (error, error.default_message().to_owned()))
    }

    /// The voters as they are, if they may be changed now; `what` is being done, for Kafka's words.
    fn changeable_voters(&self, what: &str) -> Result<VoterSet, Refusal> {
        let Role::Leader(leader) = &self.role else {
            return Err((ErrorCode::NotLeaderOrFollower, String::new()));
        };
        let wait =
            |why: &str| Err((ErrorCode::RequestTimedOut, format!("Request timed out waiting for {why}")));
        if leader.change.is_some() {
            return wait("leader to handle previous voter change request");
        }
        let Some(high_watermark) = leader.high_watermark else {
            return wait("leader to establish HWM and fence previous voter changes");
        };
        let version = self.control.kraft_version();
        if version == 0 {
            let message = format!(
                "Cluster doesn't support {what} voter because the {KRAFT_VERSION_FEATURE} feature is {version}"
            );
            return Err((ErrorCode::UnsupportedVersion, message));
        }
        match self.control.voters() {
            Some((offset, voters)) if offset < high_watermark && leader.voters_end <= high_watermark => {
                Ok(voters.clone())
            }
            entry => {
                let at = entry.map_or_else(
                    || "Optional.empty".to_owned(),
                    |(offset, _)| format!("Optional[{}]", offset.max(leader.voters_end - 1)),
                );
                wait(&format!("voters to commit the latest voter change at {at} with HWM {high_watermark}"))
            }
        }
    }

    pub(crate) fn handle_add_voter(
        &mut self,
        now: Now,
        token: u64,
        request: &AddRaftVoterRequest,
        actions: &mut Vec<Action>,
    ) {
        if let Err((error, message)) = self.begin_adding(now, token, request, actions) {
            Self::answer_change(Asker::Add(token), error, Some(message), actions);
        }
    }

    fn begin_adding(
        &mut self,
        now: Now,
        token: u64,
        request: &AddRaftVoterRequest,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refusal> {
        self.check_change(request.cluster_id.as_ref())?;
        let key = ReplicaKey::from_wire(request.voter_id, request.voter_directory_id);
        if key.id < 0 || key.directory_id.is_none() {
            let message = "Add voter request didn't include a valid voter".to_owned();
            return Err((ErrorCode::InvalidRequest, message));
        }
        let endpoints: Vec<Endpoint> = endpoints_of!(request.listeners).collect();
        let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.listener == self.config.listener)
        else {
            let message = format!("The new voter has no endpoint for the listener {}.", self.config.listener);
            return Err((ErrorCode::InvalidRequest, message));
        };
        let voters = self.changeable_voters("adding")?;
        if voters.voter(key.id).is_some() {
            let message = format!(
                "The voter id for {} is already part of the set of voters {}.",
                named(&key),
                all_named(&voters)
            );
            return Err((ErrorCode::DuplicateVoter, message));
        }
        let server = Server { id: key.id, host: endpoint.host.clone(), port: endpoint.port };
        let ask = |_: &Self| RaftRequest::ApiVersions(Box::default());
        let Some(request_id) = self.send(now, server, ask, actions) else {
            let message = format!("New voter {} is not ready to receive requests", named(&key));
            return Err((ErrorCode::RequestTimedOut, message));
        };
        let ack_when_committed = request.ack_when_committed;
        let deadline = now.monotonic + self.config.request_timeout;
        if let Role::Leader(leader) = &mut self.role {
            leader.change = Some(VoterChange {
                asker: Some(Asker::Add(token)),
                stage: Stage::Asking { request_id, key, endpoints, ack_when_committed },
                deadline,
            });
        }
        Ok(())
    }

    /// What the new voter supports. Returns false if the answer is not one that was waited for.
    pub(crate) fn handle_api_versions(
        &mut self,
        now: Now,
        request_id: u64,
        result: Result<&ApiVersionsResponse, RequestFailure>,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Role::Leader(leader) = &mut self.role else { return false };
        let Some(change) = leader.change.take() else { return false };
        let Stage::Asking { request_id: asked, key, endpoints, ack_when_committed } = change.stage else {
            leader.change = Some(change);
            return false;
        };
        if asked != request_id {
            let stage = Stage::Asking { request_id: asked, key, endpoints, ack_when_committed };
            leader.change = Some(VoterChange { stage, ..change });
            return false;
        }
        let Some(asker) = change.asker else { return true };
        let version = self.control.kraft_version();
        let kraft_versions = match self.check_new_voter(now, &key, version, result) {
            Ok(kraft_versions) => kraft_versions,
            Err((error, message)) => {
                Self::answer_change(asker, error, Some(message), actions);
                return true;
            }
        };
        let mut voters = self.voters().clone();
        voters.insert(Voter { key, endpoints, kraft_versions });
        let end_offset = self.propose_voters(now, &voters, actions);
        if !ack_when_committed {
            Self::answer_change(asker, ErrorCode::None, None::<&str>, actions);
        }
        if let Role::Leader(leader) = &mut self.role {
            let asker = ack_when_committed.then_some(asker);
            leader.change = Some(VoterChange { asker, stage: Stage::Proposed { end_offset }, ..change });
        }
        true
    }

    /// Returns the range of `kraft.version` that the new voter supports.
    fn check_new_voter(
        &self,
        now: Now,
        key: &ReplicaKey,
        version: i16,
        result: Result<&ApiVersionsResponse, RequestFailure>,
    ) -> Result<(i16, i16), Refusal> {
        let error = match result {
            Ok(response) => ErrorCode::from_code(response.error_code),
            Err(_) => ErrorCode::BrokerNotAvailable,
        };
        let Some(response) = result.ok().filter(|_| error == ErrorCode::None) else {
            let name = error.name();
            let message =
                format!("Aborted add voter operation for since API_VERSIONS returned an error {name}");
            return Err((ErrorCode::RequestTimedOut, message));
        };
        let range = response
            .supported_features
            .iter()
            .find(|feature| feature.name == *KRAFT_VERSION_FEATURE)
            .map_or((0, 0), |feature| (feature.min_version, feature.max_version));
        if !(range.0..=range.1).contains(&version) {
            let message = format!(
                "Aborted add voter operation for {} since the {KRAFT_VERSION_FEATURE} range (min: {}, max: {}) doesn't \
                 support the finalized version {version}",
                named(key),
                range.0,
                range.1
            );
            return Err((ErrorCode::InvalidRequest, message));
        }
        let Role::Leader(leader) = &self.role else {
            return Err((ErrorCode::NotLeaderOrFollower, String::new()));
        };
        if !leader.is_caught_up(key, now.wall_ms - CAUGHT_UP_WITHIN_MS) {
            let message =
                format!("Aborted add voter operation for {} since it is lagging behind", named(key));
            return Err((ErrorCode::RequestTimedOut, message));
        }
        Ok(range)
    }

    pub(crate) fn handle_remove_voter(
        &mut self,
        now: Now,
        token: u64,
        request: &RemoveRaftVoterRequest,
        actions: &mut Vec<Action>,
    ) {
        let removed = self.remove_voter(now, request, actions);
        let asker = Asker::Remove(token);
        match (removed, &mut self.role) {
            (Ok(end_offset), Role::Leader(leader)) => {
                leader.change = Some(VoterChange {
                    asker: Some(asker),
                    stage: Stage::Proposed { end_offset },
                    deadline: now.monotonic + self.config.request_timeout,
                });
            }
            (Ok(_), _) => {}
            (Err((error, message)), _) => Self::answer_change(asker, error, Some(message), actions),
        }
    }

    fn remove_voter(
        &mut self,
        now: Now,
        request: &RemoveRaftVoterRequest,
        actions: &mut Vec<Action>,
    ) -> Result<i64, Refusal> {
        self.check_change(request.cluster_id.as_ref())?;
        let key = ReplicaKey::from_wire(request.voter_id, request.voter_directory_id);
        if key.id < 0 || key.directory_id.is_none() {
            let message = "Remove voter request didn't include a valid voter".to_owned();
            return Err((ErrorCode::InvalidRequest, message));
        }
        let mut voters = self.changeable_voters("removing")?;
        // The only voter has to stay.
        if voters.voter(key.id).is_none_or(|voter| voter.key != key) || voters.len() == 1 {
            let message =
                format!("Cannot remove voter {} from the set of voters {}", named(&key), all_named(&voters));
            return Err((ErrorCode::VoterNotFound, message));
        }
        voters.remove(key.id);
        Ok(self.propose_voters(now, &voters, actions))
    }

    /// Writes a voter set. Returns the offset after its record.
    fn propose_voters(&mut self, now: Now, voters: &VoterSet, actions: &mut Vec<Action>) -> i64 {
        let epoch = self.epoch;
        let Role::Leader(leader) = &mut self.role else { return i64::MAX };
        let end_offset = leader.queue_control(epoch, now, &[ControlRecord::Voters(voters.to_record())]);
        leader.voters_end = end_offset;
        self.flush(actions);
        end_offset
    }

    pub(crate) fn handle_update_voter(
        &mut self,
        now: Now,
        listener: &str,
        request: &UpdateRaftVoterRequest,
        actions: &mut Vec<Action>,
    ) -> UpdateRaftVoterResponse {
        let error = self.update_voter(now, request, actions).err().unwrap_or(ErrorCode::None);
        let endpoint = self.leader_endpoint(listener).map(|(_, endpoint)| endpoint);
        UpdateRaftVoterResponse {
            error_code: error.code(),
            current_leader: CurrentLeader {
                leader_id: self.leader_id().unwrap_or(-1),
                leader_epoch: self.epoch,
                host: endpoint.as_ref().map(|endpoint| endpoint.host.clone()).unwrap_or_default(),
                port: endpoint.map_or(0, |endpoint| i32::from(endpoint.port)),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn update_voter(
        &mut self,
        now: Now,
        request: &UpdateRaftVoterRequest,
        actions: &mut Vec<Action>,
    ) -> Result<(), ErrorCode> {
        if request.cluster_id.as_ref().is_some_and(|id| *id != self.config.cluster_id) {
            return Err(ErrorCode::InconsistentClusterId);
        }
        self.check_leader_request(request.current_leader_epoch)?;
        let key = ReplicaKey::from_wire(request.voter_id, request.voter_directory_id);
        let endpoints: Vec<Endpoint> = endpoints_of!(request.listeners).collect();
        let has_listener = endpoints.iter().any(|endpoint| endpoint.listener == self.config.listener);
        let supported = &request.kraft_version_feature;
        let range = (supported.min_supported_version, supported.max_supported_version);
        let version = self.control.kraft_version();
        if key.id < 0 || key.directory_id.is_none() || !has_listener || range.0 < 0 || range.1 < range.0 {
            return Err(ErrorCode::InvalidRequest);
        }
        let voters = match self.changeable_voters("updating") {
            Ok(voters) => Some(voters),
            // Without voters in the log the leader keeps what it is told, for the day of the upgrade.
            Err((ErrorCode::UnsupportedVersion, _)) => None,
            Err((error, _)) => return Err(error),
        };
        if !(range.0..=range.1).contains(&version) {
            return Err(ErrorCode::InvalidRequest);
        }
        let voter = Voter { key, endpoints, kraft_versions: range };
        let fetch_timeout = self.config.fetch_timeout;
        match voters {
            Some(mut voters) => {
                if !voters.is_voter(&key) {
                    return Err(ErrorCode::VoterNotFound);
                }
                voters.insert(voter);
                self.propose_voters(now, &voters, actions);
            }
            None if self.voters().voter(key.id).is_none() => return Err(ErrorCode::VoterNotFound),
            None => {
                let Role::Leader(leader) = &mut self.role else { return Ok(()) };
                if leader.voters_end > leader.high_watermark.unwrap_or(-1) {
                    return Err(ErrorCode::RequestTimedOut);
                }
                leader.told.insert(voter);
            }
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.check_quorum(&key, now.monotonic, fetch_timeout);
        }
        Ok(())
    }

    /// The high watermark has moved: a change may be done, and with it our own time as leader.
    pub(crate) fn settle_voter_change(&mut self, actions: &mut Vec<Action>) {
        let is_voter = self.is_voter();
        let voters_at = self.control.voters().map_or(-1, |(offset, _)| offset);
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(high_watermark) = leader.high_watermark else { return };
        if let Some(VoterChange { stage: Stage::Proposed { end_offset }, asker, .. }) = &leader.change
            && *end_offset <= high_watermark
        {
            if let Some(asker) = *asker {
                Self::answer_change(asker, ErrorCode::None, None::<&str>, actions);
            }
            leader.change = None;
        }
        if !is_voter && voters_at < high_watermark {
            leader.resign = true;
        }
    }

    /// Nobody waits longer than the request timeout; what is in the log may still be committed.
    pub(crate) fn expire_voter_change(&mut self, now: Now, actions: &mut Vec<Action>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.change.as_ref().is_some_and(|change| now.monotonic >= change.deadline) {
            abandon_change(leader, ErrorCode::RequestTimedOut, actions);
        }
    }

    /// This node leads no longer.
    pub(crate) fn abandon_voter_change(&mut self, actions: &mut Vec<Action>) {
        if let Role::Leader(leader) = &mut self.role {
            abandon_change(leader, ErrorCode::NotLeaderOrFollower, actions);
        }
    }
}

impl VoterChange {
    /// When it has taken too long.
    pub(crate) const fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// A replica in the words of Kafka's messages.
fn named(key: &ReplicaKey) -> String {
    let directory_id = key.directory_id.map_or_else(|| "<undefined>".to_owned(), |id| id.to_string());
    format!("ReplicaKey(id={}, directoryId={directory_id})", key.id)
}

fn all_named(voters: &VoterSet) -> String {
    let voters: Vec<_> = voters.iter().map(|voter| named(&voter.key)).collect();
    format!("[{}]", voters.join(", "))
}

fn abandon_change(leader: &mut Leader, error: ErrorCode, actions: &mut Vec<Action>) {
    if let Some(asker) = leader.change.take().and_then(|change| change.asker) {
        Raft::answer_change(asker, error, None::<&str>, actions);
    }
}
