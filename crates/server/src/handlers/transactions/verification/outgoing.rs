//! What is asked of transaction coordinators on other brokers. For each broker one request is under way at a time; what
//! is asked meanwhile goes with the next one, many transactions together (AddPartitionsToTxn v4 and later).
//!
//! A coordinator that is older than that verifies nothing, and what is to be verified passes.
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
use tracing::{error, warn};

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
        let response = match self.inter_broker.call(broker, request).await {
            Ok(response) => response,
            Err(reason) if reason.is_too_old() => {
                warn!(broker, %reason, "this transaction coordinator cannot verify: transactions go on unverified");
                return Ok(unverified(request));
            }
            Err(reason) => {
                warn!(broker, %reason, "a transaction coordinator cannot be asked");
                return Err(ErrorCode::NetworkException);
            }
        };
        let code = ErrorCode::from_code(response.error_code);
        if code == ErrorCode::None {
            return Ok(response.results_by_transaction);
        }
        error!(broker, error = code.name(), "a transaction coordinator refuses to verify transactions");
        // Nothing that a client could do about it.
        let is_forbidden = code == ErrorCode::ClusterAuthorizationFailed;
        Err(if is_forbidden { ErrorCode::InvalidTxnState } else { code })
    }
}

/// The answers of a coordinator that is older than verification: nothing is held against what was only to be verified.
/// What was to be added has no answer, since it is not. (Clients do not leave that to brokers before all of them can.)
fn unverified(request: &AddPartitionsToTxnRequest) -> Vec<AddPartitionsToTxnResult> {
    let verified = request.transactions.iter().filter(|transaction| transaction.verify_only);
    verified
        .map(|transaction| AddPartitionsToTxnResult {
            transactional_id: transaction.transactional_id.clone(),
            ..Default::default()
        })
        .collect()
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
    use klamm_net::client::ConnectionError;
    use klamm_protocol::{Message, Writer};

    use super::*;
    use crate::inter_broker::Unanswered;

    fn push(queue: &mut Queue, id: &str, producer_epoch: i16) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: id.into(),
            producer_epoch,
            verify_only: true,
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

    #[test]
    fn what_an_old_coordinator_cannot_verify_passes_and_what_it_cannot_add_does_not() {
        let mut queue = Queue::default();
        let mut verified = push(&mut queue, "a", 1);
        let mut added = push(&mut queue, "b", 1);
        let (mut request, replies) = queue.into_request();
        request.transactions[1].verify_only = false;
        let too_old = |version| {
            let reason = request.encode(&mut Writer::new(), version).err()?.to_string();
            Some(Unanswered::from(ConnectionError::Encode { api: "AddPartitionsToTxn", reason }).is_too_old())
        };
        assert_eq!((too_old(3), too_old(4)), (Some(true), None));
        give_out(Ok(unverified(&request)), replies);
        assert_eq!(verified.try_recv().unwrap().unwrap().topic_results, []);
        assert_eq!(added.try_recv(), Ok(Err(ErrorCode::UnknownServerError)));
    }
}
