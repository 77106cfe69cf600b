//! The committed log becomes the image.

use std::sync::Arc;

use bytes::Bytes;
use klamm_io::sim;
use klamm_metadata::{
    MetadataImage, checkpoint,
    image::{Loader, Provenance},
};
use klamm_protocol::{MetadataRecord, records::BatchIter};
use klamm_raft::OffsetAndEpoch;
use tracing::error;

use super::Driver;
use crate::{
    metadata::Published,
    observe::{self, Observation},
    quorum::{metadata_log::MetadataLogError, publisher::Update},
};

/// Bytes of the log that are replayed in one piece.
const REPLAY_BYTES_MAX: u32 = 1 << 20;

impl Driver {
    pub(super) fn publish(&mut self) {
        let published = Published {
            image: self.loader.image().clone(),
            provenance: self.loader.provenance(),
            kraft_version: self.raft.control().kraft_version(),
            voters: self.raft.voters().clone(),
        };
        let touched = std::mem::take(&mut self.touched);
        let published = Arc::new(published);
        sim::tell(|| Observation::Published(Arc::clone(&published)));
        let _ = self.updates.send(Update { published, touched });
    }

    /// Follows the log up to the new high watermark, publishes what came, and answers what is committed.
    pub(super) fn committed(&mut self, high_watermark: i64) -> Result<(), MetadataLogError> {
        let mut next = self.loader_end();
        let mut changed = false;
        while let Some((bytes, end)) = self.log.read(next, high_watermark, REPLAY_BYTES_MAX)? {
            self.snapshot_policy.add(u64::try_from(bytes.len()).unwrap_or(0));
            for batch in BatchIter::new(bytes) {
                let batch = batch.map_err(|source| self.log.bad_batch(source))?;
                batch.check_crc().map_err(|source| self.log.bad_batch(source))?;
                observe::committed(|| batch.header());
                let (records, provenance) = decode_batch(&batch);
                for record in &records {
                    self.touched.add(record);
                }
                match self.loader.apply(&records, provenance) {
                    Ok(published) => changed |= published,
                    Err(error) => {
                        error!(%error, offset = provenance.last_offset, "the metadata log contradicts itself: the node ends");
                        klamm_io::spawn::abort();
                    }
                }
            }
            next = end;
        }
        self.log.note_committed(high_watermark);
        if changed {
            self.publish();
        }
        let due = self.snapshot_policy.is_due(self.monotonic()) && !self.loader.is_in_transaction();
        if due && !self.snapshot_under_way {
            self.begin_snapshot();
        }
        if let Some(active) = &mut self.active {
            active.timeline.commit(high_watermark);
            while active.waiting.front().is_some_and(|(end, _)| *end <= high_watermark) {
                if let Some((end, finish)) = active.waiting.pop_front() {
                    finish(Ok(end));
                }
            }
        }
        Ok(())
    }

    fn loader_end(&self) -> i64 {
        self.loader.provenance().last_offset + 1
    }
}

/// The records of a data batch; none of a control batch.
fn decode_batch(batch: &klamm_protocol::records::RecordBatch) -> (Vec<MetadataRecord>, Provenance) {
    let provenance = Provenance {
        last_offset: batch.last_offset(),
        last_epoch: batch.partition_leader_epoch,
        last_timestamp_ms: batch.max_timestamp,
    };
    if batch.is_control() {
        return (Vec::new(), provenance);
    }
    (decode_records(batch), provenance)
}

/// The metadata records of a batch.
///
/// A record that cannot be decoded ends the process: a node that skipped it would disagree with all others.
pub fn decode_records(batch: &klamm_protocol::records::RecordBatch) -> Vec<MetadataRecord> {
    let decoded = || -> Result<Vec<MetadataRecord>, String> {
        let records = batch.records().map_err(|error| error.to_string())?;
        records
            .map(|record| {
                let value = record.map_err(|error| error.to_string())?.value.unwrap_or_default();
                MetadataRecord::decode(value).map(|(record, _)| record).map_err(|error| error.to_string())
            })
            .collect()
    };
    decoded().unwrap_or_else(|error| {
        error!(
            error,
            offset = batch.base_offset,
            "a record of the metadata log cannot be read: the node ends"
        );
        klamm_io::spawn::abort();
    })
}

/// The image that a snapshot holds.
///
/// # Errors
/// If it is damaged or contradicts itself: nothing of it can be trusted then.
pub fn load_snapshot(id: OffsetAndEpoch, content: Bytes) -> Result<Loader, String> {
    let checkpoint = checkpoint::decode(content).map_err(|error| error.to_string())?;
    let mut image = MetadataImage::default();
    for record in &checkpoint.records {
        image.try_replay(record).map_err(|error| error.to_string())?;
    }
    let last_timestamp_ms = checkpoint.header.last_contained_timestamp_ms;
    Ok(Loader::new(image, Provenance { last_offset: id.offset - 1, last_epoch: id.epoch, last_timestamp_ms }))
}
