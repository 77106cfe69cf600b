//! TopicRecord (type 2): a topic was created.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0, flexible = 0..)]
pub struct TopicRecord {
    /// Name of the topic.
    pub name: StrBytes,
    /// Id of the topic.
    pub topic_id: Uuid,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
