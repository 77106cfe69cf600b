//! Whether the log that positions lie in is still the one that was read (KIP-320).
//!
//! A new leader may have cut the log back below a position: after an unclean election, or when the broker's disk has lost
//! its end. Whenever a partition has another leader, or its leader another epoch, the leader is asked where the epoch of
//! the last record that was read ends; until it has answered nothing is fetched. A leader says the same of its own accord
//! when a fetch shows that the logs differ.

use std::collections::BTreeMap;

use klamm_io::spawn;
use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::offset_for_leader_epoch::{
        OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
    },
};

use super::{
    Consumer, Event,
    partitions::{Place, Position, Reading},
    positions::{passes, reset_position},
    settings::Settings,
};
use crate::{ClientError, TopicPartition, Truncation, cluster::Cluster};

/// From this version on clients may ask that may do no more than describe the topic.
const ASKED_BY_CLIENTS: i16 = 3;

/// What a leader says of the epoch that was asked about: the largest epoch of its log that is not larger, and its end.
/// Both are -1 if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EpochEnd {
    pub(super) epoch: i32,
    pub(super) end_offset: i64,
}

/// What becomes of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    /// The log was cut back below it; what is left of what was read ends there, if that is known.
    Cut(Option<Place>),
}

/// One question of many to a leader.
struct Question {
    version: u64,
    place: Place,
    leader_epoch: i32,
}

/// The answers of a leader; `None` if it is too old to be asked.
type Answers = Option<BTreeMap<TopicPartition, Result<EpochEnd, ClientError>>>;

/// What a leader says of positions.
pub(super) struct Validated {
    node: i32,
    asked: BTreeMap<TopicPartition, Question>,
    result: Result<Answers, ClientError>,
}

fn judge(place: Place, found: EpochEnd) -> Verdict {
    if found.epoch < 0 || found.end_offset < 0 {
        Verdict::Cut(None)
    } else if found.end_offset < place.offset {
        Verdict::Cut(Some(Place { offset: found.end_offset, epoch: found.epoch }))
    } else {
        Verdict::Holds
    }
}

impl Reading {
    /// The topic was deleted and made anew: the position is nowhere. Without `auto.offset.reset` it stays at its offset, of
    /// which the epoch says nothing any more.
    fn begin_anew(&mut self, partition: &TopicPartition, reset: Option<Position>) {
        match reset {
            Some(reset) => {
                tracing::info!(%partition, "the topic was made anew: the position is reset");
                self.move_to(reset);
            }
            None => {
                if let Position::At(place) = self.position {
                    self.move_to(Position::At(Place::at(place.offset)));
                }
            }
        }
    }
}

/// Takes an answer about the position of a partition: it holds, is moved, or the caller has to hear of it, who may seek.
pub(super) fn settle(
    partition: &TopicPartition,
    reading: &mut Reading,
    found: EpochEnd,
    (cluster, settings): (&Cluster, &Settings),
) -> Option<Truncation> {
    let Position::At(place) = reading.position else { return None };
    let end = match judge(place, found) {
        Verdict::Holds => {
            reading.trust(place);
            return None;
        }
        Verdict::Cut(end) => end,
    };
    let Some(reset) = reset_position(settings, cluster) else {
        reading.retry_at = Some(cluster.clock().now() + cluster.request_timeout());
        let (offset, leader_epoch) = (place.offset, place.epoch);
        let diverging = end.map(|end| (end.offset, end.epoch));
        return Some(Truncation { partition: partition.clone(), offset, leader_epoch, diverging });
    };
    tracing::info!(%partition, ?place, ?end, "the log was cut back below the position");
    match end {
        Some(end) => reading.trust(end),
        None => reading.move_to(reset),
    }
    None
}

impl Consumer {
    /// Takes note of who leads the partitions.
    pub(super) fn look_at_leaders(&mut self) {
        let metadata = self.cluster.metadata();
        for (partition, reading) in self.partitions.iter_mut() {
            let topic_id = metadata.topics.get(&partition.topic).map_or(Uuid::ZERO, |topic| topic.id);
            if !reading.is_of(topic_id) && matches!(reading.position, Position::At(_)) {
                reading.begin_anew(partition, reset_position(&self.settings, &self.cluster));
            }
            if let Some((leader, epoch)) = metadata.leader(&partition.topic, partition.partition) {
                reading.led_by(leader, epoch);
            }
        }
    }

    /// Asks leaders about positions that may not hold.
    pub(super) fn validate_positions(&mut self) {
        let now = self.cluster.clock().now();
        let mut by_leader: BTreeMap<i32, BTreeMap<TopicPartition, Question>> = BTreeMap::new();
        for (partition, reading) in self.partitions.iter() {
            let (Position::At(place), Some((node, leader_epoch))) = (reading.position, reading.leader) else {
                continue;
            };
            if !reading.is_in_doubt || reading.retry_at.is_some_and(|at| at > now) {
                continue;
            }
            let question = Question { version: reading.version, place, leader_epoch };
            by_leader.entry(node).or_default().insert(partition.clone(), question);
        }
        for (node, asked) in by_leader {
            if !self.validating.insert(node) {
                continue;
            }
            let (cluster, events) = (self.cluster.clone(), self.sender.clone());
            spawn::anywhere(async move {
                let result = ask(&cluster, node, &asked).await;
                let _ = events.send(Event::Validated(Validated { node, asked, result }));
            });
        }
    }

    pub(super) fn take_validated(&mut self, answer: Validated) -> Result<(), ClientError> {
        let Validated { node, asked, result } = answer;
        self.validating.remove(&node);
        let mut error = result.as_ref().err().filter(|error| !passes(error)).cloned();
        let answers = result.unwrap_or_else(|_| Some(BTreeMap::new()));
        let mut truncations = Vec::new();
        for (partition, question) in asked {
            let reading = self.partitions.get_mut(&partition);
            let Some(reading) = reading.filter(|reading| reading.version == question.version) else {
                continue;
            };
            let Some(answers) = &answers else {
                reading.trust(question.place);
                continue;
            };
            match answers.get(&partition) {
                Some(Ok(found)) => {
                    let how = (&self.cluster, &self.settings);
                    truncations.extend(settle(&partition, reading, *found, how));
                }
                refused => {
                    reading.back_off(&self.cluster);
                    self.refreshing.want();
                    if let Some(Err(refused)) = refused {
                        tracing::debug!(%partition, error = %refused, "a position could not be validated");
                        if refused.code() == Some(ErrorCode::TopicAuthorizationFailed) {
                            error = Some(refused.clone());
                        }
                    }
                }
            }
        }
        if !truncations.is_empty() {
            return Err(ClientError::LogTruncated { truncations });
        }
        error.map_or(Ok(()), Err)
    }
}

/// Asks a leader where epochs end.
async fn ask(
    cluster: &Cluster,
    node: i32,
    asked: &BTreeMap<TopicPartition, Question>,
) -> Result<Answers, ClientError> {
    let connection = cluster.connection(node).await?;
    let version = connection.version_of::<OffsetForLeaderEpochRequest>()?;
    if version < ASKED_BY_CLIENTS {
        return Ok(None);
    }
    let mut topics: BTreeMap<&str, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
    for (partition, question) in asked {
        topics.entry(&*partition.topic).or_default().push(OffsetForLeaderPartition {
            partition: partition.partition,
            current_leader_epoch: question.leader_epoch,
            leader_epoch: question.place.epoch,
            ..Default::default()
        });
    }
    let topics = topics.into_iter().map(|(topic, partitions)| OffsetForLeaderTopic {
        topic: StrBytes::from(topic.to_owned()),
        partitions,
        ..Default::default()
    });
    let request =
        OffsetForLeaderEpochRequest { replica_id: -1, topics: topics.collect(), ..Default::default() };
    let answer = connection.call_version(&request, version, std::time::Duration::ZERO).await?;
    let mut answers = BTreeMap::new();
    for topic in answer.topics {
        for found in topic.partitions {
            let partition = TopicPartition::new(&*topic.topic, found.partition);
            let end = EpochEnd { epoch: found.leader_epoch, end_offset: found.end_offset };
            answers.insert(partition, ClientError::check(found.error_code, None).map(|()| end));
        }
    }
    Ok(Some(answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_holds_unless_its_epoch_ends_below_it() {
        let place = Place { offset: 10, epoch: 3 };
        for (epoch, end_offset, expect) in [
            (3, 11, Verdict::Holds),
            (3, 10, Verdict::Holds),
            (2, 10, Verdict::Holds),
            (3, 9, Verdict::Cut(Some(Place { offset: 9, epoch: 3 }))),
            (1, 0, Verdict::Cut(Some(Place { offset: 0, epoch: 1 }))),
            (-1, -1, Verdict::Cut(None)),
            (3, -1, Verdict::Cut(None)),
            (-1, 20, Verdict::Cut(None)),
        ] {
            assert_eq!(judge(place, EpochEnd { epoch, end_offset }), expect, "{epoch} {end_offset}");
        }
    }
}
