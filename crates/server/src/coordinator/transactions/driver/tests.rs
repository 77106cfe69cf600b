use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use klamm_coordinator::transaction::{
    End, Init, MarkerResult, Partitions, TransactionLoader, TransactionSettings, TxnPartition,
};
use klamm_io::{Entropy, disk::Disk};
use klamm_protocol::records::RecordBatch;

use super::*;

/// A partition in memory.
#[derive(Default)]
struct Log {
    end_offset: i64,
    high_watermark: i64,
    /// The high watermark stays behind until it is moved by hand.
    lags: bool,
    fails: bool,
    ordered: Vec<MarkerOrder>,
}

#[derive(Clone, Default)]
struct FakePartition(Rc<RefCell<Log>>);

impl Partition for FakePartition {
    fn append(&self, batch: Bytes, _transactional: Transactional) -> Result<i64, ErrorCode> {
        let mut log = self.0.borrow_mut();
        if log.fails {
            return Err(ErrorCode::NotEnoughReplicas);
        }
        let base_offset = log.end_offset;
        log.end_offset += i64::from(RecordBatch::new(&batch).unwrap().last_offset_delta) + 1;
        if !log.lags {
            log.high_watermark = log.end_offset;
        }
        Ok(base_offset)
    }

    fn high_watermark(&self) -> i64 {
        self.0.borrow().high_watermark
    }

    fn batch_bytes_max(&self) -> usize {
        1_000_000
    }
}

impl TransactionPartition for FakePartition {
    fn transaction_version(&self) -> i16 {
        1
    }

    fn order(&self, order: MarkerOrder) {
        self.0.borrow_mut().ordered.push(order);
    }

    fn want_producer_id(&self) {}
}

impl FakePartition {
    fn start(&self) -> Driver<Self> {
        let world = World { clock: Clock::real(), entropy: Entropy::seeded(1), disk: Disk::real() };
        let started = TransactionLoader::new(TransactionSettings::default(), 0).finish(1);
        Driver::begin(&world, self.clone(), started, 0)
    }

    fn take_orders(&self) -> Vec<MarkerOrder> {
        std::mem::take(&mut self.0.borrow_mut().ordered)
    }

    fn catch_up(&self, driver: &mut Driver<Self>) {
        let mut log = self.0.borrow_mut();
        log.high_watermark = log.end_offset;
        drop(log);
        driver.settle();
    }
}

fn ask(
    driver: &mut Driver<FakePartition>,
    request: TransactionRequest,
) -> oneshot::Receiver<TransactionReply> {
    let (reply, answer) = oneshot::channel();
    driver.ask(Asked { request, fresh_producer_id: Some(7), reply });
    answer
}

fn init(id: &str) -> TransactionRequest {
    TransactionRequest::Init(Init { id: id.into(), timeout_ms: 10_000, is_two_phase: false, expected: None })
}

fn add() -> TransactionRequest {
    let partitions = [TxnPartition { topic: "t".into(), index: 0 }].into();
    TransactionRequest::AddPartitions(Partitions {
        id: "a".into(),
        producer_id: 7,
        producer_epoch: 0,
        partitions,
        version: 1,
    })
}

fn end(is_commit: bool) -> TransactionRequest {
    TransactionRequest::End(End { id: "a".into(), producer_id: 7, producer_epoch: 0, is_commit, version: 1 })
}

/// Without epochs of its own, a marker that is sent too often ends the transaction behind it.
#[test]
fn a_decision_that_could_not_be_written_orders_no_markers_when_it_is_written_later() {
    let partition = FakePartition::default();
    let mut driver = partition.start();
    drop((ask(&mut driver, init("a")), ask(&mut driver, add())));
    // What is written is not committed, and then nothing can be written.
    partition.0.borrow_mut().lags = true;
    drop(ask(&mut driver, init("b")));
    partition.0.borrow_mut().fails = true;
    for _ in 0..3 {
        let refused = ask(&mut driver, end(true)).try_recv().unwrap();
        assert_eq!(refused, TransactionReply::End(Err(ErrorCode::CoordinatorNotAvailable)));
    }
    partition.0.borrow_mut().fails = false;
    drop(ask(&mut driver, end(true)));
    partition.catch_up(&mut driver);
    let ordered = partition.take_orders();
    assert_eq!(ordered.len(), 1, "{ordered:?}");
}

/// The next transaction has the same epoch, so that only what waits tells the two apart.
#[test]
fn an_order_is_wanted_until_its_markers_are_written() {
    let partition = FakePartition::default();
    let mut driver = partition.start();
    drop((ask(&mut driver, init("a")), ask(&mut driver, add()), ask(&mut driver, end(true))));
    let order = partition.take_orders().pop().unwrap();
    assert!(driver.wants(&order));
    let written = |order: &MarkerOrder| -> Vec<Written> {
        order.partitions.iter().map(|at| (at.clone(), MarkerResult::Answered(ErrorCode::None))).collect()
    };
    driver.markers_answered(&order, &written(&order));
    assert!(!driver.wants(&order));
    drop((ask(&mut driver, add()), ask(&mut driver, end(false))));
    let next = partition.take_orders();
    assert_eq!(next.iter().map(|order| order.is_commit).collect::<Vec<_>>(), [false]);
    assert!(driver.wants(&next[0]));
    driver.markers_answered(&next[0], &written(&next[0]));
    assert!(!driver.wants(&next[0]));
}
