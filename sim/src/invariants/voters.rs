//! Once a change of the quorum's voters is answered, the voters are those that were asked for.

use super::{Invariant, Logs};
use crate::history::History;

/// See above.
#[derive(Default)]
pub(super) struct Voters;

impl Invariant for Voters {
    fn name(&self) -> &'static str {
        "voters"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.voters.iter().find(|(expected, found)| expected != found) {
            Some((expected, found)) => Err(format!("the voters are {found:?}, asked for were {expected:?}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voter_too_many_is_noticed() {
        let judge = |found: &[i32]| {
            let voters = vec![([1, 2].into(), found.iter().copied().collect())];
            Voters.finish(&History { voters, ..History::default() }, &Logs::default())
        };
        assert_eq!(judge(&[1, 2]), Ok(()));
        assert!(judge(&[1, 2, 3]).is_err());
        assert!(judge(&[1]).is_err());
    }
}
