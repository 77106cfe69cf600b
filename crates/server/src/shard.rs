//! Shards: one thread for each core, each the owner of its connections and its partitions.
//!
//! A partition belongs to the shard that its name hashes to, for life; all that is done to it is done there, one thing at
//! a time and without a lock. Whoever wants something of a partition sends its shard a [`ShardRequest`]; on the shard's
//! own thread that is a plain call. A request is carried out without waiting for anything: what takes time (a flush,
//! replication) answers through the request's `reply` later.

pub mod append;
pub mod apply;
mod clean;
mod doubts;
pub mod fetch;
pub mod lookup;
mod moving;
pub mod partitions;
pub mod requests;
pub mod router;
pub mod run;
pub mod upkeep;
pub mod watch;

pub use requests::ShardRequest;
pub use router::Shards;
