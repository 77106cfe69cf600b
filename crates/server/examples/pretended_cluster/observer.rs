//! A broker's view of the metadata: the log, fetched from the active controller as KRaft has it, and replayed.
//!
//! The raft machine is the one of the product, and so is the replay; log and snapshot stay in memory.

use std::{collections::VecDeque, future::pending, pin::Pin};

use klamm_io::{Clock, Instant};
use klamm_metadata::{
    MetadataImage,
    image::{Loader, Provenance},
};
use klamm_protocol::records::{BatchIter, RecordBatch};
use klamm_raft::{
    Action, Config, ControlState, Input, LogState, Now, OffsetAndEpoch, Raft, RaftResponse, RequestFailure,
};
use klamm_server::quorum::{
    driver::{decode_records, load_snapshot},
    peers::Peers,
};
use tokio::sync::watch;

/// What an observer knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) image: MetadataImage,
    /// Last offset in the image; -1 for none.
    pub(crate) offset: i64,
    /// The active controller's id.
    pub(crate) leader: Option<i32>,
}

type Answer = Pin<Box<dyn Future<Output = Result<RaftResponse, RequestFailure>>>>;

/// Follows the metadata until it is dropped.
pub(crate) struct Observer {
    clock: Clock,
    raft: Raft,
    peers: Peers,
    /// The request under way; an observer has no more than one.
    under_way: Option<(u64, Answer)>,
    /// Batches that are not known to be committed.
    uncommitted: VecDeque<RecordBatch>,
    /// The part of a snapshot that is here.
    snapshot: Vec<u8>,
    loader: Loader,
    view: watch::Sender<View>,
}

impl Observer {
    /// One that knows nothing yet.
    pub(crate) fn new(config: Config, peers: Peers, clock: Clock, view: watch::Sender<View>) -> Self {
        view.send_replace(View { offset: -1, ..View::default() });
        let raft = Raft::new(now(clock), config, LogState::default(), ControlState::default(), None);
        Self {
            clock,
            raft,
            peers,
            under_way: None,
            uncommitted: VecDeque::new(),
            snapshot: Vec::new(),
            loader: Loader::default(),
            view,
        }
    }

    /// Follows.
    ///
    /// # Errors
    /// If what comes cannot be read.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let mut next = Some(Input::Tick);
        loop {
            let deadline = self.raft.next_deadline().map(Instant::from_start);
            let input = match next.take() {
                Some(input) => input,
                None => tokio::select! {
                    input = answer(&mut self.under_way) => {
                        self.under_way = None;
                        input
                    }
                    () = self.clock.sleep_until_any(deadline) => Input::Tick,
                },
            };
            let mut actions = Vec::new();
            self.raft.step(now(self.clock), input, &mut actions);
            for action in actions {
                next = self.carry_out(action)?.or(next);
            }
        }
    }

    /// Returns what is to be stepped next.
    fn carry_out(&mut self, action: Action) -> Result<Option<Input>, String> {
        match action {
            Action::Send { request_id, to, request } => {
                let peers = self.peers.clone();
                let answer = async move { peers.send(&to, request).await };
                self.under_way = Some((request_id, Box::pin(answer)));
            }
            Action::Append { batches, .. } => {
                for batch in BatchIter::new(batches) {
                    self.uncommitted.push_back(batch.map_err(|error| error.to_string())?);
                }
                return Ok(Some(Input::Appended));
            }
            Action::Truncate { end_offset } => {
                self.uncommitted.retain(|batch| batch.last_offset() < end_offset)
            }
            Action::HighWatermark { offset } => self.commit(offset)?,
            Action::LeaderChanged { leader, .. } => self.view.send_modify(|view| view.leader = leader),
            Action::WriteSnapshot { position, bytes, .. } => {
                self.snapshot.truncate(usize::try_from(position).unwrap_or(0));
                self.snapshot.extend_from_slice(&bytes);
            }
            Action::FinishSnapshot { id } => return self.install(id).map(Some),
            // It has no vote to keep, and nobody asks it anything.
            _ => {}
        }
        Ok(None)
    }

    fn install(&mut self, id: OffsetAndEpoch) -> Result<Input, String> {
        let content = bytes::Bytes::from(std::mem::take(&mut self.snapshot));
        self.loader = load_snapshot(id, content.clone())?;
        self.uncommitted.clear();
        self.publish();
        let control = ControlState::of_snapshot(id, content).map_err(|error| error.to_string())?;
        Ok(Input::SnapshotInstalled { id, control })
    }

    fn commit(&mut self, high_watermark: i64) -> Result<(), String> {
        while let Some(batch) = self.uncommitted.pop_front_if(|batch| batch.last_offset() < high_watermark) {
            let provenance = Provenance {
                last_offset: batch.last_offset(),
                last_epoch: batch.partition_leader_epoch,
                last_timestamp_ms: batch.max_timestamp,
            };
            let records = if batch.is_control() { Vec::new() } else { decode_records(&batch) };
            self.loader.apply(&records, provenance).map_err(|error| error.to_string())?;
        }
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        self.view.send_modify(|view| {
            view.image = self.loader.image().clone();
            view.offset = self.loader.provenance().last_offset;
        });
    }
}

async fn answer(under_way: &mut Option<(u64, Answer)>) -> Input {
    match under_way {
        Some((request_id, answer)) => Input::Response { request_id: *request_id, result: answer.await },
        None => pending().await,
    }
}

fn now(clock: Clock) -> Now {
    Now { monotonic: clock.now().since_start(), wall_ms: clock.wall_ms() }
}
