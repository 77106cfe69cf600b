//! Of a transaction readers of what is committed see all or nothing: all if its commit was answered, nothing if it was
//! aborted or never brought to an end, and every record of it once. What such a reader has seen stays there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Logs};
use crate::{
    history::{Ending, History, by_topic},
    workload::TRANSACTIONS,
};

/// See above.
#[derive(Default)]
pub(super) struct Transactions;

impl Invariant for Transactions {
    fn name(&self) -> &'static str {
        "transactions"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        let Some(committed) = &history.committed else { return Ok(()) };
        for ((at, offset), value) in &history.committed_along {
            if committed.get(&(at.clone(), *offset)) != Some(value) {
                return Err(format!("{at} at {offset}: {value:?} was read as committed and is not"));
            }
        }
        let mut seen: BTreeMap<(usize, u64), BTreeSet<u64>> = BTreeMap::new();
        let mut last: BTreeMap<(i32, usize), (u64, u64)> = BTreeMap::new();
        for ((partition, offset), value) in by_topic(committed, TRANSACTIONS) {
            let here = format!("partition {partition} at {offset}");
            let (writer, number, record) =
                parse(value).ok_or_else(|| format!("{here}: nobody wrote {value:?}"))?;
            if !seen.entry((writer, number)).or_default().insert(record) {
                return Err(format!("{here}: record {record} of {writer}'s transaction {number} again"));
            }
            let before = last.insert((partition, writer), (number, record));
            if before.is_some_and(|before| before > (number, record)) {
                return Err(format!("{here}: {writer}'s transaction {number} comes after {before:?}"));
            }
        }
        for ((writer, number), (count, ending)) in &history.transactions {
            let found = seen.remove(&(*writer, *number)).unwrap_or_default().len() as u64;
            let is_right = match ending {
                Ending::Committed => found == *count,
                Ending::Aborted => found == 0,
                Ending::Unknown => found == 0 || found == *count,
            };
            if !is_right {
                return Err(format!(
                    "of {writer}'s transaction {number} ({ending:?}) {found} records of {count} are seen"
                ));
            }
        }
        match seen.pop_first() {
            Some(((writer, number), _)) => Err(format!("{writer} has no transaction {number}")),
            None => Ok(()),
        }
    }
}

fn parse(value: &str) -> Option<(usize, u64, u64)> {
    let mut words = value.split(' ');
    let parsed = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(parsed)
}

#[cfg(test)]
mod tests {
    use klamm_client::TopicPartition;

    use super::*;

    fn judge(records: &[(i32, i64, &str)], along: Option<(i32, i64, &str)>) -> Result<(), String> {
        let place = |(partition, offset, value): (i32, i64, &str)| {
            ((TopicPartition::new(TRANSACTIONS, partition), offset), value.to_owned())
        };
        let history = History {
            transactions: BTreeMap::from([
                ((0, 0), (2, Ending::Committed)),
                ((0, 1), (2, Ending::Aborted)),
                ((0, 2), (2, Ending::Unknown)),
            ]),
            committed: Some(records.iter().copied().map(place).collect()),
            committed_along: along.into_iter().map(place).collect(),
            ..History::default()
        };
        Transactions.finish(&history, &Logs::default())
    }

    #[test]
    fn what_is_torn_is_noticed() {
        let whole = [(0, 0, "0 0 0"), (1, 0, "0 0 1")];
        let with = |more: &[(i32, i64, &'static str)]| whole.iter().chain(more).copied().collect::<Vec<_>>();
        let unknown = [(0, 5, "0 2 0"), (1, 5, "0 2 1")];
        assert_eq!(judge(&whole, None), Ok(()));
        assert_eq!(judge(&with(&unknown), Some(unknown[0])), Ok(()));
        for (records, along) in [
            (whole[..1].to_vec(), None),
            (with(&[(0, 1, "0 0 1")]), None),
            (with(&[(0, 3, "0 1 0")]), None),
            (with(&unknown[..1]), None),
            (with(&[(0, 3, "0 3 0")]), None),
            (with(&[(0, 3, "?")]), None),
            (whole.to_vec(), Some((0, 3, "0 2 0"))),
            (vec![(0, 0, "0 2 0"), (1, 0, "0 2 1"), (0, 1, "0 0 0"), (1, 1, "0 0 1")], None),
        ] {
            assert!(judge(&records, along).is_err(), "{records:?}");
        }
    }
}
