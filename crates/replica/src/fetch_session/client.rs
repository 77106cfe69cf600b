//! The asking side of a fetch session: which partitions a request has to name.
//!
//! The first request names all of them. Once the leader has given the session an id, a request names those of which
//! something else is wanted than before, and those that are not wanted any more. Whatever casts doubt on what the leader
//! remembers (a lost connection, a refusal) makes the next request name all again and close the old session.

use std::collections::BTreeMap;

use klamm_protocol::{
    ErrorCode, StrBytes, Uuid,
    api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic},
};

use super::{INITIAL_EPOCH, NO_SESSION, PartitionFetch, next_epoch};

/// A partition that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedPartition {
    /// Its topic's name.
    pub topic: StrBytes,
    /// Its topic's id, by which the session knows it.
    pub topic_id: Uuid,
    /// What is wanted of it.
    pub fetch: PartitionFetch,
}

/// One session with one leader.
#[derive(Debug, Default)]
pub struct SessionClient {
    /// 0: none yet.
    id: i32,
    epoch: i32,
    /// What the leader has been told, by topic id and index.
    told: BTreeMap<(Uuid, i32), PartitionFetch>,
}

impl SessionClient {
    /// Whether the next request names all partitions.
    pub const fn is_full(&self) -> bool {
        self.epoch == INITIAL_EPOCH
    }

    /// Writes session, partitions and forgotten partitions into a request. The order of `wanted` is kept.
    pub fn ask(&mut self, wanted: &[WantedPartition], request: &mut FetchRequest) {
        let mut before = std::mem::take(&mut self.told);
        if self.is_full() {
            before.clear();
        }
        (request.session_id, request.session_epoch) = (self.id, self.epoch);
        for partition in wanted {
            let key = (partition.topic_id, partition.fetch.partition);
            if before.remove(&key) != Some(partition.fetch) {
                push(&mut request.topics, partition);
            }
            self.told.insert(key, partition.fetch);
        }
        for (topic_id, index) in before.into_keys() {
            match request.forgotten_topics_data.last_mut() {
                Some(topic) if topic.topic_id == topic_id => topic.partitions.push(index),
                _ => request.forgotten_topics_data.push(ForgottenTopic {
                    topic_id,
                    partitions: vec![index],
                    ..Default::default()
                }),
            }
        }
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// What the leader refused the request with. With FETCH_SESSION_ID_NOT_FOUND and its like the next request starts
    /// anew, so that it may be sent at once.
    pub fn answered(&mut self, response: &FetchResponse) -> Result<(), ErrorCode> {
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None if response.session_id == NO_SESSION => {
                *self = Self::default();
                Ok(())
            }
            ErrorCode::None => {
                self.id = response.session_id;
                self.epoch = next_epoch(self.epoch);
                Ok(())
            }
            // There is nothing to be closed.
            error @ ErrorCode::FetchSessionIdNotFound => {
                *self = Self::default();
                Err(error)
            }
            error => {
                self.failed();
                Err(error)
            }
        }
    }

    /// Nobody knows whether the leader has got the request.
    pub const fn failed(&mut self) {
        self.epoch = INITIAL_EPOCH;
    }
}

fn push(topics: &mut Vec<FetchTopic>, wanted: &WantedPartition) {
    let partition = FetchPartition {
        partition: wanted.fetch.partition,
        current_leader_epoch: wanted.fetch.current_leader_epoch,
        fetch_offset: wanted.fetch.fetch_offset,
        last_fetched_epoch: wanted.fetch.last_fetched_epoch,
        log_start_offset: wanted.fetch.log_start_offset,
        partition_max_bytes: wanted.fetch.max_bytes,
        ..Default::default()
    };
    match topics.last_mut() {
        Some(topic) if topic.topic_id == wanted.topic_id => topic.partitions.push(partition),
        _ => topics.push(FetchTopic {
            topic: wanted.topic.clone(),
            topic_id: wanted.topic_id,
            partitions: vec![partition],
            ..Default::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a0@5 b1@0`: one-letter topics with index and fetch offset.
    fn wanted(text: &str) -> Vec<WantedPartition> {
        let each = text.split_whitespace().map(|part| {
            let (name, offset) = part.split_once('@').unwrap();
            let (topic, index) = name.split_at(1);
            let fetch = PartitionFetch {
                partition: index.parse().unwrap(),
                fetch_offset: offset.parse().unwrap(),
                current_leader_epoch: 1,
                last_fetched_epoch: -1,
                log_start_offset: 0,
                max_bytes: 100,
            };
            WantedPartition {
                topic: topic.into(),
                topic_id: Uuid::from_bytes([topic.as_bytes()[0]; 16]),
                fetch,
            }
        });
        each.collect()
    }

    /// `7/1 a0@5 -b1`: session and epoch, what is named, and what is forgotten.
    fn asked(client: &mut SessionClient, text: &str) -> String {
        let mut request = FetchRequest::default();
        client.ask(&wanted(text), &mut request);
        let letter = |id: &Uuid| char::from(id.as_bytes()[0]);
        let mut words = vec![format!("{}/{}", request.session_id, request.session_epoch)];
        for topic in &request.topics {
            let id = letter(&topic.topic_id);
            words.extend(topic.partitions.iter().map(|p| format!("{id}{}@{}", p.partition, p.fetch_offset)));
        }
        for topic in &request.forgotten_topics_data {
            words.extend(topic.partitions.iter().map(|index| format!("-{}{index}", letter(&topic.topic_id))));
        }
        words.join(" ")
    }

    fn answer(client: &mut SessionClient, session_id: i32, error: ErrorCode) -> bool {
        let response = FetchResponse { session_id, error_code: error.code(), ..Default::default() };
        client.answered(&response).is_ok()
    }

    #[test]
    fn only_what_changes_is_named() {
        let mut client = SessionClient::default();
        assert_eq!(asked(&mut client, "a0@5 a1@0 b0@1"), "0/0 a0@5 a1@0 b0@1");
        assert!(answer(&mut client, 7, ErrorCode::None));
        assert_eq!(asked(&mut client, "a0@5 a1@3 b0@1"), "7/1 a1@3");
        assert!(answer(&mut client, 7, ErrorCode::None));
        assert_eq!(asked(&mut client, "a1@3 c0@0 b0@1"), "7/2 c0@0 -a0");
        assert!(answer(&mut client, 7, ErrorCode::None));
        assert_eq!(asked(&mut client, "a1@3 c0@0 b0@1"), "7/3");
    }

    #[test]
    fn doubt_makes_a_session_start_anew() {
        for (error, expect) in [
            (Some(ErrorCode::FetchSessionIdNotFound), "0/0 a0@5"),
            (Some(ErrorCode::InvalidFetchSessionEpoch), "7/0 a0@5"),
            // A lost connection.
            (None, "7/0 a0@5"),
        ] {
            let mut client = SessionClient::default();
            asked(&mut client, "a0@5 b0@0");
            assert!(answer(&mut client, 7, ErrorCode::None));
            asked(&mut client, "a0@5 b0@0");
            match error {
                Some(error) => assert!(!answer(&mut client, 0, error)),
                None => client.failed(),
            }
            assert_eq!(asked(&mut client, "a0@5"), expect, "{error:?}");
        }
    }

    #[test]
    fn a_leader_without_room_for_a_session_is_told_all_each_time() {
        let mut client = SessionClient::default();
        for _ in 0..2 {
            assert_eq!(asked(&mut client, "a0@5"), "0/0 a0@5");
            assert!(answer(&mut client, 0, ErrorCode::None));
        }
    }
}
