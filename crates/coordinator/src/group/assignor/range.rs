//! The range assignor.

use super::{Assignment, GroupSpec, Subscriber};
use klamm_protocol::StrBytes;
use std::collections::BTreeMap;

/// For each topic its subscribers, ordered by instance id if they have one and else by member id, get neighbouring
/// partitions, the first ones one more if they cannot be shared evenly.
pub(super) fn assign(group: &GroupSpec) -> BTreeMap<StrBytes, Assignment> {
    let mut target: BTreeMap<StrBytes, Assignment> =
        group.members.keys().map(|id| (id.clone(), Assignment::new())).collect();
    let mut ordered: Vec<(&StrBytes, &Subscriber)> = group.members.iter().collect();
    ordered.sort_by_key(|(id, member)| {
        (member.instance.is_none(), member.instance.as_ref().unwrap_or(id).clone())
    });
    for (topic, count) in &group.partition_counts {
        let subscribers: Vec<_> =
            ordered.iter().filter(|(_, member)| member.topics.contains(topic)).collect();
        let share = |index: usize| -> i32 {
            let total = usize::try_from(*count).unwrap_or(0);
            let start = index * (total / subscribers.len()) + index.min(total % subscribers.len());
            i32::try_from(start).unwrap_or(i32::MAX)
        };
        for (index, (id, _)) in subscribers.iter().enumerate() {
            let partitions = share(index)..share(index + 1);
            if let Some(assignment) = target.get_mut(*id).filter(|_| !partitions.is_empty()) {
                assignment.insert(*topic, partitions.collect());
            }
        }
    }
    target
}
