//! What is read, processed and committed in one transaction is processed once: each record has one copy, where it belongs
//! and in its order.

use std::collections::BTreeMap;

use super::{Invariant, Logs};
use crate::{
    history::{History, by_topic},
    workload::COPIES,
};

/// See above.
#[derive(Default)]
pub(super) struct ExactlyOnce;

impl Invariant for ExactlyOnce {
    fn name(&self) -> &'static str {
        "exactly once"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        let Some(committed) = &history.committed else { return Ok(()) };
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for ((partition, offset), value) in by_topic(committed, COPIES) {
            let copied =
                value.split_once(' ').and_then(|(at, offset)| Some((at.parse().ok()?, offset.parse().ok()?)));
            let expected = next.entry(partition).or_insert(0);
            if copied != Some((partition, *expected)) {
                return Err(format!(
                    "partition {partition} at {offset}: a copy of {value:?}, where {expected} comes next"
                ));
            }
            *expected += 1;
        }
        let has_copiers = history.done.contains("copier 0");
        for (at, records) in history.read.iter().filter(|(at, _)| &*at.topic == "topic-0") {
            let last = records.last_key_value().map_or(-1, |(offset, _)| *offset);
            let copied = next.get(&at.partition).copied().unwrap_or(0);
            if has_copiers && copied <= last {
                return Err(format!("{at}: copied up to {copied}, there are records up to {last}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use klamm_client::TopicPartition;

    use super::*;

    fn judge(copies: &[(i64, &str)]) -> Result<(), String> {
        let copy =
            |(offset, value): &(i64, &str)| ((TopicPartition::new(COPIES, 0), *offset), (*value).to_owned());
        let read = (0..3_i64).map(|offset| (offset, (0, offset.unsigned_abs()))).collect();
        let history = History {
            committed: Some(copies.iter().map(copy).collect()),
            read: BTreeMap::from([(TopicPartition::new("topic-0", 0), read)]),
            done: ["copier 0".to_owned()].into(),
            ..History::default()
        };
        ExactlyOnce.finish(&history, &Logs::default())
    }

    #[test]
    fn what_is_skipped_or_repeated_is_noticed() {
        assert_eq!(judge(&[(0, "0 0"), (4, "0 1"), (5, "0 2")]), Ok(()));
        assert!(judge(&[(0, "0 0"), (4, "0 1")]).is_err());
        assert!(judge(&[(0, "0 0"), (4, "0 2")]).is_err());
        assert!(judge(&[(0, "0 0"), (4, "0 1"), (5, "0 1"), (6, "0 2")]).is_err());
        assert!(judge(&[(0, "0 0"), (4, "1 1"), (5, "0 2")]).is_err());
    }
}
