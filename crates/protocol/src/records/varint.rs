//! Zigzag variable-length integers as records use them.

use bytes::{BufMut, BytesMut};

use super::BatchError;

/// Bytes read one after another: a slice or a decompressed stream.
pub(crate) trait Input {
    fn byte(&mut self) -> Result<u8, BatchError>;
    /// Drops `count` bytes; an error if there are not that many.
    fn skip(&mut self, count: usize) -> Result<(), BatchError>;

    /// Reads a zigzag i32. Bits beyond 32 of a fifth byte are dropped, as Kafka does.
    fn varint(&mut self) -> Result<i32, BatchError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i32 ^ -((value & 1) as i32));
            }
        }
        Err(STRUCTURE)
    }

    /// Reads a zigzag i64 of at most ten bytes.
    fn varlong(&mut self) -> Result<i64, BatchError> {
        let mut value = 0u64;
        for shift in (0..=63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(STRUCTURE)
    }
}

pub(crate) const STRUCTURE: BatchError = BatchError::invalid("Found invalid record structure");

/// A slice that is read from the front.
#[derive(Debug, Clone)]
pub(crate) struct SliceInput<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) position: usize,
}

impl<'a> SliceInput<'a> {
    pub(crate) const fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }
}

impl Input for SliceInput<'_> {
    fn byte(&mut self) -> Result<u8, BatchError> {
        let byte = *self.bytes.get(self.position).ok_or(STRUCTURE)?;
        self.position += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> Result<(), BatchError> {
        if count > self.remaining() {
            return Err(STRUCTURE);
        }
        self.position += count;
        Ok(())
    }
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(crate) fn put_varint(buf: &mut BytesMut, value: i32) {
    put_varlong(buf, i64::from(value));
}

/// Appends a zigzag i64; of a value within i32 the bytes are those of [`put_varint`].
pub(crate) fn put_varlong(buf: &mut BytesMut, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        buf.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    buf.put_u8(rest as u8);
}

/// Bytes that [`put_varlong`] writes.
pub(crate) const fn varlong_size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_sizes() {
        let edges =
            [0, -1, 1, 63, -64, 64, 8191, -8192, 8192, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];
        for value in edges {
            let mut buf = BytesMut::new();
            put_varlong(&mut buf, value);
            assert_eq!(buf.len(), varlong_size(value), "size of {value}");
            assert_eq!(SliceInput::new(&buf, 0).varlong(), Ok(value));
            if let Ok(small) = i32::try_from(value) {
                assert_eq!(SliceInput::new(&buf, 0).varint(), Ok(small));
            }
        }
    }

    #[test]
    fn refuses_unending_and_torn() {
        assert_eq!(SliceInput::new(&[0xff; 5], 0).varint(), Err(STRUCTURE));
        assert_eq!(SliceInput::new(&[0xff; 10], 0).varlong(), Err(STRUCTURE));
        assert_eq!(SliceInput::new(&[0x80, 0x80], 0).varint(), Err(STRUCTURE));
    }
}
