//! klamm-replica
