//! What is printed of a record, as Kafka's DefaultMessageFormatter prints it.

use std::io::Write;

use anyhow::{Context as _, bail};
use klamm_client::consumer::{ConsumerRecord, TimestampType};
use klamm_protocol::{
    Reader,
    coordinator::{
        group::{GroupRecordKey, GroupRecordValue},
        share::{ShareRecordKey, ShareRecordValue},
        transaction::{TransactionRecordKey, TransactionRecordValue},
    },
    schema::MessageSchema,
};

use super::deserializer::Deserializer;
use crate::message_json;
use crate::session::Properties;

/// Prints records.
pub(in crate::commands) enum Formatter {
    Default(Box<Columns>),
    NoOp,
    /// Records of a coordinator's topic, as JSON: descriptions of keys and values, and the types that are shown.
    Coordinator(Schemas, Schemas, &'static [i16]),
}

/// Descriptions of messages.
type Schemas = &'static [&'static MessageSchema];

pub(in crate::commands) struct Columns {
    timestamp: bool,
    partition: bool,
    offset: bool,
    delivery: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    key_separator: String,
    line_separator: String,
    headers_separator: String,
    null_literal: String,
    key_deserializer: Option<Deserializer>,
    value_deserializer: Option<Deserializer>,
    headers_deserializer: Option<Deserializer>,
}

impl Formatter {
    pub(in crate::commands) fn new(class: Option<&str>, properties: &Properties) -> anyhow::Result<Self> {
        match class.map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("DefaultMessageFormatter" | "LoggingMessageFormatter") => {
                Ok(Self::Default(Box::new(Columns::new(properties)?)))
            }
            Some("NoOpMessageFormatter") => Ok(Self::NoOp),
            Some("OffsetsMessageFormatter") => {
                Ok(Self::Coordinator(GroupRecordKey::SCHEMAS, GroupRecordValue::SCHEMAS, &[0, 1]))
            }
            Some("GroupMetadataMessageFormatter") => {
                Ok(Self::Coordinator(GroupRecordKey::SCHEMAS, GroupRecordValue::SCHEMAS, &[2]))
            }
            Some("TransactionLogMessageFormatter") => {
                Ok(Self::Coordinator(TransactionRecordKey::SCHEMAS, TransactionRecordValue::SCHEMAS, &[0]))
            }
            Some("ShareGroupStateMessageFormatter") => {
                Ok(Self::Coordinator(ShareRecordKey::SCHEMAS, ShareRecordValue::SCHEMAS, &[0, 1]))
            }
            Some(other) => {
                bail!("--formatter {other}: Java classes cannot be loaded, and this one is not built in")
            }
        }
    }

    /// Prints a record; with `delivery_count` as for a share consumer, to which a record is delivered several times.
    pub(in crate::commands) fn write(
        &self,
        record: &ConsumerRecord,
        delivery_count: Option<i16>,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::Default(columns) => columns.write(record, delivery_count, out),
            Self::NoOp => Ok(()),
            Self::Coordinator(keys, values, shown) => {
                if let Some(json) = coordinator_json(record, keys, values, shown)? {
                    // Kafka's formatters put nothing behind a record.
                    out.write_all(json.as_bytes())?;
                }
                Ok(())
            }
        }
    }
}

/// A record of a coordinator's topic; `None` if it is of a type that is not shown.
fn coordinator_json(
    record: &ConsumerRecord,
    keys: Schemas,
    values: Schemas,
    shown: &[i16],
) -> anyhow::Result<Option<String>> {
    let Some(key) = &record.key else { return Ok(None) };
    let mut reader = Reader::new(key.clone());
    let kind = reader.i16()?;
    let find = |list: Schemas| list.iter().find(|schema| schema.key == Some(kind));
    let (Some(key_schema), Some(value_schema), true) = (find(keys), find(values), shown.contains(&kind))
    else {
        return Ok(None);
    };
    let failed = || format!("Could not read record at offset {}", record.offset);
    let key = message_json::message(key_schema, 0, &mut reader).with_context(failed)?;
    let value = match &record.value {
        None => "null".to_owned(),
        Some(value) => {
            let mut reader = Reader::new(value.clone());
            let version = reader.i16()?;
            let data = message_json::message(value_schema, version, &mut reader).with_context(failed)?;
            format!("{{\"version\":{version},\"data\":{data}}}")
        }
    };
    Ok(Some(format!("{{\"key\":{{\"type\":{kind},\"data\":{key}}},\"value\":{value}}}")))
}

impl Columns {
    fn new(properties: &Properties) -> anyhow::Result<Self> {
        let flag = |key: &str, default: bool| {
            properties.get(key).map_or(default, |value| value.trim().eq_ignore_ascii_case("true"))
        };
        let text =
            |key: &str, default: &str| properties.get(key).cloned().unwrap_or_else(|| default.to_owned());
        let class = |key: &str| properties.get(key).map(|class| Deserializer::from_class(class)).transpose();
        Ok(Self {
            timestamp: flag("print.timestamp", false),
            partition: flag("print.partition", false),
            offset: flag("print.offset", false),
            delivery: flag("print.delivery", false),
            epoch: flag("print.epoch", false),
            headers: flag("print.headers", false),
            key: flag("print.key", false),
            value: flag("print.value", true),
            key_separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null_literal: text("null.literal", "null"),
            key_deserializer: class("key.deserializer")?,
            value_deserializer: class("value.deserializer")?,
            headers_deserializer: class("headers.deserializer")?,
        })
    }

    fn write(
        &self,
        record: &ConsumerRecord,
        delivery_count: Option<i16>,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let mut columns: Vec<Vec<u8>> = Vec::with_capacity(8);
        if self.timestamp {
            columns.push(match record.timestamp_type {
                TimestampType::NoTimestampType => b"NO_TIMESTAMP".to_vec(),
                kind => format!("{}:{}", kind.name(), record.timestamp).into_bytes(),
            });
        }
        if self.partition {
            columns.push(format!("Partition:{}", record.partition).into_bytes());
        }
        if self.offset {
            columns.push(format!("Offset:{}", record.offset).into_bytes());
        }
        if self.delivery {
            let count = delivery_count.map_or_else(|| "NOT_PRESENT".to_owned(), |count| count.to_string());
            columns.push(format!("Delivery:{count}").into_bytes());
        }
        if self.epoch {
            // Kafka's tool leaves the epoch out of the record that it hands to the formatter.
            columns.push(b"Epoch:NOT_PRESENT".to_vec());
        }
        if self.headers {
            columns.push(self.headers(record)?);
        }
        if self.key {
            columns.push(self.text(self.key_deserializer, record.key.as_deref())?);
        }
        if self.value {
            columns.push(self.text(self.value_deserializer, record.value.as_deref())?);
        }
        let count = columns.len();
        for (index, column) in columns.into_iter().enumerate() {
            out.write_all(&column)?;
            let separator = if index + 1 == count { &self.line_separator } else { &self.key_separator };
            out.write_all(separator.as_bytes())?;
        }
        Ok(())
    }

    fn headers(&self, record: &ConsumerRecord) -> anyhow::Result<Vec<u8>> {
        if record.headers.is_empty() {
            return Ok(b"NO_HEADERS".to_vec());
        }
        let mut text = Vec::new();
        for (index, header) in record.headers.iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(self.headers_separator.as_bytes());
            }
            text.extend_from_slice(&header.key);
            text.push(b':');
            text.extend(self.text(self.headers_deserializer, header.value.as_deref())?);
        }
        Ok(text)
    }

    fn text(&self, deserializer: Option<Deserializer>, bytes: Option<&[u8]>) -> anyhow::Result<Vec<u8>> {
        let bytes = bytes.unwrap_or(self.null_literal.as_bytes());
        deserializer.map_or_else(|| Ok(bytes.to_vec()), |deserializer| deserializer.text(bytes))
    }
}

#[cfg(test)]
mod tests {
    use klamm_client::producer::RecordHeader;

    use super::*;

    #[test]
    fn columns_are_those_of_kafka() {
        let record = ConsumerRecord {
            topic: "t".into(),
            partition: 2,
            offset: 7,
            timestamp: 99,
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: Some(0),
            key: None,
            value: Some("v".into()),
            headers: vec![
                RecordHeader { key: "a".into(), value: Some("1".into()) },
                RecordHeader { key: "b".into(), value: None },
            ],
        };
        for (properties, expect) in [
            (&[][..], "v\n"),
            (&[("print.value", "false"), ("print.key", "true")], "null\n"),
            (
                &[
                    ("print.timestamp", "true"),
                    ("print.partition", "true"),
                    ("print.offset", "true"),
                    ("print.headers", "true"),
                    ("print.key", "true"),
                ],
                "CreateTime:99\tPartition:2\tOffset:7\ta:1,b:null\tnull\tv\n",
            ),
            (
                &[
                    ("print.key", "true"),
                    ("key.separator", "|"),
                    ("null.literal", "-"),
                    ("line.separator", ";"),
                ],
                "-|v;",
            ),
        ] {
            let properties = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let mut out = Vec::new();
            Formatter::new(None, &properties).unwrap().write(&record, None, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
    }
}
