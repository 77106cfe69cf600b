//! The replicated part of a group coordinator: what the records of its partition add up to.

use crate::group::GroupState;
use crate::group::consumer::ConsumerGroup;
use crate::group::share::ShareGroup;
use crate::group::streams::StreamsGroup;
use crate::offsets::Offsets;
use crate::record::{ConsumerRecord, GroupRecord, ShareRecord, StreamsRecord};
use klamm_protocol::StrBytes;
use klamm_timeline::StateMachine;
use rpds::RedBlackTreeMapSync;
use std::sync::Arc;

/// A record of `__consumer_offsets` at its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub enum LogRecord {
    /// A key and value.
    Data {
        /// Where it is.
        offset: i64,
        /// The producer whose transaction it belongs to, if any.
        transaction_of: Option<i64>,
        /// What it says.
        record: GroupRecord,
    },
    /// A control record: a transaction's end.
    EndTransaction {
        /// The transaction's producer.
        producer_id: i64,
        /// False: it was aborted.
        is_committed: bool,
    },
}

/// Groups and offsets as written. Clones are cheap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupsState {
    groups: RedBlackTreeMapSync<StrBytes, GroupState>,
    offsets: Offsets,
}

impl GroupsState {
    /// The group of this id.
    pub(crate) fn group(&self, id: &str) -> Option<&GroupState> {
        self.groups.get(id)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (&StrBytes, &GroupState)> {
        self.groups.iter()
    }

    pub(crate) const fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    fn replay_record(&mut self, offset: i64, transaction_of: Option<i64>, record: &GroupRecord) {
        match record {
            GroupRecord::GroupMetadata { group, value: Some(value) } => {
                self.groups.insert_mut(group.detached(), GroupState::classic(value));
            }
            GroupRecord::GroupMetadata { group, value: None } => {
                self.groups.remove_mut(group);
            }
            GroupRecord::Consumer { group, record } => self.replay_consumer(group, record),
            GroupRecord::Share { group, record } => self.replay_share(group, record),
            GroupRecord::Streams { group, record } => self.replay_streams(group, record),
            GroupRecord::OffsetCommit { group, topic, partition, value } => {
                if value.is_some() && !self.groups.contains_key(group) {
                    // Offsets committed without group management make a group by themselves.
                    self.groups.insert_mut(group.detached(), GroupState::simple());
                }
                match value {
                    Some(value) => {
                        self.offsets.put(offset, transaction_of, (group, topic, *partition), value)
                    }
                    None => self.offsets.remove(group, topic, *partition),
                }
            }
        }
    }
}

impl GroupsState {
    fn replay_consumer(&mut self, id: &StrBytes, record: &ConsumerRecord) {
        if matches!(record, ConsumerRecord::Metadata(None)) {
            if matches!(self.groups.get(id), Some(GroupState::Consumer(_))) {
                self.groups.remove_mut(id);
            }
            return;
        }
        if let Some(GroupState::Consumer(group)) = self.groups.get_mut(id) {
            Arc::make_mut(group).replay(record);
        } else if !record.is_tombstone() {
            // What may be there is a classic group that has nothing but offsets.
            let mut group = ConsumerGroup::default();
            group.replay(record);
            self.groups.insert_mut(id.detached(), GroupState::Consumer(Arc::new(group)));
        }
    }

    fn replay_streams(&mut self, id: &StrBytes, record: &StreamsRecord) {
        if matches!(record, StreamsRecord::Metadata(None)) {
            if matches!(self.groups.get(id), Some(GroupState::Streams(_))) {
                self.groups.remove_mut(id);
            }
            return;
        }
        if let Some(GroupState::Streams(group)) = self.groups.get_mut(id) {
            Arc::make_mut(group).replay(record);
        } else if !record.is_tombstone() {
            // What may be there is a classic group that has nothing but offsets.
            let mut group = StreamsGroup::default();
            group.replay(record);
            self.groups.insert_mut(id.detached(), GroupState::Streams(Arc::new(group)));
        }
    }

    fn replay_share(&mut self, id: &StrBytes, record: &ShareRecord) {
        if matches!(record, ShareRecord::Metadata(None)) {
            if matches!(self.groups.get(id), Some(GroupState::Share(_))) {
                self.groups.remove_mut(id);
            }
            return;
        }
        if let Some(GroupState::Share(group)) = self.groups.get_mut(id) {
            Arc::make_mut(group).replay(record);
        } else if !record.is_tombstone() {
            let mut group = ShareGroup::default();
            group.replay(record);
            self.groups.insert_mut(id.detached(), GroupState::Share(Arc::new(group)));
        }
    }
}

impl StateMachine for GroupsState {
    type Record = LogRecord;

    fn replay(&mut self, record: &LogRecord) {
        match record {
            LogRecord::Data { offset, transaction_of, record } => {
                self.replay_record(*offset, *transaction_of, record)
            }
            LogRecord::EndTransaction { producer_id, is_committed } => {
                self.offsets.end_transaction(*producer_id, *is_committed);
            }
        }
    }
}
