//! Share groups' records on their way (KIP-932): keeping the state of share partitions.

pub mod persister;
