//! What is asked of share coordinators on other brokers. For each broker and API one round of requests is under way at a
//! time; what is asked meanwhile goes with the next one, one request for each group.

use std::{cell::RefCell, collections::BTreeMap, mem, rc::Rc};

use klamm_coordinator::share::{SharePartitionKey, ShareStateReply, ShareStateRequest};
use klamm_io::spawn;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        delete_share_group_state::DeleteShareGroupStateRequest,
        initialize_share_group_state::InitializeShareGroupStateRequest,
        read_share_group_state::ReadShareGroupStateRequest,
        read_share_group_state_summary::ReadShareGroupStateSummaryRequest,
        write_share_group_state::WriteShareGroupStateRequest,
    },
};
use tokio::sync::oneshot;
use tracing::debug;

use crate::{
    handlers::share::{AskedState, StateApi},
    inter_broker::InterBroker,
};

/// Share partitions in one request; the rest goes with another.
const PARTITIONS_MAX: usize = 1000;

/// One of the APIs of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Api {
    Initialize,
    Read,
    Write,
    Delete,
    ReadSummary,
}

impl Api {
    const fn of(request: &ShareStateRequest) -> Self {
        match request {
            ShareStateRequest::Initialize(_) => Self::Initialize,
            ShareStateRequest::Read { .. } => Self::Read,
            ShareStateRequest::Write(_) => Self::Write,
            ShareStateRequest::Delete => Self::Delete,
            ShareStateRequest::ReadSummary => Self::ReadSummary,
        }
    }
}

struct Waiting {
    key: SharePartitionKey,
    request: ShareStateRequest,
    reply: oneshot::Sender<ShareStateReply>,
}

/// See the module.
pub(super) struct Outgoing {
    inter_broker: Rc<InterBroker>,
    /// What waits while something is under way; an entry means that something is.
    queues: RefCell<BTreeMap<(i32, Api), Vec<Waiting>>>,
}

impl Outgoing {
    /// Nothing is under way.
    pub(super) fn new(inter_broker: Rc<InterBroker>) -> Rc<Self> {
        Rc::new(Self { inter_broker, queues: RefCell::default() })
    }

    /// Asks a broker about one share partition.
    pub(super) fn ask(
        self: &Rc<Self>,
        broker: i32,
        key: SharePartitionKey,
        request: ShareStateRequest,
    ) -> oneshot::Receiver<ShareStateReply> {
        let (reply, answer) = oneshot::channel();
        let api = Api::of(&request);
        let mut queues = self.queues.borrow_mut();
        let is_idle = !queues.contains_key(&(broker, api));
        queues.entry((broker, api)).or_default().push(Waiting { key, request, reply });
        if is_idle {
            spawn::essential(Rc::clone(self).run(broker, api));
        }
        answer
    }

    /// Sends what waits until nothing does.
    async fn run(self: Rc<Self>, broker: i32, api: Api) {
        loop {
            let waiting = {
                let mut queues = self.queues.borrow_mut();
                let waiting = queues.get_mut(&(broker, api)).map(mem::take).unwrap_or_default();
                if waiting.is_empty() {
                    queues.remove(&(broker, api));
                    return;
                }
                waiting
            };
            let mut rounds = Vec::new();
            for (group, waiting) in requests(waiting) {
                rounds.push(spawn::local(Rc::clone(&self).send(broker, api, group, waiting)));
            }
            for round in rounds {
                round.await;
            }
        }
    }

    async fn send(self: Rc<Self>, broker: i32, api: Api, group: StrBytes, waiting: Vec<Waiting>) {
        match api {
            Api::Initialize => {
                self.exchange::<InitializeShareGroupStateRequest>(broker, group, waiting).await
            }
            Api::Read => self.exchange::<ReadShareGroupStateRequest>(broker, group, waiting).await,
            Api::Write => self.exchange::<WriteShareGroupStateRequest>(broker, group, waiting).await,
            Api::Delete => self.exchange::<DeleteShareGroupStateRequest>(broker, group, waiting).await,
            Api::ReadSummary => {
                self.exchange::<ReadShareGroupStateSummaryRequest>(broker, group, waiting).await;
            }
        }
    }

    async fn exchange<A: StateApi>(&self, broker: i32, group: StrBytes, waiting: Vec<Waiting>) {
        let mut asked: Vec<AskedState> = Vec::with_capacity(waiting.len());
        let mut replies = Vec::with_capacity(waiting.len());
        for Waiting { key, request, reply } in waiting {
            asked.push((key, request));
            replies.push(reply);
        }
        let mut answers = BTreeMap::new();
        let missing = match self.inter_broker.call(broker, &A::of(&group, &asked)).await {
            Ok(response) => {
                answers.extend(A::answers(&group, response));
                ErrorCode::UnknownServerError
            }
            Err(reason) => {
                debug!(broker, %reason, "a share coordinator cannot be asked");
                ErrorCode::NetworkException
            }
        };
        for ((key, request), reply) in asked.into_iter().zip(replies) {
            let answer = answers.get(&key).cloned();
            // Whoever has gone does not need an answer.
            let _ = reply.send(answer.unwrap_or_else(|| request.refuse(missing.into())));
        }
    }
}

/// Parts what waits into requests: of one group each, none too large, and with no share partition twice, since answers
/// could not be told apart.
fn requests(waiting: Vec<Waiting>) -> Vec<(StrBytes, Vec<Waiting>)> {
    let mut requests: Vec<(StrBytes, Vec<Waiting>)> = Vec::new();
    let mut open: BTreeMap<StrBytes, (usize, std::collections::BTreeSet<SharePartitionKey>)> =
        BTreeMap::new();
    for one in waiting {
        let group = one.key.group.clone();
        let has_room =
            open.get(&group).is_some_and(|(_, keys)| keys.len() < PARTITIONS_MAX && !keys.contains(&one.key));
        if !has_room {
            open.insert(group.clone(), (requests.len(), std::collections::BTreeSet::new()));
            requests.push((group.clone(), Vec::new()));
        }
        if let Some((index, keys)) = open.get_mut(&group)
            && let Some((_, request)) = requests.get_mut(*index)
        {
            keys.insert(one.key.clone());
            request.push(one);
        }
    }
    requests.iter_mut().for_each(|(_, request)| request.sort_by(|a, b| a.key.cmp(&b.key)));
    requests
}
