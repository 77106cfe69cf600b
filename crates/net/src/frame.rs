//! Cuts size-delimited frames out of the bytes of one connection.

use bytes::{Buf, BytesMut};

/// What is reserved for a frame before the connection has shown that it sends such large ones.
const RESERVE_BYTES_MAX: usize = 128 * 1024;
/// Room for small requests, many of which may arrive at once.
const READ_BYTES_MIN: usize = 16 * 1024;

/// The peer sent a size that cannot be a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Kafka reads the size as a signed number.
    #[error("the size {0} of a frame is negative")]
    Negative(i32),
    /// Larger than `socket.request.max.bytes` (or the client's limit).
    #[error("a frame of {size} bytes is larger than the {max} that are allowed (socket.request.max.bytes)")]
    TooLarge {
        /// The size that the peer named, in bytes.
        size: usize,
        /// The limit in bytes.
        max: usize,
    },
}

/// Collects bytes and gives back whole frames, without their size prefix.
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    frame_bytes_max: usize,
    /// The largest frame that has arrived whole.
    trusted_bytes: usize,
}

impl FrameReader {
    /// A reader that refuses frames of more than `frame_bytes_max` bytes.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), frame_bytes_max, trusted_bytes: 0 }
    }

    /// The next whole frame, if it has arrived.
    ///
    /// # Errors
    /// If the size is no size of a frame. The connection cannot be read any further then.
    pub fn next_frame(&mut self) -> Result<Option<BytesMut>, FrameError> {
        let Some(size) = self.frame_size()? else { return Ok(None) };
        if self.buffer.len() < 4 + size {
            return Ok(None);
        }
        self.buffer.advance(4);
        self.trusted_bytes = self.trusted_bytes.max(size);
        let frame = self.buffer.split_to(size);
        if size > READ_BYTES_MIN {
            // What is left shares the frame's memory and would hold on to all of it, for as long as the connection idles.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(Some(frame))
    }

    /// The buffer to read into, with room for what is missing of the current frame, as far as memory may be spent on it.
    ///
    /// # Errors
    /// As [`FrameReader::next_frame`].
    pub fn room(&mut self) -> Result<&mut BytesMut, FrameError> {
        let missing =
            self.frame_size()?.map_or(READ_BYTES_MIN, |size| (4 + size).saturating_sub(self.buffer.len()));
        let allowed = RESERVE_BYTES_MAX.max(self.trusted_bytes).max(self.buffer.len());
        let wanted = missing.min(allowed).max(if self.buffer.is_empty() { READ_BYTES_MIN } else { 1 });
        if self.buffer.capacity() - self.buffer.len() < wanted.min(READ_BYTES_MIN) || missing > READ_BYTES_MIN
        {
            self.buffer.reserve(wanted);
        }
        Ok(&mut self.buffer)
    }

    /// Whether part of a frame has arrived.
    pub fn is_within_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The size of the next frame, without its prefix, once that has arrived.
    ///
    /// # Errors
    /// As [`FrameReader::next_frame`].
    pub fn frame_size(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let size = i32::from_be_bytes(*prefix);
        let size = usize::try_from(size).map_err(|_| FrameError::Negative(size))?;
        if size > self.frame_bytes_max {
            return Err(FrameError::TooLarge { size, max: self.frame_bytes_max });
        }
        Ok(Some(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(reader: &mut FrameReader, bytes: &[u8]) {
        for piece in bytes.chunks(7) {
            reader.room().expect("a good prefix").extend_from_slice(piece);
        }
    }

    #[test]
    fn frames_come_out_whole_and_in_order() {
        let mut reader = FrameReader::new(100);
        feed(&mut reader, b"\0\0\0\x03abc\0\0\0\0\0\0\0\x02d");
        assert_eq!(reader.next_frame().unwrap().unwrap(), &b"abc"[..]);
        assert_eq!(reader.next_frame().unwrap().unwrap(), &b""[..]);
        assert_eq!(reader.next_frame().unwrap(), None);
        feed(&mut reader, b"e");
        assert_eq!(reader.next_frame().unwrap().unwrap(), &b"de"[..]);
        assert!(!reader.is_within_frame());
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for (prefix, error) in [
            (-1i32, FrameError::Negative(-1)),
            (i32::MIN, FrameError::Negative(i32::MIN)),
            (101, FrameError::TooLarge { size: 101, max: 100 }),
            (i32::MAX, FrameError::TooLarge { size: i32::MAX as usize, max: 100 }),
        ] {
            let mut reader = FrameReader::new(100);
            reader.room().unwrap().extend_from_slice(&prefix.to_be_bytes());
            assert_eq!(reader.next_frame(), Err(error));
        }
    }

    #[test]
    fn a_large_frame_takes_its_memory_with_it() {
        let mut reader = FrameReader::new(10 << 20);
        let frame = [&(1i32 << 20).to_be_bytes()[..], &vec![7; 1 << 20], b"\0\0"].concat();
        for piece in frame.chunks(10_000) {
            reader.room().unwrap().extend_from_slice(piece);
        }
        drop(reader.next_frame().unwrap().unwrap());
        assert!(reader.is_within_frame(), "what has arrived of the next frame stays");
        assert!(reader.room().unwrap().capacity() <= 2 * READ_BYTES_MIN);
    }

    #[test]
    fn a_claimed_size_reserves_little() {
        let mut reader = FrameReader::new(100 << 20);
        reader.room().unwrap().extend_from_slice(&(100i32 << 20).to_be_bytes());
        assert!(reader.room().unwrap().capacity() <= 2 * RESERVE_BYTES_MAX);
    }
}
