//! New leaders and in-sync replicas after something has happened to a broker.

use super::change::{Change, Election};
use crate::{Context, PartitionKey};
use klamm_metadata::image::{Partition, Topic};
use klamm_protocol::metadata::MetadataRecord;
use std::sync::Arc;

/// What has happened, and to which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affected {
    /// The broker is in sync nowhere any longer, and leads nowhere.
    Removed(i32),
    /// The broker may lead from now on, though the image does not say so yet.
    Added(i32),
    /// As removed, and not even eligible: it went down without flushing.
    UncleanShutdown(i32),
}

/// Records for those of the partitions that `concerns` says yes to.
pub(crate) fn leader_and_isr_updates(
    context: &Context<'_>,
    affected: Affected,
    partitions: impl Iterator<Item = PartitionKey>,
    concerns: impl Fn(&Partition) -> bool,
    records: &mut Vec<MetadataRecord>,
) {
    let mut topic: Option<&Arc<Topic>> = None;
    for (id, index) in partitions {
        // Those of one topic come one after another.
        if topic.is_none_or(|topic| topic.id != id) {
            topic = context.image.topics.by_id(&id);
        }
        let Some((topic, partition)) = topic.and_then(|topic| Some((topic, topic.partitions.get(&index)?)))
        else {
            continue;
        };
        if concerns(partition) {
            records.extend(update(context, affected, topic, index, partition));
        }
    }
}

fn update(
    context: &Context<'_>,
    affected: Affected,
    topic: &Arc<Topic>,
    index: i32,
    partition: &Partition,
) -> Option<MetadataRecord> {
    let acceptable = |broker: i32| match affected {
        Affected::Removed(gone) | Affected::UncleanShutdown(gone) if broker == gone => false,
        Affected::Added(new) if broker == new => true,
        _ => context.image.cluster.is_active(broker),
    };
    let mut change = Change::new(context, topic, index, partition, &acceptable);
    if context.is_unclean_election_enabled(&topic.name) {
        change.election = Election::Unclean;
    }
    if let Affected::UncleanShutdown(broker) = affected {
        change.unclean_shutdown = vec![broker];
    }
    if let Affected::Removed(gone) | Affected::UncleanShutdown(gone) = affected {
        change.isr.retain(|broker| *broker != gone);
    }
    change.build().map(MetadataRecord::from)
}
