//! Snapshots of the image: our own, the leader's, and old ones that go.

use std::time::Duration;

use bytes::Bytes;
use klamm_config::{BrokerConfig, broker};
use klamm_io::spawn;
use klamm_metadata::{SnapshotPolicy, checkpoint, image::Loader};
use klamm_raft::{ControlState, Input, OffsetAndEpoch};
use tracing::{error, info};

use super::{Driver, Event, carry_out::Afterwards, load_snapshot};
use crate::{
    metadata_change::Touched,
    quorum::metadata_log::{MetadataLogError, Retention},
};

/// How often old snapshots are looked at. Kafka's value.
pub(super) const CLEAN_INTERVAL: Duration = Duration::from_secs(60);

/// The last snapshot that this node has written.
pub(super) struct Last {
    /// Its size, 0 if there is none.
    pub(super) bytes: u64,
    /// When it was written, or the driver was made.
    pub(super) at: Duration,
}

impl Driver {
    /// Puts the leader's snapshot in the place of everything that was here; nothing happens to that if the snapshot has
    /// been damaged on the way.
    pub(super) fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Result<(), MetadataLogError> {
        let content = self.log.read_snapshot_part(id)?;
        let (loader, control) = match open_snapshot(id, content) {
            Ok(opened) => opened,
            Err(reason) => {
                error!(
                    end_offset = id.offset,
                    epoch = id.epoch,
                    reason,
                    "the leader's snapshot is damaged: fetching it anew"
                );
                self.afterwards.push_back(Afterwards::Step(Input::SnapshotDamaged { id }));
                return Ok(());
            }
        };
        self.log.install_snapshot(id, self.world.clock.wall_ms())?;
        self.loader = loader;
        self.counts.loaded_snapshots += 1;
        self.snapshot_policy.reset(self.monotonic());
        self.touched = Touched::everything();
        self.publish();
        self.afterwards.push_back(Afterwards::Step(Input::SnapshotInstalled { id, control }));
        Ok(())
    }

    /// Has the committed image written on another thread, since that of a large cluster takes a while.
    pub(super) fn begin_snapshot(&mut self) {
        self.snapshot_under_way = true;
        self.snapshot_policy.reset(self.monotonic());
        let (image, provenance) = (self.loader.image().clone(), self.loader.provenance());
        let id = OffsetAndEpoch { offset: provenance.last_offset + 1, epoch: provenance.last_epoch };
        let (voters, kraft_version) = self.raft.control().at(id.offset);
        let header = checkpoint::Header {
            last_contained_timestamp_ms: provenance.last_timestamp_ms,
            kraft_version,
            voters: voters.map(klamm_raft::VoterSet::to_record),
        };
        let (events, now_ms) = (self.events.clone(), self.world.clock.wall_ms());
        let file = self.log.snapshot_file(id);
        spawn::local(async move {
            let write = move || -> Result<usize, String> {
                let content = checkpoint::encode_image(&image, id.epoch, &header, now_ms)
                    .map_err(|error| error.to_string())?;
                file.write(&content).map_err(|error| error.to_string())?;
                Ok(content.len())
            };
            // Else there would never be another one.
            let result = spawn::blocking(write).await;
            let result = result.unwrap_or_else(|| Err("a defect in writing it".to_owned()));
            let _ = events.send(Event::SnapshotWritten(id, result));
        });
    }

    pub(super) fn snapshot_written(&mut self, id: OffsetAndEpoch, result: Result<usize, String>) {
        self.snapshot_under_way = false;
        match result {
            Ok(bytes) => {
                info!(end_offset = id.offset, epoch = id.epoch, bytes, "metadata snapshot written");
                self.last_snapshot = Last { bytes: bytes as u64, at: self.monotonic() };
            }
            Err(error) => {
                error!(error, "a metadata snapshot cannot be written");
                return;
            }
        }
        // One of the leader's may have come meanwhile; the next cleaning removes ours then.
        if self.raft.log().latest_snapshot().is_none_or(|latest| latest < id) {
            self.step(Input::SnapshotSaved { id });
        }
        self.clean_snapshots();
    }

    /// Removes what `metadata.max.retention.bytes` and `.ms` let go.
    pub(super) fn clean_snapshots(&mut self) {
        self.clean_deadline = self.monotonic() + CLEAN_INTERVAL;
        let retention = Retention {
            bytes_max: u64::try_from(self.config.get(&broker::METADATA_MAX_RETENTION_BYTES)).ok(),
            age_max_ms: Some(self.config.get(&broker::METADATA_MAX_RETENTION_MS)).filter(|ms| *ms >= 0),
        };
        let high_watermark = self.raft.high_watermark().unwrap_or(0);
        match self.log.clean(retention, high_watermark, self.world.clock.wall_ms()) {
            Ok(None) => {}
            Ok(Some((start_offset, earliest_snapshot))) => {
                info!(start_offset, "old metadata snapshots removed, and the log before them");
                self.step(Input::LogTrimmed { start_offset, earliest_snapshot });
            }
            Err(error) => self.fail(&error),
        }
    }
}

fn open_snapshot(id: OffsetAndEpoch, content: Bytes) -> Result<(Loader, ControlState), String> {
    let loader = load_snapshot(id, content.clone())?;
    let control = ControlState::of_snapshot(id, content).map_err(|error| error.to_string())?;
    Ok((loader, control))
}

/// When the next snapshot is due, as the config says.
pub(super) fn policy(config: &BrokerConfig, now: Duration) -> SnapshotPolicy {
    let bytes_max = config.get(&broker::METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS);
    let interval = config.get(&broker::METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS);
    let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(0));
    SnapshotPolicy::new(u64::try_from(bytes_max).unwrap_or(u64::MAX), interval, now)
}
