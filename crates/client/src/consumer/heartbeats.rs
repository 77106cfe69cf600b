//! The task that keeps a member of a consumer group alive (KIP-848).
//!
//! It owns nothing but its way to the coordinator: the member lies behind a short lock that the consumer shares, which
//! changes what is to be said and wakes the task.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use klamm_io::Instant;
use klamm_protocol::api::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use tokio::sync::{Notify, mpsc::UnboundedSender};

use super::{
    Event,
    group::{Identity, is_about_coordinator},
    member::{ById, Member, News, Wanted},
};
use crate::{
    ClientError,
    cluster::{Cluster, CoordinatorKind},
};

/// A regular expression needs this version.
const WITH_REGEX: i16 = 1;

/// What the task and the consumer share.
#[derive(Debug)]
pub(super) struct Heart {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug)]
struct State {
    member: Member,
    last_poll: Instant,
    /// How often the member has begun anew. What was told of an earlier life is of no use in a later one.
    life: u64,
    has_stopped: bool,
    /// Left because the consumer was not polled.
    is_away: bool,
}

/// What the consumer is told.
#[derive(Debug)]
pub(super) enum HeartNews {
    /// Who we are now.
    Named(Identity),
    /// Who we are now, and what we are to have.
    Target(Identity, ById),
    /// Our partitions are lost.
    Lost,
    /// The group does not want us, for good.
    Fatal(ClientError),
}

impl Heart {
    pub(super) fn new(member: Member, now: Instant) -> Self {
        let state = State { member, last_poll: now, life: 0, has_stopped: false, is_away: false };
        Self { state: Mutex::new(state), wake: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the consumer was polled.
    pub(super) fn polled(&self, now: Instant) {
        let mut state = self.lock();
        state.last_poll = now;
        if std::mem::replace(&mut state.is_away, false) {
            self.wake.notify_one();
        }
    }

    /// Changes what the member wants to read.
    pub(super) fn want(&self, wanted: Wanted) {
        let mut state = self.lock();
        if state.member.wanted != wanted {
            state.member.wanted = wanted;
            self.wake.notify_one();
        }
    }

    /// Tells what the consumer has, now that it has given up what it was to give up.
    pub(super) fn own(&self, owned: ById, life: u64) {
        let mut state = self.lock();
        if state.life == life && state.member.owned != owned {
            state.member.owned = owned;
            self.wake.notify_one();
        }
    }

    /// How often the member has begun anew.
    pub(super) fn life(&self) -> u64 {
        self.lock().life
    }

    /// The member's present epoch, if it is still in this life.
    pub(super) fn epoch_in(&self, life: u64) -> Option<i32> {
        let state = self.lock();
        (state.life == life && state.member.epoch > 0).then_some(state.member.epoch)
    }

    /// Ends the task. Gives the heartbeat that leaves the group, if we are in it.
    pub(super) fn stop(&self) -> Option<ConsumerGroupHeartbeatRequest> {
        let mut state = self.lock();
        state.has_stopped = true;
        self.wake.notify_one();
        // Even a member that has heard nothing yet may have been let in.
        (!state.is_away).then(|| state.member.farewell())
    }

    fn identity(&self) -> Identity {
        let state = self.lock();
        Identity { member_id: state.member.id.to_string(), generation: state.member.epoch }
    }
}

/// Sends heartbeats until the consumer stops it or the group does not want us.
pub(super) async fn run(
    cluster: Cluster,
    group_id: String,
    heart: Arc<Heart>,
    poll_interval_max: Duration,
    events: UnboundedSender<Event>,
) {
    let clock = cluster.clock();
    let mut interval;
    let mut failures = 0;
    loop {
        let woken = heart.wake.notified();
        let (request, said, is_late, is_away) = {
            let state = heart.lock();
            if state.has_stopped || events.is_closed() {
                return;
            }
            let is_late = !state.is_away && clock.now() - state.last_poll > poll_interval_max;
            let (request, said) = state.member.heartbeat();
            (request, said, is_late, state.is_away)
        };
        if is_away {
            woken.await;
            continue;
        }
        if is_late {
            leave_for_now(&cluster, &group_id, &heart, &events).await;
            continue;
        }
        let result = exchange(&cluster, &group_id, &request).await;
        let told = match result {
            Ok(answer) => take(&cluster, &group_id, &heart, &answer, said),
            Err(error) => {
                heart.lock().member.lost_answer();
                if is_about_coordinator(&error) {
                    cluster.forget_coordinator(CoordinatorKind::Group, &group_id);
                }
                let passes = error.is_retriable()
                    || matches!(error, ClientError::Unreachable { .. } | ClientError::TimedOut { .. });
                if passes { Told::Again } else { Told::Over(error) }
            }
        };
        match told {
            Told::Fine(news, next) => {
                failures = 0;
                interval = next;
                if news.is_some_and(|news| events.send(Event::Heart(news)).is_err()) {
                    return;
                }
            }
            Told::Lost => {
                if events.send(Event::Heart(HeartNews::Lost)).is_err() {
                    return;
                }
                continue;
            }
            Told::Again => {
                let pause = cluster.backoff().pause(failures, cluster.entropy());
                failures = failures.saturating_add(1);
                clock.sleep(pause).await;
                continue;
            }
            Told::Over(error) => {
                let _ = events.send(Event::Heart(HeartNews::Fatal(error)));
                return;
            }
        }
        if !heart.lock().member.has_something_to_say() {
            let _ = clock.timeout(interval, woken).await;
        }
    }
}

/// What to do after a heartbeat.
enum Told {
    /// Tell the consumer, and wait that long.
    Fine(Option<HeartNews>, Duration),
    Lost,
    Again,
    Over(ClientError),
}

fn take(
    cluster: &Cluster,
    group_id: &str,
    heart: &Heart,
    answer: &ConsumerGroupHeartbeatResponse,
    said: (Wanted, ById),
) -> Told {
    let news = {
        let mut state = heart.lock();
        let news = state.member.take(answer, said);
        state.life += u64::from(news == News::Fenced);
        news
    };
    let interval = Duration::from_millis(answer.heartbeat_interval_ms.max(1).unsigned_abs().into());
    match news {
        News::Epoch => Told::Fine(Some(HeartNews::Named(heart.identity())), interval),
        News::Target(target) => Told::Fine(Some(HeartNews::Target(heart.identity(), target)), interval),
        News::Fenced => Told::Lost,
        News::Again(is_elsewhere) => {
            if is_elsewhere {
                cluster.forget_coordinator(CoordinatorKind::Group, group_id);
            }
            Told::Again
        }
        News::Fatal(code, message) => Told::Over(ClientError::Broker { code, message }),
    }
}

/// The consumer was not polled for `max.poll.interval.ms`: its partitions go to others until it is.
async fn leave_for_now(cluster: &Cluster, group_id: &str, heart: &Heart, events: &UnboundedSender<Event>) {
    let farewell = {
        let mut state = heart.lock();
        let farewell = state.member.farewell();
        state.is_away = true;
        state.life += 1;
        state.member.join_anew();
        farewell
    };
    tracing::warn!(
        group = group_id,
        "the consumer was not polled for max.poll.interval.ms and leaves the group"
    );
    let _ = exchange(cluster, group_id, &farewell).await;
    let _ = events.send(Event::Heart(HeartNews::Lost));
}

/// Says one thing to the coordinator.
pub(super) async fn exchange(
    cluster: &Cluster,
    group_id: &str,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<ConsumerGroupHeartbeatResponse, ClientError> {
    let node = cluster.coordinator(CoordinatorKind::Group, group_id).await?;
    let connection = cluster.connection(node).await?;
    let version = connection.version_of::<ConsumerGroupHeartbeatRequest>()?;
    if request.subscribed_topic_regex.is_some() && version < WITH_REGEX {
        return Err(ClientError::Invalid(
            "The cluster does not support resolution of SubscriptionPattern on the broker side.".to_owned(),
        ));
    }
    Ok(connection.call_version(request, version, Duration::ZERO).await?)
}
