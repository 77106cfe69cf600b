//! A quorum whose voters are in the log (KIP-853): becoming one, and keeping the voters' addresses right.

use crate::control::ControlRecord;
use crate::machine::Raft;
use crate::message::Action;
use crate::role::Role;
use crate::voters::{ReplicaKey, Voter, VoterSet};
use crate::{KRAFT_VERSIONS, Now};

impl Raft {
    /// Raises `kraft.version`, as leader of `epoch`: writes the version and the voters with their directories into the
    /// log (KIP-853), before whatever is proposed next. A level that is in force already changes nothing.
    ///
    /// With `validate_only` it is only checked. Carry out `actions` as after a step.
    ///
    /// # Errors
    /// Why it cannot be, for the one who asked.
    pub fn upgrade_kraft_version(
        &mut self,
        now: Now,
        epoch: i32,
        version: i16,
        validate_only: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        let current = self.control.kraft_version();
        let mut voters = VoterSet::default();
        let Role::Leader(leader) = &self.role else {
            return Err("This node does not lead the quorum.".to_owned());
        };
        if epoch != self.epoch {
            return Err(format!("The epoch {epoch} is over; it is {} now.", self.epoch));
        }
        if version < current {
            return Err(format!(
                "Invalid upgrade of kraft.version from version KRAFT_VERSION_{current} to KRAFT_VERSION_{version} \
                 because the new version is a downgrade"
            ));
        }
        for voter in self.voters().iter() {
            let id = voter.key.id;
            if id == self.config.node_id {
                voters.insert(self.config.voter());
                continue;
            }
            if let Some(told) = leader.told.voter(id) {
                if !(told.kraft_versions.0..=told.kraft_versions.1).contains(&version) {
                    return Err(format!(
                        "Invalid upgrade of kraft.version to KRAFT_VERSION_{version} because not all of the voters \
                         support it"
                    ));
                }
                voters.insert(told.clone());
                continue;
            }
            let directory_id = voter
                .key
                .directory_id
                .or_else(|| leader.voters.get(&id).and_then(|replica| replica.directory_id));
            if directory_id.is_none() {
                return Err(format!("Voter {id} has not told its directory yet."));
            }
            let key = ReplicaKey { id, directory_id };
            voters.insert(Voter { key, endpoints: voter.endpoints.clone(), kraft_versions: KRAFT_VERSIONS });
        }
        let epoch = self.epoch;
        if let Role::Leader(leader) = &mut self.role
            && !validate_only
            && version > current
        {
            let records = [ControlRecord::kraft_version(version), ControlRecord::Voters(voters.to_record())];
            leader.voters_end = leader.queue_control(epoch, now, &records);
            self.flush(actions);
        }
        Ok(())
    }

    /// With a dynamic quorum, the first leader copies the voters from the bootstrap snapshot into the log, and any
    /// leader whose address has changed writes the new one.
    pub(crate) fn voter_records(&self) -> Vec<ControlRecord> {
        let version = self.control.kraft_version();
        let Some((offset, voters)) = self.control.voters() else { return Vec::new() };
        let own = self.config.voter();
        let outdated = voters.voter(own.key.id).is_some_and(|known| *known != own);
        if version == 0 || (offset >= 0 && !outdated) {
            return Vec::new();
        }
        let mut voters = voters.clone();
        if outdated {
            voters.insert(own);
        }
        vec![ControlRecord::kraft_version(version), ControlRecord::Voters(voters.to_record())]
    }
}
