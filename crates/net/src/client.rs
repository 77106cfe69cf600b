//! The client's side of a connection: one TCP stream on which requests are pipelined and answered in order.
//!
//! Read first: [`Connection`].

mod connection;
mod error;
mod tasks;

pub use connection::{Answer, ApiRange, Connection, Settings};
pub use error::ConnectionError;
