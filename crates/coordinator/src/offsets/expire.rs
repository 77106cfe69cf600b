//! The expiry of offsets, and of groups that have nothing left (KIP-211).

use crate::coordinator::GroupCoordinator;
use crate::effect::{Step, TimerKey};
use crate::group::GroupRef;
use crate::record::GroupRecord;
use klamm_protocol::StrBytes;

impl GroupCoordinator {
    /// Writes tombstones for every offset whose retention is over, and for every group without members whose
    /// last offset goes, and sets the timer for the next time.
    pub(crate) fn expire(&mut self, step: &mut Step) {
        self.forget_unwritten_groups();
        for (id, _) in self.state().groups() {
            let Some(group) = self.group(id).filter(GroupRef::expires) else { continue };
            if self.expire_offsets_of(id, &group, step) && group.is_empty() {
                group.tombstones(id).into_iter().for_each(|record| step.record(record));
            }
        }
        step.set_timer(TimerKey::Expiration, self.settings().offsets_retention_check_interval_ms);
    }

    /// True if the group keeps no offset.
    fn expire_offsets_of(&self, id: &StrBytes, group: &GroupRef<'_>, step: &mut Step) -> bool {
        let offsets = self.state().offsets();
        if !offsets.has_any(id) {
            return !offsets.is_open(id);
        }
        let Some(start_ms) = group.retention_start_ms() else { return false };
        let mut all_expired = true;
        for (topic, partition, offset) in offsets.of_group(id) {
            let is_over = match offset.expire_timestamp_ms {
                Some(expire_ms) => step.now_ms >= expire_ms,
                None => {
                    let start_ms = start_ms.unwrap_or(offset.commit_timestamp_ms);
                    step.now_ms.saturating_sub(start_ms) >= self.settings().offsets_retention_ms
                }
            };
            if is_over && !group.is_subscribed_to(topic) && !offsets.is_unstable(id, topic, partition) {
                step.record(GroupRecord::offset_tombstone(id.clone(), topic.clone(), partition));
            } else {
                all_expired = false;
            }
        }
        all_expired && !offsets.is_open(id)
    }
}
