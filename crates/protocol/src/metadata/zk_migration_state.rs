//! ZkMigrationStateRecord (type 21).

use crate::Message;
use crate::wire::RawTaggedField;

#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 21, versions = 0, flexible = 0..)]
pub struct ZkMigrationStateRecord {
    pub zk_migration_state: i8,
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
