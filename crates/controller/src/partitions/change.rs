//! How a partition changes: its leader, its in-sync and eligible replicas, its assignment.

use crate::{Context, PartitionKey};
use klamm_metadata::image::{LeaderRecoveryState, NO_LEADER, Partition, Topic};
use klamm_protocol::Uuid;
use klamm_protocol::metadata::PartitionChangeRecord;

/// In a record: the leader stays.
const NO_LEADER_CHANGE: i32 = -2;
/// In a record: the recovery state stays.
const NO_RECOVERY_CHANGE: i8 = -1;

/// Who may be elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The preferred leader if it is in sync, else as [`Self::Online`].
    Preferred,
    /// The leader that is, or else any in-sync (or eligible) replica.
    Online,
    /// As a last resort a replica that may lack records.
    Unclean,
}

/// A change in the making: set the targets, then [`Change::build`].
pub struct Change<'a> {
    partition: &'a Partition,
    topic_id: Uuid,
    index: i32,
    context: &'a Context<'a>,
    min_insync: usize,
    is_acceptable: &'a dyn Fn(i32) -> bool,
    /// By broker, those that were set.
    directories: Vec<(i32, Uuid)>,
    /// Who is to be in sync.
    pub isr: Vec<i32>,
    /// Who is to hold the partition.
    pub replicas: Vec<i32>,
    /// Who is on its way out.
    pub removing: Vec<i32>,
    /// Who is on its way in.
    pub adding: Vec<i32>,
    /// Replicas that went down without flushing: not to be trusted with leading.
    pub unclean_shutdown: Vec<i32>,
    /// Who may be elected.
    pub election: Election,
    /// Whether the leader has recovered.
    pub leader_recovery_state: LeaderRecoveryState,
    elr: Vec<i32>,
    last_known_elr: Vec<i32>,
}

impl<'a> Change<'a> {
    /// A change of a partition of `topic`, so far of nothing. `is_acceptable` says of a broker whether it may lead,
    /// beside having its directory online.
    pub fn new(
        context: &'a Context<'a>,
        topic: &Topic,
        index: i32,
        partition: &'a Partition,
        is_acceptable: &'a dyn Fn(i32) -> bool,
    ) -> Self {
        let min_insync = context.min_insync_replicas(&topic.name);
        Self::with_min_insync(context, (topic.id, index), partition, min_insync, is_acceptable)
    }

    /// As [`Change::new`], by somebody who changes many partitions of the topic and has looked its minimum of in-sync
    /// replicas up.
    pub(crate) fn with_min_insync(
        context: &'a Context<'a>,
        (topic_id, index): PartitionKey,
        partition: &'a Partition,
        min_insync: usize,
        is_acceptable: &'a dyn Fn(i32) -> bool,
    ) -> Self {
        Self {
            partition,
            topic_id,
            index,
            context,
            min_insync,
            is_acceptable,
            directories: Vec::new(),
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            removing: partition.removing_replicas.clone(),
            adding: partition.adding_replicas.clone(),
            unclean_shutdown: Vec::new(),
            election: Election::Online,
            leader_recovery_state: partition.leader_recovery_state,
            elr: partition.elr.clone(),
            last_known_elr: partition.last_known_elr.clone(),
        }
    }

    /// Puts a replica into another directory.
    pub fn set_directory(&mut self, broker: i32, directory: Uuid) {
        self.directories.push((broker, directory));
    }

    /// The record, or `None` if nothing changes.
    pub fn build(mut self) -> Option<PartitionChangeRecord> {
        let mut record = PartitionChangeRecord {
            partition_id: self.index,
            topic_id: self.topic_id,
            leader: NO_LEADER_CHANGE,
            leader_recovery_state: NO_RECOVERY_CHANGE,
            ..Default::default()
        };
        self.complete_reassignment();
        self.populate_elr();
        self.elect(&mut record);
        let loses = |new: &[i32], old: &[i32]| old.iter().any(|replica| !new.contains(replica));
        if record.leader == NO_LEADER_CHANGE && loses(&self.replicas, &self.partition.replicas) {
            // A replica that has gone must not be fetched from any longer: the epoch has to rise.
            record.leader = self.partition.leader;
        }
        self.record_elr(&mut record);
        let may_be_empty = !self.isr.is_empty() || self.context.is_elr_enabled();
        if record.isr.is_none() && may_be_empty && self.isr != self.partition.isr {
            record.isr = Some(self.isr.clone());
        }
        if self.context.metadata_version().bumps_leader_epoch_on_isr_shrink()
            && record.leader == NO_LEADER_CHANGE
            && record.isr.as_ref().is_some_and(|isr| loses(isr, &self.partition.isr))
        {
            record.leader = self.partition.leader;
        }
        self.record_last_known_leader(&mut record);
        self.record_assignment(&mut record);
        if self.leader_recovery_state != self.partition.leader_recovery_state {
            record.leader_recovery_state = self.leader_recovery_state.code();
        }
        let unchanged = PartitionChangeRecord {
            partition_id: self.index,
            topic_id: self.topic_id,
            leader: NO_LEADER_CHANGE,
            leader_recovery_state: NO_RECOVERY_CHANGE,
            ..Default::default()
        };
        (record != unchanged).then_some(record)
    }

    /// A reassignment is over when all that come are in sync and enough of those that stay.
    fn complete_reassignment(&mut self) {
        if self.removing.is_empty() && self.adding.is_empty() {
            return;
        }
        let stay = |ids: &[i32]| -> Vec<i32> {
            ids.iter().copied().filter(|id| !self.removing.contains(id)).collect()
        };
        let (isr, replicas) = (stay(&self.isr), stay(&self.replicas));
        if !self.removing.is_empty() && (isr.is_empty() || replicas.is_empty()) {
            return;
        }
        let in_sync = |ids: &[i32]| ids.iter().all(|id| isr.contains(id));
        let adding = stay(&self.adding);
        if !in_sync(&adding) {
            return;
        }
        // With fewer replicas afterwards, finishing early would make the in-sync set smaller than it need be.
        if adding.len() < self.removing.len() && !in_sync(&replicas) {
            return;
        }
        (self.isr, self.replicas) = (isr, replicas);
        self.removing.clear();
        self.adding.clear();
    }

    /// Below the minimum of in-sync replicas, those that leave the in-sync set stay eligible (KIP-966).
    fn populate_elr(&mut self) {
        if !self.context.is_elr_enabled() {
            return;
        }
        if self.isr.len() >= self.min_insync {
            self.elr.clear();
            self.last_known_elr.clear();
            return;
        }
        let mut candidates = self.elr.clone();
        candidates.extend(&self.partition.isr);
        candidates.sort_unstable();
        candidates.dedup();
        // Kafka keeps those here that a finished reassignment has taken the partition from.
        candidates.retain(|id| self.replicas.contains(id));
        let (isr, unclean) = (&self.isr, &self.unclean_shutdown);
        self.elr =
            candidates.iter().copied().filter(|id| !isr.contains(id) && !unclean.contains(id)).collect();
        candidates.extend(&self.last_known_elr);
        candidates.sort_unstable();
        candidates.dedup();
        let elr = &self.elr;
        self.last_known_elr =
            candidates.into_iter().filter(|id| !isr.contains(id) && !elr.contains(id)).collect();
    }

    fn may_lead(&self, replica: i32) -> bool {
        let directory = self.partition.directory_of(replica);
        let online = self
            .context
            .image
            .cluster
            .brokers
            .get(&replica)
            .zip(directory)
            .is_some_and(|(broker, directory)| broker.has_online_dir(&directory));
        online && (self.is_acceptable)(replica)
    }

    fn may_lead_cleanly(&self, replica: i32) -> bool {
        (self.isr.contains(&replica) || (self.isr.is_empty() && self.elr.contains(&replica)))
            && self.may_lead(replica)
    }

    /// The leader and whether it may lack records.
    fn choose_leader(&self) -> (i32, bool) {
        let preferred = self.replicas.first().copied();
        if self.election == Election::Preferred
            && let Some(preferred) = preferred.filter(|id| self.may_lead_cleanly(*id))
        {
            return (preferred, false);
        }
        if self.may_lead_cleanly(self.partition.leader) {
            return (self.partition.leader, false);
        }
        if let Some(online) = self.replicas.iter().copied().find(|id| self.may_lead_cleanly(*id)) {
            return (online, false);
        }
        if let Some(last_known) = self.last_known_leader() {
            return (last_known, true);
        }
        if self.election == Election::Unclean
            && let Some(any) = self.replicas.iter().copied().find(|id| self.may_lead(*id))
        {
            return (any, true);
        }
        (NO_LEADER, false)
    }

    /// With nobody in sync and nobody eligible, the leader of last resort is the one that led last.
    fn last_known_leader(&self) -> Option<i32> {
        if !self.context.is_elr_enabled() || !self.elr.is_empty() || !self.isr.is_empty() {
            return None;
        }
        match self.partition.last_known_elr.as_slice() {
            [only] if self.may_lead(*only) => Some(*only),
            _ => None,
        }
    }

    fn elect(&mut self, record: &mut PartitionChangeRecord) {
        let (leader, unclean) = self.choose_leader();
        if leader == self.partition.leader {
            return;
        }
        if self.elr.contains(&leader) {
            self.isr = vec![leader];
            self.elr.retain(|replica| *replica != leader);
        }
        record.leader = leader;
        if unclean {
            // Whatever the others have beyond it is lost, so that none of them is in sync.
            record.isr = Some(vec![leader]);
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                record.leader_recovery_state = LeaderRecoveryState::Recovering.code();
            }
        }
    }

    fn record_elr(&mut self, record: &mut PartitionChangeRecord) {
        // An ISR that is set by now was set by an unclean election.
        if record.isr.is_some() || !self.context.is_elr_enabled() {
            self.elr.clear();
        }
        if self.elr != self.partition.elr {
            record.eligible_leader_replicas = Some(self.elr.clone());
        }
    }

    /// The one member of the last known ELR is the leader that the partition lost.
    fn record_last_known_leader(&self, record: &mut PartitionChangeRecord) {
        if !self.context.is_elr_enabled() {
            return;
        }
        if record.leader == NO_LEADER && self.partition.last_known_elr.is_empty() {
            record.last_known_elr = Some(vec![self.partition.leader]);
        } else if record.leader >= 0 && !self.partition.last_known_elr.is_empty() {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn record_assignment(&self, record: &mut PartitionChangeRecord) {
        if !self.replicas.is_empty() {
            if self.context.metadata_version().is_directory_assignment_supported() {
                let directory = |id: &i32| {
                    let set = self.directories.iter().find(|(broker, _)| broker == id).map(|(_, set)| *set);
                    set.or_else(|| self.partition.directory_of(*id))
                        .unwrap_or_else(|| self.context.default_dir(*id))
                };
                let directories: Vec<Uuid> = self.replicas.iter().map(directory).collect();
                if directories != self.partition.directories {
                    record.directories = Some(directories);
                }
            }
            if self.replicas != self.partition.replicas {
                record.replicas = Some(self.replicas.clone());
            }
        }
        if self.removing != self.partition.removing_replicas {
            record.removing_replicas = Some(self.removing.clone());
        }
        if self.adding != self.partition.adding_replicas {
            record.adding_replicas = Some(self.adding.clone());
        }
    }
}
