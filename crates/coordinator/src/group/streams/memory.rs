//! What is known of a streams group beside its records. It is lost with the coordinator, as in Kafka.

use super::State;
use super::configured::Configured;
use crate::coordinator::GroupCoordinator;
use crate::group::GroupState;
use klamm_protocol::StrBytes;
use std::sync::Arc;

/// What is known of a streams group beside its records.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The topology, compared with the topics of `seen`.
    pub(super) configured: Option<Arc<Configured>>,
    /// The version of the topics that the group was last compared with, and the group's epoch afterwards. If the group is
    /// behind it, what was decided has not been written.
    pub(super) seen: Option<(i64, i32)>,
    /// The member that wants the whole application to stop.
    shutdown_requested_by: Option<StrBytes>,
    /// Raised whenever tasks of a process that answers queries change.
    pub(super) endpoint_epoch: i32,
    /// The first assignment waits for more members.
    pub(crate) waits_for_members: bool,
}

impl Memory {
    /// What is left when the group has only been made: it is not kept before the group's records are.
    pub(super) fn of_new_group(self) -> Self {
        Self { waits_for_members: self.waits_for_members, ..Self::default() }
    }

    /// The first one who asks is the one who is named.
    pub(super) fn request_shutdown(&mut self, member: &StrBytes) {
        self.shutdown_requested_by.get_or_insert_with(|| member.detached());
    }

    pub(super) const fn shutdown_requested_by(&self) -> Option<&StrBytes> {
        self.shutdown_requested_by.as_ref()
    }

    /// Whether the group, in this epoch, has been compared with this version of the topics.
    pub(super) fn has_seen(&self, version: i64, epoch: i32) -> bool {
        self.seen.is_some_and(|(seen, at)| seen == version && at <= epoch)
    }
}

impl GroupCoordinator {
    pub(super) fn streams_memory(&self, id: &str) -> Option<&Memory> {
        self.streams.get(id)
    }

    /// What is known of a streams group beside its records, to be put back.
    pub(super) fn take_streams_memory(&mut self, id: &str) -> Memory {
        self.streams.remove(id).unwrap_or_default()
    }

    pub(super) fn put_streams_memory(&mut self, id: &StrBytes, memory: Memory) {
        self.streams.insert(id.detached(), memory);
    }

    /// A record of a streams group has been carried out.
    pub(crate) fn tidy_streams_memory(&mut self, id: &str) {
        let is_empty = match self.state().group(id) {
            Some(GroupState::Streams(group)) => group.state() == State::Empty,
            _ => return drop(self.streams.remove(id)),
        };
        if let Some(memory) = self.streams.get_mut(id).filter(|_| is_empty) {
            // There is nobody left to stop.
            memory.shutdown_requested_by = None;
        }
    }
}
