//! The state of one record, or of several records of a batch that share it.

use std::time::Duration;

use klamm_protocol::StrBytes;

use crate::partition::{Settings, WriteId};

/// States of a record, with the numbers under which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum RecordState {
    /// May be acquired.
    Available = 0,
    /// Is with a member.
    Acquired = 1,
    /// Was processed.
    Acknowledged = 2,
    /// Is on its way to the dead-letter queue (KIP-1191).
    Archiving = 3,
    /// Is given up.
    Archived = 4,
}

impl RecordState {
    /// The state of a stored number.
    pub const fn from_id(id: i8) -> Option<Self> {
        match id {
            0 => Some(Self::Available),
            1 => Some(Self::Acquired),
            2 => Some(Self::Acknowledged),
            3 => Some(Self::Archiving),
            4 => Some(Self::Archived),
            _ => None,
        }
    }

    /// Its stored number.
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// Whether nothing can happen to the record any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Archived)
    }
}

/// Why a record is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// A member rejected it.
    Rejected,
    /// It was delivered as often as the group allows.
    DeliveryCountExceeded,
}

/// What was before a change that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Before {
    write: WriteId,
    state: RecordState,
    member: Option<StrBytes>,
}

/// Whether it is kept that a lock has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freed {
    Kept,
    /// To be in the next write.
    Unkept,
    InWrite(WriteId),
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) state: RecordState,
    /// How often it was delivered.
    pub(crate) count: i16,
    /// Who has it.
    pub(crate) member: Option<StrBytes>,
    /// When the lock runs out; kept while a change is being written.
    pub(crate) locked_until: Option<Duration>,
    before: Option<Before>,
    /// Changed at once, and how far that is kept.
    freed: Freed,
    /// Not to be acquired before.
    held_until: Option<Duration>,
    /// Whether the driver copies it to the dead-letter queue.
    pub(crate) is_being_copied: bool,
    /// Whether it needs no copying any more, also if that could not be written.
    pub(crate) is_copied: bool,
    /// Why it goes there, if that is known: it is not kept.
    given_up: Option<GivenUp>,
    /// Archived whatever comes of a change that is being written.
    is_final: bool,
}

impl Delivery {
    pub(crate) const fn new(state: RecordState, count: i16) -> Self {
        Self {
            state,
            count,
            member: None,
            locked_until: None,
            before: None,
            freed: Freed::Kept,
            held_until: None,
            is_being_copied: false,
            is_copied: false,
            given_up: None,
            is_final: false,
        }
    }

    /// Delivered for the first time.
    pub(crate) fn first(member: &StrBytes, locked_until: Duration) -> Self {
        Self {
            member: Some(member.clone()),
            locked_until: Some(locked_until),
            ..Self::new(RecordState::Acquired, 1)
        }
    }

    /// Whether a change is being written.
    pub(crate) const fn is_changing(&self) -> bool {
        self.before.is_some()
    }

    /// Whether a member has it, also if it is being written what became of it.
    pub(crate) fn is_with_member(&self) -> bool {
        let state = self.before.as_ref().map_or(self.state, |before| before.state);
        state == RecordState::Acquired && !self.is_final
    }

    /// Whether a member may have it now.
    pub(crate) fn is_acquirable(&self, now: Duration) -> bool {
        self.is_available() && self.held_until.is_none_or(|until| until <= now)
    }

    /// Whether a member may have it, now or when it was held back long enough.
    pub(crate) const fn is_available(&self) -> bool {
        matches!(self.state, RecordState::Available) && !self.is_changing()
    }

    /// Holds it back after a delivery that failed. Returns until when.
    pub(crate) fn hold_back(&mut self, now: Duration, offset: i64, settings: &Settings) -> Option<Duration> {
        let until = now + settings.backoff?.after(self.count, offset);
        self.held_until = Some(until);
        Some(until)
    }

    /// Whether it waits for the dead-letter queue.
    pub(crate) const fn is_dead_letter(&self) -> bool {
        matches!(self.state, RecordState::Archiving) && !self.is_changing()
    }

    /// Whether it may be copied to the dead-letter queue: before that is kept, another leader may deliver it once more.
    pub(crate) fn is_kept_as_dead_letter(&self) -> bool {
        self.is_dead_letter() && self.freed == Freed::Kept
    }

    /// Whether it is on its way to the dead-letter queue, as far as that is known here, and not there yet.
    pub(crate) const fn is_to_be_copied(&self) -> bool {
        matches!(self.state, RecordState::Archiving) && !self.is_copied
    }

    /// Why it goes to the dead-letter queue. Of what another leader gave up only the count is known.
    pub(crate) fn reason(&self, settings: &Settings) -> GivenUp {
        self.given_up.unwrap_or(if self.count >= settings.delivery_count_limit {
            GivenUp::DeliveryCountExceeded
        } else {
            GivenUp::Rejected
        })
    }

    /// Whether it is being written that it was copied to the dead-letter queue.
    pub(crate) fn is_leaving_as_dead_letter(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.state == RecordState::Archiving)
    }

    /// Begins to give up what was copied to the dead-letter queue.
    pub(crate) fn begin_archive(&mut self, write: WriteId) {
        self.is_being_copied = false;
        self.is_copied = true;
        self.before = Some(Before { write, state: self.state, member: None });
        self.state = RecordState::Archived;
    }

    /// Whether nothing can happen to it any more, and nothing is being written.
    pub(crate) const fn is_settled(&self) -> bool {
        self.state.is_terminal() && !self.is_changing()
    }

    /// Delivers it once more. To be called only if it is acquirable.
    pub(crate) fn acquire(&mut self, member: &StrBytes, locked_until: Duration) {
        debug_assert!(self.is_available());
        self.held_until = None;
        self.state = RecordState::Acquired;
        self.freed = Freed::Kept;
        self.count = self.count.saturating_add(1);
        self.member = Some(member.clone());
        self.locked_until = Some(locked_until);
    }

    /// What becomes of a record that is to be `wanted`: one that was delivered often enough is not made available again.
    const fn outcome(&self, wanted: RecordState, settings: &Settings) -> RecordState {
        match wanted {
            RecordState::Available if self.count >= settings.delivery_count_limit => settings.given_up(),
            wanted => wanted,
        }
    }

    /// Begins a change of an acquired record that takes effect when `write` is written.
    pub(crate) fn begin(&mut self, wanted: RecordState, settings: &Settings, write: WriteId) {
        debug_assert!(self.state == RecordState::Acquired && !self.is_changing());
        self.before = Some(Before { write, state: self.state, member: self.member.take() });
        self.become_outcome(wanted, settings);
    }

    fn become_outcome(&mut self, wanted: RecordState, settings: &Settings) {
        self.state = self.outcome(wanted, settings);
        self.given_up = match (self.state, wanted) {
            (RecordState::Archiving, RecordState::Archiving) => Some(GivenUp::Rejected),
            (RecordState::Archiving, _) => Some(GivenUp::DeliveryCountExceeded),
            _ => None,
        };
    }

    /// Whether a change that ends may make it available: one of `write` that was to do so, or has failed.
    pub(crate) fn may_be_free_after(&self, write: WriteId, is_written: bool) -> bool {
        let is_its = self.before.as_ref().is_some_and(|before| before.write == write);
        is_its && (!is_written || matches!(self.state, RecordState::Available))
    }

    /// Ends the change that `write` was for. One that is free by that and before the start is given up. Returns whether there
    /// was a change.
    pub(crate) fn end(
        &mut self,
        write: WriteId,
        is_written: bool,
        is_before_start: bool,
        now: Duration,
        settings: &Settings,
    ) -> bool {
        if self.freed == Freed::InWrite(write) {
            self.freed = if is_written { Freed::Kept } else { Freed::Unkept };
        }
        let Some(before) = self.before.take_if(|before| before.write == write) else { return false };
        if is_written || self.is_final {
            self.locked_until = None;
            if is_before_start && self.is_available() {
                self.archive();
            }
        } else if self.locked_until.is_some_and(|until| until <= now) {
            self.free(settings);
            if is_before_start {
                self.archive();
            }
        } else {
            self.state = before.state;
            self.member = before.member;
        }
        true
    }

    /// Takes an acquired record from its member, at once.
    pub(crate) fn free(&mut self, settings: &Settings) {
        self.become_outcome(RecordState::Available, settings);
        self.freed = Freed::Unkept;
        self.member = None;
        self.locked_until = None;
    }

    /// Whether what is kept says how often it was delivered.
    pub(crate) fn is_count_kept(&self) -> bool {
        !self.is_with_member() && self.freed == Freed::Kept
    }

    /// Whether it was freed and that is neither kept nor being written.
    pub(crate) const fn is_unkept(&self) -> bool {
        matches!(self.freed, Freed::Unkept)
    }

    /// Has a write tell that it was freed.
    pub(crate) const fn tell(&mut self, write: WriteId) {
        self.freed = Freed::InWrite(write);
    }

    /// Gives it up, at once and for good.
    pub(crate) fn archive(&mut self) {
        self.state = RecordState::Archived;
        self.is_final = true;
        self.member = None;
        self.locked_until = None;
    }
}
