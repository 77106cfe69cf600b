//! klamm-net
