//! A record of a share group whose acceptance or rejection was answered does not come again, whatever leads after. (That each
//! acknowledged record comes, until it is accepted, rejected or delivered too often, members see: they do not end before.)

use super::{Invariant, Logs};
use crate::history::History;

/// See above. Members compare when they are given records; here only what they found.
#[derive(Default)]
pub(super) struct ShareDone;

impl Invariant for ShareDone {
    fn name(&self) -> &'static str {
        "a shared record that is done with"
    }

    fn finish(&mut self, history: &History, _logs: &Logs) -> Result<(), String> {
        match history.shares.again.first() {
            Some(what) => Err(what.clone()),
            None => Ok(()),
        }
    }
}
