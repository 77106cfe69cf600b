//! Two lists of `(leader epoch, offset)` stand for the logs of a leader and its follower.

use super::*;

/// A log with one record for each element: its leader epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Log {
    start: i64,
    epochs: Vec<i32>,
    high_watermark: i64,
    doubt: Doubt,
}

impl Log {
    fn new(start: i64, epochs: &[i32], high_watermark: i64) -> Self {
        Self { start, epochs: epochs.to_vec(), high_watermark, doubt: Doubt::None }
    }

    fn truncate(&mut self, offset: i64) {
        self.epochs.truncate(usize::try_from(offset - self.start).unwrap());
        self.high_watermark = self.high_watermark.min(offset);
        self.doubt = Doubt::None;
    }
}

impl FollowerLog for Log {
    fn log_end(&self) -> i64 {
        self.start + self.epochs.len() as i64
    }

    fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    fn latest_epoch(&self) -> Option<i32> {
        self.epochs.last().copied().filter(|epoch| *epoch >= 0)
    }

    fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        if self.latest_epoch()? < epoch {
            return None;
        }
        let count = self.epochs.iter().filter(|found| **found <= epoch).count();
        let floor = count.checked_sub(1).map_or(epoch, |last| self.epochs[last]);
        Some((floor, self.start + count as i64))
    }

    fn doubt(&self) -> Doubt {
        self.doubt
    }
}

const NOW: Duration = Duration::from_secs(100);
const BACKOFF: Duration = Duration::from_secs(1);
const TERM: Term = Term { topic_id: Uuid::from_bytes([1; 16]), leader_epoch: 9 };

/// What the leader of Kafka's protocol answers to a fetch.
fn answer(leader: &Log, asked: Position) -> FetchAnswer {
    if asked.offset < leader.start || asked.offset > leader.log_end() && asked.last_fetched_epoch.is_none() {
        return FetchAnswer::Error(ErrorCode::OffsetOutOfRange);
    }
    if let Some(last) = asked.last_fetched_epoch {
        let Some((epoch, end_offset)) = leader.epoch_end(last) else {
            return FetchAnswer::Error(ErrorCode::OffsetOutOfRange);
        };
        if epoch < last || end_offset < asked.offset {
            return FetchAnswer::Diverging { epoch, end_offset };
        }
    }
    FetchAnswer::Records { high_watermark: leader.high_watermark, log_start: leader.start }
}

/// Follows until both logs end alike; returns the truncations on the way.
fn follow(leader: &Log, log: &mut Log) -> Vec<Action> {
    let (mut actions, mut cuts) = (Vec::new(), Vec::new());
    let mut follower = Follower::new(TERM, BACKOFF, log, &mut actions);
    for _ in 0..20 {
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Append { .. } => {
                    let from = usize::try_from(log.log_end() - leader.start).unwrap();
                    log.epochs.extend(&leader.epochs[from..]);
                }
                Action::TruncateTo(offset) => {
                    log.truncate(offset);
                    cuts.push(action);
                }
                Action::StartAt(offset) => {
                    *log = Log::new(offset, &[], offset);
                    cuts.push(action);
                }
                Action::HighWatermark(offset) => log.high_watermark = offset.min(log.log_end()),
                Action::LogStart(_) => {}
            }
        }
        let input = match follower.ask(NOW, log) {
            Ask::Fetch(asked) => Input::Fetched { asked, answer: answer(leader, asked) },
            Ask::Offsets(term) => Input::LeaderOffsets {
                term,
                answer: Ok(LeaderOffsets { log_start: leader.start, log_end: leader.log_end() }),
            },
            other => panic!("{other:?}"),
        };
        follower.step(NOW, input, log, &mut actions);
        if log.log_end() == leader.log_end()
            && log.epochs.last() == leader.epochs.last()
            && actions.len() == 3
        {
            break;
        }
    }
    cuts
}

#[test]
fn ends_with_the_leaders_log() {
    use Action::{StartAt, TruncateTo};
    let cases: &[(&str, Log, Log, &[Action])] = &[
        ("empty", Log::new(0, &[1, 1, 2], 3), Log::new(0, &[], 0), &[]),
        ("a part", Log::new(0, &[1, 1, 2], 3), Log::new(0, &[1], 1), &[]),
        (
            "more in the same epoch",
            Log::new(0, &[1, 1, 2], 2),
            Log::new(0, &[1, 1, 1, 1], 2),
            &[TruncateTo(2)],
        ),
        (
            "an epoch of its own",
            Log::new(0, &[1, 1, 3, 3], 2),
            Log::new(0, &[1, 1, 2, 2], 2),
            &[TruncateTo(2)],
        ),
        (
            "several unknown epochs",
            Log::new(0, &[1, 1, 1, 4, 7], 2),
            Log::new(0, &[1, 1, 2, 3, 5, 6], 2),
            &[TruncateTo(4), TruncateTo(2)],
        ),
        ("beyond an unclean leader", Log::new(0, &[1], 1), Log::new(0, &[1, 1, 1], 3), &[TruncateTo(1)]),
        ("the leader has lost all", Log::new(0, &[], 0), Log::new(0, &[1, 1, 1], 3), &[TruncateTo(0)]),
        ("before the leader's start", Log::new(5, &[3, 3], 7), Log::new(0, &[1, 1], 2), &[StartAt(5)]),
        ("before, without any record", Log::new(5, &[3, 3], 7), Log::new(0, &[], 0), &[StartAt(5)]),
    ];
    for (name, leader, log, cuts) in cases {
        let mut log = log.clone();
        let found = follow(leader, &mut log);
        assert_eq!(log.epochs, leader.epochs, "{name}");
        assert_eq!(log.log_end(), leader.log_end(), "{name}");
        assert_eq!(&found, cuts, "{name}");
    }
}

#[test]
fn a_log_without_epochs_is_cut_to_its_high_watermark() {
    let mut actions = Vec::new();
    Follower::new(TERM, BACKOFF, &Log::new(0, &[-1, -1, -1], 1), &mut actions);
    assert_eq!(actions, [Action::TruncateTo(1)]);
}

#[test]
fn refusals() {
    let log = Log::new(0, &[1], 0);
    let later = Ask::Later(NOW + BACKOFF_MIN);
    let cases = [
        (ErrorCode::NotLeaderOrFollower, later),
        (ErrorCode::UnknownLeaderEpoch, later),
        (ErrorCode::UnknownTopicId, later),
        (ErrorCode::KafkaStorageError, later),
        (ErrorCode::FencedLeaderEpoch, Ask::Never),
        (ErrorCode::OffsetOutOfRange, Ask::Offsets(TERM)),
    ];
    for (code, expect) in cases {
        let mut actions = Vec::new();
        let mut follower = Follower::new(TERM, BACKOFF, &log, &mut actions);
        let Ask::Fetch(asked) = follower.ask(NOW, &log) else { panic!("nothing asked") };
        follower.step(NOW, Input::Fetched { asked, answer: FetchAnswer::Error(code) }, &log, &mut actions);
        assert_eq!(follower.ask(NOW, &log), expect, "{code:?}");
        assert_eq!(follower.has_failed(), expect == Ask::Never, "{code:?}");
        assert_eq!(actions, [], "{code:?}");
    }
}

#[test]
fn a_leader_that_refuses_is_asked_less_and_less_often() {
    let log = Log::new(0, &[1], 0);
    let mut actions = Vec::new();
    let mut follower = Follower::new(TERM, BACKOFF, &log, &mut actions);
    let mut now = NOW;
    let mut waits = Vec::new();
    for code in [ErrorCode::UnknownLeaderEpoch; 8] {
        let Ask::Fetch(asked) = follower.ask(now, &log) else { panic!("nothing asked") };
        follower.step(now, Input::Fetched { asked, answer: FetchAnswer::Error(code) }, &log, &mut actions);
        let Ask::Later(until) = follower.ask(now, &log) else { panic!("no wait") };
        waits.push((until - now).as_millis());
        now = until;
    }
    assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1000, 1000]);
    let Ask::Fetch(asked) = follower.ask(now, &log) else { panic!("nothing asked") };
    let answer = FetchAnswer::Records { high_watermark: 0, log_start: 0 };
    follower.step(now, Input::Fetched { asked, answer }, &log, &mut actions);
    follower.step(now, Input::Failed, &log, &mut actions);
    assert_eq!(follower.ask(now, &log), Ask::Later(now + BACKOFF_MIN));
}

#[test]
fn an_answer_to_an_older_question_changes_nothing() {
    let log = Log::new(0, &[1, 1], 0);
    let mut actions = Vec::new();
    let mut follower = Follower::new(TERM, BACKOFF, &log, &mut actions);
    let now = Position { term: TERM, offset: 2, last_fetched_epoch: Some(1) };
    assert_eq!(follower.ask(NOW, &log), Ask::Fetch(now));
    // Deleted and made anew, the topic has the same name and perhaps the same leader epoch.
    let other_topic = Term { topic_id: Uuid::from_bytes([2; 16]), ..TERM };
    for asked in [
        Position { offset: 1, ..now },
        Position { term: Term { leader_epoch: 8, ..TERM }, ..now },
        Position { term: other_topic, ..now },
    ] {
        let answer = FetchAnswer::Diverging { epoch: 0, end_offset: 0 };
        follower.step(NOW, Input::Fetched { asked, answer }, &log, &mut actions);
        assert_eq!(actions, []);
    }
}

#[test]
fn what_may_lack_records_is_fetched_again_from_a_leader_that_answers() {
    let leader = Log::new(0, &[1, 1, 1, 1, 2], 5);
    let mut log = Log { doubt: Doubt::Open, ..Log::new(0, &[1, 1, 1, 1], 4) };
    let mut actions = Vec::new();
    let mut follower = Follower::new(TERM, BACKOFF, &log, &mut actions);
    assert_eq!(follower.ask(NOW, &log), Ask::Never, "it may count");
    log.doubt = Doubt::From(2);
    assert_eq!(follower.ask(NOW, &log), Ask::Offsets(TERM), "a fetch might put it in sync");
    let refused = Input::LeaderOffsets { term: TERM, answer: Err(ErrorCode::NotLeaderOrFollower) };
    follower.step(NOW, refused, &log, &mut actions);
    assert_eq!(actions, [], "nobody is known to have more");
    assert!(matches!(follower.ask(NOW, &log), Ask::Later(_)));
    assert_eq!(follower.ask(NOW + BACKOFF, &log), Ask::Offsets(TERM));
    let offsets = LeaderOffsets { log_start: leader.start, log_end: leader.log_end() };
    let answered = Input::LeaderOffsets { term: TERM, answer: Ok(offsets) };
    let counting = Log { doubt: Doubt::None, ..log.clone() };
    follower.step(NOW, answered, &counting, &mut actions);
    assert_eq!(actions, [], "it counts after all");
    follower.step(NOW, answered, &log, &mut actions);
    assert_eq!(actions, [Action::TruncateTo(2)]);
    log.truncate(2);
    let asked = Position { term: TERM, offset: 2, last_fetched_epoch: Some(1) };
    assert_eq!(follower.ask(NOW, &log), Ask::Fetch(asked));
    assert_eq!(follow(&leader, &mut log), []);
    assert_eq!(log.epochs, leader.epochs);
}
