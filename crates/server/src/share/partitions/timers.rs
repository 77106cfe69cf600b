//! Locks that run out.

use std::{rc::Rc, time::Duration};

use klamm_io::Instant;

use super::{Active, Held, Key, SharePartitions};
use crate::{shard::run::Shard, share::settings::ShareSettings};

impl SharePartitions {
    /// Notes when a share partition has something to do next.
    pub(super) fn note_deadline(&self, key: &Key, active: &mut Active) {
        let Some(deadline) = active.machine.next_deadline() else { return };
        if active.noted.is_some_and(|noted| noted <= deadline) {
            return;
        }
        active.noted = Some(deadline);
        let mut deadlines = self.deadlines.borrow_mut();
        let is_first = deadlines.first().is_none_or(|(first, _)| deadline < *first);
        deadlines.insert((deadline, key.clone()));
        if is_first {
            self.earlier.notify_one();
        }
    }

    fn take_due(&self, now: Duration) -> Option<Key> {
        let mut deadlines = self.deadlines.borrow_mut();
        if deadlines.first()?.0 > now {
            return None;
        }
        deadlines.pop_first().map(|(_, key)| key)
    }

    /// Runs until the shard ends.
    pub(crate) async fn run_timers(shard: Rc<Shard>) {
        let clock = shard.node().world.clock;
        let begin = clock.now();
        loop {
            while let Some(key) = shard.share().take_due(clock.now().since_start()) {
                shard.expire_locks(&key);
            }
            let next = shard.share().deadlines.borrow().first().map(|(deadline, _)| *deadline);
            // The clock's own beginning is not to be had but by way of a moment that is known.
            let next = next.map(|next| begin + next.saturating_sub(begin.since_start()));
            tokio::select! {
                biased;
                () = shard.share().earlier.notified() => {}
                () = clock.sleep_until_any(next) => {}
            }
        }
    }
}

impl Shard {
    fn expire_locks(self: &Rc<Self>, key: &Key) {
        let now: Instant = self.node().world.clock.now();
        let share = self.share();
        let mut held = share.held.borrow_mut();
        let Some(Held::Active(active)) = held.get_mut(key) else { return };
        active.noted = None;
        active.settings = ShareSettings::of_group(self.node(), &key.group);
        let expired = active.machine.expire(now.since_start(), &active.settings.partition);
        share.counts.borrow_mut().lock_timeouts += u64::from(expired.is_any_over);
        if let Some(write) = expired.write {
            self.keep(key, active, write, None);
        }
        if expired.is_any_free {
            active.waiting.wake_all();
        }
        self.follow_up(key, active);
        let incarnation = active.incarnation;
        drop(held);
        self.leave_if_abandoned(key, incarnation);
    }
}
