//! Whole nodes in this process, and what clients of all kinds do to them: bad input above all.
//!
//! Each test starts a node on a directory of its own, talks to it over sockets, byte by byte where it matters, and looks
//! at what a client gets, what the log says, and what memory it costs. Other clients have to be served all the time.

#![allow(clippy::disallowed_methods, reason = "a test waits by the machine's clock")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batches;
mod claims;
mod cluster;
mod compaction;
mod configs;
mod connections;
mod dead_letters;
mod envelope;
mod frames;
mod fuzz;
mod harness;
mod metrics;
mod moving;
mod names;
mod quorum;
mod quotas;
mod replication;
mod replication_metrics;
mod security;
mod share;
mod share_groups;
mod shares;
mod storage;
mod transactions;
