//! A follower of one partition: what to fetch from the leader, and what to do with the answer.
//!
//! A protocol machine without offsets of its own: it looks at the log beside it through [`FollowerLog`] and says what to
//! change there. One is made for each leader epoch of each topic id. The log is cut back only where the leader's answer shows that it
//! departs from the leader's ([`FetchAnswer::Diverging`], KIP-595): what was never replicated is dropped, and what might
//! have been acknowledged never is.
//!
//! Non-obvious
//! * A log that may lack records before its end ([`Doubt`]) fetches nothing behind them, or it would be in sync without
//!   them. It is cut back when the leader has answered, since until then what it has may be all there is.
//! * A log that knows no leader epochs cannot be compared with the leader's, and is cut back to its high watermark.
//! * An answer is only taken if the log still ends where it ended when the question was asked.

use std::time::Duration;

use klamm_protocol::{ErrorCode, Uuid};

/// The first wait after a failure.
const BACKOFF_MIN: Duration = Duration::from_millis(20);

/// The log beside the machine.
pub trait FollowerLog {
    /// Offset of the next record.
    fn log_end(&self) -> i64;
    /// What is known to be committed.
    fn high_watermark(&self) -> i64;
    /// The newest leader epoch in the log.
    fn latest_epoch(&self) -> Option<i32>;
    /// The largest epoch at or below `epoch` with the offset where it ends.
    fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)>;
    /// Whether a crash may have taken records from before its end.
    fn doubt(&self) -> Doubt;
}

/// Whether a log may lack records before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It does not, or it is one of those that count nevertheless.
    None,
    /// It may, and whether it counts is not known yet.
    Open,
    /// It may, from this offset on, and what counts is the leader's.
    From(i64),
}

/// What a follower follows. An answer to a question of another term is not for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// The topic: one that was deleted and made anew has another id, and may have the same leader epochs.
    pub topic_id: Uuid,
    /// The leader epoch that the follower believes in.
    pub leader_epoch: i32,
}

/// The position of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// What is followed.
    pub term: Term,
    /// First offset wanted: the end of the log.
    pub offset: i64,
    /// The epoch of the last record in the log.
    pub last_fetched_epoch: Option<i32>,
}

/// What to ask the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// For records.
    Fetch(Position),
    /// For the first offset and the end of its log (ListOffsets), since what this log wants is not there.
    Offsets(Term),
    /// Nothing before this moment.
    Later(Duration),
    /// Nothing in this leader epoch, or before more is known of this log.
    Never,
}

/// What the leader said to a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchAnswer {
    /// Records, perhaps none.
    Records { high_watermark: i64, log_start: i64 },
    /// The logs are the same up to the end of this epoch at most.
    Diverging { epoch: i32, end_offset: i64 },
    /// No records.
    Error(ErrorCode),
}

/// Something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// An answer to [`Ask::Fetch`].
    Fetched { asked: Position, answer: FetchAnswer },
    /// An answer to [`Ask::Offsets`].
    LeaderOffsets { term: Term, answer: Result<LeaderOffsets, ErrorCode> },
    /// The leader could not be asked, or the log has refused the records: try again later.
    Failed,
    /// The log cannot be used any more.
    LogFailed,
}

/// Where the leader's log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderOffsets {
    pub log_start: i64,
    pub log_end: i64,
}

/// Something to do with the log, in this order. If it fails, the rest is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Append the answer's records, if there are any, up to those of this leader epoch.
    Append { leader_epoch: i32 },
    /// Drop everything from this offset on.
    TruncateTo(i64),
    /// Drop everything; the log begins at this offset.
    StartAt(i64),
    /// The leader's high watermark, which may lie beyond the end of this log.
    HighWatermark(i64),
    /// Where the leader's log starts. This log's start never moves back nor beyond the high watermark.
    LogStart(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fetching,
    /// What this log wants next is not in the leader's.
    OutOfRange,
    /// The leader has been replaced, or the log has failed: only a new leader epoch helps.
    Failed,
}

/// A follower's state of one partition. Dropped when the leader epoch ends.
#[derive(Debug)]
pub struct Follower {
    term: Term,
    /// `replica.fetch.backoff.ms`.
    backoff: Duration,
    /// Tries in a row that came to nothing.
    failures: u32,
    state: State,
    wait_until: Option<Duration>,
    /// As the leader last told.
    leader_high_watermark: Option<i64>,
}

impl Follower {
    /// Starts following in a leader epoch.
    pub fn new(term: Term, backoff: Duration, log: &impl FollowerLog, actions: &mut Vec<Action>) -> Self {
        if log.latest_epoch().is_none() && log.log_end() > log.high_watermark() {
            actions.push(Action::TruncateTo(log.high_watermark()));
        }
        Self {
            term,
            backoff,
            failures: 0,
            state: State::Fetching,
            wait_until: None,
            leader_high_watermark: None,
        }
    }

    /// The leader epoch.
    pub const fn leader_epoch(&self) -> i32 {
        self.term.leader_epoch
    }

    /// Whether the log has all that the leader has called committed; throttles are not for such replicas.
    pub fn has_caught_up(&self, log: &impl FollowerLog) -> bool {
        self.leader_high_watermark.is_some_and(|high_watermark| high_watermark <= log.log_end())
    }

    /// Whether nothing more is fetched in this leader epoch: the leader has been replaced, or the log has failed.
    pub fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// Offsets that the leader has called committed and that are not here yet; 0 before it has told.
    pub fn lag(&self, log: &impl FollowerLog) -> i64 {
        self.leader_high_watermark.map_or(0, |high_watermark| (high_watermark - log.log_end()).max(0))
    }

    /// What to ask the leader at this moment.
    pub fn ask(&self, now: Duration, log: &impl FollowerLog) -> Ask {
        if let Some(until) = self.wait_until.filter(|until| *until > now && self.state != State::Failed) {
            return Ask::Later(until);
        }
        let term = self.term;
        match self.state {
            State::Fetching => match log.doubt() {
                Doubt::None => {
                    let (offset, last_fetched_epoch) = (log.log_end(), log.latest_epoch());
                    Ask::Fetch(Position { term, offset, last_fetched_epoch })
                }
                Doubt::Open => Ask::Never,
                Doubt::From(_) => Ask::Offsets(term),
            },
            State::OutOfRange => Ask::Offsets(term),
            State::Failed => Ask::Never,
        }
    }

    /// Takes in what happened and adds what to do.
    pub fn step(&mut self, now: Duration, input: Input, log: &impl FollowerLog, actions: &mut Vec<Action>) {
        match input {
            Input::Fetched { asked, answer } => {
                let is_current = asked.term == self.term && asked.offset == log.log_end();
                if is_current && self.state == State::Fetching {
                    self.wait_until = None;
                    if !matches!(answer, FetchAnswer::Error(_)) {
                        self.failures = 0;
                    }
                    self.fetched(now, answer, log, actions);
                }
            }
            Input::LeaderOffsets { term, answer } => {
                let is_asked = match self.state {
                    State::Fetching => matches!(log.doubt(), Doubt::From(_)),
                    State::OutOfRange => true,
                    State::Failed => false,
                };
                if term != self.term || !is_asked {
                    return;
                }
                match answer {
                    Ok(offsets) => self.leader_offsets(offsets, log, actions),
                    Err(code) => self.refused(now, code),
                }
            }
            Input::Failed => self.back_off(now),
            Input::LogFailed => self.state = State::Failed,
        }
    }

    fn fetched(
        &mut self,
        now: Duration,
        answer: FetchAnswer,
        log: &impl FollowerLog,
        actions: &mut Vec<Action>,
    ) {
        match answer {
            FetchAnswer::Records { high_watermark, log_start } => {
                self.leader_high_watermark = Some(high_watermark);
                actions.push(Action::Append { leader_epoch: self.term.leader_epoch });
                actions.push(Action::HighWatermark(high_watermark));
                actions.push(Action::LogStart(log_start));
            }
            FetchAnswer::Diverging { epoch, end_offset } => {
                actions.push(Action::TruncateTo(common_end(log, epoch, end_offset)));
            }
            FetchAnswer::Error(code) => self.refused(now, code),
        }
    }

    fn refused(&mut self, now: Duration, code: ErrorCode) {
        match code {
            ErrorCode::OffsetOutOfRange => {
                self.state = State::OutOfRange;
                self.wait_until = None;
            }
            // There is a newer leader, which the metadata will tell.
            ErrorCode::FencedLeaderEpoch => self.state = State::Failed,
            // Among others NOT_LEADER_OR_FOLLOWER and UNKNOWN_LEADER_EPOCH: the leader does not know of its luck yet.
            _ => self.back_off(now),
        }
    }

    /// The leader has answered, so that what may be missing here is with it. Or this log has more than the leader's, as after an unclean election, and is cut to the leader's end; or it
    /// ends before the leader's begins, and starts anew there. In between the leader was overtaken by its retention or
    /// the like meanwhile, and the next fetch succeeds.
    fn leader_offsets(&mut self, leader: LeaderOffsets, log: &impl FollowerLog, actions: &mut Vec<Action>) {
        self.state = State::Fetching;
        self.wait_until = None;
        if let Doubt::From(offset) = log.doubt() {
            self.failures = 0;
            actions.push(Action::TruncateTo(offset));
        } else if leader.log_end < log.log_end() {
            actions.push(Action::TruncateTo(leader.log_end));
        } else if leader.log_start > log.log_end() {
            actions.push(Action::StartAt(leader.log_start));
        }
    }

    fn back_off(&mut self, now: Duration) {
        self.wait_until = Some(now + backoff(self.failures, self.backoff));
        self.failures = self.failures.saturating_add(1);
    }
}

/// How long to wait after so many failures in a row. A leader that was elected a moment ago may not know it yet: it is
/// asked again soon, and less and less often, down to once in `replica.fetch.backoff.ms`.
pub fn backoff(failures: u32, max: Duration) -> Duration {
    BACKOFF_MIN.saturating_mul(1 << failures.min(16)).min(max)
}

/// Up to where this log can be the same as the leader's, whose largest epoch at or below this log's newest is `epoch`
/// and ends at `end_offset`.
fn common_end(log: &impl FollowerLog, epoch: i32, end_offset: i64) -> i64 {
    let log_end = log.log_end();
    if end_offset < 0 {
        return log.high_watermark();
    }
    let own_end = if epoch < 0 { None } else { log.epoch_end(epoch) };
    // If this log has no records of the leader's epoch but older ones, its older epoch's end bounds what is common; the
    // next fetch, from there, tells whether that is.
    own_end.map_or(log_end, |(_, own_end)| own_end).min(end_offset).min(log_end)
}

#[cfg(test)]
mod tests;
