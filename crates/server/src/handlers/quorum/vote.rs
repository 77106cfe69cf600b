//! Vote (key 52), v0–2: a candidate asks for a vote, or whether it would get one.
//!
//! * v1  directory ids (KIP-853)  * v2  pre-vote (KIP-996)

use klamm_protocol::api::vote::{VoteRequest, VoteResponse};

super::raft_handler!(VoteRequest, VoteResponse, Vote);
