//! What the quorum's thread times, for metrics.
//!
//! Kafka has a thread for raft and one for the controller; here one does both, and its idle ratio is that of both.

use std::{collections::VecDeque, time::Duration};

use klamm_io::Instant;

use super::Driver;
use crate::metrics::{
    lately::{Durations, Rate, Times},
    quorum::QuorumMeasures,
};

/// What was proposed and is not committed.
struct Proposal {
    end_offset: i64,
    records: u32,
    at: Instant,
}

/// See the module.
pub(super) struct Measured {
    /// Work on events of every kind.
    busy: Durations,
    /// How long commands waited for the thread, and how long it worked on them.
    command_waits: Option<Times>,
    commands: Option<Times>,
    /// How long clients' commands waited to be sent to another controller, and how long for its answer.
    forward_waits: Option<Times>,
    forwards: Option<Times>,
    forwarded_at: Instant,
    /// Records that this node wrote as leader, and as follower.
    appended: Rate,
    fetched: Rate,
    /// Time to the commit, by record.
    commits: Durations,
    uncommitted: VecDeque<Proposal>,
    elections: Durations,
    standing_since: Option<Instant>,
    role: (&'static str, i32),
}

impl Measured {
    pub(super) fn new(now: Instant) -> Self {
        let times = || Times::new(now);
        Self {
            busy: Durations::default(),
            command_waits: times(),
            commands: times(),
            forward_waits: times(),
            forwards: times(),
            forwarded_at: now,
            appended: Rate::default(),
            fetched: Rate::default(),
            commits: Durations::default(),
            uncommitted: VecDeque::new(),
            elections: Durations::default(),
            standing_since: None,
            role: ("", -1),
        }
    }

    /// The thread has worked on something.
    pub(super) fn worked(&self, begun: Instant, now: Instant) {
        self.busy.note(now, now.saturating_since(begun));
    }

    /// A command, sent at that time, was worked on.
    pub(super) fn carried_out(&mut self, sent: Instant, begun: Instant, now: Instant) {
        note(&mut self.command_waits, now, begun.saturating_since(sent));
        note(&mut self.commands, now, now.saturating_since(begun));
    }

    /// A client's command, that came at that time, goes to another controller.
    pub(super) fn forwards(&mut self, asked: Instant, now: Instant) {
        note(&mut self.forward_waits, now, now.saturating_since(asked));
        self.forwarded_at = now;
    }

    /// The other controller has answered, or has not in time.
    pub(super) fn forwarded(&mut self, now: Instant) {
        note(&mut self.forwards, now, now.saturating_since(self.forwarded_at));
    }

    /// Records go into the log.
    pub(super) fn appends(&self, now: Instant, is_leader: bool, records: i64) {
        let rate = if is_leader { &self.appended } else { &self.fetched };
        rate.note(now, u32::try_from(records).unwrap_or(0));
    }

    pub(super) fn proposed(&mut self, now: Instant, end_offset: i64, records: usize) {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.uncommitted.push_back(Proposal { end_offset, records, at: now });
    }

    pub(super) fn committed(&mut self, now: Instant, high_watermark: i64) {
        while let Some(done) = self.uncommitted.pop_front_if(|one| one.end_offset <= high_watermark) {
            self.commits.note(now, now.saturating_since(done.at) / done.records.max(1));
        }
    }

    /// What is proposed and not committed may never be.
    pub(super) fn resigned(&mut self) {
        self.uncommitted.clear();
    }

    /// The node has this role in this epoch. As in Kafka the time of an election counts from the last time that this node
    /// stood for it, until it leads or follows.
    pub(super) fn plays(&mut self, now: Instant, role: &'static str, epoch: i32) {
        if std::mem::replace(&mut self.role, (role, epoch)) == (role, epoch) {
            return;
        }
        match role {
            "Prospective" | "Candidate" => self.standing_since = Some(now),
            "Leader" | "Follower" => {
                if let Some(since) = self.standing_since.take() {
                    self.elections.note(now, now.saturating_since(since));
                }
            }
            _ => {}
        }
    }
}

fn note(times: &mut Option<Times>, now: Instant, took: Duration) {
    if let Some(times) = times {
        times.note(now, took);
    }
}

impl Driver {
    pub(super) fn measure(&mut self) -> QuorumMeasures {
        let now = self.world.clock.now();
        let measured = &mut self.measured;
        let lately = [
            &mut measured.command_waits,
            &mut measured.commands,
            &mut measured.forward_waits,
            &mut measured.forwards,
        ];
        let [command_waits, commands, forward_waits, forwards] = lately.map(|times| {
            times.as_mut().map(|times| {
                times.turn(now);
                times.microseconds()
            })
        });
        QuorumMeasures {
            role: self.raft.role_name(),
            is_voter: self.raft.is_voter(),
            leader: self.raft.leader_id(),
            epoch: self.raft.epoch(),
            high_watermark: self.raft.high_watermark(),
            log_end_offset: self.raft.log().end_offset(),
            log_end_epoch: self.raft.log().last_epoch(),
            voters: self.raft.voters().iter().count(),
            is_active_controller: self.active.is_some(),
            voted: self.raft.voted_id(),
            observers: self.raft.observer_count(),
            is_changing_voters: self.raft.is_changing_voters(),
            ignores_static_voters: self.raft.ignores_static_voters(),
            counts: self.counts,
            snapshot_bytes: self.last_snapshot.bytes,
            snapshot_age: self.monotonic().saturating_sub(self.last_snapshot.at),
            forwarding: self.forwarding.len(),
            silences: self
                .active
                .as_ref()
                .map_or_else(Vec::new, |active| active.heartbeats.silences(self.monotonic()).collect()),
            idle: 1.0 - self.measured.busy.share(now),
            append_rate: self.measured.appended.per_second(now),
            fetch_rate: self.measured.fetched.per_second(now),
            commits: self.measured.commits.recent(now),
            elections: self.measured.elections.recent(now),
            command_waits,
            commands,
            forward_waits,
            forwards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    #[test]
    fn an_election_lasts_from_the_last_candidacy_until_there_is_a_leader() {
        for (roles, told) in [
            // (time, role, epoch)
            (&[(0, "Unattached", 0), (10, "Leader", 1)][..], None),
            (&[(0, "Prospective", 0), (10, "Candidate", 1), (25, "Leader", 1)], Some(15)),
            (&[(0, "Candidate", 1), (10, "Unattached", 2), (30, "Follower", 2)], Some(30)),
            (
                &[(0, "Candidate", 1), (10, "Candidate", 2), (40, "Follower", 2), (90, "Follower", 3)],
                Some(30),
            ),
            (&[(0, "Candidate", 1), (10, "Candidate", 1)], None),
        ] {
            let mut measured = Measured::new(at(0));
            roles.iter().for_each(|(time, role, epoch)| measured.plays(at(*time), role, *epoch));
            let recent = measured.elections.recent(at(100));
            let longest = (recent.count > 0).then_some(recent.max.as_millis());
            assert_eq!(longest, told, "{roles:?}");
        }
    }

    #[test]
    fn a_commit_is_timed_by_record_and_only_if_it_comes() {
        let mut measured = Measured::new(at(0));
        measured.proposed(at(0), 4, 4);
        measured.proposed(at(10), 5, 1);
        measured.committed(at(20), 4);
        assert_eq!(measured.commits.recent(at(20)).max, Duration::from_millis(5));
        measured.resigned();
        measured.committed(at(5000), 10);
        assert_eq!(measured.commits.recent(at(5000)).count, 1);
    }
}
