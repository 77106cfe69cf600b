//! ClearElrRecord (type 28): the eligible leader replicas of a topic, or of all, are forgotten (KIP-966).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 28, versions = 0, flexible = 0..)]
pub struct ClearElrRecord {
    /// Topic whose eligible leaders are forgotten; empty for all topics.
    pub topic_name: StrBytes,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
