//! Metadata records (KRaft): what the controller writes to `__cluster_metadata` and every node replays, one file per
//! record type.
//!
//! A record's value is a frame: frame version (1), record type, version of the record, each an unsigned varint, then
//! the record. The key is null.

mod abort_transaction;
mod access_control_entry;
mod begin_transaction;
mod broker_registration_change;
mod clear_elr;
mod client_quota;
mod config;
mod delegation_token;
mod end_transaction;
mod feature_level;
mod fence_broker;
mod no_op;
mod partition;
mod partition_change;
mod producer_ids;
mod register_broker;
mod register_controller;
mod remove_access_control_entry;
mod remove_delegation_token;
mod remove_topic;
mod remove_user_scram_credential;
mod topic;
mod unfence_broker;
mod unregister_broker;
mod user_scram_credential;
mod zk_migration_state;

pub use abort_transaction::*;
pub use access_control_entry::*;
pub use begin_transaction::*;
pub use broker_registration_change::*;
pub use clear_elr::*;
pub use client_quota::*;
pub use config::*;
pub use delegation_token::*;
pub use end_transaction::*;
pub use feature_level::*;
pub use fence_broker::*;
pub use no_op::*;
pub use partition::*;
pub use partition_change::*;
pub use producer_ids::*;
pub use register_broker::*;
pub use register_controller::*;
pub use remove_access_control_entry::*;
pub use remove_delegation_token::*;
pub use remove_topic::*;
pub use remove_user_scram_credential::*;
pub use topic::*;
pub use unfence_broker::*;
pub use unregister_broker::*;
pub use user_scram_credential::*;
pub use zk_migration_state::*;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::message::{Message, Record, VersionRange};
use crate::schema::MessageSchema;
use crate::wire::{Reader, Writer};

/// The only version there is of the frame around a record.
const FRAME_VERSION: u32 = 1;

macro_rules! metadata_records {
    ($($variant:ident($record:ident),)*) => {
        /// Any metadata record.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each is described in its own file")]
        pub enum MetadataRecord {
            $($variant($record),)*
        }

        impl MetadataRecord {
            /// Descriptions of all types, ascending by type.
            pub const SCHEMAS: &'static [&'static MessageSchema] = &[$($record::SCHEMA),*];

            /// The number that names the type.
            pub fn record_type(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => $record::KEY,)*
                }
            }

            /// Description of this type.
            pub fn schema(&self) -> &'static MessageSchema {
                match self {
                    $(Self::$variant(_) => $record::SCHEMA,)*
                }
            }

            fn decode_body(record_type: i16, reader: &mut Reader, version: i16) -> Result<Self, DecodeError> {
                match record_type {
                    $($record::KEY => $record::decode(reader, version).map(Self::$variant),)*
                    id => Err(reader.error(DecodeErrorKind::UnknownRecordType { id: i32::from(id) })),
                }
            }

            fn encode_body(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
                match self {
                    $(Self::$variant(record) => record.encode(writer, version),)*
                }
            }
        }

        $(
            impl From<$record> for MetadataRecord {
                fn from(record: $record) -> Self {
                    Self::$variant(record)
                }
            }
        )*
    };
}

metadata_records! {
    RegisterBroker(RegisterBrokerRecord),
    UnregisterBroker(UnregisterBrokerRecord),
    Topic(TopicRecord),
    Partition(PartitionRecord),
    Config(ConfigRecord),
    PartitionChange(PartitionChangeRecord),
    FenceBroker(FenceBrokerRecord),
    UnfenceBroker(UnfenceBrokerRecord),
    RemoveTopic(RemoveTopicRecord),
    DelegationToken(DelegationTokenRecord),
    UserScramCredential(UserScramCredentialRecord),
    FeatureLevel(FeatureLevelRecord),
    ClientQuota(ClientQuotaRecord),
    ProducerIds(ProducerIdsRecord),
    BrokerRegistrationChange(BrokerRegistrationChangeRecord),
    AccessControlEntry(AccessControlEntryRecord),
    RemoveAccessControlEntry(RemoveAccessControlEntryRecord),
    NoOp(NoOpRecord),
    ZkMigrationState(ZkMigrationStateRecord),
    RemoveUserScramCredential(RemoveUserScramCredentialRecord),
    BeginTransaction(BeginTransactionRecord),
    EndTransaction(EndTransactionRecord),
    AbortTransaction(AbortTransactionRecord),
    RemoveDelegationToken(RemoveDelegationTokenRecord),
    RegisterController(RegisterControllerRecord),
    ClearElr(ClearElrRecord),
}

impl MetadataRecord {
    /// Versions of this type. Which one to write follows from the metadata version of the cluster.
    pub fn versions(&self) -> VersionRange {
        self.schema().versions
    }

    /// Reads a record's value, which must hold nothing else. Returns the record and its version.
    pub fn decode(value: impl Into<Bytes>) -> Result<(Self, i16), DecodeError> {
        let mut reader = Reader::new(value);
        reader.enter("frame_version");
        let frame_version = reader.uvarint()?;
        if frame_version != FRAME_VERSION {
            return Err(reader.error(DecodeErrorKind::FrameVersion { version: frame_version }));
        }
        let record_type = small(&mut reader, "record_type")?;
        let version = small(&mut reader, "record_version")?;
        let record = Self::decode_body(record_type, &mut reader, version)?;
        reader.finish()?;
        Ok((record, version))
    }

    /// Writes the frame and the record in `version`.
    pub fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        writer.uvarint(FRAME_VERSION);
        writer.uvarint(u32::from(self.record_type().cast_unsigned()));
        writer.uvarint(u32::from(version.cast_unsigned()));
        self.encode_body(writer, version)
    }

    /// The record's value in `version`.
    pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = Writer::new();
        self.encode(&mut writer, version)?;
        Ok(writer.into_bytes())
    }
}

/// An unsigned varint that must fit 15 bits, as record types and versions do.
fn small(reader: &mut Reader, field: &'static str) -> Result<i16, DecodeError> {
    reader.enter(field);
    let value = reader.uvarint()?;
    i16::try_from(value)
        .map_err(|_| reader.error(DecodeErrorKind::UnknownRecordType { id: value.cast_signed() }))
}

#[cfg(test)]
mod tests;
