//! AccessControlEntryRecord (type 18): an ACL binding was added (KIP-801).

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes, Uuid};

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 18, versions = 0, flexible = 0..)]
pub struct AccessControlEntryRecord {
    /// Id of the binding, by which it is removed.
    pub id: Uuid,
    /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
    pub resource_type: i8,
    /// Name of the resource.
    pub resource_name: StrBytes,
    /// Kind of resource name: 3 literal, 4 prefixed.
    pub pattern_type: i8,
    /// Principal as `type:name`.
    pub principal: StrBytes,
    /// Host name or address.
    pub host: StrBytes,
    /// ACL operation by number: 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, and
    /// so on.
    pub operation: i8,
    /// 2 deny, 3 allow; 1 matches any in filters.
    pub permission_type: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
