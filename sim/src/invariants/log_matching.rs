//! If two replicas have a record of the same offset and leader epoch, everything before it is the same in both (Raft: Log
//! Matching). Compared on the disks, of the metadata log and of every partition.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Logs};
use crate::{disks::Batches, history::History};

/// See above.
#[derive(Default)]
pub(super) struct LogMatching;

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn look(&mut self, logs: &Logs) -> Result<(), String> {
        let partitions: BTreeSet<&String> = logs.values().flat_map(BTreeMap::keys).collect();
        for partition in partitions {
            let replicas: Vec<(i32, &Batches)> =
                logs.iter().filter_map(|(node, logs)| Some((*node, logs.get(partition)?))).collect();
            for (index, (one, log)) in replicas.iter().enumerate() {
                for (other, other_log) in &replicas[..index] {
                    matching(log, other_log)
                        .map_err(|what| format!("{partition} on {one} and {other}: {what}"))?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _history: &History, logs: &Logs) -> Result<(), String> {
        self.look(logs)
    }
}

fn matching(one: &Batches, other: &Batches) -> Result<(), String> {
    let agreed =
        one.iter().rev().find(|(base, batch)| other.get(base).is_some_and(|b| b.epoch == batch.epoch));
    let Some((agreed, _)) = agreed else { return Ok(()) };
    let start = |log: &Batches| log.keys().next().copied().unwrap_or(i64::MAX);
    let start = start(one).max(start(other));
    for base in
        one.range(start..=*agreed).map(|(base, _)| base).chain(other.range(start..=*agreed).map(|(b, _)| b))
    {
        if one.get(base) != other.get(base) {
            return Err(format!(
                "both agree at offset {agreed}, but at {base} there are {:?} and {:?}",
                one.get(base),
                other.get(base)
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disks::Batch;

    #[test]
    fn what_lies_before_an_agreement_has_to_agree() {
        let log = |batches: &[(i64, i32, u32)]| -> Batches {
            batches
                .iter()
                .map(|&(o, epoch, crc)| (o, Batch { last_offset: o, epoch, crc, producer: (-1, -1, -1) }))
                .collect()
        };
        let one = log(&[(0, 1, 10), (1, 1, 11), (2, 2, 12)]);
        for (other, is_good) in [
            (log(&[(0, 1, 10), (1, 1, 11), (2, 2, 12)]), true),
            (log(&[(0, 1, 10), (1, 1, 11), (2, 3, 99)]), true),
            (log(&[(1, 1, 11), (2, 2, 12)]), true),
            (log(&[]), true),
            (log(&[(0, 1, 10), (1, 1, 99), (2, 2, 12)]), false),
            (log(&[(0, 1, 10), (2, 2, 12)]), false),
            (log(&[(0, 1, 10), (1, 1, 11), (2, 2, 99)]), false),
        ] {
            assert_eq!(matching(&one, &other).is_ok(), is_good, "{other:?}");
            assert_eq!(matching(&other, &one).is_ok(), is_good, "{other:?}");
        }
    }
}
