//! In one generation of a consumer group a partition has one owner, in one of a streams group a task; and who gets it begins
//! where the last commit was.

use super::{Invariant, Logs};
use crate::history::History;

/// See above. Members compare when they are given records; here only what they found.
#[derive(Default)]
pub(super) struct GroupOwnership;

impl Invariant for GroupOwnership {
    fn name(&self) -> &'static str {
        "one owner in the group"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        let both = [&history.owners, &history.streams.owners];
        match both.iter().find_map(|owners| owners.contradictions.first()) {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_client::TopicPartition;

    use super::*;
    use crate::history::Given;

    #[test]
    fn a_second_owner_and_a_step_back_are_noticed() {
        let at = TopicPartition::new("topic-0", 0);
        let given = |generation, member: &str, offset| Given {
            at: at.clone(),
            generation,
            member: member.to_owned(),
            offset,
        };
        let cases = [
            (vec![given(1, "a", 0), given(1, "a", 1), given(2, "b", 2)], true),
            (vec![given(1, "a", 0), given(2, "b", 0)], false),
            (vec![given(1, "a", 0), given(2, "b", 1), given(2, "b", 2), given(1, "a", 1)], true),
            (vec![given(1, "a", 0), given(1, "b", 1)], false),
            (vec![given(1, "a", 0), given(2, "a", 0)], false),
        ];
        for (all, is_good) in cases {
            let mut history = History::default();
            for given in &all {
                history.owners.given(given);
                let by = (given.generation, given.member.as_str());
                history.owners.committed(&given.at, given.offset + 1, by);
            }
            assert_eq!(GroupOwnership.finish(&history, &Logs::default()).is_ok(), is_good, "{all:?}");
        }
        // Generations may begin anew: then only who commits after another did is one too many.
        for (all, is_good) in [
            (vec![given(1, "a", 0), given(1, "a", 1), given(1, "b", 2)], true),
            (vec![given(1, "a", 0), given(1, "b", 1), given(1, "a", 2)], false),
        ] {
            let mut history = History::default();
            history.owners.may_restart = true;
            for given in &all {
                history.owners.given(given);
                let by = (given.generation, given.member.as_str());
                history.owners.committed(&given.at, given.offset + 1, by);
            }
            assert_eq!(GroupOwnership.finish(&history, &Logs::default()).is_ok(), is_good, "{all:?}");
        }
    }
}
