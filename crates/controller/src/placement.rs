//! Where replicas go: striped over racks, then over the brokers of a rack.

use crate::{ApiError, Context, Random};
use klamm_protocol::{ErrorCode, StrBytes};
use std::collections::BTreeMap;

/// A ring of brokers that begins one further along with each partition.
#[derive(Clone, Debug, Default)]
struct Ring {
    brokers: Vec<i32>,
    index: usize,
    offset: usize,
    round: usize,
}

impl Ring {
    fn begin(&mut self, random: &mut Random) {
        self.brokers.sort_unstable();
        self.offset = random.below(self.brokers.len());
    }

    /// Puts the brokers into another order and forgets which of them this round has seen.
    fn shuffle(&mut self, random: &mut Random) {
        random.shuffle(&mut self.brokers);
        self.index = 0;
    }

    /// The next broker of this round, or `None` when the round has seen all.
    fn next(&mut self, round: usize) -> Option<i32> {
        if self.brokers.is_empty() {
            return None;
        }
        if self.round != round {
            self.round = round;
            self.index = 0;
            self.offset = (self.offset + 1) % self.brokers.len();
        }
        if self.index >= self.brokers.len() {
            return None;
        }
        let broker = self.brokers.get((self.index + self.offset) % self.brokers.len()).copied();
        self.index += 1;
        broker
    }
}

#[derive(Clone, Debug, Default)]
struct Rack {
    unfenced: Ring,
    fenced: Ring,
}

/// Places replicas as Kafka's striped placer does.
///
/// The first replica of each partition goes to an unfenced broker of the next rack; the others go one by one to the
/// racks that follow, to fenced brokers only when a rack has no other left. Brokers on their way down, or whose log
/// directories are all cordoned, get none.
#[derive(Debug)]
pub struct Placer<'a> {
    random: &'a mut Random,
    racks: BTreeMap<Option<StrBytes>, Rack>,
    names: Vec<Option<StrBytes>>,
    broker_count: usize,
    unfenced_count: usize,
    round: usize,
    offset: usize,
}

impl<'a> Placer<'a> {
    /// Over the brokers of the image.
    pub fn new(context: &Context<'_>, random: &'a mut Random) -> Self {
        let mut racks: BTreeMap<Option<StrBytes>, Rack> = BTreeMap::new();
        let (mut broker_count, mut unfenced_count) = (0, 0);
        for broker in context.image.cluster.brokers.values() {
            // One that has gone stays marked as shutting down until it registers again; what counts is that it is
            // fenced.
            if (broker.in_controlled_shutdown && !broker.fenced) || broker.is_fully_cordoned() {
                continue;
            }
            let rack = racks.entry(broker.rack.clone()).or_default();
            if broker.fenced {
                rack.fenced.brokers.push(broker.id);
            } else {
                rack.unfenced.brokers.push(broker.id);
                unfenced_count += 1;
            }
            broker_count += 1;
        }
        for rack in racks.values_mut() {
            rack.fenced.begin(random);
            rack.unfenced.begin(random);
        }
        let names: Vec<_> = racks.keys().cloned().collect();
        let offset = random.below(names.len());
        Self { random, racks, names, broker_count, unfenced_count, round: 0, offset }
    }

    /// The replicas of `partition_count` partitions.
    ///
    /// # Errors
    /// INVALID_REPLICATION_FACTOR if there are too few brokers.
    pub fn place(
        &mut self,
        partition_count: usize,
        replication_factor: i16,
    ) -> Result<Vec<Vec<i32>>, ApiError> {
        let refuse = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
        let replica_count = usize::try_from(replication_factor).unwrap_or(0);
        if replica_count == 0 {
            return refuse(format!(
                "Invalid replication factor {replication_factor}: the replication factor must be positive."
            ));
        }
        if self.unfenced_count == 0 {
            return refuse(
                "All brokers are currently fenced, or have all their log directories cordoned.".to_owned(),
            );
        }
        if replica_count > self.broker_count {
            return refuse(format!(
                "The target replication factor of {replication_factor} cannot be reached because only {} broker(s) are \
                 registered or some brokers have all their log directories cordoned.",
                self.broker_count
            ));
        }
        Ok((0..partition_count).map(|_| self.place_one(replica_count)).collect())
    }

    fn place_one(&mut self, replica_count: usize) -> Vec<i32> {
        // After as many partitions as there are leaders to have, the same assignments would come again. A single
        // leader has no other order.
        if self.round == self.unfenced_count && self.unfenced_count > 1 {
            self.random.shuffle(&mut self.names);
            for rack in self.racks.values_mut() {
                rack.fenced.shuffle(self.random);
                rack.unfenced.shuffle(self.random);
            }
            self.round = 0;
        }
        if self.offset == self.names.len() {
            self.offset = 0;
        }
        let mut replicas = Vec::with_capacity(replica_count);
        let mut first_rack = self.offset;
        // There is an unfenced broker, and each round hands out each broker at least once.
        for _ in 0..self.names.len() {
            if let Some(broker) = self.next_of(first_rack, true) {
                replicas.push(broker);
                break;
            }
            first_rack = (first_rack + 1) % self.names.len();
        }
        let mut skipped = Some(first_rack);
        let mut rack = self.offset;
        // Each turn around the racks gives at least one broker as long as some are left.
        let mut fruitless = 0;
        while replicas.len() < replica_count && fruitless <= self.names.len() {
            let broker = if skipped == Some(rack) {
                skipped = None;
                None
            } else {
                self.next_of(rack, false)
            };
            match broker {
                Some(broker) => {
                    replicas.push(broker);
                    fruitless = 0;
                }
                None => fruitless += 1,
            }
            rack = (rack + 1) % self.names.len();
        }
        self.round += 1;
        self.offset += 1;
        replicas
    }

    fn next_of(&mut self, rack: usize, unfenced_only: bool) -> Option<i32> {
        let round = self.round;
        let rack = self.racks.get_mut(self.names.get(rack)?)?;
        match rack.unfenced.next(round) {
            None if !unfenced_only => rack.fenced.next(round),
            broker => broker,
        }
    }
}
