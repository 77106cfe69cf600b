//! BeginQuorumEpoch (key 53), v0–1: a new leader announces itself to the voters.

use klamm_protocol::api::begin_quorum_epoch::{BeginQuorumEpochRequest, BeginQuorumEpochResponse};

super::raft_handler!(BeginQuorumEpochRequest, BeginQuorumEpochResponse, BeginQuorumEpoch);
