//! What is printed of a record, as Kafka's DefaultMessageFormatter prints it.

use std::io::Write;

use anyhow::bail;
use klamm_client::consumer::{ConsumerRecord, TimestampType};

use super::deserializer::Deserializer;
use crate::session::Properties;

/// Prints records.
pub(super) enum Formatter {
    Default(Box<Columns>),
    NoOp,
}

pub(super) struct Columns {
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
    pub(super) fn new(class: Option<&str>, properties: &Properties) -> anyhow::Result<Self> {
        match class.map(|class| class.rsplit('.').next().unwrap_or(class)) {
            None | Some("DefaultMessageFormatter" | "LoggingMessageFormatter") => {
                Ok(Self::Default(Box::new(Columns::new(properties)?)))
            }
            Some("NoOpMessageFormatter") => Ok(Self::NoOp),
            Some(other) => {
                bail!("--formatter {other}: Java classes cannot be loaded, and this one is not built in")
            }
        }
    }

    pub(super) fn write(&self, record: &ConsumerRecord, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::Default(columns) => columns.write(record, out),
            Self::NoOp => Ok(()),
        }
    }
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

    fn write(&self, record: &ConsumerRecord, out: &mut impl Write) -> anyhow::Result<()> {
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
            columns.push(b"Delivery:NOT_PRESENT".to_vec());
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
            Formatter::new(None, &properties).unwrap().write(&record, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        }
    }
}
