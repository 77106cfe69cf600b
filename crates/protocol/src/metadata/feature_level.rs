//! FeatureLevelRecord (type 12).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 12, versions = 0, flexible = 0..)]
pub struct FeatureLevelRecord {
    pub name: StrBytes,
    pub feature_level: i16,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
