//! New leaders and in-sync replicas after something has happened to a broker.

use super::change::{Change, Election};
use crate::{Context, PartitionKey};
use klamm_metadata::image::{Partition, Topic};
use klamm_protocol::metadata::MetadataRecord;

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
    let mut of: Option<OfTopic<'_>> = None;
    for (id, index) in partitions {
        // Those of one topic come one after another.
        if of.as_ref().is_none_or(|of| of.topic.id != id) {
            of = context.image.topics.by_id(&id).map(|topic| OfTopic {
                topic,
                min_insync: context.min_insync_replicas(&topic.name),
                unclean: context.is_unclean_election_enabled(&topic.name),
            });
        }
        let Some(of) = &of else { continue };
        if let Some(partition) = of.topic.partitions.get(&index).filter(|partition| concerns(partition)) {
            records.extend(update(context, affected, of, index, partition));
        }
    }
}

/// What is looked up once for all partitions of a topic.
struct OfTopic<'a> {
    topic: &'a Topic,
    min_insync: usize,
    unclean: bool,
}

fn update(
    context: &Context<'_>,
    affected: Affected,
    of: &OfTopic<'_>,
    index: i32,
    partition: &Partition,
) -> Option<MetadataRecord> {
    let acceptable = |broker: i32| match affected {
        Affected::Removed(gone) | Affected::UncleanShutdown(gone) if broker == gone => false,
        Affected::Added(new) if broker == new => true,
        _ => context.image.cluster.is_active(broker),
    };
    let key = (of.topic.id, index);
    let mut change = Change::with_min_insync(context, key, partition, of.min_insync, &acceptable);
    if of.unclean {
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
