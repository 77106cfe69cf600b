//! How keys and values of records are read.

use anyhow::bail;
use bytes::Bytes;
use klamm_protocol::{
    Message as _, MetadataRecord, Reader,
    consumer_protocol::{ConsumerProtocolAssignment, ConsumerProtocolSubscription},
    control::{
        ControlRecordType, EndTxnMarker, KRaftVersionRecord, LeaderChangeMessage, SnapshotFooterRecord,
        SnapshotHeaderRecord, VotersRecord,
    },
    coordinator::{group, share, transaction},
    records::Record,
    schema::MessageSchema,
};

use crate::message_json as json;

/// What records are taken for.
pub(super) enum Decoder {
    /// Keys and values of basic types.
    Plain(Plain, Plain),
    /// Records of __consumer_offsets.
    Groups,
    /// Records of __transaction_state.
    Transactions,
    /// Records of __share_group_state.
    ShareGroups,
    /// Records of __cluster_metadata.
    Metadata,
    /// Records of __remote_log_metadata.
    RemoteLog,
}

/// A basic type.
#[derive(Clone, Copy)]
pub(super) enum Plain {
    Text,
    Integer,
    Long,
}

impl Plain {
    fn from_class(class: Option<&str>) -> anyhow::Result<Self> {
        match class.map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("StringDecoder" | "DefaultDecoder") => Ok(Self::Text),
            Some("IntegerDecoder") => Ok(Self::Integer),
            Some("LongDecoder") => Ok(Self::Long),
            Some(other) => {
                bail!(
                    "{other}: Java classes cannot be loaded; StringDecoder, IntegerDecoder and LongDecoder are known"
                )
            }
        }
    }

    fn text(self, bytes: &Bytes) -> String {
        let mut reader = Reader::new(bytes.clone());
        let number = match self {
            Self::Text => return String::from_utf8_lossy(bytes).into_owned(),
            Self::Integer => reader.i32().map(|number| number.to_string()),
            Self::Long => reader.i64().map(|number| number.to_string()),
        };
        number.unwrap_or_else(|error| format!("({error})"))
    }
}

impl Decoder {
    /// By the names of Kafka's decoder classes.
    pub(super) fn of_classes(key: Option<&str>, value: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self::Plain(Plain::from_class(key)?, Plain::from_class(value)?))
    }

    /// Key and value as text.
    pub(super) fn decode(&self, record: &Record) -> (Option<String>, Option<String>) {
        match self {
            Self::Plain(key, value) => (
                record.key.as_ref().map(|bytes| key.text(bytes)),
                record.value.as_ref().map(|bytes| value.text(bytes)),
            ),
            Self::Groups => {
                coordinator(record, (group::GroupRecordKey::SCHEMAS, group::GroupRecordValue::SCHEMAS))
            }
            Self::Transactions => coordinator(
                record,
                (transaction::TransactionRecordKey::SCHEMAS, transaction::TransactionRecordValue::SCHEMAS),
            ),
            Self::ShareGroups => {
                coordinator(record, (share::ShareRecordKey::SCHEMAS, share::ShareRecordValue::SCHEMAS))
            }
            Self::Metadata => (None, Some(metadata(record))),
            Self::RemoteLog => (None, Some(remote_log(record))),
        }
    }
}

/// Descriptions of keys and of values.
type Schemas = (&'static [&'static MessageSchema], &'static [&'static MessageSchema]);

fn coordinator(record: &Record, (keys, values): Schemas) -> (Option<String>, Option<String>) {
    let Some(key) = &record.key else {
        let text = format!(
            "Failed to decode message at offset {} using the specified decoder (message had a missing key)",
            record.offset
        );
        return (Some(text), None);
    };
    let mut reader = Reader::new(key.clone());
    let failed = |error: &dyn std::fmt::Display| {
        (Some(format!("Error at offset {}, skipping. {error}", record.offset)), None)
    };
    let kind = match reader.i16() {
        Ok(kind) => kind,
        Err(error) => return failed(&error),
    };
    let find = |list: &[&'static MessageSchema]| list.iter().copied().find(|schema| schema.key == Some(kind));
    let (Some(key_schema), Some(value_schema)) = (find(keys), find(values)) else {
        let text = format!("Unknown record type {kind} at offset {}, skipping.", record.offset);
        return (Some(text), None);
    };
    let key = match json::message(key_schema, 0, &mut reader) {
        Ok(data) => format!("{{\"type\":\"{kind}\",\"data\":{data}}}"),
        Err(error) => return failed(&error),
    };
    let Some(value) = &record.value else { return (Some(key), Some("<DELETE>".to_owned())) };
    let mut reader = Reader::new(value.clone());
    let value = reader.i16().map_err(json::JsonError::from).and_then(|version| {
        let data = json::message(value_schema, version, &mut reader)?;
        Ok(format!("{{\"version\":\"{version}\",\"data\":{}}}", with_consumer_protocol(value_schema, data)))
    });
    match value {
        Ok(value) => (Some(key), Some(value)),
        Err(error) => failed(&error),
    }
}

/// In the members of a classic consumer group, subscription and assignment are messages of their own: shown instead of
/// their bytes where they can be read.
fn with_consumer_protocol(schema: &MessageSchema, data: String) -> String {
    if schema.name != "GroupMetadataValue" || !data.contains("\"protocolType\":\"consumer\"") {
        return data;
    }
    let data = replace_bytes(&data, "subscription", ConsumerProtocolSubscription::SCHEMA);
    replace_bytes(&data, "assignment", ConsumerProtocolAssignment::SCHEMA)
}

fn replace_bytes(data: &str, field: &str, schema: &MessageSchema) -> String {
    let mark = format!("\"{field}\":\"");
    let mut text = String::new();
    let mut rest = data;
    while let Some((before, after)) = rest.split_once(&mark) {
        let Some((encoded, behind)) = after.split_once('"') else { break };
        text.push_str(before);
        match embedded(encoded, schema) {
            Some(json) => text.push_str(&format!("\"{field}\":{json}")),
            None => text.push_str(&format!("{mark}{encoded}\"")),
        }
        rest = behind;
    }
    text + rest
}

/// A message with its version in front, in base64.
fn embedded(encoded: &str, schema: &MessageSchema) -> Option<String> {
    let mut reader = Reader::new(from_base64(encoded)?);
    let version = reader.i16().ok()?;
    json::message(schema, version, &mut reader).ok()
}

fn from_base64(text: &str) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(Bytes::from(bytes))
}

fn metadata(record: &Record) -> String {
    let read = || -> Result<String, json::JsonError> {
        let mut reader = Reader::new(record.value.clone().unwrap_or_default());
        let frame = reader.uvarint()?;
        let (kind, version) = (reader.uvarint()?, reader.uvarint()?);
        let version = i16::try_from(version).unwrap_or(i16::MAX);
        let schema =
            MetadataRecord::SCHEMAS.iter().find(|schema| schema.key.is_some_and(|key| key as u32 == kind));
        let Some(schema) = schema.filter(|_| frame == 1) else {
            return Err(json::JsonError::Version { name: "the metadata record", version });
        };
        let data = json::message(schema, version, &mut reader)?;
        Ok(format!("{{\"type\":\"{}\",\"version\":{version},\"data\":{data}}}", upper_snake(schema.name)))
    };
    read().unwrap_or_else(|error| format!("Error at {}, skipping. {error}", record.offset))
}

/// `RegisterBrokerRecord` as `REGISTER_BROKER_RECORD`.
fn upper_snake(name: &str) -> String {
    let mut text = String::new();
    for (index, c) in name.chars().enumerate() {
        if c.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(c.to_uppercase());
    }
    text
}

fn remote_log(record: &Record) -> String {
    let value = record.value.clone().unwrap_or_default();
    match klamm_protocol::remote_log::RemoteLogRecord::decode(value) {
        Ok(decoded) => format!("{decoded:?}"),
        Err(error) => format!("Error at offset {}, skipping. {error}", record.offset),
    }
}

/// What a control record says, behind the record's own fields.
pub(super) fn control_text(record: &Record) -> String {
    let key = record.key.clone().unwrap_or_default();
    let value = record.value.clone().unwrap_or_default();
    let kind = match ControlRecordType::from_key(key.clone()) {
        Ok(Some(kind)) => kind,
        Ok(None) => {
            let id = key.get(2..4).map_or(-1, |b| i16::from_be_bytes([b[0], b[1]]));
            return format!(" controlType: UNKNOWN({id})");
        }
        Err(error) => return format!(" controlType: ({error})"),
    };
    let (label, schema) = match kind {
        ControlRecordType::Abort | ControlRecordType::Commit => {
            let name = if matches!(kind, ControlRecordType::Abort) { "ABORT" } else { "COMMIT" };
            let mut reader = Reader::new(value);
            let marker = reader.i16().and_then(|version| EndTxnMarker::decode(&mut reader, version.min(0)));
            return match marker {
                Ok(marker) => format!(" endTxnMarker: {name} coordinatorEpoch: {}", marker.coordinator_epoch),
                Err(error) => format!(" endTxnMarker: {name} ({error})"),
            };
        }
        ControlRecordType::LeaderChange => ("LeaderChange:", LeaderChangeMessage::SCHEMA),
        ControlRecordType::SnapshotHeader => ("SnapshotHeader", SnapshotHeaderRecord::SCHEMA),
        ControlRecordType::SnapshotFooter => ("SnapshotFooter", SnapshotFooterRecord::SCHEMA),
        ControlRecordType::KRaftVersion => ("KRaftVersion", KRaftVersionRecord::SCHEMA),
        ControlRecordType::KRaftVoters => ("KRaftVoters", VotersRecord::SCHEMA),
    };
    // Each of these begins with its own version.
    let version = value.get(..2).map_or(0, |b| i16::from_be_bytes([b[0], b[1]]));
    let mut reader = Reader::new(value);
    match json::message(schema, version, &mut reader) {
        Ok(json) => format!(" {label} {json}"),
        Err(error) => format!(" {label} ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_records_are_those_of_kafka() {
        for (name, expect) in [
            ("RegisterBrokerRecord", "REGISTER_BROKER_RECORD"),
            ("NoOpRecord", "NO_OP_RECORD"),
            ("ClearElrRecord", "CLEAR_ELR_RECORD"),
        ] {
            assert_eq!(upper_snake(name), expect);
        }
        assert_eq!(from_base64("Zm9vYg==").unwrap(), "foob");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let record = |key: &'static [u8], value: &'static [u8]| Record {
            offset: 7,
            timestamp: 0,
            sequence: -1,
            attributes: 0,
            key: Some(Bytes::from_static(key)),
            value: Some(Bytes::from_static(value)),
            headers: Vec::new(),
            size: 0,
        };
        let (key, value) = Decoder::Groups.decode(&record(&[0, 99], b""));
        assert_eq!((key.as_deref(), value), (Some("Unknown record type 99 at offset 7, skipping."), None));
        let (key, _) = Decoder::Groups.decode(&record(&[0], b""));
        assert!(key.unwrap().starts_with("Error at offset 7, skipping."));
        let (_, value) = Decoder::Metadata.decode(&record(b"", &[1, 250, 1]));
        assert!(value.unwrap().starts_with("Error at 7, skipping."));
    }
}
