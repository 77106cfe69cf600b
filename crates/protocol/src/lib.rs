//! Every byte that Kafka defines: requests and responses, record batches, metadata and coordinator records, error
//! codes.
//!
//! What it is not: no sockets, no files, no decisions. A message here is a plain struct that can be read from bytes
//! and written to bytes in any version Kafka 4.3 knows; what it means is for others.
//!
//! Read first: [`Message`] (what all messages have in common), [`api`] (one file per API, request and response
//! together), [`wire`] (the primitives and the cursors), [`schema`] (the same messages as data).
//!
//! Invariants:
//! * Decoding never panics, and never allocates what a length merely claims: whatever comes from the network may be
//!   handed to it. Decoding a message and encoding it again in the same version gives the same bytes, unknown tagged
//!   fields included.
//! * A struct's `Default` has Kafka's defaults, field by field.
//! * Strings, bytes and records are slices of the buffer they came in. Whoever keeps one keeps the buffer.
//!
//! Non-obvious:
//! * The default of a nullable field is mostly *not* null: `Option<StrBytes>` starts as `Some("")` unless Kafka's
//!   definition says `null`. Construct with `..Default::default()` and set what you mean.
//! * Encoding in a version that lacks a field drops the field if it is *ignorable*, and fails if it is set otherwise.
//!   The failure is the caller's bug: it must not use the field with a peer that old.
//! * Bytes after the last field of a message are left in the reader: later versions of some embedded messages put more
//!   there. Whoever expects none calls [`Reader::finish`] or uses [`Message::from_bytes`].
//! * A known tagged field must have exactly the size it announces. Kafka ignores the size there; nobody sends another.
//! * Error codes stay `i16` in messages, since peers may send ones we do not know; [`ErrorCode`] names those we do.

#![warn(missing_docs)]

extern crate self as klamm_protocol;

pub mod api;
pub mod api_key;
pub mod consumer_protocol;
pub mod control;
pub mod coordinator;
pub mod error;
pub mod error_code;
pub mod header;
pub mod json;
pub mod message;
pub mod metadata;
pub mod principal;
pub mod producer_snapshot;
pub mod quorum_state;
#[allow(missing_docs, reason = "fields of options and errors there say it by their names")]
pub mod records;
pub mod remote_log;
pub mod schema;
pub mod wire;

pub use api_key::ApiKey;
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use error_code::ErrorCode;
pub use header::{RequestHeader, ResponseHeader};
pub use klamm_protocol_derive::Message;
pub use message::{Message, Record, Request, Response, VersionRange};
pub use metadata::MetadataRecord;
pub use wire::{Gap, RawTaggedField, Reader, Records, StrBytes, Uuid, Writer};
