//! The throttles of replication (KIP-73): how fast this broker sends to followers, and fetches as one, what the topics'
//! configs name. They keep a reassignment from taking the whole network; replicas in sync are not held back.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_replica::throttle::Rate;

/// Which replicas of a topic are throttled on this broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Throttled {
    /// None of them.
    #[default]
    None,
    /// `*`.
    All,
    /// Those of these partitions.
    Of(BTreeSet<i32>),
}

impl Throttled {
    /// Reads `partition:broker,...` or `*`, as far as it concerns a broker. The config was checked when it was set.
    pub fn read(listed: &[String], broker_id: i32) -> Self {
        if listed.iter().any(|entry| entry.trim() == "*") {
            return Self::All;
        }
        let here = listed.iter().filter_map(|entry| {
            let (partition, broker) = entry.trim().split_once(':')?;
            let is_here = broker.trim().parse() == Ok(broker_id);
            partition.trim().parse().ok().filter(|_| is_here)
        });
        let here: BTreeSet<i32> = here.collect();
        if here.is_empty() { Self::None } else { Self::Of(here) }
    }

    /// Whether a partition's replica is among them.
    pub fn contains(&self, index: i32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(partitions) => partitions.contains(&index),
        }
    }
}

/// One direction, for all shards together. Locked for throttled partitions only.
#[derive(Debug)]
pub struct Throttle {
    rate: Mutex<Rate>,
    limit: fn(&BrokerConfig) -> i64,
}

impl Throttle {
    /// What is sent to followers: `leader.replication.throttled.rate`.
    pub fn of_leaders(config: &BrokerConfig) -> Self {
        Self::of_replication(config, |config| config.get(&broker::LEADER_REPLICATION_THROTTLED_RATE))
    }

    /// What is fetched from leaders: `follower.replication.throttled.rate`.
    pub fn of_followers(config: &BrokerConfig) -> Self {
        Self::of_replication(config, |config| config.get(&broker::FOLLOWER_REPLICATION_THROTTLED_RATE))
    }

    /// What is moved between log directories: `replica.alter.log.dirs.io.max.bytes.per.second`.
    pub fn of_moves(config: &BrokerConfig) -> Self {
        let seconds = config.get(&broker::ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS);
        let count = config.get(&broker::ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_NUM);
        Self::new(seconds, count, |config| {
            config.get(&broker::REPLICA_ALTER_LOG_DIRS_IO_MAX_BYTES_PER_SECOND)
        })
    }

    fn of_replication(config: &BrokerConfig, limit: fn(&BrokerConfig) -> i64) -> Self {
        let seconds = config.get(&broker::REPLICATION_QUOTA_WINDOW_SIZE_SECONDS);
        Self::new(seconds, config.get(&broker::REPLICATION_QUOTA_WINDOW_NUM), limit)
    }

    fn new(seconds: i32, count: i32, limit: fn(&BrokerConfig) -> i64) -> Self {
        let length = Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
        let count = u32::try_from(count).unwrap_or(11);
        Self { rate: Mutex::new(Rate::new(length, count)), limit }
    }

    /// Counts bytes of throttled partitions.
    pub fn record(&self, now: Duration, bytes: u64) {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner).record(now, bytes);
    }

    /// Whether the limit that the config has now is exceeded.
    pub fn is_exceeded(&self, config: &BrokerConfig, now: Duration) -> bool {
        let limit = (self.limit)(config);
        limit < i64::MAX && self.rate.lock().unwrap_or_else(PoisonError::into_inner).exceeds(now, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_replicas_are_throttled_here() {
        let read = |text: &str| Throttled::read(&text.split(',').map(str::to_owned).collect::<Vec<_>>(), 2);
        assert_eq!(read(""), Throttled::None);
        assert_eq!(read("*"), Throttled::All);
        assert_eq!(read("0:1,1:3"), Throttled::None);
        let some = read("0:1, 0:2,4:2");
        assert_eq!([0, 1, 4].map(|index| some.contains(index)), [true, false, true]);
    }
}
