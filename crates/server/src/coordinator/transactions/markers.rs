//! Has the markers of decided transactions written by the leaders of their partitions.
//!
//! One queue for each broker, with one request under way at a time: what is ordered meanwhile goes with the next one,
//! so that many small transactions cost few requests. Partitions that this broker leads itself are written to in the
//! same way, without the network.
//!
//! The queues outlive coordinators. What was ordered by one that is gone is dropped: its successor orders it again.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use klamm_coordinator::transaction::{MarkerOrder, MarkerResult, TxnPartition};
use klamm_io::spawn;
use klamm_protocol::{
    ErrorCode,
    api::write_txn_markers::{
        WritableTxnMarker, WritableTxnMarkerResult, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
    },
};
use tokio::sync::Notify;
use tracing::warn;

use crate::{
    handlers::transactions::write_txn_markers, inter_broker::InterBroker, node::Node, shard::run::Shard,
};

/// Before a leader is looked for again.
const RETRY: Duration = Duration::from_millis(50);
/// Markers in one request; the rest goes with the next.
const MARKERS_MAX: usize = 1000;

/// What became of a marker in a partition.
pub type Written = (TxnPartition, MarkerResult);

/// An order of the coordinator of a partition of `__transaction_state`.
struct Ordered {
    coordinator: i32,
    order: MarkerOrder,
}

impl Ordered {
    /// Whether the coordinator that has ordered it is still there, and waits for it.
    fn is_wanted(&self, shard: &Shard) -> bool {
        shard.transactions().with(self.coordinator, |driver| driver.wants(&self.order)) == Some(true)
    }
}

/// The queues of one shard.
#[derive(Default)]
pub struct Markers {
    ordered: RefCell<Vec<Ordered>>,
    added: Notify,
    brokers: RefCell<BTreeMap<i32, Broker>>,
    /// Orders that wait for a moment before their leaders are looked for again, by a number of their own.
    late: RefCell<BTreeMap<u64, Ordered>>,
    next_late: Cell<u64>,
}

struct Broker {
    queue: Rc<Queue>,
    task: spawn::Task<()>,
}

#[derive(Default)]
struct Queue {
    ordered: RefCell<Vec<Ordered>>,
    added: Notify,
}

/// Who is to write a marker.
enum To {
    Broker(i32),
    /// There is no leader at present.
    Nobody,
    /// There is no such partition.
    Nowhere,
}

impl Markers {
    /// Takes an order of the coordinator of a partition of `__transaction_state`.
    pub fn order(&self, coordinator: i32, order: MarkerOrder) {
        self.ordered.borrow_mut().push(Ordered { coordinator, order });
        self.added.notify_one();
    }

    /// Brings orders to the leaders' queues for as long as the shard runs.
    pub async fn run(shard: Rc<Shard>) {
        loop {
            let markers = shard.markers();
            markers.added.notified().await;
            for ordered in markers.ordered.take() {
                if ordered.order.is_retry {
                    let number = markers.next_late.replace(markers.next_late.get() + 1);
                    markers.late.borrow_mut().insert(number, ordered);
                    spawn::local(route_later(Rc::downgrade(&shard), number));
                } else {
                    route(&shard, ordered);
                }
            }
        }
    }

    /// Ends all sending.
    pub fn stop(&self) {
        self.late.take();
        self.brokers.take().into_values().for_each(|broker| broker.task.abort());
    }

    /// Orders with partitions that have no leader at present.
    pub fn without_leader(&self, node: &Node) -> usize {
        let has_none = |ordered: &&Ordered| {
            ordered.order.partitions.iter().any(|at| matches!(leader(node, at), To::Nobody))
        };
        self.late.borrow().values().filter(has_none).count()
    }

    fn queue(&self, shard: &Rc<Shard>, broker: i32) -> Rc<Queue> {
        let mut brokers = self.brokers.borrow_mut();
        let entry = brokers.entry(broker).or_insert_with(|| {
            let queue = Rc::new(Queue::default());
            let task = send(Rc::downgrade(shard), Arc::clone(shard.node()), broker, Rc::clone(&queue));
            Broker { queue, task: spawn::essential(task) }
        });
        Rc::clone(&entry.queue)
    }
}

async fn route_later(shard: Weak<Shard>, number: u64) {
    let Some(clock) = shard.upgrade().map(|shard| shard.node().world.clock) else { return };
    clock.sleep(RETRY).await;
    let Some(shard) = shard.upgrade() else { return };
    let ordered = shard.markers().late.borrow_mut().remove(&number);
    if let Some(ordered) = ordered {
        route(&shard, ordered);
    }
}

/// Puts each part of an order into the queue of the broker that leads its partitions.
fn route(shard: &Rc<Shard>, ordered: Ordered) {
    if !ordered.is_wanted(shard) {
        return;
    }
    let Ordered { coordinator, order } = ordered;
    let mut by_broker: BTreeMap<i32, BTreeSet<TxnPartition>> = BTreeMap::new();
    let mut results: Vec<Written> = Vec::new();
    for at in &order.partitions {
        match leader(shard.node(), at) {
            To::Broker(broker) => drop(by_broker.entry(broker).or_default().insert(at.clone())),
            To::Nobody => results.push((at.clone(), MarkerResult::Unreachable)),
            To::Nowhere => results.push((at.clone(), MarkerResult::Gone)),
        }
    }
    for (broker, partitions) in by_broker {
        let queue = shard.markers().queue(shard, broker);
        let order = MarkerOrder { partitions, ..order.clone() };
        queue.ordered.borrow_mut().push(Ordered { coordinator, order });
        queue.added.notify_one();
    }
    if !results.is_empty() {
        shard.markers_answered(coordinator, &order, &results);
    }
}

fn leader(node: &Node, at: &TxnPartition) -> To {
    let published = node.metadata.load();
    match published.image.topics.partition(&at.topic, at.index) {
        Some(partition) if partition.leader >= 0 => To::Broker(partition.leader),
        Some(_) => To::Nobody,
        None => To::Nowhere,
    }
}

/// Sends what is in a broker's queue, one request after the other.
async fn send(shard: Weak<Shard>, node: Arc<Node>, broker: i32, queue: Rc<Queue>) {
    let mut is_failing = false;
    loop {
        let mut ordered: Vec<Ordered> = {
            let mut waiting = queue.ordered.borrow_mut();
            let count = waiting.len().min(MARKERS_MAX);
            waiting.drain(..count).collect()
        };
        if ordered.is_empty() {
            queue.added.notified().await;
            continue;
        }
        {
            let Some(shard) = shard.upgrade() else { return };
            ordered.retain(|ordered| ordered.is_wanted(&shard));
        }
        if ordered.is_empty() {
            continue;
        }
        let markers = ordered.iter().map(|ordered| writable(&ordered.order)).collect();
        let Some(contexts) = shard.upgrade().and_then(|shard| shard.contexts()) else { return };
        let request = WriteTxnMarkersRequest { markers, ..Default::default() };
        let answer = if broker == node.id {
            Ok(write_txn_markers::write(&contexts.transactions, request).await)
        } else {
            ask(&contexts.transactions.inter_broker, broker, &request).await
        };
        drop(contexts);
        let answer = match answer {
            Ok(answer) => {
                is_failing = false;
                answer
            }
            Err(reason) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(broker, reason, "markers cannot be sent; trying on");
                }
                Vec::new()
            }
        };
        let Some(shard) = shard.upgrade() else { return };
        for ordered in ordered.drain(..) {
            let results = results(&ordered.order, &answer);
            shard.markers_answered(ordered.coordinator, &ordered.order, &results);
        }
    }
}

async fn ask(
    brokers: &InterBroker,
    broker: i32,
    request: &WriteTxnMarkersRequest,
) -> Result<Vec<WritableTxnMarkerResult>, String> {
    let answer = brokers.call(broker, request).await.map_err(|reason| reason.to_string())?;
    Ok(answer.markers)
}

fn writable(order: &MarkerOrder) -> WritableTxnMarker {
    let mut topics: Vec<WritableTxnMarkerTopic> = Vec::new();
    for TxnPartition { topic, index } in &order.partitions {
        match topics.last_mut() {
            Some(last) if last.name == *topic => last.partition_indexes.push(*index),
            _ => topics.push(WritableTxnMarkerTopic {
                name: topic.clone(),
                partition_indexes: vec![*index],
                ..Default::default()
            }),
        }
    }
    WritableTxnMarker {
        producer_id: order.producer_id,
        producer_epoch: order.producer_epoch,
        transaction_result: order.is_commit,
        topics,
        coordinator_epoch: order.coordinator_epoch,
        transaction_version: i8::try_from(order.version).unwrap_or(0),
        ..Default::default()
    }
}

/// What an answer says of one order. Answers are gathered by producer, of which two orders may be in one request, but
/// not for one partition: all orders in a request are of the coordinators that are at work.
fn results(order: &MarkerOrder, answer: &[WritableTxnMarkerResult]) -> Vec<Written> {
    let of_producer = || answer.iter().filter(|result| result.producer_id == order.producer_id);
    let find = |at: &TxnPartition| {
        of_producer().flat_map(|result| &result.topics).filter(|topic| topic.name == at.topic).find_map(
            |topic| {
                let found =
                    topic.partitions.iter().find(|partition| partition.partition_index == at.index)?;
                Some(MarkerResult::Answered(ErrorCode::from_code(found.error_code)))
            },
        )
    };
    let written = |at: &TxnPartition| (at.clone(), find(at).unwrap_or(MarkerResult::Unreachable));
    order.partitions.iter().map(written).collect()
}
