//! Acknowledgements, which come by themselves (ShareAcknowledge) or with a fetch (ShareFetch).

use std::collections::BTreeMap;

use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_share::session::{SessionKey, TopicIdPartition};
use tokio::sync::oneshot;

use super::ShareContext;
use crate::{
    error::ApiError,
    handlers::records::ByShard,
    shard::{ShardRequest, requests::TopicPartition},
    share::{
        partitions::acknowledge::{AcknowledgeRequest, AcknowledgedRange, PartitionAcknowledgement},
        settings::ShareSettings,
    },
};

/// Says that the lock is renewed (KIP-1222).
const RENEW: i8 = 4;

/// What is said of a partition's records, as it came.
pub(super) struct Named {
    pub(super) partition: TopicIdPartition,
    pub(super) ranges: Vec<AcknowledgedRange>,
}

/// What a request of either API says of records.
macro_rules! named {
    ($request:expr) => {{
        let topics = $request.topics.iter();
        let partitions = topics.flat_map(|topic| topic.partitions.iter().map(|data| (topic.topic_id, data)));
        let named = partitions.map(|(topic_id, data)| $crate::handlers::share::acknowledgements::Named {
            partition: klamm_share::session::TopicIdPartition { topic_id, index: data.partition_index },
            ranges: data
                .acknowledgement_batches
                .iter()
                .map(|batch| $crate::share::partitions::acknowledge::AcknowledgedRange {
                    first_offset: batch.first_offset,
                    last_offset: batch.last_offset,
                    types: batch.acknowledge_types.clone(),
                })
                .collect(),
        });
        named.collect::<Vec<_>>()
    }};
}
pub(super) use named;

/// What the version and the request allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Whether locks can be renewed in this version.
    pub(super) has_renewal: bool,
    /// Whether the request says that it renews locks.
    pub(super) is_renewal: bool,
}

/// What came of acknowledgements, by partition.
pub(super) type Outcomes = BTreeMap<TopicIdPartition, Result<(), ApiError>>;

/// A shard's answers, in the order in which it was asked.
type Answers = Vec<Result<(), ApiError>>;

/// Acknowledgements that are with the shards.
pub(super) struct Pending {
    outcomes: Outcomes,
    waiting: Vec<(Vec<TopicIdPartition>, oneshot::Receiver<Answers>)>,
}

impl Pending {
    /// Waits until all are kept.
    pub(super) async fn settle(self) -> Outcomes {
        let Self { mut outcomes, waiting } = self;
        for (partitions, answers) in waiting {
            let mut answers = answers.await.unwrap_or_default().into_iter();
            for partition in partitions {
                let answer = answers.next().unwrap_or_else(|| Err(ErrorCode::NotLeaderOrFollower.into()));
                outcomes.insert(partition, answer);
            }
        }
        outcomes
    }
}

/// Brings acknowledgements to the shards that have the partitions. They have taken effect there, as far as is known, when
/// this returns; whether they are kept is known later.
///
/// As in Kafka, what is said last of a partition counts; and where nothing is said of its records there is an outcome only
/// if something is of another's.
pub(super) fn begin(cx: &ShareContext, key: &SessionKey, named: Vec<Named>, allowed: Allowed) -> Pending {
    let published = cx.node.metadata.load();
    let mut outcomes = Outcomes::new();
    let mut work = ByShard::new(cx.shards.count());
    let mut asked = Vec::new();
    let mut silent = Vec::new();
    for (partition, ranges) in last_of_each(named) {
        let Some(topic) = published.image.topics.by_id(&partition.topic_id) else {
            outcomes.insert(partition, Err(ErrorCode::UnknownTopicId.into()));
            continue;
        };
        let refusal = if !are_sound(&ranges, allowed) {
            Some(ErrorCode::InvalidRequest)
        } else if topic.partitions.get(&partition.index).is_none() {
            Some(ErrorCode::UnknownTopicOrPartition)
        } else {
            None
        };
        match refusal {
            Some(code) => drop(outcomes.insert(partition, Err(code.into()))),
            None if ranges.is_empty() => silent.push(partition),
            None => {
                let at = TopicPartition { topic: topic.name.clone(), index: partition.index };
                let shard = cx.shards.of(&at.topic, at.index);
                let item = PartitionAcknowledgement { at, topic_id: partition.topic_id, ranges };
                work.push(shard, asked.len(), item);
                asked.push(partition);
            }
        }
    }
    if !asked.is_empty() {
        outcomes.extend(silent.into_iter().map(|partition| (partition, Ok(()))));
    }
    let settings = ShareSettings::of_group(&cx.node, &key.group);
    let mut waiting = Vec::new();
    for (shard, places, partitions) in work.into_parts() {
        let (reply, answers) = oneshot::channel();
        let (group, member) = (key.group.clone(), key.member.clone());
        let request = AcknowledgeRequest { group, member, partitions, settings, reply };
        cx.shards.send(shard, ShardRequest::ShareAcknowledge(Box::new(request)));
        let named = places.into_iter().filter_map(|place| asked.get(place).copied());
        waiting.push((named.collect(), answers));
    }
    Pending { outcomes, waiting }
}

fn last_of_each(named: Vec<Named>) -> BTreeMap<TopicIdPartition, Vec<AcknowledgedRange>> {
    named.into_iter().map(|named| (named.partition, named.ranges)).collect()
}

/// Whether ranges are in order and each says of all of its records what became of them.
fn are_sound(ranges: &[AcknowledgedRange], allowed: Allowed) -> bool {
    let type_max = if allowed.has_renewal { RENEW } else { RENEW - 1 };
    let mut last = -1;
    ranges.iter().all(|range| {
        let length = range.last_offset.checked_sub(range.first_offset).map(|last| last.saturating_add(1));
        let is_counted = range.types.len() == 1
            || length.is_some_and(|length| i64::try_from(range.types.len()) == Ok(length));
        let is_sound = range.first_offset <= range.last_offset
            && range.first_offset >= last
            && is_counted
            && range.types.iter().all(|kind| (0..=type_max).contains(kind))
            && (allowed.is_renewal || !range.types.contains(&RENEW));
        last = range.last_offset;
        is_sound
    })
}

/// Whether a member may be called so: as long as an id is, at most.
pub(super) fn is_member_id(member: Option<&StrBytes>) -> bool {
    member.is_some_and(|member| !member.is_empty() && member.encode_utf16().count() <= 36)
}

/// Groups what belongs to topics, in the order in which they come.
pub(super) fn by_topic<T>(items: impl IntoIterator<Item = (Uuid, T)>) -> Vec<(Uuid, Vec<T>)> {
    let mut places: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut topics: Vec<(Uuid, Vec<T>)> = Vec::new();
    for (topic, item) in items {
        let place = *places.entry(topic).or_insert(topics.len());
        match topics.get_mut(place) {
            Some((_, items)) => items.push(item),
            None => topics.push((topic, vec![item])),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_order_and_say_of_each_record_what_became_of_it() {
        let check = |ranges: &[(i64, i64, &[i8])], (has_renewal, is_renewal), expected| {
            let ranges: Vec<_> = ranges
                .iter()
                .map(|(first_offset, last_offset, types)| AcknowledgedRange {
                    first_offset: *first_offset,
                    last_offset: *last_offset,
                    types: types.to_vec(),
                })
                .collect();
            assert_eq!(are_sound(&ranges, Allowed { has_renewal, is_renewal }), expected, "{ranges:?}");
        };
        let plain = (true, false);
        check(&[], plain, true);
        check(&[(0, 9, &[1]), (10, 11, &[2, 3])], plain, true);
        check(&[(9, 0, &[1])], plain, false);
        check(&[(10, 19, &[1]), (0, 9, &[1])], plain, false);
        check(&[(0, 2, &[1, 1])], plain, false);
        check(&[(0, 2, &[])], plain, false);
        check(&[(0, 2, &[5])], plain, false);
        check(&[(0, 2, &[-1])], plain, false);
        check(&[(i64::MIN, i64::MAX, &[1, 1])], plain, false);
        check(&[(0, 2, &[4])], plain, false);
        check(&[(0, 2, &[4])], (false, true), false);
        check(&[(0, 2, &[4])], (true, true), true);
    }
}
