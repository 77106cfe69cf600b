//! Control records of the metadata log.

use bytes::Bytes;
use klamm_protocol::control::{
    KRaftVersionRecord, LeaderChangeMessage, LeaderChangeMessageVoter, VotersRecord,
};
use klamm_protocol::records::{BatchBuilder, BatchOptions, BuildError, RecordBatch};
use klamm_protocol::{Message, Reader, Writer};

const LEADER_CHANGE: i16 = 2;
const KRAFT_VERSION: i16 = 5;
const KRAFT_VOTERS: i16 = 6;

/// A control record that concerns the quorum.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ControlRecord {
    LeaderChange(LeaderChangeMessage),
    KRaftVersion(KRaftVersionRecord),
    Voters(VotersRecord),
}

impl ControlRecord {
    const fn record_type(&self) -> i16 {
        match self {
            Self::LeaderChange(_) => LEADER_CHANGE,
            Self::KRaftVersion(_) => KRAFT_VERSION,
            Self::Voters(_) => KRAFT_VOTERS,
        }
    }

    fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        let encoded = match self {
            Self::LeaderChange(message) => message.encode(&mut writer, 0),
            Self::KRaftVersion(message) => message.encode(&mut writer, 0),
            Self::Voters(message) => message.encode(&mut writer, 0),
        };
        debug_assert!(encoded.is_ok(), "control records have no optional fields: {encoded:?}");
        writer.into_bytes()
    }

    /// `None` for a type that does not concern the quorum, or that cannot be read.
    fn decode(record_type: i16, value: Bytes) -> Option<Self> {
        let mut reader = Reader::new(value);
        match record_type {
            LEADER_CHANGE => LeaderChangeMessage::decode(&mut reader, 0).ok().map(Self::LeaderChange),
            KRAFT_VERSION => KRaftVersionRecord::decode(&mut reader, 0).ok().map(Self::KRaftVersion),
            KRAFT_VOTERS => VotersRecord::decode(&mut reader, 0).ok().map(Self::Voters),
            _ => None,
        }
    }

    pub(crate) fn leader_change(
        leader_id: i32,
        voters: impl Iterator<Item = i32>,
        granting: impl Iterator<Item = i32>,
    ) -> Self {
        let voter = |voter_id| LeaderChangeMessageVoter { voter_id, ..Default::default() };
        Self::LeaderChange(LeaderChangeMessage {
            version: 0,
            leader_id,
            voters: voters.map(voter).collect(),
            granting_voters: granting.map(voter).collect(),
            ..Default::default()
        })
    }

    pub(crate) fn kraft_version(kraft_version: i16) -> Self {
        Self::KRaftVersion(KRaftVersionRecord { version: 0, kraft_version, ..Default::default() })
    }
}

/// One batch of control records.
pub(crate) fn control_batch(
    base_offset: i64,
    epoch: i32,
    timestamp_ms: i64,
    records: &[ControlRecord],
) -> Result<Bytes, BuildError> {
    let mut builder = BatchBuilder::new(BatchOptions {
        base_offset,
        partition_leader_epoch: epoch,
        control: true,
        ..BatchOptions::default()
    });
    for record in records {
        // The key: its version 0, then the type.
        let mut key = [0; 4];
        key[2..].copy_from_slice(&record.record_type().to_be_bytes());
        builder.append(timestamp_ms, Some(&key), Some(&record.encode()), &[])?;
    }
    Ok(builder.build()?.freeze())
}

/// The quorum's control records in a batch, with their offsets. Data batches have none.
pub(crate) fn control_records(batch: &RecordBatch) -> Vec<(i64, ControlRecord)> {
    if !batch.header().is_control() {
        return Vec::new();
    }
    let Ok(records) = batch.records() else { return Vec::new() };
    records
        .filter_map(Result::ok)
        .filter_map(|record| {
            let key = record.key?;
            let record_type = i16::from_be_bytes([*key.get(2)?, *key.get(3)?]);
            Some((record.offset, ControlRecord::decode(record_type, record.value?)?))
        })
        .collect()
}
