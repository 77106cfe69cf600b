//! Messages as JSON, the way Kafka's `…JsonConverter` classes write them: for `kafka-dump-log`, the formatters of the
//! console consumer, and the request log.
//!
//! Works on encoded bytes and the message's description, so that it costs no code per message. It is also a second
//! reader of the format, against which the derived one is tested.
//!
//! Non-obvious: a tagged field appears only if it was written, which Kafka does only if it differs from its default;
//! of records only their size is shown (`recordsSizeInBytes`); unknown tagged fields are not shown at all.

use std::fmt::Write;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::Message;
use crate::schema::{FieldSchema, FieldType, MessageSchema, StructSchema};
use crate::wire::{Cx, Reader, Value, struct_is_present};

/// `message` in `version` as one line of JSON.
///
/// # Panics
/// If the message holds a [`crate::Records::Gap`].
pub fn to_json<M: Message>(message: &M, version: i16) -> Result<String, EncodeError> {
    let bytes = message.to_bytes(version)?;
    // What was just written can be read: anything else is a defect of this crate.
    Ok(from_bytes(M::SCHEMA, bytes, version).expect("an encoded message can be read"))
}

/// The message that `bytes` hold in `version`, as one line of JSON.
pub fn from_bytes(
    schema: &MessageSchema,
    bytes: impl Into<Bytes>,
    version: i16,
) -> Result<String, DecodeError> {
    let mut reader = Reader::new(bytes);
    let json = read(schema, &mut reader, version)?;
    reader.finish()?;
    Ok(json)
}

/// Reads one message, leaving what follows it.
pub fn read(schema: &MessageSchema, reader: &mut Reader, version: i16) -> Result<String, DecodeError> {
    if !schema.versions.contains(version) {
        return Err(reader.error(DecodeErrorKind::UnsupportedVersion { message: schema.name, version }));
    }
    let mut json = String::new();
    read_struct(schema.root, reader, Cx::new(version, schema.flexible.contains(version)), &mut json)?;
    Ok(json)
}

fn read_struct(
    schema: &StructSchema,
    reader: &mut Reader,
    cx: Cx,
    json: &mut String,
) -> Result<(), DecodeError> {
    let present = |field: &FieldSchema| field.versions.contains(cx.version);
    // Tagged fields come last on the wire but stand where the definition has them in JSON.
    let mut values = vec![None; schema.fields.len()];
    for (field, value) in schema.fields.iter().zip(&mut values) {
        if field.tag.is_none() && present(field) {
            *value = Some(read_field(field, reader, cx)?);
        }
    }
    if cx.flexible {
        reader.enter("unknown_tagged_fields");
        for _ in 0..reader.uvarint()? {
            let (tag, remaining) = reader.tag()?;
            let known = schema.fields.iter().position(|field| field.tag == Some(tag));
            match known {
                Some(index) if present(&schema.fields[index]) => {
                    values[index] = Some(read_field(&schema.fields[index], reader, cx.tagged())?);
                    reader.end_tag(tag, remaining)?;
                }
                Some(_) => {
                    return Err(reader.error(DecodeErrorKind::TagVersion { tag, version: cx.version }));
                }
                None => drop(reader.raw_tag(tag, remaining)?),
            }
        }
    }
    json.push('{');
    let mut separator = "";
    for (field, value) in schema.fields.iter().zip(&values) {
        let Some(value) = value else { continue };
        let _ = write!(json, "{separator}\"{}\":{value}", key(field, value));
        separator = ",";
    }
    json.push('}');
    Ok(())
}

/// The field's name as JSON has it.
fn key(field: &FieldSchema, value: &str) -> String {
    let mut letters = field.name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let suffix =
        if matches!(field.field_type, FieldType::Records) && value != "null" { "SizeInBytes" } else { "" };
    first.into_iter().chain(letters).chain(suffix.chars()).collect()
}

fn read_field(field: &FieldSchema, reader: &mut Reader, cx: Cx) -> Result<String, DecodeError> {
    reader.enter(field.name);
    let cx = if field.inflexible { cx.inflexible() } else { cx };
    let mut json = String::new();
    let found = if field.nullable.contains(cx.version) {
        read_nullable(&field.field_type, reader, cx, &mut json)?
    } else {
        read_value(&field.field_type, reader, cx.untagged(), &mut json)?
    };
    match found {
        Some(()) => Ok(json),
        None if field.nullable.contains(cx.version) => Ok("null".to_owned()),
        None => Err(reader.error(DecodeErrorKind::Null)),
    }
}

fn read_nullable(
    field_type: &FieldType,
    reader: &mut Reader,
    cx: Cx,
    json: &mut String,
) -> Result<Option<()>, DecodeError> {
    if matches!(field_type, FieldType::Struct(_)) && !struct_is_present(reader, cx)? {
        return Ok(None);
    }
    read_value(field_type, reader, cx.untagged(), json)
}

/// Appends a value. `None` is the null that strings, bytes and arrays have by themselves.
fn read_value(
    field_type: &FieldType,
    reader: &mut Reader,
    cx: Cx,
    json: &mut String,
) -> Result<Option<()>, DecodeError> {
    match field_type {
        FieldType::Bool => show(json, bool::read(reader, cx)?),
        FieldType::Int8 => show(json, reader.i8()?),
        FieldType::Int16 => show(json, reader.i16()?),
        FieldType::UInt16 => show(json, reader.u16()?),
        FieldType::Int32 => show(json, reader.i32()?),
        FieldType::UInt32 => show(json, reader.u32()?),
        FieldType::Int64 => show(json, reader.i64()?),
        FieldType::Float64 => json.push_str(&java_double(reader.f64()?)),
        FieldType::Uuid => show(json, format_args!("\"{}\"", reader.uuid()?)),
        FieldType::String => {
            let Some(text) = crate::StrBytes::read_nullable(reader, cx)? else { return Ok(None) };
            quote(&text, json);
        }
        FieldType::Bytes => {
            let Some(bytes) = Bytes::read_nullable(reader, cx)? else { return Ok(None) };
            json.push('"');
            base64(&bytes, json);
            json.push('"');
        }
        FieldType::Records => {
            let Some(bytes) = Bytes::read_nullable(reader, cx)? else { return Ok(None) };
            show(json, bytes.len());
        }
        FieldType::Array(element) => {
            let Some(length) = reader.array_length(cx.flexible)? else { return Ok(None) };
            json.push('[');
            for index in 0..length {
                if index > 0 {
                    json.push(',');
                }
                if read_value(element, reader, cx, json)?.is_none() {
                    return Err(reader.error(DecodeErrorKind::Null));
                }
            }
            json.push(']');
        }
        FieldType::Struct(schema) => read_struct(schema, reader, cx, json)?,
    }
    Ok(Some(()))
}

fn show(json: &mut String, value: impl std::fmt::Display) {
    let _ = write!(json, "{value}");
}

/// A number as Java's `Double.toString` has it: always with a fraction, with an exponent from 10^7 on and below 10^-3.
fn java_double(value: f64) -> String {
    if !value.is_finite() {
        // Jackson writes these as text.
        let name = if value.is_nan() { "NaN" } else { "Infinity" };
        return format!("\"{}{name}\"", if value.is_sign_negative() && !value.is_nan() { "-" } else { "" });
    }
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// Appends `text` as a JSON string, escaped as Jackson escapes it.
pub fn quote(text: &str, json: &mut String) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04X}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

/// Appends `bytes` in the usual base64 with padding.
fn base64(bytes: &[u8], json: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            if index <= chunk.len() {
                json.push(char::from(ALPHABET[(bits >> (18 - 6 * index)) as usize & 0x3f]));
            } else {
                json.push('=');
            }
        }
    }
}
