//! The log cleaner's workers: they look for the dirtiest log of the node, clean it, and look again.
//!
//! There are `log.cleaner.threads` of them. A worker asks all shards what could be cleaned, chooses, and has the shard begin
//! a round; what is read and written is done step by step on a thread that may wait, so that a shard only ever hears of
//! finished segments. All settings count from the next round on, the limit of bytes per second at once.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use klamm_config::{BrokerConfig, broker};
use klamm_io::spawn;
use klamm_log::cleaner::{CleanedSegment, CleanerSettings, Cleaning, Step, Throttle};
use tracing::{info, warn};

use crate::{
    node::Node,
    shard::{
        ShardRequest, Shards,
        requests::{CleanRequest, CleanableLog},
        router::ShardSenders,
    },
};

/// How often a worker that waits looks whether it still has to, and how long for.
const LOOK: Duration = Duration::from_secs(1);

/// What the workers share.
struct Cleaner {
    node: Arc<Node>,
    shards: Shards,
    senders: ShardSenders,
    throttle: RefCell<Throttle>,
    workers: Cell<usize>,
}

/// Runs until it is ended.
pub(crate) async fn run(node: Arc<Node>, senders: ShardSenders) {
    let clock = node.world.clock;
    let shards = Shards::remote(senders.clone(), clock);
    let cleaner =
        Rc::new(Cleaner { node, shards, senders, throttle: RefCell::default(), workers: Cell::new(0) });
    loop {
        while cleaner.workers.get() < threads(&cleaner.node.config.load()) {
            cleaner.workers.set(cleaner.workers.get() + 1);
            spawn::essential(work(Rc::clone(&cleaner)));
        }
        clock.sleep(LOOK).await;
    }
}

fn threads(config: &BrokerConfig) -> usize {
    if config.get(&broker::LOG_CLEANER_ENABLE) {
        usize::try_from(config.get(&broker::LOG_CLEANER_THREADS)).unwrap_or(0)
    } else {
        0
    }
}

/// One worker; it ends when there are to be fewer.
async fn work(cleaner: Rc<Cleaner>) {
    let clock = cleaner.node.world.clock;
    while cleaner.workers.get() <= threads(&cleaner.node.config.load()) {
        if cleaner.clean_dirtiest().await {
            continue;
        }
        let idle_since = clock.now();
        loop {
            let backoff = cleaner.node.config.load().get(&broker::LOG_CLEANER_BACKOFF_MS);
            let backoff = Duration::from_millis(u64::try_from(backoff).unwrap_or(0));
            let left = backoff.saturating_sub(clock.now() - idle_since);
            if left.is_zero() {
                break;
            }
            clock.sleep(left.min(LOOK)).await;
        }
        // With no time to wait, others come first all the same.
        spawn::yield_now().await;
    }
    cleaner.workers.set(cleaner.workers.get() - 1);
}

impl Cleaner {
    /// Cleans the log that needs it most. False if none does.
    async fn clean_dirtiest(&self) -> bool {
        let found = self.senders.ask_all(|reply| ShardRequest::Cleanable { reply }).await;
        let found: Vec<CleanableLog> = found.into_iter().flatten().collect();
        let dirtiest = found.iter().map(|log| log.cleanable.dirty_ratio()).fold(0.0, f64::max);
        let overdue_ms = found.iter().map(|log| log.cleanable.overdue_ms).max().unwrap_or(0);
        {
            let mut measures = self.node.cleaning();
            measures.dirty_ratio = dirtiest;
            measures.overdue_ms = overdue_ms;
            measures.looked_at = self.node.world.clock.now().since_start();
        }
        let due = found.into_iter().filter(|log| log.cleanable.is_due(log.dirty_ratio_min));
        let mut due: Vec<CleanableLog> = due.collect();
        due.sort_by(|one, other| other.cleanable.dirty_ratio().total_cmp(&one.cleanable.dirty_ratio()));
        for log in due {
            let at = &log.at;
            let shard = self.shards.of(&at.topic, at.index);
            let settings = self.settings();
            let start = |reply| ShardRequest::Clean {
                at: at.clone(),
                request: CleanRequest::Start { settings, reply },
            };
            // Another worker may have been faster.
            if let Some(Some(cleaning)) = self.shards.ask(shard, start).await {
                self.clean(&log, shard, cleaning).await;
                return true;
            }
        }
        false
    }

    async fn clean(&self, log: &CleanableLog, shard: usize, cleaning: Box<Cleaning>) {
        let id = cleaning.id();
        let at = &log.at;
        // It lives until the log has heard how it ended: without it the log would count as not being cleaned.
        let mut cleaning = Some(cleaning);
        let end_offset = match self.run(log, shard, &mut cleaning).await {
            Ended::Clean(end_offset) => Some(end_offset),
            Ended::GivenUp => return,
            Ended::Failed(error) if error.is_fault() => return self.node.log_dirs.fail(log.log_dir, &error),
            Ended::Failed(error) => {
                warn!(partition = %at, %error, "log cannot be compacted and is left alone until the next start");
                self.node.cleaning().gave_up(log);
                None
            }
        };
        let request = CleanRequest::End { id, end_offset };
        self.shards.send(shard, ShardRequest::Clean { at: at.clone(), request });
    }

    fn settings(&self) -> CleanerSettings {
        let config = self.node.config.load();
        let threads = threads(&config).max(1);
        let of_each = |bytes: i64| u64::try_from(bytes).unwrap_or(0) / threads as u64;
        let io_bytes = of_each(i64::from(config.get(&broker::LOG_CLEANER_IO_BUFFER_SIZE))) / 2;
        CleanerSettings {
            dedupe_buffer_bytes: of_each(config.get(&broker::LOG_CLEANER_DEDUPE_BUFFER_SIZE)),
            load_factor: config.get(&broker::LOG_CLEANER_IO_BUFFER_LOAD_FACTOR),
            io_buffer_bytes: usize::try_from(io_bytes).unwrap_or(usize::MAX),
            hash_key: self.node.world.entropy.next_16(),
        }
    }

    async fn run(&self, log: &CleanableLog, shard: usize, place: &mut Option<Box<Cleaning>>) -> Ended {
        let began = self.node.world.clock.now();
        loop {
            let Some(mut cleaning) = place.take() else { return Ended::GivenUp };
            let step = spawn::blocking(move || {
                let step = cleaning.step();
                (cleaning, step)
            });
            let Some((cleaning, step)) = step.await else { return Ended::GivenUp };
            let cleaning = place.insert(cleaning);
            match step {
                Ok(Step::More { bytes }) => self.rest(bytes).await,
                Ok(Step::Cleaned(segment)) => match self.swap(log, shard, segment).await {
                    Ok(true) => {}
                    Ok(false) => return Ended::GivenUp,
                    Err(error) => return Ended::Failed(error),
                },
                Ok(Step::Done { end_offset }) => {
                    let stats = cleaning.stats();
                    let took = self.node.world.clock.now() - began;
                    self.node.cleaning().cleaned(stats, self.settings().dedupe_buffer_bytes, took);
                    info!(
                        partition = %log.at,
                        from = cleaning.first_dirty_offset(),
                        to = end_offset,
                        keys = stats.keys,
                        bytes_before = stats.bytes_read,
                        bytes_after = stats.bytes_written,
                        records_before = stats.records_read,
                        records_after = stats.records_kept,
                        ms = took.as_millis(),
                        "log compacted"
                    );
                    if stats.records_invalid > 0 {
                        warn!(partition = %log.at, records = stats.records_invalid, "records without a key were dropped");
                    }
                    return Ended::Clean(end_offset);
                }
                Ok(Step::Aborted) => return Ended::GivenUp,
                Err(error) => return Ended::Failed(error),
            }
        }
    }

    async fn rest(&self, bytes: u64) {
        let clock = self.node.world.clock;
        let limit = self.node.config.load().get(&broker::LOG_CLEANER_IO_MAX_BYTES_PER_SECOND);
        let rest = self.throttle.borrow_mut().observe(bytes, limit, clock.now().since_start());
        if !rest.is_zero() {
            clock.sleep(rest).await;
        }
    }

    /// Has the shard put a segment in place. Returns whether it did.
    async fn swap(
        &self,
        log: &CleanableLog,
        shard: usize,
        segment: CleanedSegment,
    ) -> klamm_log::Result<bool> {
        let segment = Arc::new(segment);
        let request = |reply| CleanRequest::Swap { segment: Arc::clone(&segment), reply };
        let swap = |reply| ShardRequest::Clean { at: log.at.clone(), request: request(reply) };
        let swapped = self.shards.ask(shard, swap).await.unwrap_or(false);
        let synced = spawn::blocking(move || {
            if swapped {
                segment.sync_names()
            } else {
                segment.discard();
                Ok(())
            }
        });
        synced.await.unwrap_or(Ok(()))?;
        Ok(swapped)
    }
}

/// How a round ended.
enum Ended {
    /// The log is clean up to here.
    Clean(i64),
    /// The log has changed or has gone, or the node ends.
    GivenUp,
    /// The disk failed, or the log is damaged.
    Failed(klamm_log::Error),
}
