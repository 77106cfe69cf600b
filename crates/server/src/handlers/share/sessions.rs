//! The end of share sessions: what the member has is given back.

use klamm_share::session::{Ended, SessionId, SessionKey};

use super::ShareContext;
use crate::{
    handlers::records::ByShard,
    shard::{ShardRequest, requests::TopicPartition},
    share::{partitions::acknowledge::ReleaseRequest, settings::ShareSettings},
};

/// Closes a member's session.
pub(super) fn close(cx: &ShareContext, key: &SessionKey) {
    let ended = cx.node.share_sessions().close(key);
    if let Some(ended) = ended {
        release(cx, ended);
    }
}

/// A connection by which a member had opened a session has ended.
pub(crate) fn disconnected(cx: &ShareContext, key: &SessionKey, id: SessionId) {
    let gone = cx.node.share_sessions().disconnected(key, id);
    if let Some(ended) = gone.ended {
        release(cx, ended);
    }
    if gone.is_group_gone {
        for shard in 0..cx.shards.count() {
            cx.shards.send(shard, ShardRequest::ShareForget { group: key.group.clone() });
        }
    }
}

fn release(cx: &ShareContext, ended: Ended) {
    let published = cx.node.metadata.load();
    let mut work = ByShard::new(cx.shards.count());
    for partition in ended.partitions {
        let Some(topic) = published.image.topics.by_id(&partition.topic_id) else { continue };
        let at = TopicPartition { topic: topic.name.clone(), index: partition.index };
        work.push(cx.shards.of(&at.topic, at.index), 0, at);
    }
    let settings = ShareSettings::of_group(&cx.node, &ended.key.group);
    for (shard, _, partitions) in work.into_parts() {
        let (group, member) = (ended.key.group.clone(), ended.key.member.clone());
        let request = ReleaseRequest { group, member, partitions, settings };
        cx.shards.send(shard, ShardRequest::ShareRelease(request));
    }
}
