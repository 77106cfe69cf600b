//! Making the records of a dead-letter queue out of those that were given up.
//!
//! Each has headers that say where it came from and why, as text. If the group wants it so, it has the key, the value and
//! the headers of the record too, and when that was made; the record's own time is that of the copying, since the queue's
//! retention goes by it. A record that the log does not have any more, that cannot be read, or that is too large for the
//! queue, is told of by the headers alone. Control records are never told of.

use bytes::Bytes;
use klamm_protocol::records::{
    BatchBuilder, BatchIter, BatchOptions, BuildError, DecompressLimits, Record, RecordBatch, RecordHeader,
};
use klamm_share::{DeadLetter, GivenUp};

/// Bytes of the log that are read at a time; a batch that is larger is read whole.
pub const READ_BYTES: u32 = 1 << 20;
/// What inflating a batch of the log may cost. What is beyond it is told of by the headers alone.
const LIMITS: DecompressLimits = DecompressLimits { record_bytes_max: 64 << 20, total_bytes_max: 256 << 20 };

/// The header with the time of the original record, which Kafka does not have.
const TIMESTAMP: &str = "__dlq.klamm.timestamp";
/// What the names of all headers begin with. Those of an earlier round are not copied.
const PREFIX: &[u8] = b"__dlq.";

/// Where records come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Their topic.
    pub topic: &'a str,
    /// Their partition.
    pub index: i32,
    /// Who gave them up.
    pub group: &'a str,
}

/// How copies are made.
#[derive(Debug, Clone, Copy)]
pub struct Making {
    /// Whether they have what the records have.
    pub is_record_copied: bool,
    /// The largest batch that the queue takes, in bytes.
    pub batch_bytes_max: usize,
    /// What the queue's leader has refused.
    pub refused: Refused,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// What was found too large by a queue's leader, though its config as it is known here allows it: the leader's own default
/// may be smaller, and a batch that it compresses anew may grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// The size that batches of several records are to have at most, in bytes.
    batch_bytes_max: Option<usize>,
    /// A record that alone was too large.
    offset: Option<i64>,
}

impl Refused {
    /// Notes that copies were too large. Returns whether there is something smaller to be tried.
    pub const fn note(&mut self, refused: Size) -> bool {
        match refused {
            Size::Several { batch_bytes } => self.batch_bytes_max = Some(batch_bytes / 2),
            Size::Single { offset } => self.offset = Some(offset),
            Size::Least => return false,
        }
        true
    }
}

/// What a batch of copies consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Several records.
    Several {
        /// The size of the batch.
        batch_bytes: usize,
    },
    /// One that has what the record has.
    Single {
        /// Where that lies.
        offset: i64,
    },
    /// One that has headers only.
    Least,
}

/// Copies in one batch.
#[derive(Debug)]
pub struct Copies {
    /// What of the letters is in it, or needs no copy.
    pub done: Vec<DeadLetter>,
    /// The batch, unless no copy is needed.
    pub batch: Option<Bytes>,
    /// What that consists of.
    pub size: Size,
    /// How many records it has.
    pub records: u64,
    /// Records that are too large for the queue.
    pub too_large: u64,
    /// Records that were to be copied and are damaged, or cannot be inflated within the limits.
    pub unreadable: u64,
}

/// The offsets that are to be copied, one after the other.
struct Wanted<'a> {
    letters: &'a [DeadLetter],
    place: usize,
    next: i64,
}

impl Wanted<'_> {
    fn current(&self) -> Option<(i64, &DeadLetter)> {
        let letter = self.letters.get(self.place)?;
        Some((self.next.max(letter.first_offset), letter))
    }

    /// Goes on at an offset.
    fn skip_until(&mut self, offset: i64) {
        self.next = self.next.max(offset);
        while self.letters.get(self.place).is_some_and(|letter| letter.last_offset < self.next) {
            self.place += 1;
        }
    }

    /// What was gone past.
    fn done(&self) -> Vec<DeadLetter> {
        let begun = self.letters.iter().filter(|letter| letter.first_offset < self.next);
        begun
            .map(|letter| DeadLetter { last_offset: letter.last_offset.min(self.next - 1), ..*letter })
            .collect()
    }
}

/// Makes copies until a batch is full.
struct Maker<'a> {
    origin: Origin<'a>,
    making: Making,
    wanted: Wanted<'a>,
    builder: BatchBuilder,
    /// The offset of the last record that was copied with what it has.
    last_whole: Option<i64>,
    too_large: u64,
    unreadable: u64,
}

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    Full,
}

impl Maker<'_> {
    /// Tells of what is wanted before an offset and is not in the log.
    fn bare_until(&mut self, offset: i64) -> Result<Room, BuildError> {
        while self.wanted.current().is_some_and(|(wanted, _)| wanted < offset) {
            if self.add(None)? == Room::Full {
                return Ok(Room::Full);
            }
        }
        Ok(Room::Left)
    }

    /// Tells of what is wanted before an offset and cannot be read.
    fn unreadable_until(&mut self, offset: i64) -> Result<Room, BuildError> {
        let before = self.builder.records_count();
        let room = self.bare_until(offset);
        self.unreadable += u64::try_from(self.builder.records_count() - before).unwrap_or(0);
        room
    }

    /// Adds the copy of the next offset.
    fn add(&mut self, record: Option<&Record>) -> Result<Room, BuildError> {
        let Some((offset, letter)) = self.wanted.current() else { return Ok(Room::Full) };
        let record = record.filter(|_| self.making.is_record_copied);
        let mut headers = headers(&self.origin, offset, letter, record);
        let (mut key, mut value) = (None, None);
        if let Some(record) = record {
            (key, value) = (record.key.as_deref(), record.value.as_deref());
        }
        let now = self.making.now_ms;
        let size = self.builder.uncompressed_size() + self.builder.record_size(now, key, value, &headers);
        let Making { batch_bytes_max, refused, .. } = self.making;
        let is_full = size > refused.batch_bytes_max.unwrap_or(batch_bytes_max).min(batch_bytes_max);
        if is_full && self.builder.records_count() > 0 {
            return Ok(Room::Full);
        }
        let is_too_large = size > batch_bytes_max || refused.offset == Some(offset);
        if record.is_some() && is_too_large {
            self.too_large += 1;
            headers = self::headers(&self.origin, offset, letter, None);
            (key, value) = (None, None);
        } else if record.is_some() {
            self.last_whole = Some(offset);
        }
        self.builder.append(now, key, value, &headers)?;
        self.wanted.skip_until(offset + 1);
        Ok(Room::Left)
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Room, BuildError> {
        let end = batch.last_offset() + 1;
        // Before magic 2 a batch of several records begins with the last one's offset.
        if batch.magic >= 2 && self.bare_until(batch.base_offset)? == Room::Full {
            return Ok(Room::Full);
        }
        if batch.is_control() {
            self.wanted.skip_until(end);
            return Ok(Room::Left);
        }
        if self.wanted.current().is_none_or(|(wanted, _)| wanted >= end) {
            return Ok(Room::Left);
        }
        if !self.making.is_record_copied {
            // What is wanted was delivered, so that it is there: there is no need to inflate the batch.
            return self.bare_until(end);
        }
        let Ok(records) = batch.records_within(LIMITS) else { return self.unreadable_until(end) };
        for record in records {
            let Ok(record) = record else { return self.unreadable_until(end) };
            if self.bare_until(record.offset)? == Room::Full {
                return Ok(Room::Full);
            }
            match self.wanted.current() {
                Some((wanted, _)) if wanted == record.offset => {
                    if self.add(Some(&record))? == Room::Full {
                        return Ok(Room::Full);
                    }
                }
                Some((wanted, _)) if wanted < end => {}
                _ => return Ok(Room::Left),
            }
        }
        self.bare_until(end)
    }
}

/// Copies records of the log into one batch: those of `letters`, in ascending order, that lie before `log_start` or in
/// `log`, the batches from the first of the other letters on.
///
/// # Errors
/// If the batch cannot be made, which only an absurd clock can be the reason of.
pub fn copy(
    origin: Origin<'_>,
    making: Making,
    letters: &[DeadLetter],
    log_start: i64,
    log: Bytes,
) -> Result<Copies, BuildError> {
    let wanted = Wanted { letters, place: 0, next: i64::MIN };
    let builder = BatchBuilder::new(BatchOptions::default());
    let mut maker = Maker { origin, making, wanted, builder, last_whole: None, too_large: 0, unreadable: 0 };
    let mut room = maker.bare_until(log_start)?;
    for batch in BatchIter::new(log).map_while(Result::ok) {
        if room == Room::Full || maker.wanted.current().is_none() {
            break;
        }
        room = maker.batch(&batch)?;
    }
    let Maker { wanted, builder, last_whole, too_large, unreadable, .. } = maker;
    let records = u64::try_from(builder.records_count()).unwrap_or(0);
    let batch = if records > 0 { Some(builder.build()?.freeze()) } else { None };
    let size = match (last_whole, records) {
        (Some(offset), 1) => Size::Single { offset },
        (_, 0 | 1) => Size::Least,
        _ => Size::Several { batch_bytes: batch.as_ref().map_or(0, Bytes::len) },
    };
    Ok(Copies { done: wanted.done(), batch, size, records, too_large, unreadable })
}

/// Why, in Kafka's words: clients of Kafka 4.4 tell by them.
const fn reason(given_up: GivenUp) -> &'static str {
    match given_up {
        GivenUp::Rejected => "Offset rejected by client.",
        GivenUp::DeliveryCountExceeded => "Offset delivery count exceeded the threshold.",
    }
}

fn headers(
    origin: &Origin<'_>,
    offset: i64,
    letter: &DeadLetter,
    record: Option<&Record>,
) -> Vec<RecordHeader> {
    let text = |key: &'static str, value: &str| RecordHeader {
        key: Bytes::from_static(key.as_bytes()),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    };
    let copied = record.map(|record| record.headers.as_slice()).unwrap_or_default();
    let mut headers: Vec<RecordHeader> =
        copied.iter().filter(|header| !header.key.starts_with(PREFIX)).cloned().collect();
    headers.extend([
        text("__dlq.errors.topic", origin.topic),
        text("__dlq.errors.partition", &origin.index.to_string()),
        text("__dlq.errors.offset", &offset.to_string()),
        text("__dlq.errors.group", origin.group),
        text("__dlq.errors.delivery.count", &letter.delivery_count.to_string()),
        text("__dlq.errors.message", reason(letter.reason)),
    ]);
    headers.extend(record.map(|record| text(TIMESTAMP, &record.timestamp.to_string())));
    headers
}

#[cfg(test)]
mod tests;
