//! Tables of groups, and what stands in their cells.

use std::collections::BTreeMap;

use klamm_client::{
    TopicPartition,
    admin::{GroupListing, NodeDescription},
};

use crate::cli::emphasised;

/// What stands in a column that has no value.
pub(in crate::commands) const MISSING: &str = "-";

/// A table for a terminal: its first line stands out.
pub(in crate::commands) fn highlighted(text: &str) -> String {
    emphasised(text, |line| line.starts_with("GROUP "))
}

/// The width of a column: of its widest text, or the least if that is wider.
pub(in crate::commands) fn widest<'a>(least: usize, texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0).max(least)
}

/// A value's cell.
pub(in crate::commands) fn or_missing<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| value.to_string())
}

/// The cell of a group's coordinator; Kafka's tools differ in how many blanks stand before its id.
pub(in crate::commands) fn coordinator(node: &NodeDescription, blanks: &str) -> String {
    format!("{}:{}{blanks}({})", node.host, node.port, node.id)
}

/// Partitions as `topic:0,1;other:2`; empty if there are none.
pub(in crate::commands) fn assignment<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> String {
    let mut topics: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition.to_string());
    }
    let each = topics.iter().map(|(topic, numbers)| format!("{topic}:{}", numbers.join(",")));
    each.collect::<Vec<_>>().join(";")
}

/// Groups with the state of each.
pub(in crate::commands) fn state_table(groups: &[GroupListing]) -> String {
    let width = groups.iter().map(|group| group.group_id.len()).max().unwrap_or(0).max(15);
    let mut text = format!("{:<width$} STATE\n", "GROUP");
    for group in groups {
        text.push_str(&format!("{:<width$} {}\n", group.group_id, group.state));
    }
    text
}
