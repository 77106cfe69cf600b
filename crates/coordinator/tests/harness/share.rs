//! Commands and replies of share groups.

use super::parse::{Line, topic_id};
use super::print::{error, partitions};
use klamm_coordinator::{Initialize, ShareGroupReply, ShareGroupRequest, TopicPartitions};
use klamm_protocol::api::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsRequestPartition, AlterShareGroupOffsetsRequestTopic,
};
use klamm_protocol::api::delete_share_group_offsets::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsRequestTopic,
};
use klamm_protocol::api::share_group_heartbeat::ShareGroupHeartbeatRequest;
use klamm_protocol::{StrBytes, Uuid};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The request of a command, if it is one of share groups. Partitions are written `t-0`, with an offset `t-0:5`.
pub(crate) fn request(command: &str, line: &Line<'_>) -> Option<ShareGroupRequest> {
    let group = line.text(0);
    let words = line.positional.get(1..).unwrap_or_default();
    let request = match command {
        "share" => {
            let names = line
                .options
                .get("topics")
                .map(|names| names.split(',').filter(|name| !name.is_empty()).map(StrBytes::from).collect());
            ShareGroupRequest::Heartbeat(ShareGroupHeartbeatRequest {
                group_id: group,
                member_id: line.text(1),
                member_epoch: line.number(2),
                rack_id: line.options.get("rack").map(|rack| StrBytes::from(*rack)),
                subscribed_topic_names: names,
                ..Default::default()
            })
        }
        "describe-shares" => ShareGroupRequest::Describe { groups: vec![group] },
        "share-state" => ShareGroupRequest::StatePartitions { group },
        "initialized" | "not-initialized" => {
            let is_done = command == "initialized";
            ShareGroupRequest::Initialized { group, partitions: topic_partitions(words), is_done }
        }
        "alter-share-offsets" => ShareGroupRequest::AlterOffsets(alter(group, words)),
        "delete-share-offsets" => {
            let topic = |name: &&str| DeleteShareGroupOffsetsRequestTopic {
                topic_name: StrBytes::from(*name),
                ..Default::default()
            };
            ShareGroupRequest::BeginDeleteOffsets(DeleteShareGroupOffsetsRequest {
                group_id: group,
                topics: words.iter().map(topic).collect(),
                ..Default::default()
            })
        }
        "deleted-share-offsets" => ShareGroupRequest::EndDeleteOffsets {
            group,
            topics: words.iter().map(|name| topic_id(name)).collect(),
        },
        "begin-delete-group" => ShareGroupRequest::BeginDelete { groups: vec![group] },
        _ => return None,
    };
    Some(request)
}

fn topic_partitions(words: &[&str]) -> TopicPartitions {
    let mut found = TopicPartitions::new();
    for (topic, index) in words.iter().filter_map(|word| word.rsplit_once('-')) {
        found.entry(topic_id(topic)).or_default().insert(index.parse().expect("a number"));
    }
    found
}

fn alter(group_id: StrBytes, words: &[&str]) -> AlterShareGroupOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<AlterShareGroupOffsetsRequestPartition>> = BTreeMap::new();
    for word in words {
        let (partition, offset) = word.split_once(':').expect("a partition and an offset");
        let (topic, index) = partition.rsplit_once('-').expect("a partition");
        topics.entry(topic).or_default().push(AlterShareGroupOffsetsRequestPartition {
            partition_index: index.parse().expect("a number"),
            start_offset: offset.parse().expect("a number"),
            ..Default::default()
        });
    }
    let topic = |(name, partitions)| AlterShareGroupOffsetsRequestTopic {
        topic_name: StrBytes::from(name),
        partitions,
        ..Default::default()
    };
    AlterShareGroupOffsetsRequest {
        group_id,
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    }
}

fn show(found: &TopicPartitions) -> String {
    let topics: Vec<(Uuid, Vec<i32>)> =
        found.iter().map(|(topic, indexes)| (*topic, indexes.iter().copied().collect())).collect();
    partitions(topics.iter().map(|(topic, indexes)| (*topic, indexes)))
}

fn initialize(asked: &Initialize) -> String {
    let mut line = String::new();
    for (key, state) in asked {
        let partition = partitions([(key.topic_id, &vec![key.partition])].into_iter());
        let (epoch, offset) = (state.state_epoch, state.start_offset);
        let at = if offset == -1 { String::new() } else { format!(" at {offset}") };
        write!(line, ", make {partition}{at} in epoch {epoch}").expect("a string");
    }
    line
}

pub(crate) fn reply(reply: &ShareGroupReply) -> String {
    match reply {
        ShareGroupReply::Heartbeat(heartbeat, asked) => {
            let mut line = error(heartbeat.error_code);
            if heartbeat.error_code == 0 {
                write!(line, " epoch {}", heartbeat.member_epoch).expect("a string");
            }
            if let Some(assignment) = &heartbeat.assignment {
                let topics = assignment.topic_partitions.iter();
                let topics = topics.map(|topic| (topic.topic_id, &topic.partitions));
                write!(line, " has {}", partitions(topics)).expect("a string");
            }
            line + &initialize(asked)
        }
        ShareGroupReply::Describe(groups) => {
            let group = groups.first().expect("a group");
            let mut line = format!(
                "{} {} epoch {} target {} {}",
                error(group.error_code),
                group.group_state,
                group.group_epoch,
                group.assignment_epoch,
                group.assignor_name
            );
            for member in &group.members {
                let has = member.assignment.topic_partitions.iter();
                let has = partitions(has.map(|topic| (topic.topic_id, &topic.partitions)));
                write!(line, " [{} at {} has {has}]", member.member_id, member.member_epoch)
                    .expect("a string");
            }
            line
        }
        ShareGroupReply::StatePartitions(found) => match found {
            Ok(found) => format!("state of {}", show(found)),
            Err(code) => error(code.code()),
        },
        ShareGroupReply::Noted(result) => result.map_or_else(|code| error(code.code()), |()| "OK".to_owned()),
        ShareGroupReply::AlterOffsets(response, asked) => {
            let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            let codes = partitions.map(|partition| format!(" {}", error(partition.error_code)));
            error(response.error_code) + &codes.collect::<String>() + &initialize(asked)
        }
        ShareGroupReply::BeginDeleteOffsets(response, going) => {
            let refused = response.responses.iter();
            let refused = refused.map(|topic| format!(" {} {}", topic.topic_name, error(topic.error_code)));
            error(response.error_code) + &refused.collect::<String>() + ", delete " + &show(going)
        }
        ShareGroupReply::BeginDelete(groups) => {
            let one = |(id, result): &(StrBytes, Result<TopicPartitions, _>)| match result {
                Ok(going) => format!("{id}: delete {}", show(going)),
                Err(code) => format!("{id}: {}", klamm_protocol::ErrorCode::name(*code)),
            };
            groups.iter().map(one).collect::<Vec<_>>().join("; ")
        }
    }
}
