//! Tagged fields (KIP-482): optional fields at the end of every struct of a flexible version.

use bytes::Bytes;

use crate::error::{EncodeError, EncodeErrorKind};
use crate::wire::{Cx, Value, Writer, write_nullable};

/// A tagged field whose meaning is not known in the version at hand. Kept, so that what is decoded and encoded again
/// loses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RawTaggedField {
    /// The number that names the field within its struct.
    pub tag: u32,
    /// The value as it came, without tag and size.
    pub data: Bytes,
}

/// Collects the known tagged fields that are to be written, then writes the whole section in the order of the tags.
///
/// Each value goes to a scratch buffer first, since its size precedes it. Most messages have no tagged field set, and
/// then nothing is allocated.
#[derive(Debug, Default)]
pub struct TagWriter {
    known: Vec<(u32, Writer)>,
}

impl TagWriter {
    /// An empty section.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. Fields are added in the order of their tags.
    pub fn put<T: Value>(
        &mut self,
        tag: u32,
        field: &'static str,
        value: &T,
        cx: Cx,
    ) -> Result<(), EncodeError> {
        let mut scratch = Writer::new();
        scratch.enter(field);
        value.write(&mut scratch, cx)?;
        self.known.push((tag, scratch));
        Ok(())
    }

    /// Adds a field that may be null, in a version that allows it if `nullable`.
    pub fn put_nullable<T: Value>(
        &mut self,
        tag: u32,
        field: &'static str,
        value: &Option<T>,
        cx: Cx,
        nullable: bool,
    ) -> Result<(), EncodeError> {
        let mut scratch = Writer::new();
        scratch.enter(field);
        write_nullable(value, &mut scratch, cx.tagged(), nullable)?;
        self.known.push((tag, scratch));
        Ok(())
    }

    /// [`TagWriter::finish`] in a flexible version. Elsewhere there is no such section, and having anything for it is
    /// an error.
    pub fn finish_if(
        self,
        cx: Cx,
        message: &'static str,
        writer: &mut Writer,
        unknown: &[RawTaggedField],
    ) -> Result<(), EncodeError> {
        if cx.flexible {
            return self.finish(writer, unknown);
        }
        if self.known.is_empty() && unknown.is_empty() {
            return Ok(());
        }
        Err(unsupported_field(message, "unknown_tagged_fields", cx.version))
    }

    /// Writes count, known fields and `unknown` ones merged by tag. An unknown field that has a known tag, or is out
    /// of order, is an error as it is in Kafka.
    pub fn finish(self, writer: &mut Writer, unknown: &[RawTaggedField]) -> Result<(), EncodeError> {
        write_length(writer, self.known.len() + unknown.len())?;
        let mut unknown = unknown.iter().peekable();
        let mut last = None;
        for (tag, scratch) in &self.known {
            while let Some(raw) = unknown.next_if(|raw| raw.tag < *tag) {
                write_raw(writer, raw, &mut last)?;
            }
            if unknown.peek().is_some_and(|raw| raw.tag == *tag) {
                return Err(writer.error(EncodeErrorKind::TagOrder { tag: *tag }));
            }
            last = Some(*tag);
            writer.uvarint(*tag);
            write_length(writer, scratch.total_len())?;
            writer.append(scratch);
        }
        for raw in unknown {
            write_raw(writer, raw, &mut last)?;
        }
        Ok(())
    }
}

fn write_raw(writer: &mut Writer, raw: &RawTaggedField, last: &mut Option<u32>) -> Result<(), EncodeError> {
    if last.is_some_and(|last| raw.tag <= last) {
        return Err(writer.error(EncodeErrorKind::TagOrder { tag: raw.tag }));
    }
    *last = Some(raw.tag);
    writer.uvarint(raw.tag);
    write_length(writer, raw.data.len())?;
    writer.slice(&raw.data);
    Ok(())
}

fn write_length(writer: &mut Writer, length: usize) -> Result<(), EncodeError> {
    let value = u32::try_from(length).map_err(|_| writer.error(EncodeErrorKind::TooLong { length }))?;
    writer.uvarint(value);
    Ok(())
}

/// The error for a field that is set although `version` lacks it.
#[cold]
pub(crate) fn unsupported_field(message: &'static str, field: &'static str, version: i16) -> EncodeError {
    EncodeError { kind: EncodeErrorKind::UnsupportedField { message, version }, field }
}
