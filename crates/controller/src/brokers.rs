//! Brokers: registration, heartbeats, fencing, going away.

mod fence;
mod heartbeat;
mod register;
mod unregister;

pub use fence::{fence_departed, fence_expired};
pub use heartbeat::{HeartbeatReply, heartbeat};
pub use register::{Claim, register};
pub use unregister::unregister;
