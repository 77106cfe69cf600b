//! FeatureLevelRecord (type 12): a feature was set to a level. Metadata logs and snapshots begin with
//! that of `metadata.version`, so that this record can never have another version than 0.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 12, versions = 0, flexible = 0..)]
pub struct FeatureLevelRecord {
    /// Name of the feature, such as `metadata.version`.
    pub name: StrBytes,
    /// Level that holds from here on; 0 switches the feature off.
    pub feature_level: i16,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
