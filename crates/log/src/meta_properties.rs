//! The file `meta.properties` of a log directory: to which cluster and node it belongs, and its own id (KIP-858).
//!
//! Java's properties format. Version 1 has `node.id`; version 0, of brokers with ZooKeeper, had `broker.id` and may
//! lack everything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use klamm_io::disk::Disk;
use klamm_protocol::Uuid;

use crate::error::{Error, Result};

/// Name of the file.
pub const META_PROPERTIES_FILE: &str = "meta.properties";
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// Format, 0 or 1.
    pub version: i32,
    /// Which cluster.
    pub cluster_id: Option<String>,
    /// Which node.
    pub node_id: Option<i32>,
    /// Which directory.
    pub directory_id: Option<Uuid>,
}

fn path(dir: &Path) -> PathBuf {
    dir.join(META_PROPERTIES_FILE)
}

impl MetaProperties {
    /// Those of a newly formatted directory.
    pub fn new(cluster_id: impl Into<String>, node_id: i32, directory_id: Uuid) -> Self {
        Self {
            version: 1,
            cluster_id: Some(cluster_id.into()),
            node_id: Some(node_id),
            directory_id: Some(directory_id),
        }
    }

    /// Reads the file of a log directory. `None` if there is none: the directory has not been formatted.
    pub fn read(disk: &Disk, dir: &Path) -> Result<Option<Self>> {
        let path = path(dir);
        match disk.read_file(&path, FILE_BYTES_MAX) {
            Ok(content) => Self::parse(&String::from_utf8_lossy(&content))
                .map(Some)
                .map_err(|detail| Error::corrupt(&path, 0, detail)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Replaces the file of a log directory, synced.
    pub fn write(&self, disk: &Disk, dir: &Path) -> Result<()> {
        Ok(disk.replace_file(&path(dir), self.encode().as_bytes())?)
    }

    fn parse(content: &str) -> std::result::Result<Self, String> {
        let properties = parse_properties(content);
        let number = |key: &str| match properties.get(key) {
            Some(value) => value.parse::<i32>().map(Some).map_err(|_| format!("{key} is no number: {value}")),
            None => Ok(None),
        };
        let version = number("version")?.unwrap_or(0);
        if !(0..=1).contains(&version) {
            return Err(format!("unknown version {version}"));
        }
        let node_id = number(if version == 0 { "broker.id" } else { "node.id" })?;
        let directory_id = match properties.get("directory.id") {
            Some(id) => Some(id.parse().map_err(|_| format!("directory.id is no id: {id}"))?),
            None => None,
        };
        let cluster_id = properties.get("cluster.id").cloned();
        if version == 1 && cluster_id.is_none() {
            return Err("cluster.id was not found".to_owned());
        }
        if version == 1 && node_id.is_none() {
            return Err("node.id was not found".to_owned());
        }
        Ok(Self { version, cluster_id, node_id, directory_id })
    }

    fn encode(&self) -> String {
        let mut text = String::from("#\n");
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                text.push_str(&format!("{key}={}\n", escape(&value)));
            }
        };
        put("cluster.id", self.cluster_id.clone());
        put("version", Some(self.version.to_string()));
        put("directory.id", self.directory_id.map(|id| id.to_string()));
        let id_key = if self.version == 0 { "broker.id" } else { "node.id" };
        put(id_key, self.node_id.map(|id| id.to_string()));
        text
    }
}

fn escape(value: &str) -> String {
    value.chars().fold(String::new(), |mut text, c| {
        if matches!(c, '=' | ':' | '#' | '!' | '\\') {
            text.push('\\');
        }
        text.push(c);
        text
    })
}

/// The part of Java's format that such a file can hold: `key=value` or `key: value`, comments, backslash escapes.
fn parse_properties(content: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    for line in content.lines() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let (mut key, mut value, mut in_key, mut escaped) = (String::new(), String::new(), true, false);
        for c in line.chars() {
            let to = if in_key { &mut key } else { &mut value };
            if escaped {
                to.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if in_key && matches!(c, '=' | ':') {
                in_key = false;
            } else {
                to.push(c);
            }
        }
        properties.insert(key.trim().to_owned(), value.trim_start().to_owned());
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kafka_writes() {
        let text = "#\n#Sat Nov 21 10:00:24 UTC 2026\ncluster.id=5L6g3nShT-eMCtK--X86sw\nversion=1\n\
                    directory.id=AAAAAAAAAAAAAAAAAAAABQ\nnode.id=3\n";
        let expect = MetaProperties::new("5L6g3nShT-eMCtK--X86sw", 3, Uuid::from_u128(5));
        assert_eq!(MetaProperties::parse(text), Ok(expect));
    }

    #[test]
    fn goes_both_ways() {
        for cluster_id in ["simple", "a=b:c#d\\e", "5L6g3nShT-eMCtK--X86sw"] {
            let meta = MetaProperties::new(cluster_id, 1, Uuid::from_u128(77));
            assert_eq!(MetaProperties::parse(&meta.encode()), Ok(meta));
        }
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let cases = [
            ("version=2\n", "unknown version 2"),
            ("version=1\nnode.id=1\n", "cluster.id was not found"),
            ("version=1\ncluster.id=x\n", "node.id was not found"),
            ("version=1\ncluster.id=x\nnode.id=one\n", "node.id is no number: one"),
        ];
        for (text, expect) in cases {
            assert_eq!(MetaProperties::parse(text), Err(expect.to_owned()), "{text}");
        }
    }
}
