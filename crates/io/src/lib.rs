//! The one door to the world: clock, disk, network, entropy, threads.
//!
//! Every other crate of Klamm reaches the operating system through the types of this crate, and only through them
//! (`clippy.toml` bans the usual paths). Each type is a concrete, cheaply cloned struct around a private enum, so that a
//! whole node can run on a simulated world without a single generic parameter in the code that uses it.
//!
//! It holds no decision: nothing here knows what a topic, a request or a batch is.
//!
//! Read first: [`clock::Clock`], [`net::Stream`], [`disk::Disk`].
//!
//! Invariants
//! * [`clock::Clock::now`] never goes back within a process; [`clock::Clock::wall_ms`] may.
//! * A task given to [`spawn::local`] stays on its thread for life, so what it owns needs no lock.
//!
//! Non-obvious
//! * `sendfile` reads through the page cache on the caller's thread. A cold file therefore stalls the shard that sends
//!   it, as it stalls a network thread of Kafka.

pub mod clock;
pub mod disk;
pub mod entropy;
pub mod http;
pub mod net;
pub mod process;
pub mod sim;
pub mod spawn;

pub use clock::{Clock, Instant};
pub use entropy::Entropy;
