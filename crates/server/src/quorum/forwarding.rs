//! What clients ask of the controller, on its way to the node that leads.
//!
//! One request is under way at a time and the others wait behind it, so that the controller hears them in the order in
//! which they came. One that the controller does not answer (it leads no more, its connection breaks) goes back to the
//! front and is sent again, to whoever leads by then: it may so be carried out twice, as with Kafka. So does one that this
//! node was to decide itself when it had to resign. After [`GIVE_UP_AFTER`] its client is told REQUEST_TIMED_OUT.
//!
//! The queue has no bound of its own: a connection's next request is not read while one waits here, so that there is at
//! most one for each connection. Those of connections that are gone are not sent, and leave when the queue has doubled.

use std::{collections::VecDeque, time::Duration};

/// How long a request may wait to be sent, or sent again. Kafka's value.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// Until a request is sent again that was not answered. Kafka's value.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// With fewer requests than this it does not matter whose they are.
const SWEPT_AT: usize = 16;

/// A request of a client.
pub(super) trait Wanted {
    /// Whether somebody waits for the answer.
    fn is_wanted(&self) -> bool;
}

/// The requests of clients that have no answer yet. Times are since the node's start.
#[derive(Debug)]
pub(super) struct Forwarding<T> {
    waiting: VecDeque<(Duration, T)>,
    /// When the one that is under way was asked.
    under_way: Option<Duration>,
    /// Nothing is sent before.
    rest_until: Duration,
    /// With how many that wait those are looked for that are not wanted any more.
    swept_at: usize,
}

impl<T> Default for Forwarding<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), under_way: None, rest_until: Duration::ZERO, swept_at: SWEPT_AT }
    }
}

impl<T: Wanted> Forwarding<T> {
    /// Puts a request at the end.
    pub(super) fn push(&mut self, now: Duration, request: T) {
        if self.waiting.len() >= self.swept_at {
            self.waiting.retain(|(_, request)| request.is_wanted());
            self.swept_at = SWEPT_AT.max(2 * self.waiting.len());
        }
        self.waiting.push_back((now, request));
    }

    /// Whether a request has to wait for others before it.
    pub(super) fn is_busy(&self) -> bool {
        self.len() > 0
    }

    /// Requests without an answer.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.under_way.is_some())
    }

    /// A request that has waited for too long, if there is one.
    pub(super) fn expired(&mut self, now: Duration) -> Option<T> {
        let (asked_at, _) = self.waiting.front()?;
        if now < *asked_at + GIVE_UP_AFTER {
            return None;
        }
        self.waiting.pop_front().map(|(_, request)| request)
    }

    /// The next request to be sent and when it was asked, unless another is under way or it is too early to try again.
    pub(super) fn take(&mut self, now: Duration) -> Option<(Duration, T)> {
        let (asked_at, request) = self.take_for_good(now)?;
        self.under_way = Some(asked_at);
        Some((asked_at, request))
    }

    /// As [`Self::take`], if the next one need not wait for this one's answer.
    pub(super) fn take_for_good(&mut self, now: Duration) -> Option<(Duration, T)> {
        if self.under_way.is_some() || now < self.rest_until {
            return None;
        }
        while self.waiting.pop_front_if(|(_, request)| !request.is_wanted()).is_some() {}
        self.waiting.pop_front()
    }

    /// Takes back what was taken for good, to be sent before what was asked later.
    pub(super) fn put_back(&mut self, now: Duration, asked_at: Duration, request: T) {
        let place = self.waiting.partition_point(|(at, _)| *at <= asked_at);
        self.waiting.insert(place, (asked_at, request));
        self.rest_until = now + RETRY_BACKOFF;
    }

    /// What was under way is answered, or comes back to be sent again.
    pub(super) fn returned(&mut self, now: Duration, unanswered: Option<T>) {
        let asked_at = self.under_way.take().unwrap_or(now);
        if let Some(request) = unanswered {
            let place = self.waiting.partition_point(|(at, _)| *at < asked_at);
            self.waiting.insert(place, (asked_at, request));
            self.rest_until = now + RETRY_BACKOFF;
        }
    }

    /// When there is something to do: to send again (if anybody `leads`), or to give up.
    pub(super) fn next_deadline(&self, leads: bool) -> Option<Duration> {
        let (asked_at, _) = self.waiting.front()?;
        let give_up_at = *asked_at + GIVE_UP_AFTER;
        Some(if leads && self.under_way.is_none() { give_up_at.min(self.rest_until) } else { give_up_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sent(queue: &mut Forwarding<&'static str>, now: Duration) -> Option<&'static str> {
        queue.take(now).map(|(_, request)| request)
    }

    impl Wanted for &str {
        fn is_wanted(&self) -> bool {
            !self.is_empty()
        }
    }

    #[test]
    fn requests_of_clients_that_are_gone_are_neither_sent_nor_kept() {
        let mut queue = Forwarding::default();
        for name in ["", "", "a", "", "b"] {
            queue.push(ms(0), name);
        }
        for name in ["a", "b"] {
            assert_eq!(sent(&mut queue, ms(1)), Some(name));
            queue.returned(ms(1), None);
        }
        for number in 0..10_000 {
            queue.push(ms(2), if number % 100 == 0 { "a" } else { "" });
            assert!(queue.len() <= 16 + 2 * (1 + number / 100), "{} after {number}", queue.len());
        }
    }

    #[test]
    fn requests_are_sent_one_by_one_and_again_until_they_are_answered() {
        let mut queue = Forwarding::default();
        assert!(!queue.is_busy());
        for name in ["a", "b"] {
            queue.push(ms(0), name);
        }
        assert_eq!(sent(&mut queue, ms(0)), Some("a"));
        assert_eq!(sent(&mut queue, ms(1)), None, "one at a time");
        queue.returned(ms(100), Some("a"));
        assert_eq!(sent(&mut queue, ms(149)), None, "not at once");
        assert_eq!(queue.next_deadline(true), Some(ms(150)));
        assert_eq!(queue.next_deadline(false), Some(GIVE_UP_AFTER));
        assert_eq!(sent(&mut queue, ms(150)), Some("a"), "before what came later");
        queue.returned(ms(160), None);
        assert_eq!(sent(&mut queue, ms(160)), Some("b"));
        queue.returned(ms(170), None);
        assert!(!queue.is_busy());
        assert_eq!(queue.next_deadline(true), None);
    }

    #[test]
    fn what_a_controller_that_resigned_has_not_done_comes_before_what_was_asked_later() {
        let mut queue = Forwarding::default();
        for (at, name) in [(0, "a"), (1, "b"), (2, "c")] {
            queue.push(ms(at), name);
        }
        let taken = [queue.take_for_good(ms(3)).unwrap(), queue.take_for_good(ms(3)).unwrap()];
        for (asked_at, name) in taken {
            queue.put_back(ms(100), asked_at, name);
        }
        assert_eq!(sent(&mut queue, ms(149)), None, "not at once");
        for name in ["a", "b", "c"] {
            assert_eq!(sent(&mut queue, ms(150)), Some(name));
            queue.returned(ms(150), None);
        }
    }

    #[test]
    fn a_request_is_given_up_when_its_time_is_over() {
        let mut queue = Forwarding::default();
        queue.push(ms(0), "a");
        queue.push(ms(500), "b");
        assert_eq!(sent(&mut queue, ms(0)), Some("a"));
        assert_eq!(queue.expired(GIVE_UP_AFTER), None, "not while it is under way");
        queue.returned(GIVE_UP_AFTER, Some("a"));
        assert_eq!(queue.expired(GIVE_UP_AFTER), Some("a"));
        assert_eq!(queue.expired(GIVE_UP_AFTER), None);
        assert_eq!(queue.expired(GIVE_UP_AFTER + ms(500)), Some("b"));
        assert!(!queue.is_busy());
    }
}
