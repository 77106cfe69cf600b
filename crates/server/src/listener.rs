//! What stands between the network and the handlers: accepting connections, counting them, and serving each one.

pub mod acceptor;
pub mod connection;
mod guard;
pub mod limits;
pub mod memory_pool;
pub mod queue;
