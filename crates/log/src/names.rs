//! Names of files and directories.
//!
//! A partition's directory is `<topic>-<partition>`; one that is being deleted, moved or has no place in the cluster
//! is `<topic>-<partition>.<unique id>-delete`, `-future` or `-stray`. A segment's files are named by its base offset
//! in twenty digits.

use std::fmt;

use klamm_protocol::StrBytes;

/// Longest name of a directory, in bytes, on common file systems.
const DIR_NAME_BYTES_MAX: usize = 255;
/// Before the files of a segment are removed they get this suffix.
pub const DELETED_SUFFIX: &str = ".deleted";
/// A segment that compaction is writing.
pub const CLEANED_SUFFIX: &str = ".cleaned";
/// A segment that compaction has written and is putting in place.
pub const SWAP_SUFFIX: &str = ".swap";

/// A partition by the name of its topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: StrBytes,
    /// Index of the partition, from 0.
    pub index: i32,
}

impl TopicPartition {
    /// Puts the two together.
    pub fn new(topic: impl Into<StrBytes>, index: i32) -> Self {
        Self { topic: topic.into(), index }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

/// What a partition's directory is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirPurpose {
    /// It serves the partition.
    Current,
    /// It waits for its removal.
    Delete,
    /// The partition is being moved into this log directory.
    Future,
    /// The cluster does not place the partition here.
    Stray,
}

impl DirPurpose {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Current => "",
            Self::Delete => "-delete",
            Self::Future => "-future",
            Self::Stray => "-stray",
        }
    }
}

/// The name of a partition's directory. `unique_id` (32 hexadecimal digits, as Kafka has them) is used unless the
/// purpose is [`DirPurpose::Current`]. Names that would be too long lose the end of the topic, except `-future` ones,
/// which must keep it.
pub fn dir_name(partition: &TopicPartition, purpose: DirPurpose, unique_id: &str) -> String {
    match purpose {
        DirPurpose::Current => partition.to_string(),
        DirPurpose::Future => format!("{partition}.{unique_id}{}", purpose.suffix()),
        DirPurpose::Delete | DirPurpose::Stray => {
            let suffix = format!("-{}.{unique_id}{}", partition.index, purpose.suffix());
            let room = DIR_NAME_BYTES_MAX.saturating_sub(suffix.len());
            let topic: String = partition.topic.chars().take(room).collect();
            topic + &suffix
        }
    }
}

/// Reads the name of a partition's directory. `None` if it is not one.
pub fn parse_dir_name(name: &str) -> Option<(TopicPartition, DirPurpose)> {
    let purposes = [DirPurpose::Delete, DirPurpose::Future, DirPurpose::Stray];
    let purpose = purposes.into_iter().find(|purpose| name.ends_with(purpose.suffix()));
    let (name, purpose) = match purpose {
        Some(purpose) => {
            let (name, unique_id) = name.strip_suffix(purpose.suffix())?.rsplit_once('.')?;
            if unique_id.is_empty() || unique_id.contains(char::is_whitespace) {
                return None;
            }
            (name, purpose)
        }
        None => (name, DirPurpose::Current),
    };
    let (topic, partition) = name.rsplit_once('-')?;
    if topic.is_empty() || topic.contains(char::is_whitespace) {
        return None;
    }
    Some((TopicPartition::new(topic, partition.parse().ok()?), purpose))
}

/// The files of a segment, and those of the same naming beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Record batches.
    Log,
    /// Offset to position.
    OffsetIndex,
    /// Timestamp to offset.
    TimeIndex,
    /// Aborted transactions.
    TransactionIndex,
    /// Producer state up to the offset in the name.
    ProducerSnapshot,
}

impl FileKind {
    /// All that belong to a segment.
    pub(crate) const OF_SEGMENT: [Self; 4] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex];

    /// The extension with its dot.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TransactionIndex => ".txnindex",
            Self::ProducerSnapshot => ".snapshot",
        }
    }

    fn of_suffix(suffix: &str) -> Option<Self> {
        let all =
            [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex, Self::ProducerSnapshot];
        all.into_iter().find(|kind| kind.suffix() == suffix)
    }
}

/// The name of a segment's file.
pub fn file_name(base_offset: i64, kind: FileKind) -> String {
    format!("{base_offset:020}{}", kind.suffix())
}

/// A name as [`file_name`] makes it, perhaps with one of the suffixes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParsedName<'a> {
    pub(crate) offset: i64,
    pub(crate) kind: FileKind,
    /// What follows the extension: empty, `.deleted`, `.cleaned` or `.swap`.
    pub(crate) suffix: &'a str,
}

/// Reads the name of a segment's file. `None` if it is none.
pub(crate) fn parse_file_name(name: &str) -> Option<ParsedName<'_>> {
    let (digits, rest) = name.split_at_checked(name.find('.')?)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let offset = digits.parse().ok()?;
    let extension_end = rest.get(1..)?.find('.').map_or(rest.len(), |at| at + 1);
    let (extension, suffix) = rest.split_at_checked(extension_end)?;
    Some(ParsedName { offset, kind: FileKind::of_suffix(extension)?, suffix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_directories_go_both_ways() {
        let id = "0123456789abcdef0123456789abcdef";
        for (topic, partition) in [("orders", 0), ("a-b.c-7", 12), ("x.y-delete", 3)] {
            let tp = TopicPartition::new(topic, partition);
            for purpose in [DirPurpose::Current, DirPurpose::Delete, DirPurpose::Future, DirPurpose::Stray] {
                let name = dir_name(&tp, purpose, id);
                assert_eq!(parse_dir_name(&name), Some((tp.clone(), purpose)), "{name}");
            }
        }
        let long = TopicPartition::new("t".repeat(249), 17);
        assert_eq!(dir_name(&long, DirPurpose::Delete, id).len(), 255);
        for bad in ["orders", "-1", "orders-", "orders-x", "orders-1-delete", "a-1.-delete", ""] {
            assert_eq!(parse_dir_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_of_files_are_read() {
        let parsed = parse_file_name("00000000000000000042.timeindex.deleted");
        let expect = ParsedName { offset: 42, kind: FileKind::TimeIndex, suffix: DELETED_SUFFIX };
        assert_eq!(parsed, Some(expect));
        assert_eq!(file_name(42, FileKind::Log), "00000000000000000042.log");
        assert_eq!(parse_file_name("00000000000000000042.log").map(|p| p.suffix), Some(""));
        for bad in [
            "leader-epoch-checkpoint",
            "partition.metadata",
            "1.checkpoint",
            ".log",
            "9223372036854775808.log",
        ] {
            assert_eq!(parse_file_name(bad), None, "{bad}");
        }
    }
}
