//! Messages as JSON, as Kafka's generated converters write them: fields in the order of the message, tagged fields only
//! if they are there, bytes in base64.
//!
//! It reads the bytes along the message's description, without the message's type.

use klamm_protocol::{
    DecodeError, Reader,
    schema::{FieldSchema, FieldType, MessageSchema, StructSchema},
};

/// How deep structs and arrays may lie in each other; no message of Kafka comes near it.
const DEPTH_MAX: usize = 16;

/// What stands at a message's place if it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("version {version} of {name} is not known")]
    Version { name: &'static str, version: i16 },
    #[error("a string is no UTF-8")]
    Utf8,
    #[error("values lie too deep in each other")]
    Depth,
    #[error("a length of {0} cannot be")]
    Length(i64),
}

/// Reads one message of this version.
pub(crate) fn message(
    schema: &MessageSchema,
    version: i16,
    reader: &mut Reader,
) -> Result<String, JsonError> {
    if !schema.versions.contains(version) {
        return Err(JsonError::Version { name: schema.name, version });
    }
    let cx = Cx { version, flexible: schema.flexible.contains(version), depth: 0 };
    structure(schema.root, cx, reader)
}

#[derive(Clone, Copy)]
struct Cx {
    version: i16,
    flexible: bool,
    depth: usize,
}

impl Cx {
    fn deeper(self) -> Result<Self, JsonError> {
        if self.depth >= DEPTH_MAX {
            return Err(JsonError::Depth);
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

fn structure(schema: &StructSchema, cx: Cx, reader: &mut Reader) -> Result<String, JsonError> {
    let mut values: Vec<Option<String>> = vec![None; schema.fields.len()];
    for (value, field) in values.iter_mut().zip(schema.fields) {
        if field.versions.contains(cx.version) && field.tag.is_none() {
            *value = Some(field_value(field, cx, reader)?);
        }
    }
    if cx.flexible {
        for _ in 0..reader.uvarint()? {
            let (tag, remaining) = reader.tag()?;
            let known = schema
                .fields
                .iter()
                .position(|field| field.tag == Some(tag) && field.versions.contains(cx.version));
            match known {
                Some(index) => values[index] = Some(tagged_value(&schema.fields[index], cx, reader)?),
                None => drop(reader.raw_tag(tag, remaining)?),
            }
        }
    }
    let named = schema
        .fields
        .iter()
        .zip(values)
        .filter_map(|(field, value)| Some(format!("{}:{}", quoted(&camel(field.name)), value?)));
    Ok(format!("{{{}}}", named.collect::<Vec<_>>().join(",")))
}

fn field_value(field: &FieldSchema, cx: Cx, reader: &mut Reader) -> Result<String, JsonError> {
    let cx = Cx { flexible: cx.flexible && !field.inflexible, ..cx };
    let nullable = field.nullable.contains(cx.version);
    if nullable && matches!(field.field_type, FieldType::Struct(_)) && reader.i8()? < 0 {
        return Ok("null".to_owned());
    }
    value(field.field_type, cx, reader)
}

/// A tagged struct that may be null has another mark before it.
fn tagged_value(field: &FieldSchema, cx: Cx, reader: &mut Reader) -> Result<String, JsonError> {
    let nullable = field.nullable.contains(cx.version);
    if nullable && matches!(field.field_type, FieldType::Struct(_)) && reader.uvarint()? == 0 {
        return Ok("null".to_owned());
    }
    value(field.field_type, cx, reader)
}

fn value(kind: FieldType, cx: Cx, reader: &mut Reader) -> Result<String, JsonError> {
    Ok(match kind {
        FieldType::Bool => (reader.u8()? != 0).to_string(),
        FieldType::Int8 => reader.i8()?.to_string(),
        FieldType::Int16 => reader.i16()?.to_string(),
        FieldType::UInt16 => reader.u16()?.to_string(),
        FieldType::Int32 => reader.i32()?.to_string(),
        FieldType::UInt32 => reader.u32()?.to_string(),
        FieldType::Int64 => reader.i64()?.to_string(),
        FieldType::Float64 => crate::java::double(reader.f64()?),
        FieldType::Uuid => quoted(&reader.uuid()?.to_string()),
        FieldType::String => {
            let length = if cx.flexible { compact(reader)? } else { i64::from(reader.i16()?) };
            match sized(length, reader)? {
                Some(bytes) => quoted(std::str::from_utf8(&bytes).map_err(|_| JsonError::Utf8)?),
                None => "null".to_owned(),
            }
        }
        FieldType::Bytes | FieldType::Records => {
            let length = if cx.flexible { compact(reader)? } else { i64::from(reader.i32()?) };
            sized(length, reader)?.map_or_else(|| "null".to_owned(), |bytes| quoted(&base64(&bytes)))
        }
        FieldType::Array(element) => {
            let cx = cx.deeper()?;
            let length = if cx.flexible { compact(reader)? } else { i64::from(reader.i32()?) };
            if length < 0 {
                return Ok("null".to_owned());
            }
            let mut elements = Vec::new();
            for _ in 0..length {
                // An element takes at least a byte, so a false length ends with the input.
                elements.push(value(*element, cx, reader)?);
            }
            format!("[{}]", elements.join(","))
        }
        FieldType::Struct(schema) => structure(schema, cx.deeper()?, reader)?,
    })
}

/// A length that is written as one more, with 0 for null.
fn compact(reader: &mut Reader) -> Result<i64, JsonError> {
    Ok(i64::from(reader.uvarint()?) - 1)
}

fn sized(length: i64, reader: &mut Reader) -> Result<Option<bytes::Bytes>, JsonError> {
    if length < 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| JsonError::Length(length))?;
    Ok(Some(reader.bytes(length)?))
}

fn camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Base64 with the usual alphabet and padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use klamm_protocol::{
        Message as _, StrBytes, coordinator::group::OffsetCommitKey, metadata::TopicRecord,
    };

    use super::*;

    #[test]
    fn messages_become_json() {
        let key = OffsetCommitKey {
            group: StrBytes::from_static("g\"1"),
            topic: StrBytes::from_static("t"),
            partition: 3,
        };
        let mut reader = Reader::new(key.to_bytes(0).unwrap());
        let json = message(OffsetCommitKey::SCHEMA, 0, &mut reader).unwrap();
        assert_eq!(json, r#"{"group":"g\"1","topic":"t","partition":3}"#);
        let record = TopicRecord { name: StrBytes::from_static("x"), ..Default::default() };
        let mut reader = Reader::new(record.to_bytes(0).unwrap());
        let json = message(TopicRecord::SCHEMA, 0, &mut reader).unwrap();
        assert_eq!(json, r#"{"name":"x","topicId":"AAAAAAAAAAAAAAAAAAAAAA"}"#);
    }

    #[test]
    fn bytes_become_base64() {
        for (bytes, expect) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), expect);
        }
    }
}
