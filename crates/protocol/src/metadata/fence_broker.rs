//! FenceBrokerRecord (type 7): a broker was fenced. Replaced by BrokerRegistrationChangeRecord, read from
//! old logs.

use crate::Message;
use crate::wire::RawTaggedField;

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 7, versions = 0, flexible = 0..)]
pub struct FenceBrokerRecord {
    /// Id.
    pub id: i32,
    /// Epoch.
    pub epoch: i64,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
