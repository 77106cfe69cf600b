//! Quorums in one process: every node's log is a list of batches, messages are handed over by the test.

mod cluster;
mod disagreements;
mod faults;
mod files;
mod node;
mod scenarios;
mod snapshots;
mod versions;
mod voter_changes;
