//! A node: the machine, and the disk that its driver would keep.

use crate::control::{ControlRecord, control_batch};
use crate::*;
use bytes::{Bytes, BytesMut};
use klamm_protocol::Records;
use klamm_protocol::records::{BatchBuilder, BatchIter, BatchOptions};
use std::collections::BTreeMap;
use std::time::Duration;

/// One node: the machine and what its driver would keep.
pub(super) struct Node {
    pub(super) raft: Raft,
    pub(super) config: Config,
    /// Whole batches.
    pub(super) log: Vec<Bytes>,
    pub(super) log_start: i64,
    pub(super) snapshots: BTreeMap<OffsetAndEpoch, Bytes>,
    pub(super) snapshot_part: Vec<u8>,
    pub(super) quorum_state: Option<QuorumState>,
    pub(super) committed: i64,
    pub(super) leader: (i32, Option<i32>),
    pub(super) up: bool,
    pub(super) shut_down: bool,
    /// So many batches of the log survive a crash.
    pub(super) synced: usize,
    /// When the append under way will be durable.
    pub(super) append_due: Option<Duration>,
    /// Whether it has been stepped in this life.
    pub(super) begun: bool,
    /// Which life of the node this is.
    pub(super) life: u32,
    /// Whom this node has voted for, by epoch.
    pub(super) votes: BTreeMap<i32, i32>,
    /// What this node has told of others.
    pub(super) disagreements: Vec<Disagreement>,
}

impl Node {
    /// A formatted node that has never run.
    pub(super) fn new(now: Now, config: Config, bootstrap: Option<Bytes>) -> Self {
        let raft = Raft::new(now, config.clone(), LogState::default(), ControlState::default(), None);
        let mut node = Self {
            raft,
            config,
            log: Vec::new(),
            log_start: 0,
            snapshots: bootstrap.into_iter().map(|content| (BOOTSTRAP_SNAPSHOT, content)).collect(),
            snapshot_part: Vec::new(),
            quorum_state: None,
            committed: -1,
            leader: (0, None),
            up: true,
            shut_down: false,
            synced: 0,
            append_due: None,
            begun: false,
            life: 0,
            votes: BTreeMap::new(),
            disagreements: Vec::new(),
        };
        node.start(now);
        node
    }

    /// What a start reads from the disk.
    pub(super) fn start(&mut self, now: Now) {
        let mut recovery = Recovery::new(self.log_start);
        if let Some((id, content)) = self.snapshots.last_key_value() {
            recovery.snapshot(*id, content.clone()).expect("a good snapshot");
        }
        for batch in &self.log {
            recovery.batches(batch.clone()).expect("good batches");
        }
        let (log, control) = recovery.finish();
        self.raft = Raft::new(now, self.config.clone(), log, control, self.quorum_state);
        self.committed = -1;
        self.synced = self.log.len();
        self.append_due = None;
        self.begun = false;
    }

    /// Whether a driver would step the node now without anything having happened.
    pub(super) fn is_due(&self, now: Now) -> bool {
        !self.begun || self.raft.next_deadline().is_some_and(|at| at <= now.monotonic)
    }

    pub(super) fn log_end(&self) -> i64 {
        self.log.last().map_or(self.log_start, end_of)
    }

    /// Whole batches from the one with the range's offset on.
    pub(super) fn read(&self, range: FetchRange) -> Bytes {
        let mut out = BytesMut::new();
        for batch in &self.log {
            let end = end_of(batch);
            if end > range.offset && end <= range.end_offset {
                out.extend_from_slice(batch);
            }
        }
        out.freeze()
    }

    /// A node votes once per epoch, whatever it forgets.
    pub(super) fn note_vote(&mut self, state: QuorumState) {
        if let Some(voted) = state.voted {
            let first = *self.votes.entry(state.leader_epoch).or_insert(voted.id);
            assert_eq!(first, voted.id, "two votes in epoch {}", state.leader_epoch);
        }
    }

    /// The size of a snapshot and a part of it.
    pub(super) fn snapshot_part(
        &self,
        id: OffsetAndEpoch,
        position: i64,
        bytes_max: i32,
    ) -> Option<(i64, Records)> {
        let content = self.snapshots.get(&id)?;
        let start = usize::try_from(position).expect("small").min(content.len());
        let end = content.len().min(start + usize::try_from(bytes_max).expect("small"));
        let size = i64::try_from(content.len()).expect("small");
        Some((size, Records::Bytes(content.slice(start..end))))
    }

    /// Puts the snapshot that has come in parts in the place of everything.
    pub(super) fn install_snapshot(&mut self, id: OffsetAndEpoch) -> Input {
        let content = Bytes::from(std::mem::take(&mut self.snapshot_part));
        let control = ControlState::of_snapshot(id, content.clone()).expect("whole");
        self.snapshots = BTreeMap::from([(id, content)]);
        self.log.clear();
        (self.log_start, self.synced) = (id.offset, 0);
        Input::SnapshotInstalled { id, control }
    }

    /// Cuts the log to whole batches before an offset.
    pub(super) fn truncate(&mut self, end_offset: i64) {
        assert!(self.committed <= end_offset, "committed records were truncated");
        self.log.retain(|batch| end_of(batch) <= end_offset);
        self.synced = self.synced.min(self.log.len());
    }

    /// Values of the data records before the high watermark: of the snapshot, then of the log.
    pub(super) fn committed_records(&self) -> Vec<String> {
        self.records_before(self.committed)
    }

    fn records_before(&self, end_offset: i64) -> Vec<String> {
        let (covered, mut values) = match self.snapshots.last_key_value() {
            Some((id, content)) if *id != BOOTSTRAP_SNAPSHOT => (id.offset, data_records(content, i64::MAX)),
            _ => (0, Vec::new()),
        };
        for batch in self.log.iter().filter(|batch| end_of(batch) > covered) {
            values.extend(data_records(batch, end_offset));
        }
        values
    }

    /// The content of a snapshot of everything that is committed: voters first, then the records' values.
    pub(super) fn snapshot_content(&self, now: Now) -> (OffsetAndEpoch, Bytes) {
        let epoch = self.raft.log().epoch_at(self.committed - 1);
        let id = OffsetAndEpoch { offset: self.committed, epoch };
        let (voters, version) = self.raft.control().at(id.offset);
        let mut control = vec![ControlRecord::kraft_version(version)];
        control.extend(voters.map(|voters| ControlRecord::Voters(voters.to_record())));
        let mut content = BytesMut::new();
        content.extend_from_slice(&control_batch(0, epoch, now.wall_ms, &control).expect("builds"));
        let options = BatchOptions { base_offset: 10, partition_leader_epoch: epoch, ..Default::default() };
        let mut builder = BatchBuilder::new(options);
        for value in self.records_before(self.committed) {
            builder.append(now.wall_ms, None, Some(value.as_bytes()), &[]).expect("fits");
        }
        if let Ok(batch) = builder.build() {
            content.extend_from_slice(&batch);
        }
        (id, content.freeze())
    }
}

/// The offset after the last batch.
pub(super) fn end_of(batch: &Bytes) -> i64 {
    BatchIter::new(batch.clone()).last().expect("one").expect("good").header().next_offset()
}

/// Values of the data records in batches that end at or before an offset.
fn data_records(content: &Bytes, end_offset: i64) -> Vec<String> {
    let mut values = Vec::new();
    for batch in BatchIter::new(content.clone()).map(|batch| batch.expect("good")) {
        if batch.header().is_control() || batch.header().next_offset() > end_offset {
            continue;
        }
        for record in batch.records().expect("good") {
            let value = record.expect("good").value.expect("a value");
            values.push(String::from_utf8_lossy(&value).into_owned());
        }
    }
    values
}
