//! What happened lately: how long it took, how often it was.

use std::{cell::RefCell, collections::VecDeque, time::Duration};

use hdrhistogram::Histogram;
use klamm_io::Instant;

/// For how long things are kept.
const RECENT: Duration = Duration::from_secs(60);
/// Significant digits of a quantile.
const DIGITS: u8 = 2;

/// The time that [`Durations`] and [`Rate`] look back upon: a minute, less if the process is younger.
fn lately(now: Instant) -> Duration {
    now.since_start().clamp(Duration::from_secs(1), RECENT)
}

/// How long something took lately.
#[derive(Debug, Default)]
pub struct Durations {
    recent: RefCell<VecDeque<(Instant, Recent)>>,
}

/// Several durations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recent {
    /// How many.
    pub count: u32,
    /// All of them together.
    pub total: Duration,
    /// The longest.
    pub max: Duration,
}

impl Recent {
    /// Takes in others.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// Their mean; zero if there are none.
    pub fn mean(&self) -> Duration {
        self.total.checked_div(self.count).unwrap_or_default()
    }
}

impl Durations {
    /// Notes that something took so long. What ends in the same second is kept as one.
    pub fn note(&self, now: Instant, took: Duration) {
        self.note_all(now, Recent { count: 1, total: took, max: took });
    }

    fn note_all(&self, now: Instant, one: Recent) {
        let mut recent = self.recent.borrow_mut();
        match recent.back_mut() {
            Some((since, last)) if now.saturating_since(*since) < Duration::from_secs(1) => last.add(one),
            _ => {
                recent.push_back((now, one));
                while recent.front().is_some_and(|(at, _)| now.saturating_since(*at) > RECENT) {
                    recent.pop_front();
                }
            }
        }
    }

    /// The part of the last minute that was taken, from 0 to 1.
    pub fn share(&self, now: Instant) -> f64 {
        (self.recent(now).total.as_secs_f64() / lately(now).as_secs_f64()).min(1.0)
    }

    /// What was noted lately.
    pub fn recent(&self, now: Instant) -> Recent {
        let mut all = Recent::default();
        let recent = self.recent.borrow();
        let late = recent.iter().filter(|(at, _)| now.saturating_since(*at) <= RECENT);
        late.for_each(|(_, one)| all.add(*one));
        all
    }
}

/// How often something was lately.
#[derive(Debug, Default)]
pub struct Rate(Durations);

impl Rate {
    /// Notes that it was so many times.
    pub fn note(&self, now: Instant, times: u32) {
        self.0.note_all(now, Recent { count: times, ..Recent::default() });
    }

    /// Times in a second.
    pub fn per_second(&self, now: Instant) -> f64 {
        f64::from(self.0.recent(now).count) / lately(now).as_secs_f64()
    }
}

/// Which part of their time threads were idle, by looking at how long they have worked.
#[derive(Debug, Default)]
pub struct Idleness {
    looks: VecDeque<(Instant, Duration)>,
}

impl Idleness {
    /// The part from 0 to 1, since about a minute ago, of so many threads that have worked so long together since the
    /// start. The fewer look, the further back it goes.
    pub fn look(&mut self, now: Instant, threads: u32, worked: Duration) -> f64 {
        while self.looks.get(1).is_some_and(|(at, _)| now.saturating_since(*at) >= RECENT) {
            self.looks.pop_front();
        }
        let start = (Instant::from_start(Duration::ZERO), Duration::ZERO);
        let since = self.looks.front().copied().filter(|_| now.since_start() >= RECENT).unwrap_or(start);
        if self.looks.back().is_none_or(|(at, _)| now.saturating_since(*at) >= Duration::from_secs(1)) {
            self.looks.push_back((now, worked));
        }
        let time = now.saturating_since(since.0).as_secs_f64() * f64::from(threads.max(1));
        let worked = worked.saturating_sub(since.1).as_secs_f64();
        (1.0 - worked / time.max(f64::EPSILON)).clamp(0.0, 1.0)
    }
}

/// How the durations of something were distributed, in the last one to two minutes.
#[derive(Debug, Clone)]
pub struct Times {
    /// Microseconds of the running minute.
    recent: Histogram<u32>,
    /// Of the minute before.
    before: Histogram<u32>,
    /// When the running minute began.
    since: Instant,
}

impl Times {
    /// Nothing yet. `None` never, since the precision is one that there is.
    pub fn new(now: Instant) -> Option<Self> {
        let empty = Histogram::new(DIGITS).ok()?;
        Some(Self { recent: empty.clone(), before: empty, since: now })
    }

    /// Notes that it took so long.
    pub fn note(&mut self, now: Instant, took: Duration) {
        self.note_number(now, u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Notes a number, of something that is not a duration or may take no time at all.
    pub fn note_number(&mut self, now: Instant, number: u64) {
        self.turn(now);
        let _ = self.recent.record(number);
    }

    /// Forgets what is too long ago.
    pub fn turn(&mut self, now: Instant) {
        let passed = now.saturating_since(self.since);
        if passed < RECENT {
            return;
        }
        std::mem::swap(&mut self.recent, &mut self.before);
        self.recent.reset();
        if passed >= 2 * RECENT {
            self.before.reset();
        }
        self.since = now;
    }

    /// Microseconds that it took lately.
    pub fn microseconds(&self) -> Histogram<u32> {
        let mut both = self.recent.clone();
        // Both are of the same precision and grow as they have to.
        let _ = both.add(&self.before);
        both
    }

    /// Takes in what another has noted.
    pub fn add(&mut self, other: &Self) {
        let _ = self.recent.add(&other.recent);
        let _ = self.before.add(&other.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_last_minute() {
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let durations = Durations::default();
        assert_eq!(durations.recent(at(0)).mean(), Duration::ZERO);
        durations.note(at(0), Duration::from_millis(500));
        durations.note(at(30), Duration::from_millis(10));
        durations.note(at(30), Duration::from_millis(20));
        let told =
            |now| (durations.recent(at(now)).max.as_millis(), durations.recent(at(now)).mean().as_millis());
        assert_eq!(told(31), (500, 176));
        assert_eq!(told(70), (20, 15));
        assert_eq!(told(91), (0, 0));
    }

    #[test]
    fn idleness_is_that_since_a_minute_ago_or_since_the_look_before() {
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let mut idleness = Idleness::default();
        for (now, worked, expected) in [
            (10, 5, 0.75),
            (40, 20, 0.75),
            // Since 10.
            (70, 65, 0.5),
            // Since 40.
            (100, 80, 0.5),
            // Since 100.
            (500, 80, 1.0),
        ] {
            assert_eq!(idleness.look(at(now), 2, Duration::from_secs(worked)), expected, "at {now}");
        }
        assert_eq!(
            Idleness::default().look(at(500), 1, Duration::from_secs(125)),
            0.75,
            "never looked at before"
        );
    }

    #[test]
    fn rates_and_shares_are_of_the_last_minute_or_of_the_time_there_was() {
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        let (rate, busy) = (Rate::default(), Durations::default());
        assert_eq!((rate.per_second(at(0)), busy.share(at(0))), (0.0, 0.0));
        rate.note(at(1), 30);
        rate.note(at(10), 30);
        busy.note(at(10), Duration::from_secs(6));
        assert_eq!((rate.per_second(at(20)), busy.share(at(20))), (3.0, 0.3));
        assert_eq!((rate.per_second(at(65)), busy.share(at(65))), (0.5, 0.1));
        assert_eq!((rate.per_second(at(100)), busy.share(at(100))), (0.0, 0.0));
    }
}
