//! The metadata log's shape.

/// A position in the log's history. Ordered by epoch, then offset: how up to date a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetAndEpoch {
    /// An end offset (exclusive).
    pub offset: i64,
    /// The epoch of the record before it.
    pub epoch: i32,
}

impl PartialOrd for OffsetAndEpoch {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OffsetAndEpoch {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.epoch, self.offset).cmp(&(other.epoch, other.offset))
    }
}

/// Whether a follower's end of log lies on our history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It does: records follow.
    Valid,
    /// It does not: the follower truncates to this and asks again.
    Diverging(OffsetAndEpoch),
    /// It lies before our log: the follower needs this snapshot.
    Snapshot(OffsetAndEpoch),
}

/// Offsets, epochs and snapshots of the local metadata log, as far as they are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    start_offset: i64,
    end_offset: i64,
    /// Where each epoch starts, oldest first: (epoch, offset).
    epochs: Vec<(i32, i64)>,
    /// The oldest snapshot that is kept, and the newest.
    snapshots: Option<(OffsetAndEpoch, OffsetAndEpoch)>,
}

impl LogState {
    /// The first offset in the log.
    pub const fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset after the last durable record.
    pub const fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// The newest snapshot.
    pub fn latest_snapshot(&self) -> Option<OffsetAndEpoch> {
        self.snapshots.map(|(_, latest)| latest)
    }

    /// The epoch of the last record, of the snapshot if there is none, or 0.
    pub fn last_epoch(&self) -> i32 {
        match (self.epochs.last(), self.snapshots) {
            (Some((epoch, _)), _) => *epoch,
            (None, Some((_, snapshot))) => snapshot.epoch,
            (None, None) => 0,
        }
    }

    /// The end of the log as others compare it.
    pub fn end(&self) -> OffsetAndEpoch {
        OffsetAndEpoch { offset: self.end_offset, epoch: self.last_epoch() }
    }

    /// Where the records of `epoch`, or of the last epoch before it, end.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> OffsetAndEpoch {
        let position = self.epochs.partition_point(|(known, _)| *known <= epoch);
        let earliest = self.snapshots.map(|(earliest, _)| earliest);
        let Some(before) = position.checked_sub(1) else {
            // Older than everything in the log: what the snapshot at its start holds is all there is in common.
            return earliest.unwrap_or(OffsetAndEpoch { offset: self.start_offset, epoch: 0 });
        };
        let offset = self.epochs.get(position).map_or(self.end_offset, |(_, start)| *start);
        OffsetAndEpoch { offset, epoch: self.epochs[before].0 }
    }

    /// The epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: i64) -> i32 {
        let position = self.epochs.partition_point(|(_, start)| *start <= offset);
        match (position.checked_sub(1), self.snapshots) {
            (Some(position), _) => self.epochs[position].0,
            (None, Some((earliest, _))) => earliest.epoch,
            (None, None) => 0,
        }
    }

    /// Compares a follower's fetch offset and last fetched epoch with our history.
    pub fn validate(&self, offset: i64, epoch: i32) -> Validity {
        if self.start_offset == 0 && offset == 0 {
            return Validity::Valid;
        }
        if let Some((earliest, latest)) = self.snapshots
            && (offset < self.start_offset
                || (offset == self.start_offset && epoch != earliest.epoch)
                || epoch < earliest.epoch)
        {
            return Validity::Snapshot(latest);
        }
        let on_snapshot = self.snapshots.is_some_and(|(earliest, _)| {
            offset == self.start_offset && earliest == OffsetAndEpoch { offset, epoch }
        });
        if on_snapshot {
            return Validity::Valid;
        }
        let end = self.end_offset_for_epoch(epoch);
        if end.epoch != epoch || end.offset < offset { Validity::Diverging(end) } else { Validity::Valid }
    }

    /// Notes records up to `end_offset`, the first of which is at `base_offset` and of `epoch`.
    ///
    /// # Panics
    /// If they do not continue the log.
    pub fn append(&mut self, base_offset: i64, end_offset: i64, epoch: i32) {
        assert_eq!(base_offset, self.end_offset, "an append has to continue the log");
        assert!(end_offset > base_offset && epoch >= self.last_epoch(), "epochs and offsets only grow");
        if self.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            self.epochs.push((epoch, base_offset));
        }
        self.end_offset = end_offset;
    }

    /// As [`Self::append`], for recovery: nothing is taken for granted of what is on disk.
    pub(crate) fn append_gap(&mut self, base_offset: i64, end_offset: i64, epoch: i32) {
        if self.epochs.last().is_none_or(|(last, _)| *last < epoch) {
            self.epochs.push((epoch, base_offset));
        }
        self.end_offset = self.end_offset.max(end_offset);
    }

    /// Where to cut so that the log agrees with a leader whose history has `end` as the end of that epoch.
    pub fn truncation_offset(&self, end: OffsetAndEpoch) -> i64 {
        if end.epoch == 0 {
            return end.offset.min(self.end_offset);
        }
        let local = self.end_offset_for_epoch(end.epoch);
        let offset = if local.epoch == end.epoch { local.offset.min(end.offset) } else { local.offset };
        offset.clamp(self.start_offset, self.end_offset)
    }

    /// Forgets everything from `offset` on.
    pub fn truncate(&mut self, offset: i64) {
        self.end_offset = self.end_offset.min(offset).max(self.start_offset);
        let end = self.end_offset;
        self.epochs.retain(|(_, start)| *start < end);
    }

    /// Notes a snapshot of our own.
    pub fn add_snapshot(&mut self, id: OffsetAndEpoch) {
        self.snapshots = match self.snapshots {
            Some((earliest, latest)) => Some((earliest, latest.max(id))),
            None => Some((id, id)),
        };
    }

    /// Notes that records before `start_offset`, which has a snapshot, were deleted.
    pub fn trim(&mut self, start_offset: i64, earliest_snapshot: OffsetAndEpoch) {
        self.start_offset = start_offset.clamp(self.start_offset, self.end_offset);
        let start = self.start_offset;
        // The epoch that covers the new start stays, beginning there.
        let covering = self.epochs.partition_point(|(_, offset)| *offset <= start).saturating_sub(1);
        self.epochs.drain(..covering);
        if let Some(first) = self.epochs.first_mut() {
            first.1 = first.1.max(start);
        }
        if let Some((earliest, _)) = &mut self.snapshots {
            *earliest = earliest_snapshot;
        }
    }

    /// Starts again, empty, behind a snapshot fetched from the leader.
    pub fn reset_to_snapshot(&mut self, id: OffsetAndEpoch) {
        *self = Self {
            start_offset: id.offset,
            end_offset: id.offset,
            epochs: Vec::new(),
            snapshots: Some((id, id)),
        };
    }

    /// A log that starts at `start_offset` with no records, before what is recovered is appended.
    pub fn starting_at(start_offset: i64) -> Self {
        Self { start_offset, end_offset: start_offset, ..Self::default() }
    }
}
