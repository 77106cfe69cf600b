//! Handlers of share groups' records and of the state of share partitions (KIP-932).
//!
//! The five APIs of state are one thing: a request names share partitions of one group, and each is answered for itself.
//! What [`state_api`] makes of their messages serves both sides: the coordinator's, here, and the asking one in
//! `share/persister.rs`.

pub mod delete_share_group_state;
pub mod initialize_share_group_state;
pub mod read_share_group_state;
pub mod read_share_group_state_summary;
pub mod write_share_group_state;

pub(crate) mod acknowledgements;
mod gather;
pub(crate) mod sessions;
pub mod share_acknowledge;
pub mod share_fetch;

use std::{rc::Rc, sync::Arc};

use klamm_coordinator::share::{SharePartitionKey, ShareStateReply, ShareStateRequest, StateRefusal};
use klamm_metadata::image::MetadataImage;
use klamm_protocol::{ErrorCode, Request, StrBytes};
use klamm_share::session::TopicIdPartition;

use crate::{
    error::ApiError,
    handlers::records::LeaderHints,
    node::Node,
    shard::Shards,
    share::{dead_letters::DeadLetterQueues, persister::Persister},
};

/// What these handlers use.
pub struct ShareContext {
    /// The node: its metadata, config and share sessions.
    pub node: Arc<Node>,
    /// The way to the partitions.
    pub shards: Rc<Shards>,
    /// Keeps the state of share partitions.
    pub persister: Rc<Persister>,
    /// The way to the groups' dead-letter queues.
    pub dead_letters: Rc<DeadLetterQueues>,
}

/// What is asked, of which share partition.
pub type AskedState = (SharePartitionKey, ShareStateRequest);
/// What is answered, of which share partition.
pub type AnsweredState = (SharePartitionKey, ShareStateReply);

/// One of the APIs of state.
pub trait StateApi: Request {
    /// Makes a request of what is asked about share partitions of one group.
    fn of(group: &StrBytes, asked: &[AskedState]) -> Self;

    /// What is asked; `None` for a request that is answered with nothing: of no group, of no topic, or of a topic's no
    /// partition.
    fn asked(&self) -> Option<Vec<AskedState>>;

    /// Makes a response of answers.
    fn respond(answers: Vec<AnsweredState>) -> Self::Response;

    /// What is answered.
    fn answers(group: &StrBytes, response: Self::Response) -> Vec<AnsweredState>;
}

/// The share coordinators' answer to a request.
async fn coordinate<A: StateApi>(cx: &ShareContext, request: &A) -> A::Response {
    match request.asked() {
        Some(asked) => A::respond(cx.persister.coordinate(asked).await),
        None => A::respond(Vec::new()),
    }
}

/// An error in the form of a response.
fn error_of(reply: &ShareStateReply) -> (i16, Option<StrBytes>) {
    match reply.refusal() {
        Some(refusal) => (refusal.code.code(), Some(refusal.message.as_ref().into())),
        None => (0, None),
    }
}

/// An error in a response; `None`: it went well.
fn refusal_of(error_code: i16, error_message: Option<&StrBytes>) -> Option<StateRefusal> {
    let code = ErrorCode::from_code(error_code);
    let refusal = || match error_message.filter(|message| !message.is_empty()) {
        Some(message) => StateRefusal { code, message: message.to_string().into() },
        None => code.into(),
    };
    (code != ErrorCode::None).then(refusal)
}

/// Implements [`StateApi`] for the messages of a module, given how one partition is asked about and answered.
macro_rules! state_api {
    ($module:ident $request:ident $topic:ident $response:ident $result:ident) => {
        impl $crate::handlers::share::StateApi for klamm_protocol::api::$module::$request {
            fn of(group: &klamm_protocol::StrBytes, asked: &[$crate::handlers::share::AskedState]) -> Self {
                let mut topics: Vec<klamm_protocol::api::$module::$topic> = Vec::new();
                for (key, request) in asked {
                    let Some(data) = partition_data(key.partition, request) else { continue };
                    match topics.last_mut() {
                        Some(last) if last.topic_id == key.topic_id => last.partitions.push(data),
                        _ => topics.push(klamm_protocol::api::$module::$topic {
                            topic_id: key.topic_id,
                            partitions: vec![data],
                            ..Default::default()
                        }),
                    }
                }
                Self { group_id: group.clone(), topics, ..Default::default() }
            }

            fn asked(&self) -> Option<Vec<$crate::handlers::share::AskedState>> {
                if self.group_id.is_empty()
                    || self.topics.is_empty()
                    || self.topics.iter().any(|topic| topic.partitions.is_empty())
                {
                    return None;
                }
                let mut asked = Vec::new();
                for topic in &self.topics {
                    asked.extend(topic.partitions.iter().map(|data| {
                        let key = klamm_coordinator::share::SharePartitionKey {
                            group: self.group_id.clone(),
                            topic_id: topic.topic_id,
                            partition: data.partition,
                        };
                        (key, asked_of(data))
                    }));
                }
                Some(asked)
            }

            fn respond(
                answers: Vec<$crate::handlers::share::AnsweredState>,
            ) -> klamm_protocol::api::$module::$response {
                let mut results: Vec<klamm_protocol::api::$module::$result> = Vec::new();
                for (key, reply) in answers {
                    let result = partition_result(key.partition, &reply);
                    match results.iter_mut().find(|result| result.topic_id == key.topic_id) {
                        Some(topic) => topic.partitions.push(result),
                        None => results.push(klamm_protocol::api::$module::$result {
                            topic_id: key.topic_id,
                            partitions: vec![result],
                            ..Default::default()
                        }),
                    }
                }
                klamm_protocol::api::$module::$response { results, ..Default::default() }
            }

            fn answers(
                group: &klamm_protocol::StrBytes,
                response: klamm_protocol::api::$module::$response,
            ) -> Vec<$crate::handlers::share::AnsweredState> {
                let mut answers = Vec::new();
                for topic in &response.results {
                    answers.extend(topic.partitions.iter().map(|result| {
                        let key = klamm_coordinator::share::SharePartitionKey {
                            group: group.clone(),
                            topic_id: topic.topic_id,
                            partition: result.partition,
                        };
                        (key, reply_of(result))
                    }));
                }
                answers
            }
        }
    };
}
use state_api;
impl ShareContext {
    /// Whether share groups are on, by the feature `share.version`.
    fn serves_share_groups(&self) -> bool {
        self.node.metadata.load().image.features.level_by_name("share.version").unwrap_or(0) >= 1
    }
}

/// What people read of an error.
fn message_of(error: &ApiError) -> StrBytes {
    if error.message.is_empty() { error.code.default_message().into() } else { error.message.as_ref().into() }
}

/// Id and epoch of a partition's leader, where an error is answered with that (KIP-951).
fn leader_for(
    hints: &mut LeaderHints<'_>,
    image: &MetadataImage,
    partition: &TopicIdPartition,
    error: ErrorCode,
) -> Option<(i32, i32)> {
    let topic = image.topics.by_id(&partition.topic_id).filter(|_| is_elsewhere(error))?;
    hints.leader_of(&topic.name, partition.index)
}

const fn is_elsewhere(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch)
}
