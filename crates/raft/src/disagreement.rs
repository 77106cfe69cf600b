//! Nodes that do not agree on who votes: noticed, refused where it is safe to, and told once.
//!
//! With voters in the configuration (`kraft.version` 0) nothing but care keeps the sets of two nodes the same. Two sets
//! whose majorities do not overlap have two leaders of one epoch. So a voter lets nobody be elected, nor lead it, whom its
//! own set does not have. With voters in the log (KIP-853) it cannot: a candidate may have been added by a record that this
//! voter has not got yet. Whether a candidate goes by the log is told by the directory with which it names the voter that
//! it asks.

use crate::machine::Raft;
use crate::message::Action;
use crate::role::Role;
use crate::voters::{ReplicaKey, VoterSet};
use klamm_protocol::{ErrorCode, Uuid};
use std::collections::BTreeSet;

/// So many are told of in a node's life; anybody can send a request.
const TOLD_MAX: usize = 100;

/// How another node and this one differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disagreement {
    /// A node that stands or leads is none of the static voters `own`. It was refused.
    Stranger {
        /// Who.
        id: i32,
        /// The voters of this node's configuration.
        own: BTreeSet<i32>,
    },
    /// This node was refused in that way.
    StrangerTo {
        /// By whom.
        voter: i32,
        /// The voters of this node's configuration.
        own: BTreeSet<i32>,
    },
    /// A node took this one for another replica. It was refused.
    NotMeant {
        /// Who.
        from: i32,
        /// Whom it has among its voters.
        wanted: ReplicaKey,
        /// This replica.
        own: ReplicaKey,
    },
    /// The node at the address of a voter is not that voter.
    NotThere {
        /// The voter.
        wanted: ReplicaKey,
    },
    /// A node with the id of this one leads, in an epoch that this one has not heard of before.
    Twin {
        /// Of both.
        id: i32,
        /// The epoch.
        epoch: i32,
    },
    /// The leader was elected among others than the static voters `own`.
    LeaderVoters {
        /// Who leads.
        leader: i32,
        /// In this epoch.
        epoch: i32,
        /// The voters, as its first record says.
        theirs: BTreeSet<i32>,
        /// The voters of this node's configuration.
        own: BTreeSet<i32>,
        /// Whether a leader before it, in this run, was elected by just these.
        agreed_before: bool,
    },
}

impl Raft {
    /// The voters of the configuration, if those are in force.
    fn static_voters(&self) -> Option<&VoterSet> {
        let voters = &self.config.static_voters;
        (self.control.voters().is_none() && self.control.kraft_version() == 0 && !voters.is_empty())
            .then_some(voters)
    }

    /// Refuses who stands or leads by other static voters than ours. `named` is the directory of this voter as the
    /// request names it.
    pub(crate) fn refuse_stranger(
        &mut self,
        id: i32,
        named: Uuid,
        actions: &mut Vec<Action>,
    ) -> Result<(), ErrorCode> {
        let Some(voters) = self.static_voters() else { return Ok(()) };
        if id < 0 || !named.is_zero() || voters.voter(id).is_some() {
            return Ok(());
        }
        let own = voters.ids();
        self.tell(Disagreement::Stranger { id, own }, actions);
        Err(ErrorCode::InconsistentVoterSet)
    }

    /// Tells of a request that means another replica.
    pub(crate) fn refuse_voter_key(&mut self, from: i32, wanted: ReplicaKey, actions: &mut Vec<Action>) {
        let own = self.config.replica_key();
        self.tell(Disagreement::NotMeant { from, wanted, own }, actions);
    }

    /// Tells of a refusal to vote for this node or to follow it that is no matter of epochs.
    pub(crate) fn note_refusal(&mut self, from: i32, error: ErrorCode, actions: &mut Vec<Action>) {
        let disagreement = match error {
            ErrorCode::InconsistentVoterSet => {
                Disagreement::StrangerTo { voter: from, own: self.voters().ids() }
            }
            ErrorCode::InvalidVoterKey => match self.voters().voter(from) {
                Some(voter) => Disagreement::NotThere { wanted: voter.key },
                None => return,
            },
            _ => return,
        };
        self.tell(disagreement, actions);
    }

    /// Tells of a leader of a later epoch that has our id: what this node itself has led is on its disk.
    pub(crate) fn note_twin(&mut self, epoch: i32, leader: Option<i32>, actions: &mut Vec<Action>) {
        let id = self.config.node_id;
        if leader == Some(id) && epoch > self.epoch {
            self.tell(Disagreement::Twin { id, epoch }, actions);
        }
    }

    /// Compares the voters that have elected the leader with our own. To be asked when this node has all that is
    /// committed: a quorum that has become a dynamic one says so behind its leader's first record.
    pub(crate) fn judge_leader(&mut self, actions: &mut Vec<Action>) {
        let Some(own) = self.static_voters() else { return };
        let Role::Follower(follower) = &self.role else { return };
        let leader = follower.leader.id;
        let Some((offset, theirs)) = self.control.electorate(leader) else { return };
        let is_same = theirs.iter().copied().eq(own.iter().map(|voter| voter.key.id));
        if self.log.epoch_at(offset) != self.epoch {
            return;
        }
        let (theirs, own) = (theirs.clone(), own.ids());
        if is_same {
            self.has_agreed = true;
            return;
        }
        let (epoch, agreed_before) = (self.epoch, self.has_agreed);
        self.tell(Disagreement::LeaderVoters { leader, epoch, theirs, own, agreed_before }, actions);
    }

    fn tell(&mut self, disagreement: Disagreement, actions: &mut Vec<Action>) {
        let has_room =
            self.told.len() < TOLD_MAX || matches!(disagreement, Disagreement::LeaderVoters { .. });
        if has_room && self.told.insert(disagreement.clone()) {
            actions.push(Action::Disagree { disagreement });
        }
    }
}
