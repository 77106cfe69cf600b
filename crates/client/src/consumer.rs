//! Reads records.
