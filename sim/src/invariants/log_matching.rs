//! If two replicas have a record of the same offset and leader epoch, everything before it is the same in both (Raft: Log
//! Matching). Compared on the disks, of the metadata log and of every partition.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Logs};
use crate::{disks::Batches, history::History};

/// See above.
pub(super) struct LogMatching {
    /// The logs of offsets and transactions are cleaned, of each replica by itself.
    pub(super) cleans: bool,
}

/// Topics whose logs are compacted.
const COMPACTED: [&str; 2] = ["__consumer_offsets-", "__transaction_state-"];

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    /// A host without power may have lost the end of one file and have the next one: what lies behind that is cut off by the
    /// node's next start.
    fn look(&mut self, logs: &Logs) -> Result<(), String> {
        self.compare(logs, |one, other| matching(&up_to_gap(one), &up_to_gap(other)))
    }

    fn finish(&mut self, _history: &History, logs: &Logs) -> Result<(), String> {
        self.compare(logs, matching)
    }
}

impl LogMatching {
    fn compare(
        &self,
        logs: &Logs,
        matching: impl Fn(&Batches, &Batches) -> Result<(), String>,
    ) -> Result<(), String> {
        let partitions: BTreeSet<&String> = logs.values().flat_map(BTreeMap::keys).collect();
        for partition in partitions {
            let is_cleaned = self.cleans && COMPACTED.iter().any(|topic| partition.starts_with(topic));
            let replicas: Vec<(i32, &Batches)> =
                logs.iter().filter_map(|(node, logs)| Some((*node, logs.get(partition)?))).collect();
            for (index, (one, log)) in replicas.iter().enumerate() {
                for (other, other_log) in &replicas[..index] {
                    let compared =
                        if is_cleaned { agreeing(log, other_log) } else { matching(log, other_log) };
                    compared.map_err(|what| format!("{partition} on {one} and {other}: {what}"))?;
                }
            }
        }
        Ok(())
    }
}

/// The batches up to the first that is missing.
fn up_to_gap(log: &Batches) -> Batches {
    let mut next = log.keys().next().copied();
    let mut whole = Batches::new();
    for (base, batch) in log {
        if next != Some(*base) {
            break;
        }
        next = Some(batch.last_offset + 1);
        whole.insert(*base, *batch);
    }
    whole
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

/// Of logs that have been cleaned only what both still have can be compared, and not the contents of a batch.
fn agreeing(one: &Batches, other: &Batches) -> Result<(), String> {
    let agreed =
        one.iter().rev().find(|(base, batch)| other.get(base).is_some_and(|b| b.epoch == batch.epoch));
    let Some((agreed, _)) = agreed else { return Ok(()) };
    for (base, batch) in one.range(..=*agreed) {
        let Some(theirs) = other.get(base) else { continue };
        if (batch.epoch, batch.last_offset) != (theirs.epoch, theirs.last_offset) {
            return Err(format!(
                "both agree at offset {agreed}, but at {base} there are {batch:?} and {theirs:?}"
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
    fn a_gap_counts_once_all_has_healed() {
        let log = |offsets: &[i64]| -> Batches {
            let batch = |o| Batch { last_offset: o, epoch: 1, crc: 1, producer: (-1, -1, -1) };
            offsets.iter().map(|offset| (*offset, batch(*offset))).collect()
        };
        let logs = |other: Batches| -> Logs {
            let name = "topic-0-0".to_owned();
            [(1, [(name.clone(), log(&[0, 1, 2]))].into()), (2, [(name, other)].into())].into()
        };
        let mut invariant = LogMatching { cleans: false };
        for (other, is_good) in [(log(&[0, 1]), true), (log(&[1, 2]), true), (log(&[0, 2]), false)] {
            let logs = logs(other);
            assert_eq!(invariant.look(&logs), Ok(()));
            assert_eq!(invariant.finish(&History::default(), &logs).is_ok(), is_good, "{logs:?}");
        }
    }

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
        // Once they are cleaned.
        for (other, is_good) in [
            (log(&[(1, 1, 99), (2, 2, 12)]), true),
            (log(&[(0, 1, 10), (2, 2, 12)]), true),
            (log(&[(1, 2, 11), (2, 2, 12)]), false),
        ] {
            assert_eq!(agreeing(&one, &other).is_ok(), is_good, "{other:?}");
            assert_eq!(agreeing(&other, &one).is_ok(), is_good, "{other:?}");
        }
    }
}
