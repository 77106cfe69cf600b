//! What coordinators tell: their partitions, groups and offsets.

use std::collections::BTreeMap;

use klamm_coordinator::Census;

use super::{
    families::{
        CLASSIC_REBALANCES, CONSUMER_GROUP_COUNT, CONSUMER_REBALANCES, GROUP_COORDINATOR_PARTITIONS,
        GROUP_COUNT, GROUP_LOAD_AVG, GROUP_LOAD_MAX, NUM_GROUPS, NUM_GROUPS_COMPLETING, NUM_GROUPS_DEAD,
        NUM_GROUPS_EMPTY, NUM_GROUPS_PREPARING, NUM_GROUPS_STABLE, NUM_OFFSETS, OFFSET_COMMITS,
        OFFSET_DELETIONS, OFFSET_EXPIRATIONS, SHARE_COORDINATOR_PARTITIONS, SHARE_GROUP_COUNT,
        SHARE_LOAD_AVG, SHARE_LOAD_MAX, SHARE_REBALANCES, SHARE_STATE_PRUNED, SHARE_STATE_WRITE_AVG,
        SHARE_STATE_WRITE_MAX, SHARE_STATE_WRITES, STREAMS_GROUP_COUNT, STREAMS_REBALANCES,
        TRANSACTION_COORDINATOR_PARTITIONS, TRANSACTION_LOAD_AVG, TRANSACTION_LOAD_MAX,
    },
    lately::Recent,
    samples::{Family, Samples, count, signed},
};
use crate::{coordinator::counts::GroupCounts, topic_names};

/// How far coordinators of a kind are.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeatCounts {
    /// They read their partition.
    pub loading: u64,
    /// At work.
    pub active: u64,
    /// Their partition cannot be read.
    pub failed: u64,
    /// How long those took to load that were loaded lately.
    pub loads: Recent,
}

/// What a shard tells of its coordinators.
#[derive(Debug, Default)]
pub struct CoordinatorMeasures {
    /// Of groups.
    pub groups: SeatCounts,
    /// Of transactions.
    pub transactions: SeatCounts,
    /// Of each group coordinator.
    pub censuses: Vec<Census>,
    /// What group coordinators have done.
    pub counts: GroupCounts,
    /// Of shares' state.
    pub shares: SeatCounts,
    /// Writes of shares' state.
    pub share_writes: u64,
    /// How long they took lately.
    pub share_write_times: Recent,
    /// Up to where partitions of shares' state were deleted.
    pub pruned: Vec<(i32, i64)>,
}

/// States of groups that are told although there are none, by kind.
const STATES: &[(Family, &str, &[&str])] = &[
    (CONSUMER_GROUP_COUNT, "consumer", &["Empty", "Assigning", "Reconciling", "Stable", "Dead"]),
    (SHARE_GROUP_COUNT, "share", &["Empty", "Stable", "Dead"]),
    (STREAMS_GROUP_COUNT, "streams", &["Empty", "Assigning", "Reconciling", "Stable", "Dead", "NotReady"]),
];

const CLASSIC_STATES: &[(Family, &str)] = &[
    (NUM_GROUPS_PREPARING, "PreparingRebalance"),
    (NUM_GROUPS_COMPLETING, "CompletingRebalance"),
    (NUM_GROUPS_STABLE, "Stable"),
    (NUM_GROUPS_DEAD, "Dead"),
    (NUM_GROUPS_EMPTY, "Empty"),
];

/// The longest and the mean of what is told of the times of, in this order: loads of groups, transactions and shares'
/// state, writes of shares' state.
const TIMES: [(Family, Family); 4] = [
    (GROUP_LOAD_MAX, GROUP_LOAD_AVG),
    (TRANSACTION_LOAD_MAX, TRANSACTION_LOAD_AVG),
    (SHARE_LOAD_MAX, SHARE_LOAD_AVG),
    (SHARE_STATE_WRITE_MAX, SHARE_STATE_WRITE_AVG),
];

impl CoordinatorMeasures {
    /// Adds what only grows.
    fn sample_counts(&self, samples: &mut Samples) {
        let counts = &self.counts;
        for (family, number) in [
            (OFFSET_COMMITS, counts.offset_commits),
            (OFFSET_EXPIRATIONS, counts.offset_expirations),
            (OFFSET_DELETIONS, counts.offset_deletions),
            (CLASSIC_REBALANCES, counts.classic_rebalances),
            (CONSUMER_REBALANCES, counts.consumer_rebalances),
            (SHARE_REBALANCES, counts.share_rebalances),
            (STREAMS_REBALANCES, counts.streams_rebalances),
            (SHARE_STATE_WRITES, self.share_writes),
        ] {
            samples.add(family, &[], count(number));
        }
        for (partition, offset) in &self.pruned {
            let partition = partition.to_string();
            let labels = [("topic", topic_names::SHARE_GROUP_STATE), ("partition", partition.as_str())];
            samples.add(SHARE_STATE_PRUNED, &labels, signed(*offset));
        }
    }
}

/// Adds the samples of all shards of a broker.
pub fn sample<'a>(shards: impl Iterator<Item = &'a CoordinatorMeasures>, samples: &mut Samples) {
    let (mut groups, mut offsets) = (BTreeMap::new(), 0);
    let mut times = [Recent::default(); 4];
    for shard in shards {
        shard.sample_counts(samples);
        let lately =
            [shard.groups.loads, shard.transactions.loads, shard.shares.loads, shard.share_write_times];
        times.iter_mut().zip(lately).for_each(|(all, one)| all.add(one));
        let kinds = [
            (GROUP_COORDINATOR_PARTITIONS, shard.groups),
            (TRANSACTION_COORDINATOR_PARTITIONS, shard.transactions),
            (SHARE_COORDINATOR_PARTITIONS, shard.shares),
        ];
        for (family, seats) in kinds {
            let states = [("loading", seats.loading), ("active", seats.active), ("failed", seats.failed)];
            for (state, number) in states {
                samples.add(family, &[("state", state)], count(number));
            }
        }
        for census in &shard.censuses {
            offsets += census.offsets();
            for (place, number) in census.groups() {
                *groups.entry(place).or_insert(0) += number;
            }
        }
    }
    for ((max, avg), recent) in TIMES.iter().zip(times) {
        samples.add(*max, &[], recent.max.as_secs_f64() * 1000.0);
        samples.add(*avg, &[], recent.mean().as_secs_f64() * 1000.0);
    }
    let of = |kind: &str| groups.iter().filter(|((k, _), _)| *k == kind).map(|(_, number)| number).sum();
    let in_state = |kind, state| count(groups.get(&(kind, state)).copied().unwrap_or(0));
    samples.add(NUM_OFFSETS, &[], count(offsets as u64));
    samples.add(NUM_GROUPS, &[], count(of("classic")));
    for (family, state) in CLASSIC_STATES {
        samples.add(*family, &[], in_state("classic", state));
    }
    for kind in ["classic", "consumer", "share", "streams"] {
        samples.add(GROUP_COUNT, &[("protocol", kind)], count(of(kind)));
    }
    for (family, kind, states) in STATES {
        for state in *states {
            samples.add(*family, &[("state", &state.to_lowercase())], in_state(kind, state));
        }
    }
}
