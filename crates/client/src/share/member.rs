//! Being a member of a share group: heartbeats in a task of their own, and what the coordinator says in answer.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse},
};
use tokio::sync::Notify;

use crate::{
    ClientError,
    cluster::{Cluster, CoordinatorKind},
};

/// The epoch of a member that joins.
const JOINS: i32 = 0;
/// The epoch of a member that leaves.
const LEAVES: i32 = -1;
/// Until the coordinator has said how often it wants to hear of the member.
const INTERVAL: Duration = Duration::from_secs(3);

/// A partition by its topic's id.
pub(super) type IdPartition = (Uuid, i32);

/// What the member is, as the coordinator last said, and what it wants.
#[derive(Debug, Default)]
struct State {
    epoch: i32,
    interval: Option<Duration>,
    assignment: BTreeSet<IdPartition>,
    topics: BTreeSet<String>,
    /// The coordinator does not know of `topics` yet.
    is_unsaid: bool,
    /// What no repetition can mend.
    error: Option<ClientError>,
}

/// A member of a share group.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) group: String,
    pub(super) id: String,
    rack: Option<String>,
    state: Mutex<State>,
    /// Something is to be said at once.
    hurry: Notify,
    /// The assignment or the error has changed.
    pub(super) news: Notify,
}

impl Member {
    pub(super) fn new(group: String, id: Uuid, rack: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            group,
            id: id.to_string(),
            rack,
            state: Mutex::default(),
            hurry: Notify::new(),
            news: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self, topics: BTreeSet<String>) {
        let mut state = self.state();
        state.topics = topics;
        state.is_unsaid = true;
        drop(state);
        self.hurry.notify_one();
    }

    pub(super) fn topics(&self) -> BTreeSet<String> {
        self.state().topics.clone()
    }

    pub(super) fn assignment(&self) -> BTreeSet<IdPartition> {
        self.state().assignment.clone()
    }

    /// What ended the membership, once.
    pub(super) fn take_error(&self) -> Option<ClientError> {
        self.state().error.take()
    }

    /// The next heartbeat; `None` as long as nothing is subscribed to.
    fn request(&self) -> Option<ShareGroupHeartbeatRequest> {
        let mut state = self.state();
        if state.topics.is_empty() && state.epoch == JOINS {
            return None;
        }
        let says_all = state.epoch == JOINS || std::mem::take(&mut state.is_unsaid);
        state.is_unsaid = false;
        let names = || state.topics.iter().map(|topic| StrBytes::from(topic.clone())).collect();
        Some(ShareGroupHeartbeatRequest {
            group_id: self.group.as_str().into(),
            member_id: self.id.as_str().into(),
            member_epoch: state.epoch,
            rack_id: self.rack.clone().filter(|_| state.epoch == JOINS).map(StrBytes::from),
            subscribed_topic_names: says_all.then(names),
            ..Default::default()
        })
    }

    /// Takes an answer. `Err` says that it is to be tried again.
    fn take(&self, answer: &ShareGroupHeartbeatResponse) -> Result<(), ErrorCode> {
        let mut state = self.state();
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {
                state.epoch = answer.member_epoch;
                let interval_ms = u64::try_from(answer.heartbeat_interval_ms).unwrap_or(0);
                state.interval = (interval_ms > 0).then(|| Duration::from_millis(interval_ms));
                if let Some(assignment) = &answer.assignment {
                    let topics = assignment.topic_partitions.iter();
                    state.assignment = topics
                        .flat_map(|topic| topic.partitions.iter().map(|index| (topic.topic_id, *index)))
                        .collect();
                    self.news.notify_one();
                }
                Ok(())
            }
            // The coordinator has forgotten the member, which begins anew.
            error @ (ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId) => {
                state.epoch = JOINS;
                state.assignment.clear();
                self.news.notify_one();
                Err(error)
            }
            code => {
                let error = ClientError::from_code(answer.error_code, answer.error_message.as_deref());
                if error.is_retriable() {
                    state.is_unsaid = true;
                } else {
                    state.error = Some(error);
                    state.topics.clear();
                    state.epoch = JOINS;
                    state.assignment.clear();
                    self.news.notify_one();
                }
                Err(code)
            }
        }
    }

    /// Sends heartbeats until it is ended.
    pub(super) async fn run(self: Arc<Self>, cluster: Cluster) {
        let clock = cluster.clock();
        let mut failures = 0;
        loop {
            let Some(request) = self.request() else {
                self.hurry.notified().await;
                continue;
            };
            let pause = match self.beat(&cluster, &request).await {
                Ok(()) => {
                    failures = 0;
                    self.state().interval.unwrap_or(INTERVAL)
                }
                Err(error) => {
                    tracing::debug!(group = self.group, %error, "a heartbeat failed");
                    self.state().is_unsaid |= request.subscribed_topic_names.is_some();
                    failures += 1;
                    cluster.backoff().pause(failures - 1, cluster.entropy())
                }
            };
            tokio::select! {
                biased;
                () = clock.sleep(pause) => {}
                () = self.hurry.notified() => {}
            }
        }
    }

    async fn beat(&self, cluster: &Cluster, request: &ShareGroupHeartbeatRequest) -> Result<(), ClientError> {
        let node = cluster.coordinator(CoordinatorKind::Group, &self.group).await?;
        let result = match cluster.call_node(node, request).await {
            Ok(answer) => self.take(&answer).map_err(|code| ClientError::Broker { code, message: None }),
            Err(error) => Err(error),
        };
        let is_elsewhere = match &result {
            Err(ClientError::Broker { code, .. }) => {
                matches!(code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)
            }
            Err(ClientError::Connection(error)) => {
                if !error.is_retriable() {
                    self.state().error = Some(ClientError::Connection(error.clone()));
                    self.news.notify_one();
                }
                true
            }
            _ => false,
        };
        if is_elsewhere {
            cluster.forget_coordinator(CoordinatorKind::Group, &self.group);
        }
        result
    }

    /// Leaves the group, if it is in it. The coordinator finds out by itself if this fails.
    pub(super) async fn leave(&self, cluster: &Cluster) {
        let epoch = std::mem::replace(&mut self.state().epoch, JOINS);
        if epoch == JOINS {
            return;
        }
        let request = ShareGroupHeartbeatRequest {
            group_id: self.group.as_str().into(),
            member_id: self.id.as_str().into(),
            member_epoch: LEAVES,
            ..Default::default()
        };
        let left = self.beat(cluster, &request).await;
        if let Err(error) = left {
            tracing::debug!(group = self.group, %error, "a member could not say that it leaves");
        }
    }
}
