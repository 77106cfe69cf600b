//! How a broker tells the controller on whose behalf it passes a request on (KIP-590): the bytes of
//! `Envelope`'s principal, with two bytes of version in front.

use crate::Message;
use crate::wire::{RawTaggedField, StrBytes};

/// A principal, as brokers pass it on.
#[derive(Debug, Clone, PartialEq, Message)]
#[data(versions = 0, flexible = 0..)]
pub struct DefaultPrincipalData {
    /// Type of the principal, mostly `User`.
    pub r#type: StrBytes,
    /// Name of the principal.
    pub name: StrBytes,
    /// Whether the client authenticated with a delegation token.
    pub token_authenticated: bool,
    /// Tagged fields this version does not know, kept as they came.
    pub unknown_tagged_fields: Vec<RawTaggedField>,
}
