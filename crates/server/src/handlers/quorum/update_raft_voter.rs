//! UpdateRaftVoter (key 82), v0: a voter tells the leader of its endpoints and of what it supports (KIP-853).

use klamm_protocol::api::update_raft_voter::{UpdateRaftVoterRequest, UpdateRaftVoterResponse};

super::raft_handler!(UpdateRaftVoterRequest, UpdateRaftVoterResponse, UpdateRaftVoter);
