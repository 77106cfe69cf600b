//! Share sessions: what one broker knows of what we want from it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::{
    StrBytes, Uuid,
    api::{
        share_acknowledge::{
            AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch as AcknowledgedBatch,
            ShareAcknowledgeRequest,
        },
        share_fetch::{AcknowledgementBatch, FetchPartition, FetchTopic, ForgottenTopic, ShareFetchRequest},
    },
};

use super::{
    acknowledgements::{AcknowledgeType, Range},
    member::{IdPartition, Member},
    settings::Settings,
};

/// The epoch that ends a session.
const FINAL: i32 = -1;

/// The acknowledgements of one request.
pub(super) type Said = BTreeMap<IdPartition, Vec<Range>>;

/// The session with one broker. One request is under way at a time.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Of the next request; 0 begins a session.
    epoch: i32,
    partitions: BTreeSet<IdPartition>,
}

impl Session {
    /// Whether the broker knows of it. Only then can anything be acknowledged.
    pub(super) const fn is_open(&self) -> bool {
        self.epoch != 0
    }

    /// The last request was answered.
    pub(super) fn advance(&mut self) {
        self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
    }

    /// The broker has lost it.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Asks for records of `wanted`, and says what is to be said.
    pub(super) fn fetch(
        &mut self,
        member: &Member,
        settings: &Settings,
        wanted: &BTreeSet<IdPartition>,
        said: &Said,
    ) -> ShareFetchRequest {
        let mut topics: BTreeMap<Uuid, Vec<FetchPartition>> = BTreeMap::new();
        let all: BTreeSet<&IdPartition> = wanted.iter().chain(said.keys()).collect();
        for partition in all {
            let ranges = said.get(partition);
            if ranges.is_none() && self.is_open() && self.partitions.contains(partition) {
                continue;
            }
            topics.entry(partition.0).or_default().push(FetchPartition {
                partition_index: partition.1,
                acknowledgement_batches: ranges.into_iter().flatten().map(fetch_batch).collect(),
                ..Default::default()
            });
        }
        let mut forgotten: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for partition in self.partitions.iter().filter(|partition| !wanted.contains(*partition)) {
            forgotten.entry(partition.0).or_default().push(partition.1);
        }
        self.partitions.clone_from(wanted);
        // Who renews locks gets no records, so that the answer does not wait for any: brokers refuse limits other than 0.
        let is_renew_ack = renews(said);
        let unless_renewing = |limit: i32| if is_renew_ack { 0 } else { limit };
        ShareFetchRequest {
            group_id: Some(member.group.as_str().into()),
            member_id: Some(member.id.as_str().into()),
            share_session_epoch: self.epoch,
            max_wait_ms: unless_renewing(settings.fetch_wait_ms),
            min_bytes: unless_renewing(settings.fetch_bytes_min),
            max_bytes: unless_renewing(settings.fetch_bytes_max),
            max_records: unless_renewing(settings.poll_records_max),
            batch_size: unless_renewing(settings.poll_records_max),
            share_acquire_mode: settings.acquire_mode,
            is_renew_ack,
            topics: topics
                .into_iter()
                .map(|(topic_id, partitions)| FetchTopic { topic_id, partitions, ..Default::default() })
                .collect(),
            forgotten_topics_data: forgotten
                .into_iter()
                .map(|(topic_id, partitions)| ForgottenTopic { topic_id, partitions, ..Default::default() })
                .collect(),
            ..Default::default()
        }
    }

    /// Says what is to be said, and nothing else; `is_last` ends the session.
    pub(super) fn acknowledge(&self, member: &Member, said: &Said, is_last: bool) -> ShareAcknowledgeRequest {
        let mut topics: BTreeMap<Uuid, Vec<AcknowledgePartition>> = BTreeMap::new();
        for (partition, ranges) in said {
            topics.entry(partition.0).or_default().push(AcknowledgePartition {
                partition_index: partition.1,
                acknowledgement_batches: ranges.iter().map(acknowledged_batch).collect(),
                ..Default::default()
            });
        }
        ShareAcknowledgeRequest {
            group_id: Some(StrBytes::from(member.group.clone())),
            member_id: Some(StrBytes::from(member.id.clone())),
            share_session_epoch: if is_last { FINAL } else { self.epoch },
            is_renew_ack: renews(said),
            topics: topics
                .into_iter()
                .map(|(topic_id, partitions)| AcknowledgeTopic { topic_id, partitions, ..Default::default() })
                .collect(),
            ..Default::default()
        }
    }
}

fn renews(said: &Said) -> bool {
    said.values().flatten().any(|(_, _, code)| *code == AcknowledgeType::Renew.code())
}

fn fetch_batch(range: &Range) -> AcknowledgementBatch {
    let (first_offset, last_offset, code) = *range;
    AcknowledgementBatch { first_offset, last_offset, acknowledge_types: vec![code], ..Default::default() }
}

fn acknowledged_batch(range: &Range) -> AcknowledgedBatch {
    let (first_offset, last_offset, code) = *range;
    AcknowledgedBatch { first_offset, last_offset, acknowledge_types: vec![code], ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_config::client::{ClientConfig, ClientKind};

    #[test]
    fn a_session_says_what_has_changed() {
        let config = ClientConfig::new(ClientKind::Consumer, [("group.id", "g")]).unwrap();
        let (settings, member) =
            (Settings::new(&config).unwrap(), Member::new("g".to_owned(), Uuid::ZERO, None));
        let partitions = |all: &[i32]| all.iter().map(|index| (Uuid::ZERO, *index)).collect::<BTreeSet<_>>();
        let asked = |request: &ShareFetchRequest| {
            let named: Vec<i32> =
                request.topics.iter().flat_map(|t| t.partitions.iter().map(|p| p.partition_index)).collect();
            let forgotten: Vec<i32> =
                request.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone()).collect();
            (request.share_session_epoch, named, forgotten)
        };
        let mut session = Session::default();
        let none = Said::new();
        let first = session.fetch(&member, &settings, &partitions(&[0, 1]), &none);
        assert_eq!(asked(&first), (0, vec![0, 1], vec![]));
        session.advance();
        let second = session.fetch(&member, &settings, &partitions(&[0, 1]), &none);
        assert_eq!(asked(&second), (1, vec![], vec![]));
        session.advance();
        let said = Said::from([((Uuid::ZERO, 1), vec![(3, 5, 1)])]);
        let third = session.fetch(&member, &settings, &partitions(&[0, 2]), &said);
        assert_eq!(asked(&third), (2, vec![1, 2], vec![1]));
        assert_eq!(third.topics[0].partitions[0].acknowledgement_batches.len(), 1);
        assert_eq!(session.acknowledge(&member, &said, true).share_session_epoch, -1);
        session.reset();
        let again = session.fetch(&member, &settings, &partitions(&[0]), &none);
        assert_eq!(asked(&again), (0, vec![0], vec![]));
    }

    #[test]
    fn who_renews_locks_asks_for_no_records() {
        let config = ClientConfig::new(ClientKind::Consumer, [("group.id", "g")]).unwrap();
        let (settings, member) =
            (Settings::new(&config).unwrap(), Member::new("g".to_owned(), Uuid::ZERO, None));
        for what in [AcknowledgeType::Accept, AcknowledgeType::Renew] {
            let said = BTreeMap::from([((Uuid::ZERO, 0), vec![(3, 4, what.code())])]);
            let request = Session::default().fetch(&member, &settings, &BTreeSet::new(), &said);
            let limits = [
                request.max_wait_ms,
                request.min_bytes,
                request.max_bytes,
                request.max_records,
                request.batch_size,
            ];
            let renews = what == AcknowledgeType::Renew;
            assert_eq!((request.is_renew_ack, limits.map(|limit| limit == 0)), (renews, [renews; 5]));
        }
    }
}
