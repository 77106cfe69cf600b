//! Requests of one coordinator whose answers wait for the high watermark.

use std::collections::{BTreeMap, VecDeque};

use klamm_coordinator::Token;
use klamm_io::Instant;
use klamm_protocol::ErrorCode;

/// A request to a coordinator, with where its answer goes.
pub(crate) trait Ask {
    /// The answer.
    type Reply;

    /// Gives the answer to whoever asked; who has gone does not need one.
    fn answer(self, reply: Self::Reply);

    /// Answers that it cannot be done here and now.
    fn refuse(self, error: ErrorCode);
}

/// What has been written and waits for its commit.
struct Uncommitted<R, T> {
    end_offset: i64,
    /// When whoever waits is told that it takes too long.
    deadline: Instant,
    completion: Option<(Token, R)>,
    then: T,
}

/// Requests under their tokens, and what is answered, or done (`T`), when the log is committed so far.
pub(super) struct Commits<A: Ask, T = ()> {
    asked: BTreeMap<Token, A>,
    uncommitted: VecDeque<Uncommitted<A::Reply, T>>,
    next_token: u64,
}

impl<A: Ask, T> Default for Commits<A, T> {
    fn default() -> Self {
        Self { asked: BTreeMap::new(), uncommitted: VecDeque::new(), next_token: 0 }
    }
}

impl<A: Ask, T> Commits<A, T> {
    /// A token for the next request, which is then given to [`Self::hold`].
    pub(super) const fn token(&mut self) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        token
    }

    /// Keeps a request until it is answered.
    pub(super) fn hold(&mut self, token: Token, asked: A) {
        self.asked.insert(token, asked);
    }

    /// Answers a request, unless it has been already.
    pub(super) fn answer(&mut self, token: Token, reply: A::Reply) {
        if let Some(asked) = self.asked.remove(&token) {
            asked.answer(reply);
        }
    }

    /// Refuses a request, unless it has been answered already.
    pub(super) fn refuse(&mut self, token: Token, error: ErrorCode) {
        if let Some(asked) = self.asked.remove(&token) {
            asked.refuse(error);
        }
    }

    /// Has a request answered and something done when the log is committed up to an offset. Offsets and deadlines never go
    /// back.
    pub(super) fn wait(
        &mut self,
        end_offset: i64,
        deadline: Instant,
        completion: Option<(Token, A::Reply)>,
        then: T,
    ) {
        self.uncommitted.push_back(Uncommitted { end_offset, deadline, completion, then });
    }

    /// Takes out the first that is committed, and answers its request. What is to be done then; `None` if nothing is
    /// committed that waits.
    pub(super) fn pop(&mut self, high_watermark: i64) -> Option<T> {
        let next = self.uncommitted.pop_front_if(|next| next.end_offset <= high_watermark)?;
        if let Some((token, reply)) = next.completion {
            self.answer(token, reply);
        }
        Some(next.then)
    }

    /// Tells whoever has waited for too long to ask again: it may be committed yet. `late` gets what was to be done, and
    /// gives what of it still is. What nobody waits for any more is forgotten: a log that is not committed for hours must
    /// not have everything pile up that is asked meanwhile.
    pub(super) fn expire(&mut self, now: Instant, mut late: impl FnMut(T) -> Option<T>) {
        let Self { asked, uncommitted, .. } = self;
        let count = uncommitted.partition_point(|waiting| waiting.deadline <= now);
        let mut left = Vec::new();
        for Uncommitted { end_offset, deadline, completion, then } in uncommitted.drain(..count) {
            if let Some(asked) = completion.and_then(|(token, _)| asked.remove(&token)) {
                asked.refuse(ErrorCode::RequestTimedOut);
            }
            left.extend(late(then).map(|then| Uncommitted { end_offset, deadline, completion: None, then }));
        }
        left.into_iter().rev().for_each(|waiting| uncommitted.push_front(waiting));
    }

    /// When [`Self::expire`] has something to do next; besides requests, for what `is_waiting` says of.
    pub(super) fn next_deadline(&self, is_waiting: impl Fn(&T) -> bool) -> Option<Instant> {
        let waits =
            |waiting: &&Uncommitted<A::Reply, T>| waiting.completion.is_some() || is_waiting(&waiting.then);
        self.uncommitted.iter().find(waits).map(|waiting| waiting.deadline)
    }

    /// Sends everyone who waits to another broker.
    pub(super) fn stop(self) {
        for asked in self.asked.into_values() {
            asked.refuse(ErrorCode::NotCoordinator);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc, time::Duration};

    use klamm_io::Clock;

    use super::*;

    type Said = Rc<RefCell<Vec<String>>>;

    struct Asked(&'static str, Said);

    impl Ask for Asked {
        type Reply = ();

        fn answer(self, (): ()) {
            self.1.borrow_mut().push(format!("{} done", self.0));
        }

        fn refuse(self, error: ErrorCode) {
            self.1.borrow_mut().push(format!("{} {}", self.0, error.name()));
        }
    }

    #[test]
    fn what_is_late_is_refused_and_only_what_is_to_be_done_is_kept() {
        let now = Clock::real().now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let said = Said::default();
        let mut commits: Commits<Asked, &'static str> = Commits::default();
        for (name, end_offset, deadline, then) in
            [("a", 5, 1, ""), ("b", 5, 1, "do b"), ("c", 6, 2, ""), ("d", 7, 9, "do d")]
        {
            let token = commits.token();
            commits.hold(token, Asked(name, Rc::clone(&said)));
            commits.wait(end_offset, later(deadline), Some((token, ())), then);
        }
        assert_eq!(commits.next_deadline(|_| false), Some(later(1)));
        for _ in 0..2 {
            commits.expire(later(3), |then| Some(then).filter(|then| !then.is_empty()));
        }
        assert_eq!(*said.borrow(), ["a REQUEST_TIMED_OUT", "b REQUEST_TIMED_OUT", "c REQUEST_TIMED_OUT"]);
        assert_eq!(commits.uncommitted.len(), 2);
        assert_eq!(commits.next_deadline(|_| false), Some(later(9)));
        assert_eq!(
            [commits.pop(4), commits.pop(7), commits.pop(7), commits.pop(7)],
            [None, Some("do b"), Some("do d"), None]
        );
        assert_eq!(said.borrow().last().map(String::as_str), Some("d done"));
        commits.stop();
    }
}
