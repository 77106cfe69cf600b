//! The file `quorum-state`: what must survive a restart for elections to be safe.

use crate::voters::{ReplicaKey, VoterSet};
use klamm_protocol::Uuid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Epoch, leader and vote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuorumState {
    /// The highest epoch seen.
    pub leader_epoch: i32,
    /// The leader of that epoch, if known.
    pub leader_id: Option<i32>,
    /// Whom this node voted for in that epoch.
    pub voted: Option<ReplicaKey>,
}

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumStateFile {
    /// What the machine goes on with.
    pub state: QuorumState,
    /// The ids of the voters that it names; none in a file of version 1, where the log has them.
    pub voters: BTreeSet<i32>,
}

/// The file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuorumStateError {
    /// Not JSON, or a field is missing or of another type.
    #[error("quorum-state is not valid: {0}")]
    Malformed(String),
    /// Written by a newer release.
    #[error("quorum-state has the unknown data_version {0}")]
    UnknownVersion(i64),
}

impl QuorumState {
    /// Name of the file inside the metadata partition's directory.
    pub const FILE_NAME: &'static str = "quorum-state";

    /// The file's content. `kraft_version` decides its version: 0 names the voters, 1 the voted directory (KIP-853).
    pub fn encode(&self, kraft_version: i16, voters: &VoterSet) -> String {
        let leader = self.leader_id.unwrap_or(-1);
        let voted = self.voted.map_or(-1, |key| key.id);
        let mut text = String::new();
        let written = if kraft_version >= 1 {
            let directory = self.voted.map_or(Uuid::ZERO, |key| key.wire_directory_id());
            write!(
                text,
                r#"{{"leaderId":{leader},"leaderEpoch":{},"votedId":{voted},"votedDirectoryId":"{directory}","data_version":1}}"#,
                self.leader_epoch
            )
        } else {
            let ids: Vec<String> =
                voters.iter().map(|voter| format!(r#"{{"voterId":{}}}"#, voter.key.id)).collect();
            write!(
                text,
                r#"{{"clusterId":"","leaderId":{leader},"leaderEpoch":{},"votedId":{voted},"appliedOffset":0,"currentVoters":[{}],"data_version":0}}"#,
                self.leader_epoch,
                ids.join(",")
            )
        };
        debug_assert!(written.is_ok(), "writing to a string");
        text
    }

    /// Reads a file of either version.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(text: &str) -> Result<QuorumStateFile, QuorumStateError> {
        let malformed = |what: &str| QuorumStateError::Malformed(what.to_owned());
        let json: Value = serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
        let number = |name: &str| json.get(name).and_then(Value::as_i64).ok_or_else(|| malformed(name));
        let int = |name: &str| i32::try_from(number(name)?).map_err(|_| malformed(name));
        let version = number("data_version")?;
        if !(0..=1).contains(&version) {
            return Err(QuorumStateError::UnknownVersion(version));
        }
        let directory = match json.get("votedDirectoryId").and_then(Value::as_str) {
            Some(text) if version == 1 => text.parse().map_err(|_| malformed("votedDirectoryId"))?,
            _ => Uuid::ZERO,
        };
        let voted = int("votedId")?;
        let leader = int("leaderId")?;
        let leader_epoch = int("leaderEpoch")?;
        // No epoch can follow the largest one.
        if !(0..i32::MAX).contains(&leader_epoch) {
            return Err(QuorumStateError::Malformed(format!("leaderEpoch {leader_epoch} is out of range")));
        }
        let state = Self {
            leader_epoch,
            leader_id: (leader >= 0).then_some(leader),
            voted: (voted >= 0).then(|| ReplicaKey::from_wire(voted, directory)),
        };
        let named = json.get("currentVoters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let id = |voter: &Value| {
            voter.get("voterId").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok())
        };
        let voters: Option<BTreeSet<i32>> = named.iter().map(id).collect();
        Ok(QuorumStateFile { state, voters: voters.ok_or_else(|| malformed("currentVoters"))? })
    }
}
