//! The proposal of `--generate`: replicas striped over racks, then over the brokers of a rack, from a random start.

use std::collections::BTreeMap;

use anyhow::bail;
use klamm_io::Entropy;

/// The brokers of one rack, taken in turn.
struct Ring {
    brokers: Vec<i32>,
    next: usize,
}

impl Ring {
    /// The next broker that is not among `taken`.
    fn take(&mut self, taken: &[i32]) -> Option<i32> {
        for _ in 0..self.brokers.len() {
            let broker = self.brokers[self.next % self.brokers.len()];
            self.next += 1;
            if !taken.contains(&broker) {
                return Some(broker);
            }
        }
        None
    }
}

/// Replicas for each of `partitions` partitions; `brokers` with their racks.
///
/// # Errors
/// If there are fewer brokers than replicas.
pub(super) fn place(
    brokers: &[(i32, Option<String>)],
    partitions: usize,
    replicas: usize,
    entropy: &Entropy,
) -> anyhow::Result<Vec<Vec<i32>>> {
    if brokers.is_empty() {
        bail!("All brokers are currently fenced, or have all their log directories cordoned.");
    }
    if replicas > brokers.len() {
        bail!(
            "The target replication factor of {replicas} cannot be reached because only {} broker(s) are registered or \
             some brokers have all their log directories cordoned.",
            brokers.len()
        );
    }
    let mut racks: BTreeMap<Option<&str>, Vec<i32>> = BTreeMap::new();
    for (id, rack) in brokers {
        racks.entry(rack.as_deref()).or_default().push(*id);
    }
    let below = |bound: usize| entropy.below(bound as u64) as usize;
    let ring = |mut brokers: Vec<i32>| {
        brokers.sort_unstable();
        let next = below(brokers.len());
        Ring { brokers, next }
    };
    // Leaders and followers go round by themselves, so that each broker leads as often as the others.
    let mut leaders: Vec<Ring> = racks.values().cloned().map(ring).collect();
    let mut followers: Vec<Ring> = racks.into_values().map(ring).collect();
    let start = below(leaders.len());
    let mut placed = Vec::with_capacity(partitions);
    for partition in 0..partitions {
        let mut rack = (start + partition) % leaders.len();
        let mut taken: Vec<i32> = leaders[rack].take(&[]).into_iter().collect();
        while taken.len() < replicas {
            rack = (rack + 1) % followers.len();
            taken.extend(followers[rack].take(&taken));
        }
        placed.push(taken);
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_spread_over_racks_and_leaders_over_brokers() {
        let entropy = Entropy::seeded(5);
        let brokers: Vec<(i32, Option<String>)> =
            (0..6).map(|id| (id, Some(format!("rack{}", id % 3)))).collect();
        let placed = place(&brokers, 12, 3, &entropy).unwrap();
        let mut leads: BTreeMap<i32, usize> = BTreeMap::new();
        for replicas in &placed {
            let mut racks: Vec<i32> = replicas.iter().map(|id| id % 3).collect();
            racks.sort_unstable();
            assert_eq!(racks, [0, 1, 2], "{placed:?}");
            *leads.entry(replicas[0]).or_default() += 1;
        }
        assert!(leads.values().all(|times| *times == 2), "{leads:?}");
    }

    #[test]
    fn too_few_brokers_are_refused() {
        let error = place(&[(1, None)], 1, 2, &Entropy::seeded(1)).unwrap_err();
        let expected =
            "only 1 broker(s) are registered or some brokers have all their log directories cordoned.";
        assert!(error.to_string().contains(expected), "{error}");
        assert!(place(&[], 1, 1, &Entropy::seeded(1)).is_err());
    }
}
