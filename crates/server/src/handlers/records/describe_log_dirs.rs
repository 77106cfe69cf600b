//! DescribeLogDirs (key 35), v1–5: this broker's log directories and what is in them.
//!
//! * v3  a top-level error
//! * v4  size of and free space on the volume (KIP-827)
//! * v5  whether a directory takes new partitions (KIP-1066)

use std::collections::{BTreeMap, BTreeSet};

use klamm_protocol::{
    ErrorCode, StrBytes,
    api::describe_log_dirs::{
        DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
        DescribeLogDirsTopic,
    },
};

use super::RecordsContext;
use crate::{
    dispatch::Call,
    shard::{
        ShardRequest,
        requests::{PartitionSize, TopicPartition},
    },
};

/// Answers DescribeLogDirs.
pub async fn handle(
    cx: &RecordsContext,
    _call: &Call,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let wanted: Option<BTreeSet<TopicPartition>> = request.topics.map(|topics| {
        let partitions = topics.into_iter().flat_map(|topic| {
            topic
                .partitions
                .into_iter()
                .map(move |index| TopicPartition { topic: topic.topic.clone(), index })
        });
        partitions.collect()
    });
    let mut by_dir: BTreeMap<usize, BTreeMap<StrBytes, Vec<PartitionSize>>> = BTreeMap::new();
    for sizes in cx.shards.ask_all(|reply| ShardRequest::Sizes { reply }).await {
        for size in sizes {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(&size.at)) {
                by_dir.entry(size.log_dir).or_default().entry(size.at.topic.clone()).or_default().push(size);
            }
        }
    }
    let version = cx.node.metadata.load().image.features.metadata_version_or_minimum();
    let tells_cordoned = version.is_cordoned_log_dirs_supported();
    let dirs = cx.node.log_dirs.of_partitions().enumerate();
    let results = dirs
        .map(|(index, dir)| {
            let name: StrBytes = dir.path().to_string_lossy().into_owned().into();
            if dir.is_offline() {
                let error_code = ErrorCode::KafkaStorageError.code();
                return DescribeLogDirsResult { error_code, log_dir: name, ..Default::default() };
            }
            let usage = cx.node.world.disk.usage(dir.path()).ok();
            let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
            DescribeLogDirsResult {
                is_cordoned: tells_cordoned && dir.is_cordoned(),
                log_dir: name,
                topics: topics(by_dir.remove(&index).unwrap_or_default()),
                total_bytes: usage.map_or(-1, |usage| bytes(usage.total_bytes)),
                usable_bytes: usage.map_or(-1, |usage| bytes(usage.usable_bytes)),
                ..Default::default()
            }
        })
        .collect();
    DescribeLogDirsResponse { results, ..Default::default() }
}

fn topics(sizes: BTreeMap<StrBytes, Vec<PartitionSize>>) -> Vec<DescribeLogDirsTopic> {
    sizes
        .into_iter()
        .map(|(name, partitions)| DescribeLogDirsTopic {
            name,
            partitions: partitions
                .into_iter()
                .map(|size| DescribeLogDirsPartition {
                    partition_index: size.at.index,
                    partition_size: i64::try_from(size.bytes).unwrap_or(i64::MAX),
                    offset_lag: size.offset_lag,
                    is_future_key: size.is_future,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        })
        .collect()
}
