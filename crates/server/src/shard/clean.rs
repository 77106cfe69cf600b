//! What a shard does for the log cleaner: says how dirty its logs are, begins a round on one of them, and puts finished
//! segments in place. All of it is short; the cleaner reads and writes elsewhere.

use std::rc::Rc;

use klamm_log::Log;

use super::{
    requests::{CleanRequest, CleanableLog, TopicPartition},
    run::Shard,
};

impl Shard {
    /// The logs here that could be compacted. Compacted logs lose here what lies before their start, or what they need not
    /// keep if they are also to be deleted from: as in Kafka as often as the cleaner looks for work.
    pub(super) fn cleanable(self: &Rc<Self>) -> Vec<CleanableLog> {
        self.retain(|partition| partition.log.config().compact);
        let now_ms = self.node.world.clock.wall_ms();
        let mut found = Vec::new();
        for partition in self.partitions.borrow_mut().iter_mut() {
            let log_dir = partition.log_dir();
            if self.node.log_dirs.is_offline(log_dir) {
                continue;
            }
            partition.take_checkpoint(&self.node.log_dirs);
            match partition.log.cleanable(now_ms) {
                Ok(Some(cleanable)) => found.push(CleanableLog {
                    at: partition.at().clone(),
                    log_dir,
                    cleanable,
                    dirty_ratio_min: partition.log.config().dirty_ratio_min,
                }),
                Ok(None) => {}
                Err(error) if error.is_fault() => self.node.log_dirs.fail(log_dir, &error),
                Err(error) => tracing::warn!(partition = %partition.at(), %error, "log cannot be compacted"),
            }
        }
        found
    }

    /// Does what the cleaner wants. Nothing if the partition is not here any more, which the reply tells by not coming.
    pub(super) fn clean(self: &Rc<Self>, at: &TopicPartition, request: CleanRequest) {
        let now_ms = self.node.world.clock.wall_ms();
        match request {
            CleanRequest::Start { settings, reply } => {
                let begun = self.with_log(at, |log| log.start_cleaning(settings, now_ms));
                let _ = reply.send(begun.flatten().map(Box::new));
            }
            CleanRequest::Swap { segment, reply } => {
                let swapped = self.with_log(at, |log| log.swap_cleaned(&segment, now_ms));
                let _ = reply.send(swapped.unwrap_or(false));
                let pending =
                    self.partitions.borrow_mut().get_mut(at).map(|p| p.log.take_pending_deletions());
                pending.into_iter().flatten().for_each(|pending| self.remove_later(pending, now_ms));
            }
            CleanRequest::End { id, end_offset } => {
                self.with_log(at, |log| {
                    log.end_cleaning(&id, end_offset);
                    Ok(())
                });
            }
        }
    }

    /// Does something with a partition's log that may fail, which takes its directory offline.
    fn with_log<T>(
        &self,
        at: &TopicPartition,
        work: impl FnOnce(&mut Log) -> klamm_log::Result<T>,
    ) -> Option<T> {
        let mut partitions = self.partitions.borrow_mut();
        let partition = partitions.get_mut(at)?;
        let log_dir = partition.log_dir();
        if self.node.log_dirs.is_offline(log_dir) {
            return None;
        }
        match work(&mut partition.log) {
            Ok(done) => Some(done),
            Err(error) => {
                self.node.log_dirs.fail(log_dir, &error);
                None
            }
        }
    }
}
