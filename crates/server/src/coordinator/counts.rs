//! What coordinators of a shard have done since the process started, for metrics. It outlives their leaderships.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use klamm_coordinator::{
    ConsumerRecord, GroupRecord, Request, ShareGroupRequest, ShareRecord, StreamsRecord, TimerKey,
};

use crate::metrics::lately::Durations;

/// What group coordinators count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupCounts {
    /// Offsets that members, clients and transactions committed.
    pub offset_commits: u64,
    /// Offsets that were kept for long enough.
    pub offset_expirations: u64,
    /// Offsets that somebody had deleted.
    pub offset_deletions: u64,
    /// Assignments of classic groups that took effect.
    pub classic_rebalances: u64,
    /// New epochs of consumer groups that members brought about.
    pub consumer_rebalances: u64,
    /// The same of share groups.
    pub share_rebalances: u64,
    /// The same of streams groups.
    pub streams_rebalances: u64,
}

/// What made a group coordinator write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Offsets are committed.
    Commit,
    /// Offsets are deleted.
    Deletion,
    /// Offsets have been kept for long enough.
    Expiration,
    /// A member comes or stays, or there are topics that it wants.
    Member,
    /// Anything else: that a member goes is none of its group's rebalances, as in Kafka.
    Other,
}

impl Cause {
    /// Of what a request makes.
    pub const fn of_request(request: &Request) -> Self {
        match request {
            Request::OffsetCommit(_) | Request::TxnOffsetCommit(_) => Self::Commit,
            Request::OffsetDelete(_) => Self::Deletion,
            Request::ConsumerGroupHeartbeat(heartbeat) if heartbeat.member_epoch >= 0 => Self::Member,
            Request::StreamsGroupHeartbeat(heartbeat) if heartbeat.member_epoch >= 0 => Self::Member,
            Request::Share(ShareGroupRequest::Heartbeat(heartbeat)) if heartbeat.member_epoch >= 0 => {
                Self::Member
            }
            Request::JoinGroup(_) => Self::Member,
            _ => Self::Other,
        }
    }

    /// Of what a timer makes.
    pub const fn of_timer(timer: &TimerKey) -> Self {
        match timer {
            TimerKey::Expiration => Self::Expiration,
            TimerKey::ConsumerRegexes { .. } => Self::Member,
            _ => Self::Other,
        }
    }
}

impl GroupCounts {
    /// Counts what is written.
    pub fn count(&mut self, cause: Cause, records: &[GroupRecord]) {
        for record in records {
            match (cause, record) {
                (Cause::Commit, GroupRecord::OffsetCommit { value: Some(_), .. }) => self.offset_commits += 1,
                (Cause::Deletion, GroupRecord::OffsetCommit { value: None, .. }) => {
                    self.offset_deletions += 1
                }
                (Cause::Expiration, GroupRecord::OffsetCommit { value: None, .. }) => {
                    self.offset_expirations += 1;
                }
                _ => {}
            }
        }
        if cause == Cause::Member
            && let Some(rebalances) = records.iter().find_map(rebalances_of)
        {
            *rebalances(self) += 1;
        }
    }
}

/// Where a group's new epoch is counted. One that is made from a classic group gets two in one request, for one
/// rebalance.
fn rebalances_of(record: &GroupRecord) -> Option<fn(&mut GroupCounts) -> &mut u64> {
    match record {
        GroupRecord::Consumer { record: ConsumerRecord::Metadata(Some(_)), .. } => {
            Some(|counts| &mut counts.consumer_rebalances)
        }
        GroupRecord::Share { record: ShareRecord::Metadata(Some(_)), .. } => {
            Some(|counts| &mut counts.share_rebalances)
        }
        GroupRecord::Streams { record: StreamsRecord::Metadata(Some(_)), .. } => {
            Some(|counts| &mut counts.streams_rebalances)
        }
        _ => None,
    }
}

/// What share coordinators count.
#[derive(Debug, Default)]
pub struct ShareStateCounts {
    /// Writes of state that were asked for.
    pub writes: Cell<u64>,
    /// How long they took.
    pub write_times: Durations,
    /// Up to where each partition was deleted.
    pub pruned: RefCell<BTreeMap<i32, i64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_counted_by_what_becomes_of_them() {
        let offset = |is_there: bool| GroupRecord::OffsetCommit {
            group: "g".into(),
            topic: "t".into(),
            partition: 0,
            value: is_there.then(Box::default),
        };
        let mut counts = GroupCounts::default();
        counts.count(Cause::Commit, &[offset(true), offset(true)]);
        counts.count(Cause::Deletion, &[offset(false)]);
        counts.count(Cause::Expiration, &[offset(false), offset(false), offset(false)]);
        counts.count(Cause::Other, &[offset(false), offset(true)]);
        let expect = GroupCounts {
            offset_commits: 2,
            offset_deletions: 1,
            offset_expirations: 3,
            ..GroupCounts::default()
        };
        assert_eq!(counts, expect);
    }

    #[test]
    fn a_request_of_a_member_makes_one_rebalance() {
        let epoch = || GroupRecord::Consumer {
            group: "g".into(),
            record: ConsumerRecord::Metadata(Some(Default::default())),
        };
        let gone = GroupRecord::Share { group: "g".into(), record: ShareRecord::Metadata(None) };
        let mut counts = GroupCounts::default();
        counts.count(Cause::Member, &[epoch(), epoch()]);
        counts.count(Cause::Member, &[gone]);
        counts.count(Cause::Other, &[epoch()]);
        assert_eq!(counts, GroupCounts { consumer_rebalances: 1, ..GroupCounts::default() });
    }
}
