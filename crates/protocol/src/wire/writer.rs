//! The growing buffer that encoding writes to.

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{EncodeError, EncodeErrorKind};
use crate::wire::{Uuid, zigzag_encode};

/// A place in the output where bytes from elsewhere belong (a slice of a log segment), so that they can go from the
/// file to the socket without passing through memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Position in the written buffer before which the foreign bytes go.
    pub at: usize,
    /// What the maker of `Records::Gap` uses to find the bytes again.
    pub token: u32,
    /// Number of bytes that are missing here.
    pub len: u32,
}

/// Writes Kafka's primitives into a growing buffer.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: BytesMut,
    gaps: Vec<Gap>,
    field: &'static str,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(bytes), gaps: Vec::new(), field: "" }
    }

    /// Appends to what `buffer` already holds. Positions of gaps count from the start of `buffer`.
    pub fn append_to(buffer: BytesMut) -> Self {
        Self { buffer, gaps: Vec::new(), field: "" }
    }

    /// Bytes in the buffer, gaps not counted.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.gaps.is_empty()
    }

    /// Bytes that will be sent: the buffer and what belongs into its gaps.
    pub fn total_len(&self) -> usize {
        self.buffer.len() + self.gaps.iter().map(|gap| gap.len as usize).sum::<usize>()
    }

    /// The gaps, in order of their position.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        &self.buffer
    }

    /// The buffer and its gaps.
    pub fn into_parts(self) -> (BytesMut, Vec<Gap>) {
        (self.buffer, self.gaps)
    }

    /// The bytes. Only for messages without gaps, since what belongs there would be missing.
    ///
    /// # Panics
    /// If there is a gap.
    pub fn into_bytes(self) -> Bytes {
        assert!(self.gaps.is_empty(), "the bytes of {} gaps are missing", self.gaps.len());
        self.buffer.freeze()
    }

    /// Overwrites four bytes at `at` that were written before, such as a frame's length.
    ///
    /// # Panics
    /// If the four bytes have not been written.
    pub fn patch_i32(&mut self, at: usize, value: i32) {
        self.buffer[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Names the field that is written next, so that an error can say where it happened.
    #[inline]
    pub fn enter(&mut self, field: &'static str) {
        self.field = field;
    }

    /// An error of `kind` at the current field.
    #[cold]
    pub fn error(&self, kind: EncodeErrorKind) -> EncodeError {
        EncodeError { kind, field: self.field }
    }

    /// Leaves a gap for `len` bytes from elsewhere.
    pub fn gap(&mut self, token: u32, len: u32) {
        self.gaps.push(Gap { at: self.buffer.len(), token, len });
    }

    /// Appends what another writer holds, its gaps included.
    pub(crate) fn append(&mut self, other: &Self) {
        let base = self.buffer.len();
        self.buffer.extend_from_slice(&other.buffer);
        self.gaps.extend(other.gaps.iter().map(|gap| Gap { at: gap.at + base, ..*gap }));
    }

    /// Bytes as they are.
    pub fn slice(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// INT8.
    pub fn i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.buffer.put_u8(value);
    }

    /// INT16.
    pub fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// UINT16.
    pub fn u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    /// INT32.
    pub fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    /// UINT32.
    pub fn u32(&mut self, value: u32) {
        self.buffer.put_u32(value);
    }

    /// INT64.
    pub fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    /// FLOAT64.
    pub fn f64(&mut self, value: f64) {
        self.buffer.put_f64(value);
    }

    /// UUID.
    pub fn uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(value.as_bytes());
    }

    /// UNSIGNED_VARINT.
    pub fn uvarint(&mut self, value: u32) {
        self.uvarlong(u64::from(value));
    }

    /// UNSIGNED_VARLONG.
    pub fn uvarlong(&mut self, mut value: u64) {
        while value > 0x7f {
            self.buffer.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value as u8);
    }

    /// VARINT, zigzag.
    pub fn varint(&mut self, value: i32) {
        self.uvarint(((value << 1) ^ (value >> 31)).cast_unsigned());
    }

    /// VARLONG, zigzag.
    pub fn varlong(&mut self, value: i64) {
        self.uvarlong(zigzag_encode(value));
    }
}
