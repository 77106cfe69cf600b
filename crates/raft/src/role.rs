//! What a node is at the moment.

use crate::leader::Leader;
use crate::log_state::OffsetAndEpoch;
use crate::message::Server;
use crate::voters::{ReplicaKey, VoterSet};
use std::collections::BTreeSet;
use std::time::Duration;

/// A node's role in its epoch. A node that does not vote is unattached or follower all its life.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// Knows no leader to fetch from.
    Unattached {
        /// Known by id but not by address.
        leader: Option<i32>,
        /// When a voter stops waiting for somebody else to be elected. Who does not vote waits for ever, but may
        /// become a voter by records that are just being appended.
        election_deadline: Duration,
    },
    /// Asks whether it would be elected, without disturbing the epoch (KIP-996).
    Prospective {
        /// The leader it has lost touch with, if the epoch has one.
        leader: Option<i32>,
        /// Where that is, if known.
        server: Option<Server>,
        votes: Votes,
        election_deadline: Duration,
    },
    /// Stands for election in an epoch of its own.
    Candidate { votes: Votes, election_deadline: Duration },
    /// Fetches from the leader.
    Follower(Follower),
    /// Was elected.
    Leader(Box<Leader>),
    /// Gave up the lead, or led before a restart: leads no more and votes for nobody in this epoch.
    Resigned {
        /// Voters that do not know of it yet.
        unacknowledged: BTreeSet<i32>,
        /// When the last of them did.
        acknowledged_at: Option<Duration>,
        successors: Vec<ReplicaKey>,
        election_deadline: Duration,
    },
}

/// A node that fetches.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    pub(crate) leader: Server,
    /// When a voter takes the leader for dead.
    pub(crate) fetch_deadline: Duration,
    /// Whether the leader has answered a fetch in this epoch, and has not gone since.
    pub(crate) has_fetched: bool,
    /// What the leader said last, -1 for nothing; our own may lag behind it.
    pub(crate) leader_high_watermark: i64,
    /// A snapshot under way, and how many bytes of it are here.
    pub(crate) snapshot: Option<(OffsetAndEpoch, i64)>,
    /// All of it is here; waiting for it to be in place.
    pub(crate) installing: bool,
    /// Whether this leader knows our endpoints and directory; with `kraft.version` 0 it keeps them in memory only.
    pub(crate) has_updated_leader: bool,
    /// When to look next at whether the leader has to be told of us as a voter. Kafka's pace: the fetch timeout.
    pub(crate) voter_update_deadline: Duration,
}

impl Follower {
    pub(crate) const fn new(leader: Server, fetch_deadline: Duration) -> Self {
        Self {
            leader,
            fetch_deadline,
            has_fetched: false,
            leader_high_watermark: -1,
            snapshot: None,
            installing: false,
            has_updated_leader: false,
            voter_update_deadline: fetch_deadline,
        }
    }
}

/// Votes for this node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes {
    pub(crate) granted: BTreeSet<i32>,
    pub(crate) rejected: BTreeSet<i32>,
}

impl Votes {
    pub(crate) fn own(id: i32) -> Self {
        Self { granted: BTreeSet::from([id]), rejected: BTreeSet::new() }
    }

    pub(crate) fn record(&mut self, id: i32, granted: bool) {
        if granted {
            self.rejected.remove(&id);
            self.granted.insert(id);
        } else {
            self.granted.remove(&id);
            self.rejected.insert(id);
        }
    }

    pub(crate) fn is_won(&self, voters: &VoterSet) -> bool {
        voters.iter().filter(|voter| self.granted.contains(&voter.key.id)).count() >= voters.majority()
    }

    pub(crate) fn is_lost(&self, voters: &VoterSet) -> bool {
        let open = voters.iter().filter(|voter| !self.rejected.contains(&voter.key.id)).count();
        open < voters.majority()
    }

    pub(crate) fn is_open(&self, id: i32) -> bool {
        !self.granted.contains(&id) && !self.rejected.contains(&id)
    }
}

impl Role {
    /// The leader's id, if known.
    pub(crate) fn leader_id(&self, own_id: i32) -> Option<i32> {
        match self {
            Self::Unattached { leader, .. } | Self::Prospective { leader, .. } => *leader,
            Self::Candidate { .. } => None,
            Self::Follower(follower) => Some(follower.leader.id),
            Self::Leader(_) | Self::Resigned { .. } => Some(own_id),
        }
    }

    /// For logs.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Unattached { .. } => "Unattached",
            Self::Prospective { .. } => "Prospective",
            Self::Candidate { .. } => "Candidate",
            Self::Follower(_) => "Follower",
            Self::Leader(_) => "Leader",
            Self::Resigned { .. } => "Resigned",
        }
    }
}
