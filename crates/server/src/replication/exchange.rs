//! What a follower's broker says to a leader's, and how it takes the answers.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use bytes::Bytes;
use klamm_config::{BrokerConfig, broker};
use klamm_protocol::{
    ErrorCode, Records, Uuid,
    api::{
        fetch::{FetchRequest, FetchResponse, PartitionData, ReplicaState},
        list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic},
    },
};
use klamm_replica::{
    fetch_session::{
        PartitionFetch,
        client::{SessionClient, WantedPartition},
    },
    follower::{Ask, FetchAnswer, Input, LeaderOffsets, Position, Term},
};

use crate::{
    node::Node,
    shard::{requests::TopicPartition, run::Shard},
};

/// When partitions that are held back by the throttle are looked at again, if there is nothing else to fetch.
const THROTTLED_WAIT: Duration = Duration::from_millis(100);
/// Until a partition whose log was cut back is looked at again.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(10);

/// A partition to be fetched.
pub(super) struct Wanted {
    at: TopicPartition,
    position: Position,
    log_start: i64,
}

impl Wanted {
    fn in_session(&self, max_bytes: i32) -> WantedPartition {
        WantedPartition {
            topic: self.at.topic.clone(),
            topic_id: self.position.term.topic_id,
            fetch: PartitionFetch {
                partition: self.at.index,
                fetch_offset: self.position.offset,
                current_leader_epoch: self.position.term.leader_epoch,
                last_fetched_epoch: self.position.last_fetched_epoch.unwrap_or(-1),
                log_start_offset: self.log_start,
                max_bytes,
            },
        }
    }
}

/// What to ask one leader, for all partitions of this shard that follow it.
#[derive(Default)]
pub(super) struct Plan {
    /// Partitions to fetch.
    pub(super) wanted: Vec<Wanted>,
    /// Partitions that have to know where the leader's log begins and ends, each with what it follows.
    pub(super) lost: Vec<(TopicPartition, Term)>,
    /// When a partition that waits for its next try may have it.
    pub(super) next: Option<Duration>,
    /// Whether there are partitions that wait for a sync, with which their fetches go on.
    pub(super) is_syncing: bool,
}

impl Plan {
    /// What the partitions want at this moment. `turn` says which of them comes first: answers are limited in size.
    pub(super) fn new<'a>(
        shard: &Shard,
        followed: impl ExactSizeIterator<Item = &'a TopicPartition> + Clone,
        turn: usize,
        now: Duration,
    ) -> Self {
        let mut plan = Self::default();
        let node = shard.node();
        let is_throttled = node.follower_throttle.is_exceeded(&node.config.load(), now);
        let partitions = shard.partitions.borrow();
        let first = turn.checked_rem(followed.len()).unwrap_or(0);
        for at in followed.clone().skip(first).chain(followed.take(first)) {
            let Some(partition) = partitions.get(at) else { continue };
            if shard.node().log_dirs.is_offline(partition.log_dir()) {
                continue;
            }
            if is_throttled && partition.is_throttled_follower() && !partition.has_caught_up() {
                let until = now + THROTTLED_WAIT;
                plan.next = Some(plan.next.map_or(until, |next| next.min(until)));
                continue;
            }
            if partition.awaits_checkpoint(&node.log_dirs) {
                let until = now + CHECKPOINT_WAIT;
                plan.next = Some(plan.next.map_or(until, |next| next.min(until)));
                continue;
            }
            // The next fetch tells the leader how far this replica is.
            if partition.log.reaches_flush_messages() {
                plan.is_syncing = true;
                continue;
            }
            match partition.ask_leader(now) {
                Some(Ask::Fetch(position)) => plan.wanted.push(Wanted {
                    at: at.clone(),
                    position,
                    log_start: partition.log.log_start_offset(),
                }),
                Some(Ask::Offsets(term)) => plan.lost.push((at.clone(), term)),
                Some(Ask::Later(until)) => {
                    plan.next = Some(plan.next.map_or(until, |next| next.min(until)));
                }
                Some(Ask::Never) | None => {}
            }
        }
        plan
    }

    /// The fetch, as the session with the leader has it, in the version that the leader speaks.
    pub(super) fn fetch_request(
        &self,
        follower: ReplicaState,
        config: &BrokerConfig,
        session: &mut SessionClient,
        version: i16,
    ) -> FetchRequest {
        let max_bytes = config.get(&broker::REPLICA_FETCH_MAX_BYTES);
        let wanted: Vec<_> = self.wanted.iter().map(|wanted| wanted.in_session(max_bytes)).collect();
        let mut request = FetchRequest {
            replica_state: follower,
            // A sync does not take long, and then the leader is to hear of it.
            max_wait_ms: match self.is_syncing {
                true => 0,
                false => config.get(&broker::REPLICA_FETCH_WAIT_MAX_MS),
            },
            min_bytes: config.get(&broker::REPLICA_FETCH_MIN_BYTES),
            max_bytes: config.get(&broker::REPLICA_FETCH_RESPONSE_MAX_BYTES),
            ..Default::default()
        };
        session.ask(&wanted, &mut request);
        klamm_raft::fetch_in_version(&mut request, version);
        request
    }

    /// The lookup of the leader's first offset (-2) or end (-1).
    pub(super) fn offsets_request(&self, node: &Node, timestamp: i64) -> ListOffsetsRequest {
        let mut topics: Vec<ListOffsetsTopic> = Vec::new();
        for (at, term) in &self.lost {
            let partition = ListOffsetsPartition {
                partition_index: at.index,
                current_leader_epoch: term.leader_epoch,
                timestamp,
                ..Default::default()
            };
            match topics.last_mut() {
                Some(topic) if topic.name == at.topic => topic.partitions.push(partition),
                _ => topics.push(ListOffsetsTopic {
                    name: at.topic.clone(),
                    partitions: vec![partition],
                    ..Default::default()
                }),
            }
        }
        ListOffsetsRequest { replica_id: node.id, topics, ..Default::default() }
    }
}

/// The partitions of an answer, each with what it was asked for. Those of which there is no news are not in it.
pub(super) fn answers(plan: Plan, response: FetchResponse) -> Vec<(TopicPartition, Input, Option<Bytes>)> {
    let mut asked: BTreeMap<(Uuid, i32), Wanted> = plan
        .wanted
        .into_iter()
        .map(|wanted| ((wanted.position.term.topic_id, wanted.at.index), wanted))
        .collect();
    let mut answers = Vec::with_capacity(asked.len());
    for topic in response.responses {
        for mut data in topic.partitions {
            let Some(wanted) = asked.remove(&(topic.topic_id, data.partition_index)) else { continue };
            let records = data.records.take().and_then(|records| match records {
                Records::Bytes(bytes) => Some(bytes),
                Records::Gap { .. } => None,
            });
            answers.push((
                wanted.at,
                Input::Fetched { asked: wanted.position, answer: fetch_answer(&data) },
                records,
            ));
        }
    }
    answers
}

fn fetch_answer(data: &PartitionData) -> FetchAnswer {
    match ErrorCode::from_code(data.error_code) {
        ErrorCode::None if data.diverging_epoch.epoch >= 0 => FetchAnswer::Diverging {
            epoch: data.diverging_epoch.epoch,
            end_offset: data.diverging_epoch.end_offset,
        },
        ErrorCode::None => {
            FetchAnswer::Records { high_watermark: data.high_watermark, log_start: data.log_start_offset }
        }
        error => FetchAnswer::Error(error),
    }
}

/// Joins the two lookups of where the leaders' logs begin and end.
pub(super) fn leader_offsets(
    plan: &Plan,
    starts: &ListOffsetsResponse,
    ends: &ListOffsetsResponse,
) -> Vec<(TopicPartition, Input)> {
    let find = |response: &ListOffsetsResponse, at: &TopicPartition| {
        let topic = response.topics.iter().find(|topic| topic.name == at.topic);
        let partition = topic?.partitions.iter().find(|partition| partition.partition_index == at.index)?;
        Some(match ErrorCode::from_code(partition.error_code) {
            ErrorCode::None => Ok(partition.offset),
            error => Err(error),
        })
    };
    let missing = Err(ErrorCode::UnknownServerError);
    let each = plan.lost.iter().map(|(at, term)| {
        let start = find(starts, at).unwrap_or(missing);
        let end = find(ends, at).unwrap_or(missing);
        let answer = start.and_then(|log_start| end.map(|log_end| LeaderOffsets { log_start, log_end }));
        (at.clone(), Input::LeaderOffsets { term: *term, answer })
    });
    each.collect()
}

impl Shard {
    /// Gives a follower what its leader answered.
    pub(super) fn take_leaders_answer(
        self: &Rc<Self>,
        at: &TopicPartition,
        input: Input,
        records: Option<Bytes>,
    ) {
        let clock = self.node().world.clock;
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else { return };
        let bytes = records.as_ref().map_or(0, Bytes::len);
        if bytes > 0 && partition.is_throttled_follower() {
            self.node().follower_throttle.record(clock.now().since_start(), bytes as u64);
        }
        if bytes > 0 && !partition.has_caught_up() && self.node().is_added_replica(at, self.node().id) {
            self.reassignment_bytes_in.set(self.reassignment_bytes_in.get() + bytes as u64);
        }
        let answered = partition.leader_answered(input, records, clock.now().since_start(), clock.wall_ms());
        if let Err(error) = answered {
            self.node().log_dirs.fail(partition.log_dir(), &error);
        }
        let is_flush_due = partition.log.reaches_flush_messages();
        drop(partitions);
        if is_flush_due {
            self.flush_due();
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_protocol::{Message, Reader, Writer};

    use super::*;

    #[test]
    fn leaders_of_every_version_learn_who_fetches() {
        let text = "process.roles=broker\nnode.id=5\nlisteners=PLAINTEXT://h:1\ncontroller.listener.names=C\n\
                    controller.quorum.voters=2@h:2\n";
        let config = BrokerConfig::from_properties(&klamm_config::properties::parse(text).unwrap()).unwrap();
        for (version, id, state) in [(13, 5, (-1, -1)), (14, 5, (-1, -1)), (15, -1, (5, 7)), (18, -1, (5, 7))]
        {
            let follower = ReplicaState { replica_id: 5, replica_epoch: 7, ..Default::default() };
            let mut session = SessionClient::default();
            let request = Plan::default().fetch_request(follower, &config, &mut session, version);
            let mut writer = Writer::new();
            request.encode(&mut writer, version).unwrap();
            let read = FetchRequest::decode(&mut Reader::new(writer.into_bytes()), version).unwrap();
            let found = (read.replica_state.replica_id, read.replica_state.replica_epoch);
            assert_eq!((read.replica_id, found), (id, state), "version {version}");
        }
    }
}
