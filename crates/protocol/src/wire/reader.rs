//! The cursor that decoding reads from.

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::{RawTaggedField, Uuid};

/// Reads Kafka's primitives from a buffer, front to back. Strings, bytes and records are slices of the same buffer.
///
/// Never panics and never allocates what a length field merely claims: every length is compared with what remains.
#[derive(Debug, Clone)]
pub struct Reader {
    buffer: Bytes,
    at: usize,
    field: &'static str,
}

impl Reader {
    /// Reads `buffer` from its start.
    pub fn new(buffer: impl Into<Bytes>) -> Self {
        Self { buffer: buffer.into(), at: 0, field: "" }
    }

    /// Number of bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Bytes read so far, which is where the next read starts.
    pub fn position(&self) -> usize {
        self.at
    }

    /// What has not been read yet, without copying; the reader does not move.
    pub fn rest(&self) -> Bytes {
        self.buffer.slice(self.at..)
    }

    /// Names the field that is read next, so that an error can say where it happened.
    #[inline]
    pub fn enter(&mut self, field: &'static str) {
        self.field = field;
    }

    /// An error of `kind` at the current position and field.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { kind, field: self.field, at: self.at }
    }

    /// Succeeds if everything has been read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(self.error(DecodeErrorKind::TrailingBytes { count })),
        }
    }

    /// Takes the next `length` bytes as a slice of the buffer.
    pub fn bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.remaining() {
            return Err(self.end_of_input(length));
        }
        let slice = self.buffer.slice(self.at..self.at + length);
        self.at += length;
        Ok(slice)
    }

    /// Moves on by `length` bytes.
    pub fn skip(&mut self, length: usize) -> Result<(), DecodeError> {
        if length > self.remaining() {
            return Err(self.end_of_input(length));
        }
        self.at += length;
        Ok(())
    }

    #[cold]
    fn end_of_input(&self, needed: usize) -> DecodeError {
        self.error(DecodeErrorKind::EndOfInput { needed, remaining: self.remaining() })
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some(array) = self.buffer[self.at..].first_chunk::<N>() else {
            return Err(self.end_of_input(N));
        };
        let array = *array;
        self.at += N;
        Ok(array)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// INT8.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    /// INT16, big endian as all of Kafka's fixed-width numbers.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    /// UINT16.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// INT32.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// UINT32.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// INT64.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// FLOAT64, IEEE 754.
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// UUID, most significant byte first.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    /// UNSIGNED_VARINT: seven bits a byte, low bits first, at most five bytes. Bits above the 32nd are dropped, as
    /// Kafka drops them.
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(DecodeErrorKind::VarintTooLong))
    }

    /// UNSIGNED_VARLONG: as [`Reader::uvarint`], at most ten bytes.
    pub fn uvarlong(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(DecodeErrorKind::VarintTooLong))
    }

    /// VARINT: zigzag, so that small negative numbers are short too.
    pub fn varint(&mut self) -> Result<i32, DecodeError> {
        let value = self.uvarint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// VARLONG: zigzag.
    pub fn varlong(&mut self) -> Result<i64, DecodeError> {
        Ok(crate::wire::zigzag_decode(self.uvarlong()?))
    }

    /// The length of an array, or `None` for null. A length above what remains is an error, since no element is
    /// shorter than nothing and Kafka refuses it as well.
    pub(crate) fn array_length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        let length = if flexible {
            let Some(length) = self.uvarint()?.checked_sub(1) else { return Ok(None) };
            i64::from(length)
        } else {
            i64::from(self.i32()?)
        };
        self.check_length(length)
    }

    /// The length of a string, or `None` for null.
    pub(crate) fn string_length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if !flexible {
            let length = self.i16()?;
            return self.check_length(i64::from(length));
        }
        let Some(length) = self.uvarint()?.checked_sub(1) else { return Ok(None) };
        if length > i16::MAX as u32 {
            return Err(self.error(DecodeErrorKind::StringTooLong { length }));
        }
        self.check_length(i64::from(length))
    }

    fn check_length(&self, length: i64) -> Result<Option<usize>, DecodeError> {
        if length < 0 {
            return Ok(None);
        }
        match usize::try_from(length) {
            Ok(length) if length <= self.remaining() => Ok(Some(length)),
            _ => Err(self.error(DecodeErrorKind::LengthBeyondInput { length, remaining: self.remaining() })),
        }
    }

    /// The header of the next tagged field: its tag, and how many bytes must remain once its value has been read.
    pub fn tag(&mut self) -> Result<(u32, usize), DecodeError> {
        let tag = self.uvarint()?;
        let size = self.uvarint()?;
        match self.check_length(i64::from(size))? {
            Some(size) => Ok((tag, self.remaining() - size)),
            None => Err(self.error(DecodeErrorKind::VarintTooLong)),
        }
    }

    /// Ends a known tagged field: its value must have had the size that was announced.
    pub fn end_tag(&self, tag: u32, remaining: usize) -> Result<(), DecodeError> {
        if self.remaining() == remaining {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::TagSize { tag }))
    }

    /// Keeps a tagged field that this version does not know, to be written again as it is.
    pub fn raw_tag(&mut self, tag: u32, remaining: usize) -> Result<RawTaggedField, DecodeError> {
        let size = self.remaining().saturating_sub(remaining);
        Ok(RawTaggedField { tag, data: self.bytes(size)? })
    }

    /// Reads a tagged-field section of which no tag is known.
    pub fn unknown_tags(&mut self) -> Result<Vec<RawTaggedField>, DecodeError> {
        let mut tags = Vec::new();
        for _ in 0..self.uvarint()? {
            let (tag, remaining) = self.tag()?;
            tags.push(self.raw_tag(tag, remaining)?);
        }
        Ok(tags)
    }
}
