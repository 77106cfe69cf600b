//! klamm-config
pub mod client;
