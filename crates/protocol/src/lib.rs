//! klamm-protocol

pub mod records;
