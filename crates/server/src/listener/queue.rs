//! `queued.max.requests`: how many requests may wait to be worked on. Nothing more is read from connections then.
//!
//! Kafka has one queue for all requests. Here a request is begun where it was read; what waits is what is for shards:
//! batches to be appended, offsets to be looked up. That is counted, from when a request has been read until its shards
//! have taken it up; for the first batch of a transaction in a partition that includes what its coordinator is asked. What
//! waits for something else (a group, the controller, records that are to come) holds nobody up, as in Kafka.

use std::sync::Arc;

use klamm_config::{BrokerConfig, broker};
use klamm_protocol::ApiKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

    /// Waits for a place for a request, given back when dropped. `None`: a request of this API waits for no shard.
    pub async fn enter(&self, api_key: i16) -> Option<OwnedSemaphorePermit> {
        let is_for_shards = ApiKey::from_number(api_key).is_some_and(|key| {
            matches!(key, ApiKey::Produce | ApiKey::ListOffsets | ApiKey::OffsetForLeaderEpoch)
        });
        if !is_for_shards {
            return None;
        }
        Arc::clone(&self.places).acquire_owned().await.ok()
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
        let enter = |key: ApiKey| match pin!(queue.enter(key.number()))
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        };
        let first = enter(ApiKey::Produce).unwrap();
        assert_eq!(queue.len(), 1);
        assert!(enter(ApiKey::ListOffsets).is_none(), "it has to wait");
        assert!(enter(ApiKey::JoinGroup).unwrap().is_none(), "it waits for its group");
        drop(first);
        assert!(enter(ApiKey::ListOffsets).is_some());
        assert!(queue.is_empty());
    }
}
