//! ZkMigrationStateRecord (type 21): where the migration from ZooKeeper stood (KIP-866). Kept, since logs
//! of migrated clusters have it.

use crate::Message;
use crate::wire::RawTaggedField;

/// The record.
#[derive(Debug, Clone, PartialEq, Message)]
#[record(key = 21, versions = 0, flexible = 0..)]
pub struct ZkMigrationStateRecord {
    /// Where the migration from ZooKeeper stood: 0 none, 1 migration, 2 before migration, 3 after
    /// migration.
    pub zk_migration_state: i8,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
