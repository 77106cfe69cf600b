//! The way to a partition: which shard has it, and how to reach that shard from here.

use std::{
    hash::{Hash, Hasher},
    rc::Rc,
    sync::Arc,
};

use klamm_io::Clock;
use rustc_hash::FxHasher;
use tokio::sync::{mpsc, oneshot};

use super::{ShardRequest, run::Shard};
use crate::{handlers::Contexts, listener::connection::NewConnection};

/// Sends requests to shards. Belongs to one thread; [`ShardSenders`] is what threads share.
#[derive(Clone)]
pub struct Shards {
    senders: ShardSenders,
    /// The shard of this thread, if it has one: requests to it are plain calls.
    local: Option<Rc<Shard>>,
    clock: Clock,
}

/// A channel to every shard.
#[derive(Clone, Debug)]
pub struct ShardSenders(Arc<[mpsc::UnboundedSender<ShardRequest>]>);

impl ShardSenders {
    /// One sender for each shard, in the order of their indexes.
    pub fn new(senders: Vec<mpsc::UnboundedSender<ShardRequest>>) -> Self {
        Self(senders.into())
    }

    /// How many shards there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Sends a request. A shard that is gone drops it, which its `reply` tells whoever waits.
    pub fn send(&self, shard: usize, request: ShardRequest) {
        if let Some(sender) = self.0.get(shard) {
            let _ = sender.send(request);
        }
    }

    /// Sends every shard a request and waits for all answers, in the order of the shards. A shard that is gone has none.
    pub async fn ask_all<T>(&self, mut request: impl FnMut(oneshot::Sender<T>) -> ShardRequest) -> Vec<T> {
        let mut waiting = Vec::with_capacity(self.count());
        for shard in 0..self.count() {
            let (reply, answer) = oneshot::channel();
            self.send(shard, request(reply));
            waiting.push(answer);
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.extend(answer.await);
        }
        answers
    }
}

impl Shards {
    /// A router for a thread that has no shard.
    pub fn remote(senders: ShardSenders, clock: Clock) -> Self {
        Self { senders, local: None, clock }
    }

    /// A router for the thread of `shard`.
    pub fn local(senders: ShardSenders, shard: Rc<Shard>, clock: Clock) -> Self {
        Self { senders, local: Some(shard), clock }
    }

    /// How many shards there are.
    pub fn count(&self) -> usize {
        self.senders.count()
    }

    /// The contexts of the handlers on this thread; `None` if it has no shard, or that has ended.
    pub fn contexts(&self) -> Option<Rc<Contexts>> {
        self.local.as_ref()?.contexts()
    }

    /// The node's clock.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The shard that owns a partition. It depends on nothing that changes while the process runs.
    pub fn of(&self, topic: &str, partition: i32) -> usize {
        shard_of(topic, partition, self.count())
    }

    /// Sends a request to a shard; carried out before this returns if the shard is this thread's.
    pub fn send(&self, shard: usize, request: ShardRequest) {
        match &self.local {
            Some(local) if local.index() == shard => local.handle(request),
            _ => self.senders.send(shard, request),
        }
    }

    /// Sends a request and waits for its answer; `None` if the shard is going down.
    pub async fn ask<T>(
        &self,
        shard: usize,
        request: impl FnOnce(oneshot::Sender<T>) -> ShardRequest,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.send(shard, request(reply));
        answer.await.ok()
    }

    /// Asks every shard.
    pub async fn ask_all<T>(&self, request: impl FnMut(oneshot::Sender<T>) -> ShardRequest) -> Vec<T> {
        self.senders.ask_all(request).await
    }

    /// Hands a connection to the shard whose turn it is.
    pub fn serve(&self, turn: usize, connection: NewConnection) {
        self.send(turn % self.count().max(1), ShardRequest::Serve(Box::new(connection)));
    }
}

/// The shard, of `count`, that owns a partition.
pub fn shard_of(topic: &str, partition: i32, count: usize) -> usize {
    let mut hasher = FxHasher::default();
    topic.hash(&mut hasher);
    partition.hash(&mut hasher);
    // The upper bits of this hash are the well mixed ones.
    usize::try_from((hasher.finish() >> 32) % count.max(1) as u64).unwrap_or(0)
}
