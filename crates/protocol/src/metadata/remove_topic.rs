//! RemoveTopicRecord (type 9).

use crate::Message;
use crate::wire::{RawTaggedField, Uuid};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 9, versions = 0, flexible = 0..)]
pub struct RemoveTopicRecord {
    pub topic_id: Uuid,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
