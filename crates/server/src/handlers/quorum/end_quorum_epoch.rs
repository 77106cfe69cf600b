//! EndQuorumEpoch (key 54), v0–1: a leader steps down and names its successors.

use klamm_protocol::api::end_quorum_epoch::{EndQuorumEpochRequest, EndQuorumEpochResponse};

super::raft_handler!(EndQuorumEpochRequest, EndQuorumEpochResponse, EndQuorumEpoch);
