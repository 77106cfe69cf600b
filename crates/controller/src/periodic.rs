//! What the active controller does from time to time, unasked.

use crate::partitions::{Election, elect_leader};
use crate::{Context, Outcome};
use klamm_protocol::metadata::{MetadataRecord, NoOpRecord};

/// At most so many elections at once.
const ELECTIONS_MAX: usize = 1_000;

/// Gives partitions back to their preferred leaders (`auto.leader.rebalance.enable`). The response says whether there
/// is more to do at once.
pub fn balance_leaders(context: &Context<'_>) -> Outcome<bool> {
    elect(context, Election::Preferred, |partition| partition.leader != partition.preferred_replica())
}

/// Elects leaders from outside the in-sync replicas where that is enabled and nobody leads. The response says whether
/// there is more to do at once.
pub fn elect_unclean_leaders(context: &Context<'_>) -> Outcome<bool> {
    elect(context, Election::Unclean, |partition| !partition.has_leader())
}

/// The record that proves that the quorum is alive, every `metadata.max.idle.interval.ms` (KIP-835).
pub fn no_op() -> Outcome<()> {
    Outcome::new(vec![NoOpRecord::default().into()], ())
}

fn elect(
    context: &Context<'_>,
    election: Election,
    wanted: impl Fn(&klamm_metadata::image::Partition) -> bool,
) -> Outcome<bool> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    for topic in context.image.topics.iter() {
        let mut enabled = None;
        for (index, _) in topic.partitions.iter().filter(|(_, partition)| wanted(partition)) {
            let allowed = election != Election::Unclean
                || *enabled.get_or_insert_with(|| context.is_unclean_election_enabled(&topic.name));
            if allowed {
                records.extend(elect_leader(context, &topic.name, *index, election).ok());
            }
            if records.len() >= ELECTIONS_MAX {
                return Outcome::new(records, true);
            }
        }
    }
    Outcome::new(records, false)
}
