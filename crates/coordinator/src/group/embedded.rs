//! What consumers of the classic protocol say in the opaque bytes of JoinGroup and SyncGroup. The coordinator reads and
//! writes it where classic members are in a consumer group, or a group goes from one protocol to the other.

use crate::cluster::Cluster;
use crate::group::assignor::Assignment;
use bytes::Bytes;
use klamm_protocol::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolAssignmentTopicPartition, ConsumerProtocolSubscription,
};
use klamm_protocol::{DecodeError, Message, Reader, StrBytes, Writer};

/// Versions only add fields at the end: later ones are read as the last one that is known.
const VERSION_MAX: i16 = 3;

/// What a member subscribes to, copied out of its request.
pub(crate) fn read_subscription(bytes: &Bytes) -> Result<ConsumerProtocolSubscription, DecodeError> {
    read(bytes)
}

/// What a leader has assigned to a member, copied out of its request.
pub(crate) fn read_assignment(bytes: &Bytes) -> Result<ConsumerProtocolAssignment, DecodeError> {
    read(bytes)
}

fn read<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    let version = reader.i16()?;
    // Below zero: the decoder refuses it.
    M::decode(&mut reader, version.min(VERSION_MAX))
}

/// Partitions by topic id; topics that do not exist are left out, and of several entries for a topic the last counts.
pub(crate) fn by_topic_id<'a>(
    topics: impl Iterator<Item = (&'a StrBytes, &'a Vec<i32>)>,
    cluster: &dyn Cluster,
) -> Assignment {
    let known = topics.filter_map(|(name, partitions)| Some((cluster.id(name)?, partitions)));
    known
        .filter(|(_, partitions)| !partitions.is_empty())
        .map(|(id, partitions)| (id, partitions.iter().copied().collect()))
        .collect()
}

/// An assignment as the coordinator gives it, in the version of the member's subscription.
pub(crate) fn write_assignment(
    assignment: &Assignment,
    subscription: &Bytes,
    cluster: &dyn Cluster,
) -> Bytes {
    let version = Reader::new(subscription.clone()).i16().unwrap_or(0).clamp(0, VERSION_MAX);
    let topics = assignment.iter().filter_map(|(id, partitions)| {
        let topic = cluster.name(*id)?;
        let partitions = partitions.iter().copied().collect();
        Some(ConsumerProtocolAssignmentTopicPartition { topic, partitions })
    });
    let message = ConsumerProtocolAssignment { assigned_partitions: topics.collect(), ..Default::default() };
    let mut writer = Writer::new();
    writer.i16(version);
    // Names of topics are never too long to be written.
    match message.encode(&mut writer, version) {
        Ok(()) => writer.into_bytes(),
        Err(_) => Bytes::new(),
    }
}
