//! klamm-controller

pub mod configs;
