//! A member of a streams group has no task as active and as standby at a time.

use super::{Invariant, Logs};
use crate::history::History;

/// See above. Members compare when they are given tasks; here only what they found.
#[derive(Default)]
pub(super) struct StreamsRoles;

impl Invariant for StreamsRoles {
    fn name(&self) -> &'static str {
        "one role for a task"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.streams.twice.first() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_task_in_two_roles_and_with_two_members_is_noticed() {
        let tasks = |indexes: &[i32]| -> BTreeSet<(String, i32)> {
            indexes.iter().map(|index| ("0".to_owned(), *index)).collect()
        };
        for (second, standby, roles_are_right, owners_are_right) in [
            (("b", 2, &[0][..]), &[1][..], true, true),
            (("b", 1, &[1]), &[0], true, true),
            (("b", 1, &[1]), &[1], false, true),
            (("b", 1, &[0]), &[1], true, false),
        ] {
            let mut history = History::default();
            history.streams.has("a", 1, &tasks(&[0]), &tasks(&[]));
            let (member, epoch, active) = second;
            history.streams.has(member, epoch, &tasks(active), &tasks(standby));
            assert_eq!(StreamsRoles.finish(&history, &Logs::default()).is_ok(), roles_are_right);
            assert_eq!(history.streams.owners.contradictions.is_empty(), owners_are_right, "{second:?}");
        }
    }
}
