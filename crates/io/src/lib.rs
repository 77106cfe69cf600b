//! klamm-io

pub mod disk;
