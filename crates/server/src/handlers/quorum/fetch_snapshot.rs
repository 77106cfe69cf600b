//! FetchSnapshot (key 59), v0–1: a part of a snapshot of the metadata log (KIP-630).

use klamm_protocol::api::fetch_snapshot::{FetchSnapshotRequest, FetchSnapshotResponse};

super::raft_handler!(FetchSnapshotRequest, FetchSnapshotResponse, FetchSnapshot);
