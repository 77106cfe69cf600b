//! StreamsGroupDescribe (key 89), v0 (KIP-1071).

use super::StreamsGroup;
use super::configured::Configured;
use super::member::Member;
use super::tasks::{EpochTasks, TaskSets, Tasks};
use super::topology::Topology;
use crate::coordinator::GroupCoordinator;
use crate::group::GroupState;
use crate::java_hash::table_order;
use klamm_protocol::api::streams_group_describe::{
    Assignment, DescribedGroup, Endpoint, KeyValue, Member as DescribedMember, Subtopology, TaskIds,
    TopicInfo, Topology as DescribedTopology,
};
use klamm_protocol::coordinator::group::streams_group_topology::TopicInfo as KnownTopic;
use klamm_protocol::{ErrorCode, StrBytes};

impl GroupCoordinator {
    /// Describes one group, as far as it is committed.
    pub(crate) fn describe_streams_group(&self, id: &StrBytes) -> DescribedGroup {
        let what = match self.committed_state().group(id) {
            Some(GroupState::Streams(group)) => {
                let configured = self.streams_memory(id).and_then(|memory| memory.configured.as_deref());
                return group.describe(id, configured);
            }
            Some(_) => "is not a streams group",
            None => "not found",
        };
        DescribedGroup {
            group_id: id.clone(),
            error_code: ErrorCode::GroupIdNotFound.code(),
            error_message: Some(StrBytes::from(format!("Group {id} {what}."))),
            ..DescribedGroup::default()
        }
    }
}

impl StreamsGroup {
    fn describe(&self, id: &StrBytes, configured: Option<&Configured>) -> DescribedGroup {
        let mut members: Vec<_> =
            self.members.iter().map(|(id, member)| self.describe_member(id, member)).collect();
        members.sort_by_cached_key(|member| table_order(&member.member_id));
        let configured = configured.filter(|configured| configured.problem.is_none());
        let topology = configured.and_then(describe_configured);
        DescribedGroup {
            group_id: id.clone(),
            group_state: StrBytes::from(self.state().name()),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            topology: topology.or_else(|| self.topology.as_deref().map(describe_topology)),
            members,
            ..DescribedGroup::default()
        }
    }

    fn describe_member(&self, id: &StrBytes, member: &Member) -> DescribedMember {
        let target = self.target.get(id).map(|target| describe_target(target)).unwrap_or_default();
        let tag = |(key, value): (&StrBytes, &StrBytes)| key_value(key, value);
        let endpoint = |(host, port): &(StrBytes, u16)| Endpoint {
            host: host.clone(),
            port: *port,
            ..Endpoint::default()
        };
        DescribedMember {
            member_id: id.clone(),
            member_epoch: member.epoch,
            instance_id: member.instance.clone(),
            rack_id: member.rack.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            topology_epoch: member.topology_epoch,
            process_id: member.process_id.clone(),
            user_endpoint: member.endpoint.as_ref().map(endpoint),
            client_tags: member.client_tags.iter().map(tag).collect(),
            assignment: Assignment {
                active_tasks: epoch_tasks(&member.assigned.active),
                standby_tasks: tasks(&member.assigned.standby),
                warmup_tasks: tasks(&member.assigned.warmup),
                ..Assignment::default()
            },
            target_assignment: target,
            ..DescribedMember::default()
        }
    }
}

fn describe_target(target: &TaskSets) -> Assignment {
    Assignment {
        active_tasks: tasks(&target.active),
        standby_tasks: tasks(&target.standby),
        warmup_tasks: tasks(&target.warmup),
        ..Assignment::default()
    }
}

fn tasks(tasks: &Tasks) -> Vec<TaskIds> {
    let all = tasks.iter().map(|(id, indexes)| (id, indexes.iter().copied().collect()));
    all.map(task_ids).collect()
}

fn epoch_tasks(tasks: &EpochTasks) -> Vec<TaskIds> {
    let all = tasks.iter().map(|(id, indexes)| (id, indexes.keys().copied().collect()));
    all.map(task_ids).collect()
}

fn task_ids((id, partitions): (&StrBytes, Vec<i32>)) -> TaskIds {
    TaskIds { subtopology_id: id.clone(), partitions, ..TaskIds::default() }
}

fn key_value(key: &StrBytes, value: &StrBytes) -> KeyValue {
    KeyValue { key: key.clone(), value: value.clone(), ..KeyValue::default() }
}

fn sorted(names: impl Iterator<Item = StrBytes>) -> Vec<StrBytes> {
    let mut names: Vec<StrBytes> = names.collect();
    names.sort();
    names
}

fn topics<'a>(topics: impl Iterator<Item = &'a KnownTopic>) -> Vec<TopicInfo> {
    let one = |topic: &KnownTopic| TopicInfo {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        topic_configs: topic.topic_configs.iter().map(|one| key_value(&one.key, &one.value)).collect(),
        ..TopicInfo::default()
    };
    let mut described: Vec<TopicInfo> = topics.map(one).collect();
    described.sort_by(|one, other| one.name.cmp(&other.name));
    described
}

/// With the partition counts that have been decided.
fn describe_configured(configured: &Configured) -> Option<DescribedTopology> {
    let described = configured.subtopologies.as_ref()?.iter().map(|(id, known)| Subtopology {
        subtopology_id: id.clone(),
        source_topics: known.source_topics.iter().cloned().collect(),
        repartition_sink_topics: known.repartition_sink_topics.iter().cloned().collect(),
        state_changelog_topics: topics(known.state_changelog_topics.values()),
        repartition_source_topics: topics(known.repartition_source_topics.values()),
        ..Subtopology::default()
    });
    let subtopologies = Some(described.collect());
    Some(DescribedTopology { epoch: configured.epoch, subtopologies, ..DescribedTopology::default() })
}

fn describe_topology(topology: &Topology) -> DescribedTopology {
    let described = topology.subtopologies.iter().map(|(id, known)| Subtopology {
        subtopology_id: id.clone(),
        source_topics: sorted(known.source_topics.iter().cloned()),
        repartition_sink_topics: sorted(known.repartition_sink_topics.iter().cloned()),
        state_changelog_topics: topics(known.state_changelog_topics.iter()),
        repartition_source_topics: topics(known.repartition_source_topics.iter()),
        ..Subtopology::default()
    });
    let subtopologies = Some(described.collect());
    DescribedTopology { epoch: topology.epoch, subtopologies, ..DescribedTopology::default() }
}
