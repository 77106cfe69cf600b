//! What is asked of transaction coordinators on other brokers. For each broker one request is under way at a time; what
//! is asked meanwhile goes with the next one, many transactions together (AddPartitionsToTxn v4 and later).
//!
//! A transactional id is in a request once. Whoever comes again before the request has gone takes the place of whoever
//! waits, if its epoch is no lower: the client has not waited for the answer, or is another instance.

use std::{cell::RefCell, collections::BTreeMap, mem, rc::Rc};

use klamm_io::{Instant, spawn};
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::add_partitions_to_txn::{
        AddPartitionsToTxnRequest, AddPartitionsToTxnResult, AddPartitionsToTxnTransaction,
    },
};
use tokio::sync::oneshot;
use tracing::debug;

use crate::{inter_broker::InterBroker, metrics::transactions::VerificationMeasures};

/// What a coordinator says of one transaction, or why it says nothing.
pub(super) type Answer = Result<AddPartitionsToTxnResult, ErrorCode>;

/// See the module.
pub struct Outgoing {
    inter_broker: Rc<InterBroker>,
    /// What waits while something is under way, by broker; an entry means that something is.
    queues: RefCell<BTreeMap<i32, Queue>>,
    /// What became of verifications, by other brokers and by this one.
    pub(super) outcomes: RefCell<VerificationMeasures>,
}

impl Outgoing {
    /// Nothing is under way.
    pub fn new(inter_broker: Rc<InterBroker>) -> Rc<Self> {
        Rc::new(Self { inter_broker, queues: RefCell::default(), outcomes: RefCell::default() })
    }

    /// What became of verifications.
    pub fn measure(&self, now: Instant) -> VerificationMeasures {
        self.outcomes.borrow_mut().turned(now)
    }

    /// Asks a broker about one transaction.
    pub(super) async fn ask(
        self: &Rc<Self>,
        broker: i32,
        transaction: AddPartitionsToTxnTransaction,
    ) -> Answer {
        let (reply, answer) = oneshot::channel();
        {
            let mut queues = self.queues.borrow_mut();
            let is_idle = !queues.contains_key(&broker);
            queues.entry(broker).or_default().push(transaction, reply);
            if is_idle {
                spawn::essential(Rc::clone(self).run(broker));
            }
        }
        answer.await.unwrap_or(Err(ErrorCode::NetworkException))
    }

    /// Sends what waits until nothing does.
    async fn run(self: Rc<Self>, broker: i32) {
        loop {
            let queue = {
                let mut queues = self.queues.borrow_mut();
                let queue = queues.get_mut(&broker).map(mem::take).unwrap_or_default();
                if queue.waiting.is_empty() {
                    queues.remove(&broker);
                    return;
                }
                queue
            };
            let (request, replies) = queue.into_request();
            let answers = self.exchange(broker, &request).await;
            give_out(answers, replies);
        }
    }

    async fn exchange(
        &self,
        broker: i32,
        request: &AddPartitionsToTxnRequest,
    ) -> Result<Vec<AddPartitionsToTxnResult>, ErrorCode> {
        let response = self.inter_broker.call(broker, request).await.map_err(|reason| {
            debug!(broker, reason, "a transaction coordinator cannot be asked");
            ErrorCode::NetworkException
        })?;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => Ok(response.results_by_transaction),
            // Nothing that a client could do about it.
            ErrorCode::ClusterAuthorizationFailed => Err(ErrorCode::InvalidTxnState),
            error => Err(error),
        }
    }
}

/// What waits to be asked of one broker, by transactional id.
#[derive(Default)]
struct Queue {
    waiting: BTreeMap<StrBytes, (AddPartitionsToTxnTransaction, oneshot::Sender<Answer>)>,
}

type Replies = BTreeMap<StrBytes, oneshot::Sender<Answer>>;

impl Queue {
    fn push(&mut self, transaction: AddPartitionsToTxnTransaction, reply: oneshot::Sender<Answer>) {
        let id = transaction.transactional_id.clone();
        if let Some((waiting, replaced)) = self.waiting.remove(&id) {
            if waiting.producer_epoch > transaction.producer_epoch {
                drop(reply.send(Err(ErrorCode::InvalidProducerEpoch)));
                self.waiting.insert(id, (waiting, replaced));
                return;
            }
            let is_fenced = waiting.producer_epoch < transaction.producer_epoch;
            let error = if is_fenced { ErrorCode::InvalidProducerEpoch } else { ErrorCode::NetworkException };
            drop(replaced.send(Err(error)));
        }
        self.waiting.insert(id, (transaction, reply));
    }

    fn into_request(self) -> (AddPartitionsToTxnRequest, Replies) {
        let mut replies = Replies::new();
        let mut transactions = Vec::with_capacity(self.waiting.len());
        for (id, (transaction, reply)) in self.waiting {
            transactions.push(transaction);
            replies.insert(id, reply);
        }
        (AddPartitionsToTxnRequest { transactions, ..Default::default() }, replies)
    }
}

fn give_out(answers: Result<Vec<AddPartitionsToTxnResult>, ErrorCode>, mut replies: Replies) {
    let missing = match answers {
        Ok(results) => {
            for result in results {
                if let Some(reply) = replies.remove(&result.transactional_id) {
                    // Whoever has gone does not need an answer.
                    let _ = reply.send(Ok(result));
                }
            }
            ErrorCode::UnknownServerError
        }
        Err(error) => error,
    };
    replies.into_values().for_each(|reply| drop(reply.send(Err(missing))));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Queue, id: &str, producer_epoch: i16) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: id.into(),
            producer_epoch,
            ..Default::default()
        };
        queue.push(transaction, reply);
        answer
    }

    #[test]
    fn a_transactional_id_is_asked_about_once() {
        let mut queue = Queue::default();
        let mut first = push(&mut queue, "a", 1);
        let mut again = push(&mut queue, "a", 1);
        let mut newer = push(&mut queue, "a", 2);
        let mut older = push(&mut queue, "a", 1);
        let mut other = push(&mut queue, "b", 0);
        assert_eq!(first.try_recv(), Ok(Err(ErrorCode::NetworkException)), "it is to come again");
        for fenced in [&mut again, &mut older] {
            assert_eq!(fenced.try_recv(), Ok(Err(ErrorCode::InvalidProducerEpoch)));
        }
        let (request, replies) = queue.into_request();
        let asked: Vec<_> = request
            .transactions
            .iter()
            .map(|one| (one.transactional_id.as_str(), one.producer_epoch))
            .collect();
        assert_eq!(asked, [("a", 2), ("b", 0)]);
        let result = AddPartitionsToTxnResult { transactional_id: "a".into(), ..Default::default() };
        give_out(Ok(vec![result.clone()]), replies);
        assert_eq!(newer.try_recv(), Ok(Ok(result)));
        assert_eq!(other.try_recv(), Ok(Err(ErrorCode::UnknownServerError)), "it was left out");
    }
}
