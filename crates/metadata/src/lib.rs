//! The cluster's metadata: one image, one replay, one snapshot.
//!
//! [`MetadataImage`] is the state that the records of `__cluster_metadata` describe. The controller decides on it,
//! brokers serve from it, and a snapshot file is it, written out. This crate also owns what surrounds it: the feature
//! levels ([`features`]), the `.checkpoint` files ([`checkpoint`]), and what `kafka-storage format` writes
//! ([`mod@format`]).
//!
//! It is not the controller (no decisions about topics or brokers), not the log, and does no I/O: files come and go as
//! bytes.
//!
//! Read first: [`image::MetadataImage`], [`image::Loader`], [`features::MetadataVersion`].
//!
//! Invariants
//! * `replay(snapshot(image)) == image`, for every image and every `metadata.version` that can express it.
//! * Cloning an image copies a few pointers; a change copies the path to what changed.
//! * Iteration is ordered everywhere, so that the same log gives the same snapshot bytes.
//!
//! *Non-obvious*
//! * A record does not say which of its versions it is: that follows from `metadata.version` and the record's content
//!   ([`image::record_version`]), exactly as Kafka chooses it.
//! * `kraft.version` is not part of the image: it lives in control records of the log (KIP-853). A FeatureLevelRecord
//!   for it, which older Kafka releases wrote by mistake, is skipped.
//! * Between Begin- and EndTransactionRecord nothing may be shown to anybody ([`image::Loader`] takes care).

pub mod bootstrap;
pub mod checkpoint;
pub mod features;
pub mod format;
pub mod image;
pub mod scram;
mod snapshot_policy;

pub use image::MetadataImage;
pub use snapshot_policy::SnapshotPolicy;
