//! Writes records.
//!
//! [`Producer::send`] puts a record into the batch of its partition and gives back a [`Delivery`] to wait for. A task of
//! the producer sends batches when they are full or `linger.ms` old, keeps up to `max.in.flight.requests.per.connection`
//! requests under way, repeats what may succeed, and with idempotence (on by default) neither loses the order nor writes
//! a record twice. With a `transactional.id` records are written in transactions: [`Producer::init_transactions`],
//! then [`Producer::begin_transaction`] to [`Producer::commit_transaction`], again and again.

mod accumulator;
mod batch;
mod metrics;
mod sender;
mod settings;
mod transaction;
mod transactional;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use klamm_config::client::ClientConfig;
use klamm_io::{Instant, spawn};
use klamm_net::client::Connection;
pub use klamm_protocol::records::RecordHeader;
use tokio::sync::Notify;

use accumulator::{Accumulator, Appended, Ending, Pending};
use batch::{Batch, Callback, Fate, Identity};
pub use batch::{Delivery, RecordMetadata};
use metrics::{Gauges, ProduceMetrics};
use settings::Settings;
use transaction::{Phase, Transaction};

use crate::{ClientError, Cluster, cluster::Topic, metrics::Metric};

/// A record to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Topic to write to.
    pub topic: Arc<str>,
    /// Partition to write to; `None` leaves the choice to the key, or to chance.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; `None` is now.
    pub timestamp: Option<i64>,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
    /// Headers, in order.
    pub headers: Vec<RecordHeader>,
}

impl ProducerRecord {
    /// A record with a value only.
    pub fn new(topic: impl Into<Arc<str>>, value: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), value: Some(value.into()), ..Default::default() }
    }

    /// The same record with a key.
    #[must_use]
    pub fn with_key(self, key: impl Into<Bytes>) -> Self {
        Self { key: Some(key.into()), ..self }
    }
}

/// Writes records to a cluster. Dropping it gives up what is not sent; [`Producer::close`] sends it first.
pub struct Producer {
    shared: Arc<Shared>,
    sender: Option<spawn::Task<()>>,
}

struct Shared {
    cluster: Cluster,
    settings: Settings,
    state: Mutex<State>,
    /// Wakes the sender.
    wake: Notify,
    /// Wakes those that wait for room in the buffer.
    room: Notify,
}

#[derive(Default)]
struct State {
    accumulator: Accumulator,
    identity: Option<Identity>,
    transaction: Transaction,
    metrics: ProduceMetrics,
    /// Brokers that are written to.
    links: BTreeMap<i32, Link>,
    /// Why a broker could not be connected to.
    last_error: Option<ClientError>,
    /// Brokers that asked for a pause.
    muted: BTreeMap<i32, Instant>,
    is_refreshing: bool,
    refresh_failures: u32,
}

/// The way to one broker.
#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    is_connecting: bool,
    /// Requests under way.
    in_flight: usize,
}

impl Link {
    fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::is_open)
    }
}

/// While it exists nothing lingers. It ends with the future that holds it, even if that is dropped midway.
struct Hurry<'a>(&'a Shared);

impl<'a> Hurry<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.lock().accumulator.hurried += 1;
        Self(shared)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.lock().accumulator.hurried -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a batch: one that was in flight as `ending` says, one that waited with `None`.
    fn finish(&self, batch: Batch, mut fate: Fate, ending: Option<Ending>) {
        {
            let mut state = self.lock();
            if let Fate::Failed { error, .. } = &fate
                && self.settings.transactional_id.is_some()
            {
                let told = state.transaction.fail(error);
                fate = Fate::Failed { error: told, records: BTreeMap::new() };
            }
            match ending {
                Some(ending) => state.accumulator.landed(&batch, ending),
                None => state.accumulator.forget(&batch),
            }
        }
        batch.finish(fate);
        self.room.notify_waiters();
    }

    /// Sends everything without lingering and waits until the fate of each record is known.
    async fn settle(&self) {
        let _hurry = Hurry::new(self);
        let incomplete = self.lock().accumulator.incomplete();
        self.wake.notify_one();
        for completion in incomplete {
            completion.wait().await;
        }
    }

    fn has_work(&self) -> bool {
        !self.lock().accumulator.incomplete().is_empty()
    }

    fn is_done(&self) -> bool {
        let state = self.lock();
        state.accumulator.closing && state.accumulator.incomplete().is_empty()
    }

    fn refresh_topics(&self) -> Vec<Arc<str>> {
        self.lock().accumulator.topics()
    }
}

impl Producer {
    /// A producer with this configuration. Connects when the first record is sent.
    ///
    /// # Errors
    /// If settings contradict each other or ask for what is not supported.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let shared = Arc::new(Shared {
            cluster: Cluster::new(config)?,
            settings: Settings::new(config)?,
            state: Mutex::default(),
            wake: Notify::new(),
            room: Notify::new(),
        });
        let sender = spawn::anywhere(sender::run(Arc::clone(&shared)));
        Ok(Self { shared, sender: Some(sender) })
    }

    /// The cluster that it writes to.
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// What the producer has done so far, under the names of Kafka's producer.
    pub fn metrics(&self) -> Vec<Metric> {
        let (cluster, settings) = (&self.shared.cluster, &self.shared.settings);
        let metadata_age = cluster.metadata_age();
        let state = self.shared.lock();
        let gauges = Gauges {
            in_flight: state.links.values().map(|link| link.in_flight).sum(),
            metadata_age,
            buffer_bytes: settings.buffer_bytes,
            free_bytes: settings.buffer_bytes.saturating_sub(state.accumulator.memory_bytes),
        };
        state.metrics.tell(cluster.client_id(), cluster.clock().now(), &gauges)
    }

    /// Takes a record over. Waits for the topic's metadata and for room in the buffer, together no longer than
    /// `max.block.ms`; then the record is on its way, in the order of calls for each partition.
    ///
    /// # Errors
    /// If the record is too large, its topic or partition does not exist, or the waiting takes too long.
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivery, ClientError> {
        self.offer(record, None).await
    }

    /// As [`Producer::send`], with a function to call when the record's fate is known. Calls for one partition come in
    /// the order of the records.
    ///
    /// # Errors
    /// As [`Producer::send`]; `callback` is not called then.
    pub async fn send_with(
        &self,
        record: ProducerRecord,
        callback: impl FnOnce(Result<RecordMetadata, ClientError>) + Send + 'static,
    ) -> Result<(), ClientError> {
        let _delivery = self.offer(record, Some(Box::new(callback))).await?;
        Ok(())
    }

    async fn offer(
        &self,
        record: ProducerRecord,
        callback: Option<Callback>,
    ) -> Result<Delivery, ClientError> {
        let offered = self.add(record, callback).await;
        if offered.is_err() {
            self.shared.lock().metrics.refused(self.shared.cluster.clock().now());
        }
        offered
    }

    async fn add(
        &self,
        record: ProducerRecord,
        mut callback: Option<Callback>,
    ) -> Result<Delivery, ClientError> {
        let clock = self.shared.cluster.clock();
        let start = clock.now();
        let topic = self.topic(&record).await?;
        let pending = Pending {
            timestamp: record.timestamp.unwrap_or_else(|| clock.wall_ms()),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        };
        self.check_size(&pending)?;
        loop {
            let room = self.shared.room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            let appended = {
                let mut state = self.shared.lock();
                if state.accumulator.closing {
                    return Err(ClientError::Closed);
                }
                if self.shared.settings.transactional_id.is_some() {
                    state.transaction.check_open("send a record")?;
                }
                let around = (&self.shared.settings, self.shared.cluster.entropy(), clock.now());
                let appended =
                    state.accumulator.append(&topic, record.partition, &pending, callback.take(), around)?;
                match appended {
                    // The coordinator has to hear of the partition before anything is sent to it.
                    Appended::Yes(delivery, filled) if self.shared.settings.transactional_id.is_some() => {
                        let is_new = state.transaction.want(delivery.partition());
                        Appended::Yes(delivery, filled || is_new)
                    }
                    appended => appended,
                }
            };
            match appended {
                Appended::Yes(delivery, filled) => {
                    if filled {
                        self.shared.wake.notify_one();
                        // On a runtime of one thread the sender gets its turn only if this task gives way.
                        spawn::yield_now().await;
                    }
                    return Ok(delivery);
                }
                Appended::Full(given_back) => callback = given_back,
            }
            let left = self.shared.settings.block_max.saturating_sub(clock.now() - start);
            let hurry = Hurry::new(&self.shared);
            self.shared.wake.notify_one();
            let since = clock.now();
            let waited = clock.timeout(left, room).await;
            drop(hurry);
            let now = clock.now();
            self.shared.lock().metrics.waited_for_room(now, now - since, waited.is_none());
            if waited.is_none() {
                return Err(ClientError::TimedOut {
                    doing: "waiting for room in the producer's buffer (buffer.memory)".to_owned(),
                    after: self.shared.settings.block_max,
                    cause: None,
                });
            }
        }
    }

    async fn topic(&self, record: &ProducerRecord) -> Result<Arc<Topic>, ClientError> {
        let metadata = self.shared.cluster.metadata();
        if let Some(topic) = metadata.topics.get(&record.topic) {
            let has_partition = record.partition.is_none_or(|partition| topic.partition(partition).is_some());
            if !topic.partitions.is_empty() && has_partition {
                return Ok(Arc::clone(topic));
            }
        }
        let clock = self.shared.cluster.clock();
        let since = clock.now();
        let found =
            self.shared.cluster.wait_for_topic(&record.topic, true, self.shared.settings.block_max).await;
        self.shared.lock().metrics.spent.metadata_wait += clock.now() - since;
        found
    }

    fn check_size(&self, pending: &Pending<'_>) -> Result<(), ClientError> {
        let size = klamm_protocol::records::BATCH_OVERHEAD + pending.bytes_max();
        for (key, limit) in [
            ("max.request.size", self.shared.settings.request_bytes_max),
            ("buffer.memory", self.shared.settings.buffer_bytes),
        ] {
            if size > limit {
                return Err(ClientError::Broker {
                    code: klamm_protocol::ErrorCode::MessageTooLarge,
                    message: Some(format!(
                        "The message is {size} bytes when serialized which is larger than {limit}, which is the value of the {key} configuration."
                    )),
                });
            }
        }
        Ok(())
    }

    /// Sends everything without lingering and waits until the fate of each record is known.
    pub async fn flush(&self) {
        let clock = self.shared.cluster.clock();
        let since = clock.now();
        self.shared.settle().await;
        self.shared.lock().metrics.spent.flush += clock.now() - since;
    }

    /// Sends everything, then closes the connections. A transaction that is open is aborted.
    pub async fn close(mut self) {
        let is_open = matches!(
            self.shared.lock().transaction.phase(),
            Phase::Open | Phase::Abortable(_) | Phase::Ending(false)
        );
        if is_open && let Err(error) = self.abort_transaction().await {
            tracing::warn!(%error, "the open transaction could not be aborted");
        }
        self.shared.lock().accumulator.closing = true;
        self.shared.wake.notify_one();
        if let Some(sender) = self.sender.take() {
            let _ = sender.await;
        }
        self.shared.cluster.close();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.abort();
            self.shared.cluster.close();
        }
    }
}
