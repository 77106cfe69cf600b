//! What the active controller does from time to time, unasked.

use crate::partitions::{Election, elect_leader};
use crate::{Context, Outcome, PartitionKey};
use klamm_protocol::Uuid;
use klamm_protocol::metadata::{MetadataRecord, NoOpRecord};

/// At most so many elections at once.
const ELECTIONS_MAX: usize = 1_000;

/// Gives partitions back to their preferred leaders (`auto.leader.rebalance.enable`). The response says whether there
/// is more to do at once.
pub fn balance_leaders(context: &Context<'_>) -> Outcome<bool> {
    elect(context, Election::Preferred, context.index.imbalanced())
}

/// Elects leaders from outside the in-sync replicas where that is enabled and nobody leads. The response says whether
/// there is more to do at once.
pub fn elect_unclean_leaders(context: &Context<'_>) -> Outcome<bool> {
    elect(context, Election::Unclean, context.index.leaderless())
}

/// The record that proves that the quorum is alive, every `metadata.max.idle.interval.ms` (KIP-835).
pub fn no_op() -> Outcome<()> {
    Outcome::new(vec![NoOpRecord::default().into()], ())
}

fn elect(
    context: &Context<'_>,
    election: Election,
    partitions: impl Iterator<Item = PartitionKey>,
) -> Outcome<bool> {
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut allowed: Option<(Uuid, bool)> = None;
    for (id, index) in partitions {
        let Some(topic) = context.image.topics.by_id(&id) else { continue };
        let is_allowed = election != Election::Unclean
            || match allowed {
                Some((known, is_enabled)) if known == id => is_enabled,
                _ => {
                    let is_enabled = context.is_unclean_election_enabled(&topic.name);
                    allowed = Some((id, is_enabled));
                    is_enabled
                }
            };
        if is_allowed {
            records.extend(elect_leader(context, &topic.name, index, election).ok());
        }
        if records.len() >= ELECTIONS_MAX {
            return Outcome::new(records, true);
        }
    }
    Outcome::new(records, false)
}
