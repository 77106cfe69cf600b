//! When metadata is asked for: one request under way for all topics, and after each a pause, which grows while they fail
//! or tell nothing new (KIP-580).

use std::{collections::BTreeSet, sync::Arc};

use klamm_io::{Entropy, Instant, spawn};

use super::{Consumer, Event, Subscription};
use crate::cluster::{Backoff, TopicSelection};

/// Whether metadata is wanted, and when it may be asked for.
#[derive(Debug, Default)]
pub(super) struct Refreshing {
    is_wanted: bool,
    is_in_flight: bool,
    /// Whether something was to be asked about that the request under way does not have.
    is_renewed: bool,
    /// Requests in a row that failed or told nothing new.
    fruitless: u32,
    not_before: Option<Instant>,
}

impl Refreshing {
    /// Metadata is wanted. An answer that is under way will do.
    pub(super) const fn want(&mut self) {
        if !self.is_in_flight {
            self.is_wanted = true;
        }
    }

    /// There is something to ask about that was not asked about before: the pause is over.
    pub(super) const fn renew(&mut self) {
        self.is_renewed = self.is_in_flight;
        self.fruitless = 0;
        self.not_before = None;
    }

    /// Whether to ask now. If so, a request counts as under way until [`Refreshing::ended`].
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let begins = self.is_wanted && !self.is_in_flight && self.not_before.is_none_or(|at| at <= now);
        if begins {
            self.is_wanted = false;
            self.is_in_flight = true;
        }
        begins
    }

    /// The request has been answered, with something new or not, or has failed.
    pub(super) fn ended(&mut self, now: Instant, has_news: bool, backoff: Backoff, entropy: &Entropy) {
        self.is_in_flight = false;
        if std::mem::take(&mut self.is_renewed) {
            self.is_wanted = true;
            return;
        }
        self.fruitless = if has_news { 0 } else { self.fruitless.saturating_add(1) };
        self.not_before = Some(now + backoff.pause(self.fruitless.saturating_sub(1), entropy));
    }

    /// When to ask, if metadata is wanted and has to be waited for.
    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before.filter(|_| self.is_wanted)
    }
}

impl Consumer {
    /// Wants metadata when it is old, and as long as topics are not known or cannot be read for a reason that may pass.
    pub(super) fn keep_metadata(&mut self) {
        let metadata = self.cluster.metadata();
        let is_missing = match &self.subscription {
            Subscription::Matching(_) => false,
            _ => self
                .topics
                .iter()
                .any(|topic| metadata.topics.get(topic).is_none_or(|found| found.error.is_retriable())),
        };
        if is_missing || self.cluster.is_metadata_old() {
            self.refreshing.want();
        }
    }

    /// Asks for metadata if it is wanted and due.
    pub(super) fn keep_refreshing(&mut self) {
        if !self.refreshing.begin(self.cluster.clock().now()) {
            return;
        }
        let all = matches!(self.subscription, Subscription::Matching(_));
        let assigned = self.partitions.iter().map(|(partition, _)| &partition.topic);
        let topics: BTreeSet<Arc<str>> = self.topics.iter().chain(assigned).cloned().collect();
        let topics: Vec<Arc<str>> = topics.into_iter().collect();
        let unnamed: Vec<_> = self.membership.reconciling.unnamed.iter().copied().collect();
        let auto_create = self.settings.auto_create;
        let (cluster, events) = (self.cluster.clone(), self.sender.clone());
        spawn::anywhere(async move {
            let before = cluster.metadata();
            let selection =
                if all { TopicSelection::All } else { TopicSelection::Names(&topics, auto_create) };
            let mut result = cluster.refresh(selection).await;
            if result.is_ok() && !unnamed.is_empty() {
                result = cluster.refresh(TopicSelection::Ids(&unnamed)).await;
            }
            let has_news = match &result {
                Ok(after) => after.tells_more_than(&before),
                Err(error) => {
                    tracing::warn!(%error, "metadata could not be refreshed");
                    false
                }
            };
            let _ = events.send(Event::Refreshed(has_news));
        });
    }

    pub(super) fn take_refreshed(&mut self, has_news: bool) {
        let now = self.cluster.clock().now();
        self.refreshing.ended(now, has_news, self.cluster.backoff(), self.cluster.entropy());
        self.look_at_metadata();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(1000));

    /// What becomes of one request.
    enum Answer {
        News,
        Nothing,
        /// Another topic is wanted while it is under way.
        Renewed,
    }

    #[test]
    fn pauses_grow_until_there_is_news() {
        use Answer::{News, Nothing, Renewed};
        let entropy = Entropy::seeded(5);
        let mut refreshing = Refreshing::default();
        let mut now = Instant::default();
        assert!(!refreshing.begin(now), "nobody wants it");
        // Each row: what the request brings, and about how many milliseconds pass until the next.
        let story = [
            (News, 100),
            (Nothing, 100),
            (Nothing, 200),
            (Nothing, 400),
            (Nothing, 800),
            (Nothing, 1000),
            (Nothing, 1000),
            (News, 100),
            (Nothing, 100),
            (Nothing, 200),
            (Renewed, 0),
            (Nothing, 100),
        ];
        for (row, (answer, pause)) in story.into_iter().enumerate() {
            refreshing.want();
            assert!(refreshing.begin(now), "row {row}");
            refreshing.want();
            assert!(!refreshing.begin(now), "row {row}: a second one is under way");
            if matches!(answer, Renewed) {
                refreshing.renew();
            }
            refreshing.ended(now, matches!(answer, News), BACKOFF, &entropy);
            assert_eq!(refreshing.due(), None, "row {row}: what was wanted has come");
            refreshing.want();
            let due = refreshing.due().unwrap_or(now);
            let waits = due.saturating_since(now).as_millis();
            assert!((pause * 8 / 10..=pause * 12 / 10).contains(&waits), "row {row}: {waits} ms");
            assert!(pause == 0 || !refreshing.begin(now), "row {row}: before the pause is over");
            now = due;
        }
    }
}
