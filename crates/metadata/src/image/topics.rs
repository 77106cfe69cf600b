//! Topics and partitions.

use super::{Map, Set};
use klamm_protocol::metadata::{PartitionChangeRecord, PartitionRecord};
use klamm_protocol::{StrBytes, Uuid};
use std::sync::Arc;

/// The leader of a partition that has none.
pub const NO_LEADER: i32 = -1;
/// In a PartitionChangeRecord: the leader stays.
pub(super) const NO_LEADER_CHANGE: i32 = -2;

/// The directory ids with a meaning of their own (KIP-858).
pub mod directory {
    use klamm_protocol::Uuid;

    const fn reserved(last: u8) -> Uuid {
        let mut bytes = [0; 16];
        bytes[15] = last;
        Uuid::from_bytes(bytes)
    }

    /// The broker has not said yet, as after an upgrade.
    pub const MIGRATING: Uuid = reserved(0);
    /// Not assigned to a directory yet.
    pub const UNASSIGNED: Uuid = reserved(1);
    /// In a directory that is offline.
    pub const LOST: Uuid = reserved(2);

    /// Whether it is a mark that says nothing against the replica.
    pub fn is_reserved_online(id: &Uuid) -> bool {
        *id == UNASSIGNED || *id == MIGRATING
    }
}

/// Whether the leader may lack records that the partition once had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecoveryState {
    /// The leader was elected cleanly, or has recovered.
    #[default]
    Recovered,
    /// The leader was elected uncleanly and has not recovered yet (KIP-704).
    Recovering,
}

impl LeaderRecoveryState {
    /// As in records and requests.
    pub const fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }

    /// `None` for an unknown code.
    pub const fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }
}

/// One partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    /// Brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// The log directory of each replica, in the same order.
    pub directories: Vec<Uuid>,
    /// In-sync replicas.
    pub isr: Vec<i32>,
    /// Going away with the reassignment under way.
    pub removing_replicas: Vec<i32>,
    /// Coming with the reassignment under way.
    pub adding_replicas: Vec<i32>,
    /// Eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    /// The last members of ISR and ELR before both became empty.
    pub last_known_elr: Vec<i32>,
    /// A broker id or [`NO_LEADER`].
    pub leader: i32,
    /// See there.
    pub leader_recovery_state: LeaderRecoveryState,
    /// Raised with each election.
    pub leader_epoch: i32,
    /// Raised with each change.
    pub partition_epoch: i32,
}

impl Partition {
    /// Whether somebody leads.
    pub const fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// The replica that should lead if it can.
    pub fn preferred_replica(&self) -> i32 {
        self.replicas.first().copied().unwrap_or(NO_LEADER)
    }

    /// The directory that a replica is in; `None` if the broker holds none.
    pub fn directory_of(&self, broker: i32) -> Option<Uuid> {
        let position = self.replicas.iter().position(|replica| *replica == broker)?;
        self.directories.get(position).copied()
    }

    /// Whether a reassignment is under way.
    pub const fn is_reassigning(&self) -> bool {
        !self.removing_replicas.is_empty() || !self.adding_replicas.is_empty()
    }

    pub(super) fn from_record(record: &PartitionRecord) -> Self {
        Self {
            replicas: record.replicas.clone(),
            directories: or_migrating(&record.directories, record.replicas.len()),
            isr: record.isr.clone(),
            removing_replicas: record.removing_replicas.clone(),
            adding_replicas: record.adding_replicas.clone(),
            elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
            leader: record.leader,
            leader_recovery_state: LeaderRecoveryState::from_code(record.leader_recovery_state)
                .unwrap_or_default(),
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }

    /// The partition after a change.
    #[must_use]
    pub fn merged(&self, change: &PartitionChangeRecord) -> Self {
        let replicas = change.replicas.as_ref().unwrap_or(&self.replicas).clone();
        let directories =
            or_migrating(change.directories.as_ref().unwrap_or(&self.directories), replicas.len());
        let (leader, leader_epoch) = if change.leader == NO_LEADER_CHANGE {
            (self.leader, self.leader_epoch)
        } else {
            (change.leader, self.leader_epoch.saturating_add(1))
        };
        let list = |new: &Option<Vec<i32>>, old: &Vec<i32>| new.as_ref().unwrap_or(old).clone();
        Self {
            directories,
            isr: list(&change.isr, &self.isr),
            removing_replicas: list(&change.removing_replicas, &self.removing_replicas),
            adding_replicas: list(&change.adding_replicas, &self.adding_replicas),
            elr: list(&change.eligible_leader_replicas, &self.elr),
            last_known_elr: list(&change.last_known_elr, &self.last_known_elr),
            leader,
            leader_recovery_state: LeaderRecoveryState::from_code(change.leader_recovery_state)
                .unwrap_or(self.leader_recovery_state),
            leader_epoch,
            partition_epoch: self.partition_epoch.saturating_add(1),
            replicas,
        }
    }
}

/// Directories as given, or all "migrating" if nobody has said.
fn or_migrating(directories: &[Uuid], replica_count: usize) -> Vec<Uuid> {
    if directories.iter().all(|id| *id == directory::MIGRATING) {
        vec![directory::MIGRATING; replica_count]
    } else {
        directories.to_vec()
    }
}

/// One topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Name.
    pub name: StrBytes,
    /// Never reused.
    pub id: Uuid,
    /// By partition index.
    pub partitions: Map<i32, Arc<Partition>>,
}

/// All topics, found by id and by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topics {
    by_id: Map<Uuid, Arc<Topic>>,
    by_name: Map<StrBytes, Uuid>,
    /// Names with `.` or `_` in them, by the name with `_` in place of `.`: two such names would share a metric.
    by_unified_name: Map<StrBytes, Set<StrBytes>>,
}

impl Topics {
    /// By name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name).and_then(|id| self.by_id.get(id))
    }

    /// By id.
    pub fn by_id(&self, id: &Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(id)
    }

    /// One partition, by topic name.
    pub fn partition(&self, name: &str, index: i32) -> Option<&Arc<Partition>> {
        self.by_name(name)?.partitions.get(&index)
    }

    /// One partition, by topic id.
    pub fn partition_by_id(&self, id: &Uuid, index: i32) -> Option<&Arc<Partition>> {
        self.by_id.get(id)?.partitions.get(&index)
    }

    /// Every topic, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// Every topic, in the order of ids (that of snapshots).
    pub fn iter_by_id(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_id.values()
    }

    /// Names of topics, sorted.
    pub fn names(&self) -> impl Iterator<Item = &StrBytes> {
        self.by_name.keys()
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_id.size()
    }

    /// Whether there is no topic.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// A topic whose name differs from `name` in `.` and `_` only (or is `name` itself).
    pub fn colliding(&self, name: &str) -> Option<&StrBytes> {
        if !has_collision_chars(name) {
            return None;
        }
        self.by_unified_name.get(name.replace('.', "_").as_str()).and_then(|names| names.first())
    }

    pub(super) fn insert(&mut self, topic: Topic) {
        if has_collision_chars(&topic.name) {
            let unified = StrBytes::from(topic.name.replace('.', "_"));
            let mut names = self.by_unified_name.get(&unified).cloned().unwrap_or_default();
            names.insert_mut(topic.name.clone());
            self.by_unified_name.insert_mut(unified, names);
        }
        self.by_name.insert_mut(topic.name.clone(), topic.id);
        self.by_id.insert_mut(topic.id, Arc::new(topic));
    }

    pub(super) fn remove(&mut self, id: &Uuid) -> Option<Arc<Topic>> {
        let topic = self.by_id.get(id).cloned()?;
        self.by_id.remove_mut(id);
        // A topic of the same name may have been created since, under another id.
        if self.by_name.get(&topic.name) == Some(id) {
            self.by_name.remove_mut(&topic.name);
            let unified = StrBytes::from(topic.name.replace('.', "_"));
            if let Some(mut names) = self.by_unified_name.get(&unified).cloned() {
                names.remove_mut(&topic.name);
                if names.is_empty() {
                    self.by_unified_name.remove_mut(&unified);
                } else {
                    self.by_unified_name.insert_mut(unified, names);
                }
            }
        }
        Some(topic)
    }

    /// Puts a partition in place. Returns false if there is no such topic.
    pub(super) fn set_partition(&mut self, id: &Uuid, index: i32, partition: Partition) -> bool {
        let Some(topic) = self.by_id.get_mut(id) else { return false };
        Arc::make_mut(topic).partitions.insert_mut(index, Arc::new(partition));
        true
    }
}

fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}
