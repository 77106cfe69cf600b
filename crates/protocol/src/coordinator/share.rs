//! Records of `__share_group_state`: delivery state of share partitions (KIP-932).

pub mod share_snapshot;
pub mod share_update;

pub use share_snapshot::{ShareSnapshotKey, ShareSnapshotValue};
pub use share_update::{ShareUpdateKey, ShareUpdateValue};

super::coordinator_records! {
    ShareRecordKey ShareRecordValue {
        ShareSnapshot(ShareSnapshotKey, ShareSnapshotValue),
        ShareUpdate(ShareUpdateKey, ShareUpdateValue),
    }
}
