//! The internal topics of streams applications (KIP-1071): created beside the members' heartbeats, which tell what came
//! of it. A topic that cannot be created is not asked for again for a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use klamm_io::{Instant, spawn};
use klamm_protocol::{ErrorCode, StrBytes, api::create_topics::CreatableTopic};
use tracing::warn;

use crate::dispatch::Call;

use super::{TopicsCreator, UnderWay, on_behalf_of};

/// How many failures are remembered.
const FAILURES_MAX: usize = 1000;

/// Why topics could not be created, and until when that is told.
#[derive(Debug, Default)]
pub(super) struct Failures {
    by_topic: Mutex<BTreeMap<StrBytes, (Instant, String)>>,
}

impl Failures {
    fn get(&self, topic: &str, now: Instant) -> Option<String> {
        let by_topic = self.by_topic.lock().unwrap_or_else(PoisonError::into_inner);
        by_topic.get(topic).filter(|(until, _)| *until > now).map(|(_, reason)| reason.clone())
    }

    fn put(&self, topic: StrBytes, reason: String, (now, until): (Instant, Instant)) {
        let mut by_topic = self.by_topic.lock().unwrap_or_else(PoisonError::into_inner);
        by_topic.retain(|_, (until, _)| *until > now);
        by_topic.insert(topic, (until, reason));
        if by_topic.len() > FAILURES_MAX {
            let first = by_topic.iter().min_by_key(|(_, (until, _))| *until).map(|(topic, _)| topic.clone());
            first.and_then(|topic| by_topic.remove(&topic));
        }
    }
}

impl TopicsCreator {
    /// Has internal topics created, without waiting for it. Returns those whose creation has failed no longer than
    /// `back_off` ago, and why.
    pub fn create_for_application(
        self: &Arc<Self>,
        topics: Vec<CreatableTopic>,
        call: &Call,
        back_off: Duration,
    ) -> Vec<(StrBytes, String)> {
        let now = self.node.world.clock.now();
        let mut failed = Vec::new();
        let mut wanted = Vec::new();
        for topic in topics {
            if let Some(reason) = self.failures.get(&topic.name, now) {
                failed.push((topic.name, reason));
            } else if self.in_flight().insert(topic.name.clone()) {
                wanted.push(topic);
            }
        }
        if !wanted.is_empty() {
            let (creator, call) = (Arc::clone(self), on_behalf_of(call));
            spawn::local(async move { creator.create_and_remember(wanted, &call, back_off).await });
        }
        failed
    }

    async fn create_and_remember(&self, topics: Vec<CreatableTopic>, call: &Call, back_off: Duration) {
        let names: Vec<StrBytes> = topics.iter().map(|topic| topic.name.clone()).collect();
        let under_way = UnderWay { creator: self, names: &names };
        let answer = self.ask(topics, Some(call)).await;
        drop(under_way);
        let now = self.node.world.clock.now();
        let times = (now, now + back_off);
        match answer {
            Ok(answer) => {
                for topic in answer.topics.into_iter().filter(|topic| topic.error_code != 0) {
                    let code = ErrorCode::from_code(topic.error_code);
                    let reason = topic.error_message.filter(|message| !message.is_empty());
                    let reason =
                        reason.map_or_else(|| code.default_message().to_owned(), |text| text.to_string());
                    warn!(topic = %topic.name, error = code.name(), reason, "an application's topic cannot be created");
                    self.failures.put(topic.name, reason, times);
                }
            }
            Err(error) => {
                warn!(%error, "an application's topics cannot be created");
                names.into_iter().for_each(|name| self.failures.put(name, error.to_string(), times));
            }
        }
    }
}
