//! Kafka connections: how requests and responses are cut out of a byte stream.
//!
//! It knows sizes and order, not what a request says: the header is the first thing that `server` reads of a frame. It
//! holds no policy of its own beyond the limits it is given.
//!
//! Read first: [`frame::FrameReader`].
//!
//! Invariants
//! * A length prefix allocates nothing: memory grows with the bytes that have arrived.
//!
//! Non-obvious
//! * A connection that has once delivered a frame of some size is trusted to deliver another one, so that its buffer is
//!   reserved in one piece from then on.

pub mod client;
pub mod frame;
