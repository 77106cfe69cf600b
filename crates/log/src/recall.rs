//! The batches that a producer wrote before the ones that are remembered.
//!
//! A snapshot has each producer's last batch only, as Kafka's format has it. Of the up to five that a producer has in
//! flight, one before the last may come again after its leader was started again. Kafka's takes it for out of order; the
//! producer, unless it has transactions, then begins a new epoch and sends all of them again: they are there twice, and
//! not in their order. The log has them all the same, so here they are looked up, and the repetition is known for one.
//!
//! Looked for when a batch is about to be refused, and once for each time a producer's state was loaded.

use std::collections::VecDeque;

use klamm_protocol::records::{BatchHeader, increment_sequence};

use crate::error::{Error, Result};
use crate::log::Log;
use crate::producer_state::entry::{BATCHES_RETAINED, BatchMetadata};

/// How far before the first batch that is remembered the search begins, attempt by attempt, in offsets.
const DISTANCES: [i64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// All attempts together end after so many batches: they hold up the partition.
const BATCHES_MAX: usize = 20_000;

impl Log {
    /// Remembers what producers of these batches wrote before, if that may be what one of the batches repeats. Whether
    /// there is anything new.
    pub(crate) fn recall(&mut self, batches: &[BatchHeader]) -> Result<bool> {
        let mut is_news = false;
        for batch in batches.iter().filter(|batch| batch.has_producer_id()) {
            let Some(first) = self.producers.start_recall(batch) else { continue };
            let mut earlier = VecDeque::new();
            let mut budget = BATCHES_MAX;
            for distance in DISTANCES {
                let (found, is_all) = match self.batches_before(batch, first, distance, &mut budget) {
                    // What is damaged is for whoever reads it; the batch is refused as if nothing were there.
                    Err(Error::CorruptFile { .. }) => break,
                    looked => looked?,
                };
                // A search that ran out of its budget on the way has less than a nearer one.
                if found.len() > earlier.len() {
                    earlier = found;
                }
                let is_at_start = first.first_offset().saturating_sub(distance) <= self.log_start_offset;
                if is_all || is_at_start || earlier.len() == BATCHES_RETAINED - 1 {
                    break;
                }
            }
            is_news |= !earlier.is_empty();
            self.producers.recall(batch.producer_id, earlier.make_contiguous());
        }
        Ok(is_news)
    }

    /// The last batches of the producer and epoch of `batch` that lead up to `first`, the oldest first. Whether there is no
    /// use in looking further back.
    fn batches_before(
        &mut self,
        batch: &BatchHeader,
        first: BatchMetadata,
        distance: i64,
        budget: &mut usize,
    ) -> Result<(VecDeque<BatchMetadata>, bool)> {
        let end = first.first_offset();
        let start = end.saturating_sub(distance).max(self.log_start_offset);
        let mut found: VecDeque<BatchMetadata> = VecDeque::new();
        let Self { segments, files, .. } = self;
        let from = segments.partition_point(|segment| segment.base_offset <= start).saturating_sub(1);
        'segments: for segment in
            segments.iter_mut().skip(from).take_while(|segment| segment.base_offset < end)
        {
            let file = segment.file(files)?;
            let mut headers = segment.walk_from(files, &file, start.max(segment.base_offset))?;
            while let Some(header) = headers.next()?.map(|found| found.header) {
                if header.base_offset >= end || *budget == 0 {
                    break 'segments;
                }
                *budget -= 1;
                let is_same = (header.producer_id, header.producer_epoch)
                    == (batch.producer_id, batch.producer_epoch)
                    && !header.is_control();
                if !is_same {
                    continue;
                }
                let follows = found
                    .back()
                    .is_some_and(|last| increment_sequence(last.last_sequence, 1) == header.base_sequence);
                if !follows {
                    found.clear();
                }
                if found.len() == BATCHES_RETAINED - 1 {
                    found.pop_front();
                }
                found.push_back(BatchMetadata {
                    last_sequence: header.last_sequence(),
                    last_offset: header.last_offset(),
                    offset_delta: header.last_offset_delta,
                    timestamp: header.max_timestamp,
                });
            }
        }
        let leads_up =
            |last: &BatchMetadata| increment_sequence(last.last_sequence, 1) == first.first_sequence();
        if !found.back().is_some_and(leads_up) {
            found.clear();
        }
        let starts_at_zero = found.front().is_some_and(|batch| batch.first_sequence() == 0);
        Ok((found, starts_at_zero || *budget == 0))
    }
}
