//! What the replicas of the partitions answered, and how it is compared.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use klamm_client::TopicPartition;
use klamm_protocol::records::BatchIter;

use crate::java;

/// What one replica answered for one partition. Nothing, with a high watermark of -1, if it did not.
#[derive(Clone)]
pub(super) struct Fetched {
    pub(super) records: Bytes,
    pub(super) high_watermark: i64,
}

/// The first batch of a round, to which those of the other replicas are held.
struct First {
    replica: i32,
    last_offset: i64,
    checksum: u32,
}

/// How far the partitions are verified.
pub(super) struct ReplicaBuffer {
    /// The next offset of each partition, in the order in which Kafka's tool looks at them.
    offsets: Vec<(TopicPartition, i64)>,
    report_every_ms: i64,
    last_report_ms: i64,
}

/// Whether to go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoOn,
    /// The replicas do not have the same batches.
    Stop,
}

impl ReplicaBuffer {
    /// Begins at these offsets.
    pub(super) fn new(offsets: BTreeMap<TopicPartition, i64>, report_every_ms: i64, now_ms: i64) -> Self {
        let offsets = java::partition_order(offsets.into_iter().collect(), |(partition, _)| partition);
        Self { offsets, report_every_ms, last_report_ms: now_ms }
    }

    /// Where each partition is to be read from next.
    pub(super) fn offsets(&self) -> impl Iterator<Item = &(TopicPartition, i64)> {
        self.offsets.iter()
    }

    /// Compares what the replicas answered, up to their high watermarks, and says what differs; from time to time, how far
    /// the verification lags behind.
    ///
    /// # Errors
    /// If a replica sent what is no batch.
    pub(super) fn verify(
        &mut self,
        fetched: &BTreeMap<TopicPartition, BTreeMap<i32, Fetched>>,
        now_ms: i64,
        mut print: impl FnMut(&str),
    ) -> anyhow::Result<Verdict> {
        let mut lag_max = -1;
        let mut most: Option<(TopicPartition, i64)> = None;
        let nothing = BTreeMap::new();
        for (partition, offset) in &mut self.offsets {
            let replicas = fetched.get(partition).unwrap_or(&nothing);
            let (verdict, next) = compare(partition, *offset, replicas, &mut print)?;
            *offset = next;
            if verdict == Verdict::Stop {
                return Ok(Verdict::Stop);
            }
            let high_watermark = replicas.values().map(|replica| replica.high_watermark).max().unwrap_or(-1);
            let lag = high_watermark.saturating_sub(next);
            if lag > lag_max {
                lag_max = lag;
                most = Some((partition.clone(), next));
            }
        }
        if now_ms.saturating_sub(self.last_report_ms) > self.report_every_ms {
            let (partition, offset) = match &most {
                Some((partition, offset)) => (partition.to_string(), *offset),
                None => ("null".to_owned(), -1),
            };
            let count = self.offsets.len();
            print(&format!(
                "max lag is {lag_max} for partition {partition} at offset {offset} among {count} partitions"
            ));
            self.last_report_ms = now_ms;
        }
        Ok(Verdict::GoOn)
    }
}

/// Walks the batches of all replicas together for as long as all have one that is committed. Gives the offset behind the
/// last that all have.
fn compare(
    partition: &TopicPartition,
    offset: i64,
    replicas: &BTreeMap<i32, Fetched>,
    mut print: impl FnMut(&str),
) -> anyhow::Result<(Verdict, i64)> {
    let mut next = offset;
    let mut batches: Vec<(i32, i64, BatchIter)> = replicas
        .iter()
        .map(|(id, fetched)| (*id, fetched.high_watermark, BatchIter::new(fetched.records.clone())))
        .collect();
    let mut is_in_all = !batches.is_empty();
    while is_in_all {
        let mut first: Option<First> = None;
        for (replica, high_watermark, batches) in &mut batches {
            let replica = *replica;
            let batch = batches.next().transpose().with_context(|| {
                format!("Error in processing replica {replica} in partition {partition} at offset {next}")
            })?;
            let header = batch.map(|batch| batch.header());
            let Some(header) = header.filter(|header| header.last_offset() < *high_watermark) else {
                is_in_all = false;
                continue;
            };
            let (last_offset, checksum) = (header.last_offset(), header.crc);
            let Some(first) = &first else {
                first = Some(First { replica, last_offset, checksum });
                continue;
            };
            if first.last_offset != last_offset {
                print(&format!(
                    "partition {partition}: replica {}'s offset {} doesn't match replica {replica}'s offset {last_offset}",
                    first.replica, first.last_offset
                ));
                return Ok((Verdict::Stop, next));
            }
            if first.checksum != checksum {
                print(&format!(
                    "partition {partition} has unmatched checksum at offset {last_offset}; replica {}'s checksum {}; replica \
                     {replica}'s checksum {checksum}",
                    first.replica, first.checksum
                ));
            }
        }
        if let Some(first) = first.filter(|_| is_in_all) {
            next = first.last_offset.saturating_add(1);
        }
    }
    Ok((Verdict::GoOn, next))
}

#[cfg(test)]
mod tests {
    use klamm_protocol::records::{BatchBuilder, BatchOptions};

    use super::*;

    /// Batches of one record each with these values, from offset 0; a value of more than one letter makes as many records.
    fn replica(values: &[&str], high_watermark: i64) -> Fetched {
        let mut records = Vec::new();
        let mut offset = 0;
        for value in values {
            let mut builder = BatchBuilder::new(BatchOptions { base_offset: offset, ..Default::default() });
            for letter in value.chars() {
                builder.append(1000, None, Some(letter.to_string().as_bytes()), &[]).unwrap();
                offset += 1;
            }
            records.extend(builder.build().unwrap());
        }
        Fetched { records: records.into(), high_watermark }
    }

    fn check(replicas: &[(i32, Fetched)], expect: (Verdict, i64), lines: &[&str]) {
        let partition = TopicPartition::new("t", 0);
        let mut buffer = ReplicaBuffer::new([(partition.clone(), 0)].into(), 1000, 0);
        let fetched = [(partition, replicas.iter().cloned().collect())].into();
        let mut printed = Vec::new();
        let verdict = buffer.verify(&fetched, 1001, |line| printed.push(line.to_owned())).unwrap();
        assert_eq!(printed.len(), lines.len(), "{printed:?}");
        for (line, expect) in printed.iter().zip(lines) {
            assert!(line.starts_with(expect), "{line}");
        }
        assert_eq!((verdict, buffer.offsets().next().unwrap().1), expect);
    }

    #[test]
    fn replicas_are_compared_up_to_what_all_have_committed() {
        let report = |lag: i64, offset: i64| {
            format!("max lag is {lag} for partition t-0 at offset {offset} among 1 partitions")
        };
        let (two, other) = (replica(&["a", "b"], 2), replica(&["a", "x"], 2));
        check(&[(1, two.clone()), (2, two.clone())], (Verdict::GoOn, 2), &[&report(0, 2)]);
        // One that is behind, one that has more than is committed, one that did not answer.
        check(&[(1, two.clone()), (2, replica(&["a"], 1))], (Verdict::GoOn, 1), &[&report(1, 1)]);
        check(&[(1, replica(&["a", "b"], 1)), (2, two.clone())], (Verdict::GoOn, 1), &[&report(1, 1)]);
        let silent = Fetched { records: Bytes::new(), high_watermark: -1 };
        check(&[(1, two.clone()), (2, silent.clone())], (Verdict::GoOn, 0), &[&report(2, 0)]);
        check(&[(1, silent)], (Verdict::GoOn, 0), &["max lag is -1 for partition null at offset -1 among 1"]);
        check(
            &[(1, two.clone()), (2, other)],
            (Verdict::GoOn, 2),
            &["partition t-0 has unmatched checksum at offset 1; replica 1's checksum ", &report(0, 2)],
        );
        check(
            &[(1, two), (7, replica(&["ab"], 2))],
            (Verdict::Stop, 0),
            &["partition t-0: replica 1's offset 0 doesn't match replica 7's offset 1"],
        );
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let mut bytes = replica(&["a"], 1).records.to_vec();
        bytes[16] = 9;
        let fetched = Fetched { records: bytes.into(), high_watermark: 1 };
        let partition = TopicPartition::new("t", 0);
        let mut buffer = ReplicaBuffer::new([(partition.clone(), 0)].into(), 1000, 0);
        let error = buffer.verify(&[(partition, [(3, fetched)].into())].into(), 0, |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "Error in processing replica 3 in partition t-0 at offset 0");
    }
}
