//! The share coordinator: how far a share group's deliveries are in each partition (KIP-932).
//!
//! A share partition is a partition as one share group sees it. Its leader, and the group's coordinator, have its state
//! kept by the share coordinator that leads the share partition's part of `__share_group_state`.
//!
//! Read first: `request.rs`.

mod request;

pub use request::{
    InitialState, SharePartitionKey, ShareState, ShareStateReply, ShareStateRequest, StateBatch,
    StateRefusal, StateSummary, StateWrite,
};
