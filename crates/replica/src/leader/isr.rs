//! The in-sync replicas: what the controller confirmed and what is proposed to it.

use std::collections::BTreeSet;

use super::Assignment;

/// Whether the leader was elected from outside of the ISR and is still recovering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaderRecoveryState {
    #[default]
    Recovered,
    Recovering,
}

/// A broker with the epoch under which it last fetched; -1 if unknown (KIP-903).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerEpoch {
    pub broker_id: i32,
    pub epoch: i64,
}

/// An ISR to ask the controller for (AlterPartition).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsrChange {
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub leader_recovery_state: LeaderRecoveryState,
    pub new_isr: Vec<BrokerEpoch>,
}

/// The ISR as the controller answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedIsr {
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub isr: Vec<i32>,
    pub leader_recovery_state: LeaderRecoveryState,
}

/// The ISR as this leader knows it.
#[derive(Debug)]
pub(super) struct IsrState {
    committed: BTreeSet<i32>,
    recovery: LeaderRecoveryState,
    pending: Option<IsrChange>,
}

impl IsrState {
    pub(super) fn committed(assignment: &Assignment) -> Self {
        let committed = assignment.isr.iter().copied().collect();
        // A node that leads has recovered, and says so with its next change.
        Self { committed, recovery: LeaderRecoveryState::Recovered, pending: None }
    }

    pub(super) fn from_answer(answer: &CommittedIsr) -> Self {
        let committed = answer.isr.iter().copied().collect();
        Self { committed, recovery: answer.leader_recovery_state, pending: None }
    }

    pub(super) fn propose(&mut self, change: IsrChange) {
        self.pending = Some(change);
    }

    /// The proposal was refused and has not been applied.
    pub(super) fn give_up(&mut self) {
        self.pending = None;
    }

    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn is_waiting_for(&self, change: &IsrChange) -> bool {
        self.pending.as_ref() == Some(change)
    }

    pub(super) const fn recovery(&self) -> LeaderRecoveryState {
        self.recovery
    }

    pub(super) fn contains(&self, broker_id: i32) -> bool {
        self.committed.contains(&broker_id)
    }

    pub(super) fn committed_members(&self) -> impl Iterator<Item = i32> {
        self.committed.iter().copied()
    }

    /// Confirmed or proposed: one whose removal is only proposed may still be in the ISR, one whose joining is
    /// proposed may already be.
    pub(super) fn is_in_maximal(&self, broker_id: i32) -> bool {
        self.contains(broker_id)
            || self
                .pending
                .iter()
                .flat_map(|change| &change.new_isr)
                .any(|member| member.broker_id == broker_id)
    }

    pub(super) fn maximal_len(&self) -> usize {
        let proposed = self.pending.iter().flat_map(|change| &change.new_isr);
        self.committed.len() + proposed.filter(|member| !self.contains(member.broker_id)).count()
    }
}
