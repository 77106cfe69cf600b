//! Lines into records, as Kafka's LineMessageReader reads them.

use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use klamm_client::producer::{ProducerRecord, RecordHeader};

use crate::session::Properties;

/// How lines are read.
pub(super) struct LineReader {
    topic: Arc<str>,
    parse_key: bool,
    key_separator: String,
    parse_headers: bool,
    headers_delimiter: String,
    headers_separator: regex::Regex,
    headers_key_separator: String,
    ignore_error: bool,
    null_marker: Option<String>,
    line_number: u64,
}

/// A line without its end; bytes that are no UTF-8 become the replacement character, as Java reads them.
pub(super) fn line_of(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

impl LineReader {
    pub(super) fn new(topic: &str, properties: &Properties) -> anyhow::Result<Self> {
        let text =
            |key: &str, default: &str| properties.get(key).cloned().unwrap_or_else(|| default.to_owned());
        let flag =
            |key: &str| properties.get(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        let key_separator = text("key.separator", "\t");
        let headers_delimiter = text("headers.delimiter", "\t");
        let headers_separator = text("headers.separator", ",");
        let headers_key_separator = text("headers.key.separator", ":");
        let null_marker = properties.get("null.marker").cloned();
        let named = [
            ("key.separator", &key_separator),
            ("headers.separator", &headers_separator),
            ("headers.delimiter", &headers_delimiter),
            ("headers.key.separator", &headers_key_separator),
        ];
        for (one, other) in [(2, 1), (2, 3), (1, 3)] {
            if named[one].1 == named[other].1 {
                bail!("{} and {} may not be equal", named[one].0, named[other].0);
            }
        }
        for (name, value) in named {
            if Some(value) == null_marker.as_ref() {
                bail!("null.marker and {name} may not be equal");
            }
        }
        Ok(Self {
            topic: Arc::from(topic),
            parse_key: flag("parse.key"),
            key_separator,
            parse_headers: flag("parse.headers"),
            headers_delimiter,
            headers_separator: regex::Regex::new(&headers_separator)?,
            headers_key_separator,
            ignore_error: flag("ignore.error"),
            null_marker,
            line_number: 0,
        })
    }

    pub(super) fn record(&mut self, line: &str) -> anyhow::Result<ProducerRecord> {
        self.line_number += 1;
        let headers = self.part(self.parse_headers, line, 0, &self.headers_delimiter, "headers delimiter")?;
        let key_at = headers.map_or(0, |headers| headers.len() + self.headers_delimiter.len());
        let key = self.part(self.parse_key, line, key_at, &self.key_separator, "key separator")?;
        let value_at = key_at + key.map_or(0, |key| key.len() + self.key_separator.len());
        let value = line.get(value_at..).unwrap_or_default();
        let headers = match headers.filter(|headers| !self.is_null(headers)) {
            Some(headers) => self.headers(headers)?,
            None => Vec::new(),
        };
        Ok(ProducerRecord {
            topic: Arc::clone(&self.topic),
            key: key.and_then(|key| self.bytes(key)),
            value: self.bytes(value),
            headers,
            ..Default::default()
        })
    }

    fn is_null(&self, text: &str) -> bool {
        self.null_marker.as_deref() == Some(text)
    }

    fn bytes(&self, text: &str) -> Option<Bytes> {
        (!self.is_null(text)).then(|| Bytes::copy_from_slice(text.as_bytes()))
    }

    fn part<'a>(
        &self,
        enabled: bool,
        line: &'a str,
        start: usize,
        end: &str,
        what: &str,
    ) -> anyhow::Result<Option<&'a str>> {
        if !enabled {
            return Ok(None);
        }
        let rest = line.get(start..).unwrap_or_default();
        match rest.find(end) {
            Some(length) => Ok(rest.get(..length)),
            None if self.ignore_error => Ok(None),
            None => bail!("No {what} found on line number {}: '{line}'", self.line_number),
        }
    }

    fn headers(&self, text: &str) -> anyhow::Result<Vec<RecordHeader>> {
        let mut headers = Vec::new();
        for pair in self.headers_separator.split(text) {
            let Some((key, value)) = pair.split_once(&self.headers_key_separator) else {
                if self.ignore_error {
                    headers.push(RecordHeader { key: Bytes::copy_from_slice(pair.as_bytes()), value: None });
                    continue;
                }
                bail!("No header key separator found in pair '{pair}' on line number {}", self.line_number);
            };
            if self.is_null(key) {
                bail!("Header keys should not be equal to the null marker '{key}' as they can't be null");
            }
            headers
                .push(RecordHeader { key: Bytes::copy_from_slice(key.as_bytes()), value: self.bytes(value) });
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(properties: &[(&str, &str)]) -> anyhow::Result<LineReader> {
        LineReader::new("t", &properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    fn show(record: &ProducerRecord) -> String {
        let text = |bytes: &Option<Bytes>| {
            bytes.as_ref().map_or("null".to_owned(), |b| String::from_utf8_lossy(b).into_owned())
        };
        let headers: Vec<String> = record
            .headers
            .iter()
            .map(|h| format!("{}={}", String::from_utf8_lossy(&h.key), text(&h.value)))
            .collect();
        format!("[{}] {} {}", headers.join(","), text(&record.key), text(&record.value))
    }

    #[test]
    fn lines_are_taken_apart() {
        for (properties, line, expect) in [
            (&[][..], "a\tb", "[] null a\tb"),
            (&[("parse.key", "true")], "a\tb\tc", "[] a b\tc"),
            (&[("parse.key", " TRUE "), ("key.separator", "::")], "a::b", "[] a b"),
            (&[("parse.headers", "true")], "h:1,g:2\tv", "[h=1,g=2] null v"),
            (&[("parse.headers", "true"), ("parse.key", "true")], "h:1\tk\tv", "[h=1] k v"),
            (&[("parse.key", "true"), ("ignore.error", "true")], "abc", "[] null abc"),
            (&[("parse.key", "true"), ("null.marker", "NULL")], "NULL\tNULL", "[] null null"),
            (
                &[("parse.headers", "true"), ("null.marker", "-"), ("parse.key", "true")],
                "h:-\tk\tv",
                "[h=null] k v",
            ),
        ] {
            assert_eq!(show(&reader(properties).unwrap().record(line).unwrap()), expect, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (properties, line, expect) in [
            (&[("parse.key", "true")][..], "abc", "No key separator found on line number 1: 'abc'"),
            (
                &[("parse.headers", "true")],
                "h\tv",
                "No header key separator found in pair 'h' on line number 1",
            ),
        ] {
            assert_eq!(reader(properties).unwrap().record(line).unwrap_err().to_string(), expect);
        }
        let error = reader(&[("headers.separator", ":")]).err().unwrap().to_string();
        assert_eq!(error, "headers.separator and headers.key.separator may not be equal");
    }
}
