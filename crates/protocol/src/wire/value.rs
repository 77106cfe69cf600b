//! How one value of each of Kafka's types is read and written.

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::schema::FieldType;
use crate::wire::{Reader, StrBytes, Uuid, Writer};

/// What a codec must know about the message around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cx {
    /// Version of the message.
    pub version: i16,
    /// Whether lengths are varints and structs end with tagged fields (KIP-482).
    pub flexible: bool,
    tagged: bool,
}

impl Cx {
    /// The context of a message of `version`.
    pub const fn new(version: i16, flexible: bool) -> Self {
        Self { version, flexible, tagged: false }
    }

    /// The same for a field that keeps its old form in flexible versions.
    pub const fn inflexible(self) -> Self {
        Self { flexible: false, ..self }
    }

    /// The same for a tagged field: a nullable struct is marked by a varint there.
    pub const fn tagged(self) -> Self {
        Self { tagged: true, ..self }
    }

    pub(crate) const fn untagged(self) -> Self {
        Self { tagged: false, ..self }
    }
}

/// A type that a field can have: primitives, arrays, and structs by `#[derive(Message)]`.
pub trait Value: Sized {
    /// Its description.
    const TYPE: FieldType;

    /// Reads a value, or `None` where the type's own null is found.
    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError>;

    /// Writes null. `None` for types that have none.
    fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError>;

    /// Writes the value where null would have been possible.
    fn write_present(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        self.write(writer, cx)
    }

    /// Reads a value that must not be null.
    fn read(reader: &mut Reader, cx: Cx) -> Result<Self, DecodeError> {
        match Self::read_nullable(reader, cx)? {
            Some(value) => Ok(value),
            None => Err(reader.error(DecodeErrorKind::Null)),
        }
    }

    /// Writes the value.
    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError>;

    /// Whether this is the value the type has by itself: zero, empty, a struct of nothing but defaults.
    fn is_zero(&self) -> bool;

    /// Tells the error codes in it that Kafka counts in a response of that version, 0 included: its fields that are called
    /// so, and those of the structs in it.
    fn error_codes(&self, _version: i16, _tell: &mut dyn FnMut(i16)) {}
}

/// Reads a field that may be null if `nullable`.
pub fn read_nullable<T: Value>(
    reader: &mut Reader,
    cx: Cx,
    nullable: bool,
) -> Result<Option<T>, DecodeError> {
    if nullable { T::read_nullable(reader, cx) } else { T::read(reader, cx).map(Some) }
}

/// Writes a field that may be null if `nullable`.
pub fn write_nullable<T: Value>(
    value: &Option<T>,
    writer: &mut Writer,
    cx: Cx,
    nullable: bool,
) -> Result<(), EncodeError> {
    match value {
        Some(value) if nullable => value.write_present(writer, cx),
        Some(value) => value.write(writer, cx.untagged()),
        None if nullable => T::write_null(writer, cx),
        None => Err(writer.error(EncodeErrorKind::Null { version: cx.version })),
    }
}

macro_rules! fixed_width {
    ($($type:ty, $name:ident, $kafka:ident;)*) => {$(
        impl Value for $type {
            const TYPE: FieldType = FieldType::$kafka;

            fn read_nullable(reader: &mut Reader, _cx: Cx) -> Result<Option<Self>, DecodeError> {
                reader.$name().map(Some)
            }

            fn read(reader: &mut Reader, _cx: Cx) -> Result<Self, DecodeError> {
                reader.$name()
            }

            fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
                Err(writer.error(EncodeErrorKind::Null { version: cx.version }))
            }

            fn write(&self, writer: &mut Writer, _cx: Cx) -> Result<(), EncodeError> {
                writer.$name(*self);
                Ok(())
            }

            fn is_zero(&self) -> bool {
                *self == <$type>::default()
            }
        }
    )*};
}

fixed_width! {
    i8, i8, Int8;
    i16, i16, Int16;
    u16, u16, UInt16;
    i32, i32, Int32;
    u32, u32, UInt32;
    i64, i64, Int64;
    f64, f64, Float64;
    Uuid, uuid, Uuid;
}

impl Value for bool {
    const TYPE: FieldType = FieldType::Bool;

    fn read_nullable(reader: &mut Reader, _cx: Cx) -> Result<Option<Self>, DecodeError> {
        Ok(Some(reader.u8()? != 0))
    }

    fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        Err(writer.error(EncodeErrorKind::Null { version: cx.version }))
    }

    fn write(&self, writer: &mut Writer, _cx: Cx) -> Result<(), EncodeError> {
        writer.u8(u8::from(*self));
        Ok(())
    }

    fn is_zero(&self) -> bool {
        !self
    }
}

fn write_length(writer: &mut Writer, cx: Cx, length: usize) -> Result<(), EncodeError> {
    // One less than the largest, since flexible versions write the length plus one.
    match i32::try_from(length) {
        Ok(length) if length < i32::MAX => {
            if cx.flexible {
                writer.uvarint(length.cast_unsigned() + 1);
            } else {
                writer.i32(length);
            }
            Ok(())
        }
        _ => Err(writer.error(EncodeErrorKind::TooLong { length })),
    }
}

fn write_null_length(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
    if cx.flexible {
        writer.uvarint(0);
    } else {
        writer.i32(-1);
    }
    Ok(())
}

impl Value for StrBytes {
    const TYPE: FieldType = FieldType::String;

    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        match reader.string_length(cx.flexible)? {
            Some(length) => Ok(Some(Self::from_utf8_lossy(reader.bytes(length)?))),
            None => Ok(None),
        }
    }

    fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        if cx.flexible {
            writer.uvarint(0);
        } else {
            writer.i16(-1);
        }
        Ok(())
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        let Ok(length) = i16::try_from(self.len()) else {
            return Err(writer.error(EncodeErrorKind::TooLong { length: self.len() }));
        };
        if cx.flexible {
            writer.uvarint(u32::from(length.cast_unsigned()) + 1);
        } else {
            writer.i16(length);
        }
        writer.slice(self.as_bytes());
        Ok(())
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl Value for Bytes {
    const TYPE: FieldType = FieldType::Bytes;

    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        match reader.array_length(cx.flexible)? {
            Some(length) => reader.bytes(length).map(Some),
            None => Ok(None),
        }
    }

    fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        write_null_length(writer, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        write_length(writer, cx, self.len())?;
        writer.slice(self);
        Ok(())
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

/// Record batches inside a message: bytes at hand, or bytes that a file holds and that are to be sent from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// Encoded batches.
    Bytes(Bytes),
    /// Batches that stay where they are until the response is sent, see [`Writer::gaps`].
    Gap {
        /// What the maker uses to find the bytes again.
        token: u32,
        /// Number of bytes.
        len: u32,
    },
}

impl Records {
    /// No batches.
    pub const EMPTY: Self = Self::Bytes(Bytes::new());

    /// Size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Gap { len, .. } => *len as usize,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, unless they are elsewhere.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Gap { .. } => None,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl Value for Records {
    const TYPE: FieldType = FieldType::Records;

    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        Ok(Bytes::read_nullable(reader, cx)?.map(Self::Bytes))
    }

    fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        write_null_length(writer, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        write_length(writer, cx, self.len())?;
        match self {
            Self::Bytes(bytes) => writer.slice(bytes),
            Self::Gap { token, len } => writer.gap(*token, *len),
        }
        Ok(())
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Value> Value for Vec<T> {
    const TYPE: FieldType = FieldType::Array(&T::TYPE);

    fn read_nullable(reader: &mut Reader, cx: Cx) -> Result<Option<Self>, DecodeError> {
        let Some(length) = reader.array_length(cx.flexible)? else { return Ok(None) };
        // An element may be a single byte on the wire and hundreds in memory. What is reserved at once stays below
        // what was received; the rest grows with what is really there.
        let affordable = reader.remaining() / size_of::<T>().max(1);
        let mut elements = Self::with_capacity(length.min(affordable + 1));
        for _ in 0..length {
            elements.push(T::read(reader, cx.untagged())?);
        }
        Ok(Some(elements))
    }

    fn write_null(writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        write_null_length(writer, cx)
    }

    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        write_length(writer, cx, self.len())?;
        for element in self {
            element.write(writer, cx.untagged())?;
        }
        Ok(())
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn error_codes(&self, version: i16, tell: &mut dyn FnMut(i16)) {
        self.iter().for_each(|element| element.error_codes(version, tell));
    }
}

/// Reads the mark before a nullable struct.
pub(crate) fn struct_is_present(reader: &mut Reader, cx: Cx) -> Result<bool, DecodeError> {
    if cx.tagged { Ok(reader.uvarint()? > 0) } else { Ok(reader.i8()? >= 0) }
}

/// Writes the mark before a nullable struct.
pub(crate) fn write_struct_mark(writer: &mut Writer, cx: Cx, present: bool) {
    match (present, cx.tagged) {
        (true, _) => writer.i8(1),
        (false, true) => writer.i8(0),
        (false, false) => writer.i8(-1),
    }
}

pub(crate) fn zigzag_decode(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(crate) fn zigzag_encode(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
