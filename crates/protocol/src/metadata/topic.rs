//! TopicRecord (type 2).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 2, versions = 0, flexible = 0..)]
pub struct TopicRecord {
    pub name: StrBytes,
    pub topic_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
