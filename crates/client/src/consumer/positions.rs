//! Where to begin reading partitions: the committed offset, else what `auto.offset.reset` says.
//!
//! Committed offsets are asked for in one task for all partitions, offsets that resets lead to in one for each leader: a
//! leader that cannot be reached keeps only its own partitions waiting.

use std::collections::{BTreeMap, BTreeSet};

use klamm_io::spawn;
use klamm_protocol::ErrorCode;

use super::{
    Consumer, Event, offsets,
    partitions::{Place, Position},
    settings::{ResetPolicy, Settings},
};
use crate::{
    ClientError, TopicPartition,
    admin::{ByPartition, ListedOffset, OffsetSpec, list_offsets_at},
    cluster::Cluster,
};

/// Where `auto.offset.reset` leads.
pub(super) fn reset_position(settings: &Settings, cluster: &Cluster) -> Option<Position> {
    Some(Position::Reset(match settings.reset {
        ResetPolicy::Earliest => OffsetSpec::Earliest,
        ResetPolicy::Latest => OffsetSpec::Latest,
        ResetPolicy::Ago(duration) => {
            let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            OffsetSpec::Timestamp(cluster.clock().wall_ms().saturating_sub(ms).max(0))
        }
        ResetPolicy::None => return None,
    }))
}

/// Committed offsets, and the versions of the positions that they were asked for.
pub(super) struct Committed {
    asked: BTreeMap<TopicPartition, u64>,
    result: Result<BTreeMap<TopicPartition, offsets::OffsetAndMetadata>, ClientError>,
}

/// What a partition's offset is asked for: the version of its position, where it leads, the leader's epoch.
type Asked = (u64, OffsetSpec, i32);

/// What a leader says of the offsets that resets lead to.
pub(super) struct Listed {
    node: i32,
    asked: BTreeMap<TopicPartition, Asked>,
    result: Result<ByPartition<ListedOffset>, ClientError>,
}

impl Consumer {
    /// Asks for the positions of partitions that have none.
    pub(super) fn find_positions(&mut self) {
        self.find_committed();
        self.find_resets();
    }

    fn find_committed(&mut self) {
        let now = self.cluster.clock().now();
        if self.is_positioning || self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        let asked: BTreeMap<TopicPartition, u64> = self
            .partitions
            .iter()
            .filter(|(_, reading)| reading.position == Position::Unknown)
            .map(|(partition, reading)| (partition.clone(), reading.version))
            .collect();
        if asked.is_empty() {
            return;
        }
        self.is_positioning = true;
        let (cluster, settings, events) = (self.cluster.clone(), self.settings.clone(), self.sender.clone());
        let member = self.settings.is_consumer_protocol.then(|| self.current_identity());
        spawn::anywhere(async move {
            let member = member.map(|current| current());
            let wanted: BTreeSet<TopicPartition> = asked.keys().cloned().collect();
            let limit = cluster.api_timeout();
            let result = match &settings.group_id {
                Some(group) => {
                    offsets::fetch_as(&cluster, group, member.as_ref(), Some(&wanted), true, limit).await
                }
                None => Ok(BTreeMap::new()),
            };
            let _ = events.send(Event::Positions(Committed { asked, result }));
        });
    }

    pub(super) fn take_committed(&mut self, answer: Committed) -> Result<(), ClientError> {
        self.is_positioning = false;
        let committed = match answer.result {
            Ok(committed) => committed,
            Err(error) => {
                self.pause_after_failure();
                let is_about_member = matches!(
                    error.code(),
                    Some(
                        ErrorCode::StaleMemberEpoch
                            | ErrorCode::UnknownMemberId
                            | ErrorCode::FencedMemberEpoch
                    )
                );
                let passes = passes(&error) || (is_about_member && self.settings.is_consumer_protocol);
                return if passes { Ok(()) } else { Err(error) };
            }
        };
        self.failures = 0;
        self.retry_at = None;
        let mut undefined = Vec::new();
        for (partition, version) in answer.asked {
            let reading = self.partitions.get_mut(&partition).filter(|reading| reading.version == version);
            let Some(reading) = reading else { continue };
            let position = match committed.get(&partition) {
                Some(found) => {
                    let epoch = found.leader_epoch.max(-1);
                    Some(Position::At(Place { offset: found.offset, epoch }))
                }
                None => reset_position(&self.settings, &self.cluster),
            };
            match position {
                Some(position) => reading.move_to(position),
                None => undefined.push(partition),
            }
        }
        if undefined.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = undefined.iter().map(ToString::to_string).collect();
        let message = format!("Undefined offset with no reset policy for partitions: [{}]", names.join(", "));
        Err(ClientError::Broker { code: ErrorCode::OffsetOutOfRange, message: Some(message) })
    }

    fn find_resets(&mut self) {
        let metadata = self.cluster.metadata();
        let now = self.cluster.clock().now();
        let mut by_leader: BTreeMap<i32, BTreeMap<TopicPartition, Asked>> = BTreeMap::new();
        for (partition, reading) in self.partitions.iter() {
            let Position::Reset(spec) = reading.position else { continue };
            if reading.retry_at.is_some_and(|at| at > now) {
                continue;
            }
            match metadata.leader(&partition.topic, partition.partition) {
                Some((leader, epoch)) => {
                    let asked = by_leader.entry(leader).or_default();
                    asked.insert(partition.clone(), (reading.version, spec, epoch));
                }
                None => self.refreshing.want(),
            }
        }
        for (node, asked) in by_leader {
            if !self.listing.insert(node) {
                continue;
            }
            let (cluster, events) = (self.cluster.clone(), self.sender.clone());
            let isolation = self.settings.isolation;
            spawn::anywhere(async move {
                let wanted: Vec<(TopicPartition, (OffsetSpec, i32))> = asked
                    .iter()
                    .map(|(partition, (_, spec, epoch))| (partition.clone(), (*spec, *epoch)))
                    .collect();
                let limit = cluster.request_timeout();
                let result = list_offsets_at(&cluster, node, &wanted, isolation, limit).await;
                let _ = events.send(Event::Listed(Listed { node, asked, result }));
            });
        }
    }

    pub(super) fn take_listed(&mut self, answer: Listed) -> Result<(), ClientError> {
        let Listed { node, asked, result } = answer;
        self.listing.remove(&node);
        let (listed, mut error) = match result {
            Ok(listed) => (listed, None),
            Err(error) => (BTreeMap::new(), Some(error).filter(|error| !passes(error))),
        };
        for (partition, (version, spec, _)) in asked {
            let reading = self.partitions.get_mut(&partition).filter(|reading| reading.version == version);
            let Some(reading) = reading else { continue };
            match (listed.get(&partition), spec) {
                // No record is that young: the end is what is left.
                (Some(Ok(found)), OffsetSpec::Timestamp(_)) if found.offset < 0 => {
                    reading.move_to(Position::Reset(OffsetSpec::Latest));
                }
                (Some(Ok(found)), _) => reading.move_to(Position::At(Place::at(found.offset))),
                (refused, _) => {
                    reading.back_off(&self.cluster);
                    self.refreshing.want();
                    if let Some(Err(refused)) = refused
                        && !passes(refused)
                    {
                        error = Some(refused.clone());
                    }
                }
            }
        }
        error.map_or(Ok(()), Err)
    }

    pub(super) fn pause_after_failure(&mut self) {
        let pause = self.cluster.backoff().pause(self.failures, self.cluster.entropy());
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(self.cluster.clock().now() + pause);
    }
}

/// Whether to go on asking, without the caller hearing of it.
pub(super) fn passes(error: &ClientError) -> bool {
    error.is_retriable() || matches!(error, ClientError::Unreachable { .. } | ClientError::TimedOut { .. })
}
