//! What members of a share group were given, and what became of it, as they see it.

use std::{collections::BTreeMap, time::Duration};

use klamm_client::TopicPartition;

/// A record of a share partition.
pub type Place = (TopicPartition, i64);

/// How often a record is delivered before it is given up, as the brokers of a run are told.
pub const DELIVERIES_MAX: i16 = 4;
/// How long a delivered record is nobody else's, as the brokers of a run are told.
pub const LOCK: Duration = Duration::from_secs(5);

/// A record that a member has at present.
#[derive(Clone, Debug)]
struct Held {
    member: String,
    leader: Option<(i32, i32)>,
    /// No later than this its lock begins.
    asked_at: Duration,
    count: i16,
}

/// What a member said of a record, and was answered that it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// That it is done with.
    Accepted,
    /// That nobody is to have it.
    Rejected,
}

/// What is known of a record.
#[derive(Clone, Debug, Default)]
struct State {
    deliveries: i16,
    held: Option<Held>,
    /// When which node had kept that it was accepted or rejected.
    done: Option<(Duration, i32)>,
    kept: Option<Kept>,
    /// It was accepted or rejected, and nobody knows whether that was kept.
    may_be_done: bool,
    /// A broker has given it out for the last time, whether that arrived or not.
    is_given_up: bool,
    /// The newest leader epoch in which it was given out, and the highest number of a delivery in it, whether that arrived
    /// or not. A new leader does not know of all deliveries of the one before.
    given_out: Option<(i32, i16)>,
}

/// A delivery, as an answer has it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The record.
    pub place: Place,
    /// To whom.
    pub member: String,
    /// By which broker.
    pub node: i32,
    /// Broker and leader epoch, if the broker has led the partition all the while, from the request to the answer. One
    /// that does not lead any more and has not heard of it gives out what the leader gives out too, as Kafka's does; what
    /// is then acknowledged to it is refused.
    pub leader: Option<(i32, i32)>,
    /// How often it has been delivered, this time included.
    pub count: i16,
    /// When the member asked, and when it was answered.
    pub times: (Duration, Duration),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Shares {
    records: BTreeMap<Place, State>,
    /// Broker and leader epoch of each partition, by the newest image.
    pub leaders: BTreeMap<i32, (i32, i32)>,
    /// What the dead-letter queue has of which record, each time; `None` for headers alone.
    pub letters: BTreeMap<Place, Vec<Option<(usize, u64)>>>,
    /// Whether there is such a queue.
    pub has_letters: bool,
    /// Since when nothing else is waited for.
    pub waits_since: Option<Duration>,
    /// Up to then connections may break, and a broker takes back what a member has whose connection breaks.
    pub disturbed_until: Duration,
    /// Records that two members had at a time.
    pub of_two: Vec<String>,
    /// Records that came again after they were done with.
    pub again: Vec<String>,
    /// Records that came too often.
    pub too_often: Vec<String>,
}

impl Shares {
    /// A member was given a record.
    pub fn delivered(&mut self, delivery: &Delivery) {
        let Delivery { place, member, node, leader, count, times: (asked_at, answered_at) } = delivery;
        let state = self.records.entry(place.clone()).or_default();
        let (at, offset) = place;
        if *count > DELIVERIES_MAX {
            self.too_often.push(format!("{at} at {offset}: delivered {count} times"));
        }
        if let Some((done_at, by)) = state.done
            && *asked_at >= done_at
            && (by == *node || leader.is_some())
        {
            self.again
                .push(format!("{at} at {offset}: delivered by {node} to {member}, {by} had it done with"));
        }
        if let Some(held) = &state.held
            && held.leader.is_some()
            && held.leader == *leader
            && held.member != *member
            && *answered_at < held.asked_at + LOCK
            && self.disturbed_until < held.asked_at
        {
            let other = &held.member;
            self.of_two
                .push(format!("{at} at {offset}: delivered by {node} to {member} while {other} has it"));
        }
        state.deliveries = state.deliveries.max(*count);
        state.held =
            Some(Held { member: member.clone(), leader: *leader, asked_at: *asked_at, count: *count });
    }

    /// A broker gives a record out, and the answer may get lost.
    pub fn acquired(&mut self, place: Place, leader_epoch: i32, count: i16) {
        let state = self.records.entry(place).or_default();
        state.is_given_up |= count >= DELIVERIES_MAX;
        state.given_out = state.given_out.max(Some((leader_epoch, count)));
    }

    /// Up to when a member surely has a record, if nobody has been given it after.
    pub fn held_until(&self, place: &Place, member: &str) -> Option<Duration> {
        let state = self.records.get(place)?;
        let held = state.held.as_ref().filter(|held| held.member == member)?;
        let (_, leader_epoch) = held.leader?;
        (Some((leader_epoch, held.count)) >= state.given_out).then_some(held.asked_at + LOCK)
    }

    /// A member is about to say what it has done with a record.
    pub fn gives_up(&mut self, place: &Place, member: &str) {
        if let Some(state) = self.records.get_mut(place)
            && state.held.as_ref().is_some_and(|held| held.member == member)
        {
            state.held = None;
        }
    }

    /// A member has lost its session: what it holds may be given to others.
    pub fn lost(&mut self, member: &str) {
        for state in self.records.values_mut() {
            if state.held.as_ref().is_some_and(|held| held.member == member) {
                state.held = None;
            }
        }
    }

    /// A broker has taken the acceptance or rejection of a record; which, unless it may have been another that counts.
    pub fn done(&mut self, place: &Place, node: i32, now: Duration, kept: Option<Kept>) {
        let state = self.records.entry(place.clone()).or_default();
        state.done = Some((now, node));
        state.kept = state.kept.or(kept);
        state.may_be_done |= kept.is_none();
    }

    /// A broker has renewed the lock of a record, which was asked for and answered at these times. That of a record which
    /// has been given up meanwhile, and lies before the start offset, is said to be renewed too.
    pub fn renewed(&mut self, place: &Place, member: &str, (asked_at, answered_at): (Duration, Duration)) {
        let held = self.records.get_mut(place).and_then(|state| state.held.as_mut());
        if let Some(held) = held.filter(|held| held.member == member && answered_at < held.asked_at + LOCK) {
            held.asked_at = held.asked_at.max(asked_at);
        }
    }

    /// Nobody knows whether a broker has taken the acceptance or rejection of a record.
    pub fn may_be_done(&mut self, place: &Place) {
        self.records.entry(place.clone()).or_default().may_be_done = true;
    }

    /// Whether a record was delivered to somebody and is done with, or was given out as often as is allowed; and, if it was
    /// given up, has come to the dead-letter queue.
    pub fn is_settled(&self, place: &Place) -> bool {
        let is_done = |state: &State| state.may_be_done || state.kept.is_some();
        let state = self.records.get(place);
        state.is_some_and(|state| {
            (state.is_given_up || is_done(state) && state.deliveries > 0) && !self.is_owed(place, state)
        })
    }

    /// Whether a record was given up and is not in the dead-letter queue, as far as is known.
    fn is_owed(&self, place: &Place, state: &State) -> bool {
        let is_given_up = match state.kept {
            Some(kept) => kept == Kept::Rejected,
            None => state.is_given_up && !state.may_be_done,
        };
        self.has_letters && is_given_up && !self.letters.contains_key(place)
    }

    /// Records that were given up and are not in the dead-letter queue, as far as is known.
    pub fn owed(&self) -> impl Iterator<Item = &Place> {
        let records = self.records.iter().filter(|(place, state)| self.is_owed(place, state));
        records.map(|(place, _)| place)
    }

    /// Whether the acceptance of a record was answered.
    pub fn is_accepted(&self, place: &Place) -> bool {
        self.records.get(place).is_some_and(|state| state.kept == Some(Kept::Accepted))
    }

    /// What is known of a record, for reports.
    pub fn describe(&self, place: &Place) -> String {
        format!("{} at {}: {:?}", place.0, place.1, self.records.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        (TopicPartition::new("topic-0", 0), 7)
    }

    fn given(member: &str, node: i32, count: i16, second: u64) -> Delivery {
        let times = (Duration::from_secs(second), Duration::from_secs(second));
        Delivery { place: place(), member: member.to_owned(), node, leader: Some((node, node)), count, times }
    }

    #[test]
    fn what_may_be_is_no_contradiction() {
        let mut shares = Shares::default();
        shares.delivered(&given("a", 1, 1, 1));
        shares.gives_up(&place(), "a");
        shares.delivered(&given("b", 1, 2, 2));
        // The lock has run out; then another broker leads; then one of before does not know that yet.
        shares.delivered(&given("a", 1, 3, 8));
        shares.delivered(&given("b", 2, 3, 9));
        shares.done(&place(), 2, Duration::from_secs(10), Some(Kept::Accepted));
        shares.delivered(&Delivery { leader: None, ..given("a", 1, 4, 11) });
        // It was on its way for long.
        shares.delivered(&given("a", 2, 4, 9));
        assert!(shares.is_settled(&place()));
        assert_eq!((shares.of_two, shares.again, shares.too_often), (vec![], vec![], vec![]));
    }

    #[test]
    fn a_second_holder_is_noticed() {
        for (disturbed_until, is_noticed) in [(0, true), (2, false)] {
            let mut shares =
                Shares { disturbed_until: Duration::from_secs(disturbed_until), ..Shares::default() };
            shares.delivered(&given("a", 1, 1, 1));
            shares.delivered(&given("b", 1, 2, 5));
            assert_eq!(!shares.of_two.is_empty(), is_noticed);
        }
    }

    #[test]
    fn a_renewed_lock_is_the_members_for_longer() {
        for (renewed_at, is_noticed) in [(1, false), (4, true)] {
            let mut shares = Shares::default();
            shares.delivered(&given("a", 1, 1, 1));
            let at = |second| (Duration::from_secs(second), Duration::from_secs(second));
            shares.renewed(&place(), "b", at(5));
            shares.renewed(&place(), "a", at(6));
            shares.renewed(&place(), "a", at(renewed_at));
            shares.delivered(&given("b", 1, 2, 7));
            assert_eq!(!shares.of_two.is_empty(), is_noticed);
        }
    }

    #[test]
    fn a_record_is_held_until_its_lock_runs_out_or_another_has_it() {
        let until = Some(Duration::from_secs(1) + LOCK);
        // Who else was given it may not have heard of it. What another leader gave out before does not count.
        let cases = [((2, 1), until), ((2, 2), None), ((3, 1), None), ((1, 3), until)];
        for ((leader_epoch, count), expected) in cases {
            let mut shares = Shares::default();
            shares.acquired(place(), 2, 1);
            shares.delivered(&given("a", 2, 1, 1));
            assert_eq!(shares.held_until(&place(), "a"), until);
            assert_eq!(shares.held_until(&place(), "b"), None);
            shares.acquired(place(), leader_epoch, count);
            assert_eq!(shares.held_until(&place(), "a"), expected, "{leader_epoch} {count}");
        }
    }

    type Step<'a> = &'a dyn Fn(&mut Shares);

    #[test]
    fn what_is_given_up_is_owed_until_it_is_in_the_queue() {
        let rejected = |shares: &mut Shares| shares.done(&place(), 1, Duration::ZERO, Some(Kept::Rejected));
        let accepted = |shares: &mut Shares| shares.done(&place(), 1, Duration::ZERO, Some(Kept::Accepted));
        let exceeded = |shares: &mut Shares| shares.acquired(place(), 1, DELIVERIES_MAX);
        let unknown = |shares: &mut Shares| shares.may_be_done(&place());
        let cases: [(&[Step<'_>], bool); 5] = [
            (&[&rejected], true),
            (&[&accepted], false),
            (&[&exceeded], true),
            (&[&exceeded, &accepted], false),
            (&[&exceeded, &unknown], false),
        ];
        for (number, (steps, is_owed)) in cases.into_iter().enumerate() {
            let mut shares = Shares { has_letters: true, ..Shares::default() };
            shares.delivered(&given("a", 1, 1, 1));
            steps.iter().for_each(|step| step(&mut shares));
            let told = |shares: &Shares| (shares.owed().next().is_some(), shares.is_settled(&place()));
            assert_eq!(told(&shares), (is_owed, !is_owed), "{number}");
            shares.letters.insert(place(), vec![None]);
            assert_eq!(told(&shares), (false, true), "{number}");
        }
    }

    #[test]
    fn what_comes_again_or_too_often_is_noticed() {
        for delivery in [given("a", 2, 1, 3), Delivery { leader: None, ..given("a", 1, 1, 3) }] {
            let mut shares = Shares::default();
            shares.done(&place(), 1, Duration::from_secs(3), Some(Kept::Accepted));
            shares.delivered(&delivery);
            assert!(!shares.again.is_empty(), "{delivery:?}");
        }
        let mut shares = Shares::default();
        shares.delivered(&given("a", 1, DELIVERIES_MAX + 1, 1));
        assert!(!shares.too_often.is_empty());
    }
}
