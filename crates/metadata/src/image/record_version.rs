//! Which version of a record is to be written.

use crate::features::MetadataVersion;
use klamm_protocol::metadata::MetadataRecord;

/// The version that Kafka writes a record with at a `metadata.version`.
///
/// A BrokerRegistrationChangeRecord gets the lowest version that has the fields which are set, so that a broker can be
/// fenced at every level.
pub fn record_version(metadata_version: MetadataVersion, record: &MetadataRecord) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => metadata_version.register_broker_record_version(),
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => {
            metadata_version.partition_record_version()
        }
        MetadataRecord::BrokerRegistrationChange(change) => {
            if change.cordoned_log_dirs.is_some() {
                3
            } else if !change.log_dirs.is_empty() {
                2
            } else {
                i16::from(change.in_controlled_shutdown != 0)
            }
        }
        _ => 0,
    }
}
