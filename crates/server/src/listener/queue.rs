//! `queued.max.requests`: how many requests may wait to be worked on. Nothing more is read from connections then.
//!
//! Kafka has one queue for all requests. Here a request is begun where it was read; what waits is what is for shards:
//! batches to be appended, offsets to be looked up. That is counted: batches until all their shards have taken them up, the
//! others until they are answered. What waits for something else (a group, the controller, the coordinator of a
//! transaction, records that are to come) holds nobody up, as in Kafka.

use std::sync::Arc;

use klamm_config::{BrokerConfig, broker};
use klamm_protocol::ApiKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A request's place among those that wait, given back when its last part is dropped.
pub type QueuePlace = Arc<OwnedSemaphorePermit>;

/// Requests that wait for shards, over all connections.
#[derive(Debug)]
pub struct RequestQueue {
    places: Arc<Semaphore>,
    max: usize,
}

impl RequestQueue {
    /// As long as a config allows.
    pub fn of(config: &BrokerConfig) -> Self {
        let max = usize::try_from(config.get(&broker::QUEUED_MAX_REQUESTS)).unwrap_or(1);
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(max)), max }
    }

    /// Waits for a place.
    pub async fn enter(&self) -> Option<QueuePlace> {
        Arc::clone(&self.places).acquire_owned().await.ok().map(Arc::new)
    }

    /// The same for a request that waits for shards from when it is read until it is answered. `None`: one of this API does
    /// not.
    pub async fn enter_for(&self, api_key: i16) -> Option<QueuePlace> {
        match ApiKey::from_number(api_key) {
            Some(ApiKey::ListOffsets | ApiKey::OffsetForLeaderEpoch) => self.enter().await,
            _ => None,
        }
    }

    /// Requests that wait now.
    pub fn len(&self) -> usize {
        self.max - self.places.available_permits()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    #[test]
    fn no_more_requests_wait_than_may() {
        let queue = RequestQueue { places: Arc::new(Semaphore::new(1)), max: 1 };
        let enter = |key: ApiKey| match pin!(queue.enter_for(key.number()))
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        };
        let first = enter(ApiKey::OffsetForLeaderEpoch).unwrap();
        assert_eq!(queue.len(), 1);
        assert!(enter(ApiKey::ListOffsets).is_none(), "it has to wait");
        assert!(enter(ApiKey::JoinGroup).unwrap().is_none(), "it waits for its group");
        assert!(
            enter(ApiKey::Produce).unwrap().is_none(),
            "it takes its place when its coordinator has answered"
        );
        drop(first);
        assert!(enter(ApiKey::ListOffsets).is_some());
        assert!(queue.is_empty());
    }
}
