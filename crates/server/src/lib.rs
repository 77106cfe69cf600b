//! A node of the cluster: the broker, the controller, or both in one process.

mod addresses;
pub mod authorize;
pub mod broker_lifecycle;
pub mod broker_loggers;
mod cleaner;
pub mod controller_lifecycle;
pub mod coordinator;
pub mod dispatch;
pub mod error;
pub mod fault_to_api;
pub mod handlers;
pub mod inter_broker;
pub mod listener;
pub mod log_dirs;
pub mod metadata;
pub mod metadata_change;
pub mod metrics;
pub mod node;
pub mod observe;
pub mod partition;
pub mod producer_ids;
pub mod quorum;
pub mod quotas;
pub mod replication;
pub mod reply;
pub mod shard;
pub mod share;
pub mod start;
pub mod topic_names;
pub mod topic_settings;
pub mod topics_creator;

pub use start::{StartError, run, run_in, run_until};
