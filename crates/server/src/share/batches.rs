//! What a share partition has to know of batches that were read: their offsets, and whether a transaction had them.
//!
//! Only headers are read, and of control batches the first record's key: the records go from the file to the client.

use bytes::Bytes;
use klamm_log::FileSlice;
use klamm_protocol::{
    control::ControlRecordType,
    records::{BATCH_OVERHEAD, BatchHeader, LOG_OVERHEAD, RecordBatch},
};
use klamm_share::{AcquiredRecords, BatchKind, BatchSpan};

/// What is read at a time to find headers.
const WINDOW_BYTES: usize = 16 * 1024;
/// A marker has but a few bytes.
const MARKER_BYTES_MAX: usize = 4096;

/// Batches that lie one after the other in a file.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// What they are.
    pub(super) spans: Vec<BatchSpan>,
    /// Where each ends, from the beginning of the slice.
    ends: Vec<u32>,
}

impl Batches {
    /// Finds the whole batches of a slice, up to the one with `last_wanted`: a slice may have tens of megabytes, and a
    /// member wants some hundred records. A batch that is cut is left out, as is everything behind what cannot be read.
    pub(super) fn scan(slice: &FileSlice, last_wanted: i64) -> klamm_log::Result<Self> {
        let mut found = Self::default();
        let mut window = Window { slice, from: 0, bytes: Bytes::new() };
        let mut at = 0;
        while at < slice.len as usize {
            let head = window.at(at, BATCH_OVERHEAD)?;
            if head.len() < LOG_OVERHEAD {
                break;
            }
            let Ok(header) = BatchHeader::decode(&head) else { break };
            let end = at + header.size();
            if end > slice.len as usize {
                break;
            }
            let kind = if header.is_control() {
                kind_of_control(&window.at(at, header.size().min(MARKER_BYTES_MAX))?)
            } else if header.is_transactional() {
                BatchKind::Transactional
            } else {
                BatchKind::Plain
            };
            found.spans.push(BatchSpan {
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                producer_id: header.producer_id,
                kind,
            });
            found.ends.push(u32::try_from(end).unwrap_or(u32::MAX));
            if header.last_offset() >= last_wanted {
                break;
            }
            at = end;
        }
        Ok(found)
    }

    /// The part of the slice in which the acquired records are.
    pub(super) fn cut(&self, slice: &FileSlice, acquired: &[AcquiredRecords]) -> Option<FileSlice> {
        let (first, last) = (acquired.first()?.first_offset, acquired.last()?.last_offset);
        let begin = self.spans.partition_point(|span| span.last_offset < first);
        let end = self.spans.partition_point(|span| span.base_offset <= last);
        let from = begin.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let to = end.checked_sub(1).and_then(|last| self.ends.get(last)).copied()?;
        let len = to.checked_sub(from).filter(|len| *len > 0)?;
        Some(FileSlice { file: slice.file.clone(), position: slice.position + u64::from(from), len })
    }
}

/// A part of a slice that is in memory.
struct Window<'a> {
    slice: &'a FileSlice,
    from: usize,
    bytes: Bytes,
}

impl Window<'_> {
    /// The bytes at a place; fewer if the slice ends.
    fn at(&mut self, at: usize, len: usize) -> klamm_log::Result<Bytes> {
        let end = (at + len).min(self.slice.len as usize);
        if at < self.from || end > self.from + self.bytes.len() {
            let until = end.max(at + WINDOW_BYTES).min(self.slice.len as usize);
            let part = FileSlice {
                file: self.slice.file.clone(),
                position: self.slice.position + at as u64,
                len: u32::try_from(until - at).unwrap_or(0),
            };
            self.bytes = part.read()?;
            self.from = at;
        }
        Ok(self.bytes.slice(at - self.from..end - self.from))
    }
}

fn kind_of_control(batch: &Bytes) -> BatchKind {
    let first = RecordBatch::new(batch).ok().and_then(|batch| batch.records().ok()?.next()?.ok());
    let kind = first.and_then(|record| ControlRecordType::from_key(record.key?).ok()?);
    match kind {
        Some(ControlRecordType::Abort) => BatchKind::AbortMarker,
        _ => BatchKind::Plain,
    }
}
