//! What coordinators tell: their partitions, groups and offsets.

use std::collections::BTreeMap;

use klamm_coordinator::Census;

use super::{
    families::{
        CONSUMER_GROUP_COUNT, GROUP_COORDINATOR_PARTITIONS, GROUP_COUNT, NUM_GROUPS, NUM_GROUPS_COMPLETING,
        NUM_GROUPS_DEAD, NUM_GROUPS_EMPTY, NUM_GROUPS_PREPARING, NUM_GROUPS_STABLE, NUM_OFFSETS,
        SHARE_GROUP_COUNT, STREAMS_GROUP_COUNT, TRANSACTION_COORDINATOR_PARTITIONS,
    },
    samples::{Family, Samples, count},
};

/// How far coordinators of a kind are.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeatCounts {
    /// They read their partition.
    pub loading: u64,
    /// At work.
    pub active: u64,
    /// Their partition cannot be read.
    pub failed: u64,
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

/// Adds the samples of all shards of a broker.
pub fn sample<'a>(shards: impl Iterator<Item = &'a CoordinatorMeasures>, samples: &mut Samples) {
    let (mut groups, mut offsets) = (BTreeMap::new(), 0);
    for shard in shards {
        let kinds = [
            (GROUP_COORDINATOR_PARTITIONS, shard.groups),
            (TRANSACTION_COORDINATOR_PARTITIONS, shard.transactions),
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
