//! RemoveTopicRecord (type 9): a topic was deleted, with all its partitions and configs.

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 9, versions = 0, flexible = 0..)]
pub struct RemoveTopicRecord {
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
