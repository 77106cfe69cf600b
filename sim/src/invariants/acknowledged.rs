//! Every acknowledged record is there, once, where its producer was told, and in the order in which it was sent; and what
//! any consumer has ever read is still there. With one request of a producer in flight or with five.

use std::collections::BTreeMap;

use klamm_client::TopicPartition;

use super::{Invariant, Logs};
use crate::history::{Acknowledged, History};

/// See above.
#[derive(Default)]
pub(super) struct AcknowledgedRecords;

impl Invariant for AcknowledgedRecords {
    fn name(&self) -> &'static str {
        "acknowledged records"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        if let Some(contradiction) = history.contradictions.first() {
            return Err(contradiction.clone());
        }
        let places = places(history)?;
        for record in &history.acknowledged {
            let Acknowledged { at, offset, producer, number } = record;
            match places.get(&(*producer, *number)) {
                None => {
                    return Err(format!("record {number} of producer {producer}, {at} at {offset}: lost"));
                }
                Some((partition, found)) if *partition != at || (*offset >= 0 && found != offset) => {
                    return Err(format!(
                        "record {number} of producer {producer} was acknowledged as {at} at {offset}, and is {partition} at {found}"
                    ));
                }
                Some(_) => {}
            }
        }
        in_order(history)
    }
}

type Places<'a> = BTreeMap<(usize, u64), (&'a TopicPartition, i64)>;

/// Where each record is.
fn places(history: &History) -> Result<Places<'_>, String> {
    let mut places = Places::new();
    for (at, records) in &history.read {
        for (offset, value) in records {
            let Some((first, before)) = places.get(value).copied() else {
                places.insert(*value, (at, *offset));
                continue;
            };
            let (producer, number) = value;
            return Err(format!(
                "record {number} of producer {producer} is twice: in {first} at {before}, in {at} at {offset}"
            ));
        }
    }
    Ok(places)
}

/// Whether each producer's acknowledged records lie in each partition in the order in which they were sent.
fn in_order(history: &History) -> Result<(), String> {
    let acknowledged: std::collections::BTreeSet<(usize, u64)> =
        history.acknowledged.iter().map(|record| (record.producer, record.number)).collect();
    for (at, records) in &history.read {
        let mut last: BTreeMap<usize, u64> = BTreeMap::new();
        for (offset, (producer, number)) in records {
            if !acknowledged.contains(&(*producer, *number)) {
                continue;
            }
            if let Some(before) = last.insert(*producer, *number)
                && before > *number
            {
                return Err(format!(
                    "{at} at {offset}: record {number} of producer {producer} comes after its record {before}"
                ));
            }
        }
    }
    Ok(())
}
