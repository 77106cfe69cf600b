//! The metadata quorum of this node: the thread that runs KRaft, the controller on top of it, and the way there.

pub mod command;
pub mod metadata_log;
pub mod publisher;

pub use command::{Answer, CommandError, ControllerHandle};
