//! OffsetCommit (key 8), v2-10, and TxnOffsetCommit (key 28), v0-5.
//!
//! * OffsetCommit v2-4 a retention time of the commit's own  * v6 leader epoch (KIP-320)  * v7 static members
//!   (KIP-345)  * v9 a missing group is GROUP_ID_NOT_FOUND (KIP-848)  * v10 topic ids (KIP-848)

use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::Step;
use crate::group::GroupRef;
use crate::record::GroupRecord;
use klamm_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use klamm_protocol::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};
use klamm_protocol::coordinator::group::OffsetCommitValue;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};

const GROUP_NOT_FOUND_SINCE: i16 = 9;

/// Who commits, as the request says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committer<'a> {
    pub(crate) member: &'a str,
    pub(crate) instance: Option<&'a StrBytes>,
    pub(crate) generation: i32,
    pub(crate) is_transactional: bool,
}

impl GroupCoordinator {
    pub(crate) fn commit_offsets(
        &self,
        request: &OffsetCommitRequest,
        api_version: i16,
        step: &mut Step,
    ) -> Result<OffsetCommitResponse, ErrorCode> {
        let committer = Committer {
            member: &request.member_id,
            instance: request.group_instance_id.as_ref(),
            generation: request.generation_id_or_member_epoch,
            is_transactional: false,
        };
        match self.group(&request.group_id) {
            Some(GroupRef::Classic(group)) => {
                group.check_commit(&committer)?;
                group.note_commit(&request.member_id, step);
            }
            Some(GroupRef::Consumer(group)) => {
                let partitions = self
                    .fitting(request)
                    .map(|(topic, partition)| (topic.topic_id, partition.partition_index));
                group.check_commit(&committer, api_version, partitions)?;
            }
            Some(GroupRef::Streams(group)) => {
                let partitions =
                    self.fitting(request).map(|(topic, partition)| (&topic.name, partition.partition_index));
                group.check_commit(&committer, api_version, partitions)?;
            }
            Some(GroupRef::Share(_)) => return Err(ErrorCode::GroupIdNotFound),
            // The first commit without group management makes the group.
            None if committer.generation < 0 => {}
            None if api_version >= GROUP_NOT_FOUND_SINCE => return Err(ErrorCode::GroupIdNotFound),
            None => return Err(ErrorCode::IllegalGeneration),
        }
        let expire_timestamp = match request.retention_time_ms {
            -1 => -1,
            retention_ms => step.now_ms.saturating_add(retention_ms),
        };
        let mut response = OffsetCommitResponse::default();
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let error = self.check_metadata(partition.committed_metadata.as_ref());
                partitions.push(OffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                    ..Default::default()
                });
                if error != ErrorCode::None {
                    continue;
                }
                let value = OffsetCommitValue {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata.clone().unwrap_or_default(),
                    commit_timestamp: step.now_ms,
                    expire_timestamp,
                    topic_id: topic.topic_id,
                    ..Default::default()
                };
                step.record(commit_record(&request.group_id, &topic.name, partition.partition_index, value));
            }
            response.topics.push(OffsetCommitResponseTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions,
                ..Default::default()
            });
        }
        Ok(response)
    }

    pub(crate) fn commit_transactional_offsets(
        &self,
        request: &TxnOffsetCommitRequest,
        cluster: &dyn Cluster,
        step: &mut Step,
    ) -> Result<TxnOffsetCommitResponse, ErrorCode> {
        let committer = Committer {
            member: &request.member_id,
            instance: request.group_instance_id.as_ref(),
            generation: request.generation_id,
            is_transactional: true,
        };
        match self.group(&request.group_id) {
            Some(GroupRef::Classic(group)) => group.check_commit(&committer)?,
            Some(GroupRef::Consumer(group)) => {
                let partitions = request.topics.iter().flat_map(|topic| {
                    let id = cluster.id(&topic.name);
                    // Of a topic that is not there, all partitions are: nobody can have been assigned any.
                    let partitions = topic.partitions.iter().filter(move |partition| {
                        id.is_none() || self.fits(partition.committed_metadata.as_ref())
                    });
                    partitions.map(move |partition| (id.unwrap_or(Uuid::ZERO), partition.partition_index))
                });
                group.check_commit(&committer, 0, partitions)?;
            }
            Some(GroupRef::Streams(group)) => {
                let partitions = request.topics.iter().flat_map(|topic| {
                    let partitions = topic
                        .partitions
                        .iter()
                        .filter(|partition| self.fits(partition.committed_metadata.as_ref()));
                    partitions.map(|partition| (&topic.name, partition.partition_index))
                });
                group.check_commit(&committer, 0, partitions)?;
            }
            Some(GroupRef::Share(_)) => return Err(ErrorCode::GroupIdNotFound),
            None if committer.generation < 0 => {}
            None => return Err(ErrorCode::IllegalGeneration),
        }
        let mut response = TxnOffsetCommitResponse::default();
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let error = self.check_metadata(partition.committed_metadata.as_ref());
                partitions.push(TxnOffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: error.code(),
                    ..Default::default()
                });
                if error != ErrorCode::None {
                    continue;
                }
                let value = OffsetCommitValue {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata.clone().unwrap_or_default(),
                    commit_timestamp: step.now_ms,
                    expire_timestamp: -1,
                    ..Default::default()
                };
                step.record(commit_record(&request.group_id, &topic.name, partition.partition_index, value));
            }
            response.topics.push(TxnOffsetCommitResponseTopic {
                name: topic.name.clone(),
                partitions,
                ..Default::default()
            });
        }
        Ok(response)
    }

    /// The partitions of a commit whose metadata is not too long. The others are refused by themselves, so that it does
    /// not matter to the rest whether the member may commit them.
    fn fitting<'a>(
        &'a self,
        request: &'a OffsetCommitRequest,
    ) -> impl Iterator<Item = (&'a OffsetCommitRequestTopic, &'a OffsetCommitRequestPartition)> {
        request.topics.iter().flat_map(move |topic| {
            let partitions = topic.partitions.iter();
            let kept = partitions.filter(move |partition| self.fits(partition.committed_metadata.as_ref()));
            kept.map(move |partition| (topic, partition))
        })
    }

    fn check_metadata(&self, metadata: Option<&StrBytes>) -> ErrorCode {
        if self.fits(metadata) { ErrorCode::None } else { ErrorCode::OffsetMetadataTooLarge }
    }

    fn fits(&self, metadata: Option<&StrBytes>) -> bool {
        let max = self.settings().offset_metadata_length_max;
        // Bytes are never fewer than UTF-16 units, so that short metadata need not be counted.
        metadata.is_none_or(|metadata| metadata.len() <= max || metadata.encode_utf16().count() <= max)
    }
}

fn commit_record(
    group: &StrBytes,
    topic: &StrBytes,
    partition: i32,
    value: OffsetCommitValue,
) -> GroupRecord {
    GroupRecord::OffsetCommit {
        group: group.clone(),
        topic: topic.clone(),
        partition,
        value: Some(Box::new(value)),
    }
}
