//! Acknowledgements, and members that go.

use std::rc::Rc;

use klamm_io::spawn;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use klamm_share::Acknowledgement;
use tokio::sync::oneshot;

use super::{Active, Held, Key};
use crate::{
    error::ApiError,
    shard::{
        requests::{Reply, TopicPartition},
        run::Shard,
    },
    share::settings::ShareSettings,
};

/// What a member says of a range of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgedRange {
    /// First offset.
    pub first_offset: i64,
    /// Last offset.
    pub last_offset: i64,
    /// For each offset, or one for all.
    pub types: Vec<i8>,
}

/// What a member says of a partition's records.
#[derive(Debug, Clone)]
pub struct PartitionAcknowledgement {
    /// The partition.
    pub at: TopicPartition,
    /// Its topic.
    pub topic_id: Uuid,
    /// In the order in which the member says it.
    pub ranges: Vec<AcknowledgedRange>,
}

/// Acknowledgements of a member for partitions of one shard.
#[derive(Debug)]
pub struct AcknowledgeRequest {
    /// The group.
    pub group: StrBytes,
    /// The member.
    pub member: StrBytes,
    /// By partition.
    pub partitions: Vec<PartitionAcknowledgement>,
    /// What the group is configured to.
    pub settings: ShareSettings,
    /// Answers in the same order, when everything is kept.
    pub reply: Reply<Vec<Result<(), ApiError>>>,
}

/// A member that gives its records back.
#[derive(Debug)]
pub struct ReleaseRequest {
    /// The group.
    pub group: StrBytes,
    /// The member.
    pub member: StrBytes,
    /// Where it may have any.
    pub partitions: Vec<TopicPartition>,
    /// What the group is configured to.
    pub settings: ShareSettings,
}

impl Shard {
    /// Takes acknowledgements and answers when they are kept.
    pub(crate) fn acknowledge(self: &Rc<Self>, request: AcknowledgeRequest) {
        let AcknowledgeRequest { group, member, partitions, settings, reply } = request;
        let mut answers = Vec::with_capacity(partitions.len());
        let mut waiting = Vec::new();
        for partition in &partitions {
            let key = Key { at: partition.at.clone(), group: group.clone() };
            let answer = match self.acknowledge_one(&key, &member, partition, settings) {
                Ok(Some(kept)) => {
                    waiting.push((answers.len(), kept));
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            answers.push(answer);
        }
        if waiting.is_empty() {
            self.count_acknowledged(&partitions, &answers);
            drop(reply.send(answers));
            return;
        }
        let shard = Rc::clone(self);
        spawn::local(async move {
            for (place, kept) in waiting {
                let kept = kept.await.unwrap_or_else(|_| Err(ErrorCode::NotLeaderOrFollower.into()));
                if let Some(answer) = answers.get_mut(place) {
                    *answer = kept;
                }
            }
            shard.count_acknowledged(&partitions, &answers);
            drop(reply.send(answers));
        });
    }

    fn acknowledge_one(
        self: &Rc<Self>,
        key: &Key,
        member: &StrBytes,
        partition: &PartitionAcknowledgement,
        settings: ShareSettings,
    ) -> Result<Option<oneshot::Receiver<Result<(), ApiError>>>, ApiError> {
        let share = self.share();
        let mut held = share.held.borrow_mut();
        let active = match held.get_mut(key) {
            Some(Held::Active(active)) if active.topic_id == partition.topic_id => active,
            Some(Held::Loading { .. }) => return Err(ErrorCode::InvalidRecordState.into()),
            _ => return Err(ErrorCode::UnknownTopicOrPartition.into()),
        };
        let ranges: Vec<_> = partition
            .ranges
            .iter()
            .map(|range| Acknowledgement {
                first_offset: range.first_offset,
                last_offset: range.last_offset,
                types: &range.types,
            })
            .collect();
        let now = self.node().world.clock.now().since_start();
        active.settings = settings;
        let taken = active.machine.acknowledge(now, member, &ranges, &active.settings.partition);
        // A refusal frees what ran out while it was tried.
        self.follow_up(key, active);
        let write = taken.map_err(|refusal| ApiError::new(refusal.code, refusal.message))?;
        Ok(write.map(|write| {
            let (waiter, kept) = oneshot::channel();
            self.keep(key, active, write, Some(waiter));
            kept
        }))
    }

    fn count_acknowledged(&self, partitions: &[PartitionAcknowledgement], answers: &[Result<(), ApiError>]) {
        let mut counts = self.share().counts.borrow_mut();
        for (partition, answer) in partitions.iter().zip(answers) {
            counts.acknowledge_requests += 1;
            if answer.is_err() {
                counts.failed_acknowledge_requests += 1;
                continue;
            }
            for range in &partition.ranges {
                let each = match range.types.len() {
                    1 => u64::try_from(range.last_offset - range.first_offset + 1).unwrap_or(0),
                    _ => 1,
                };
                for kind in &range.types {
                    let place = usize::try_from(*kind).ok();
                    if let Some(count) = place.and_then(|kind| counts.acknowledged.get_mut(kind)) {
                        *count += each;
                    }
                }
            }
        }
    }

    /// Takes back what a member has that is gone.
    pub(crate) fn release_member(self: &Rc<Self>, request: &ReleaseRequest) {
        let share = self.share();
        let mut held = share.held.borrow_mut();
        for at in &request.partitions {
            let key = Key { at: at.clone(), group: request.group.clone() };
            let Some(Held::Active(active)) = held.get_mut(&key) else { continue };
            let active: &mut Active = active;
            active.settings = request.settings;
            if let Some(write) = active.machine.release(&request.member, &active.settings.partition) {
                self.keep(&key, active, write, None);
            }
        }
    }
}
