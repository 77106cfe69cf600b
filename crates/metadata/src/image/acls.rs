//! Access control entries.

use super::Map;
use klamm_protocol::Uuid;
use klamm_protocol::metadata::AccessControlEntryRecord;
use std::sync::Arc;

/// Access control entries by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acls {
    /// The records as they were written.
    pub entries: Map<Uuid, Arc<AccessControlEntryRecord>>,
}
