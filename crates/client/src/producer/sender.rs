//! The task that sends what the accumulator holds.
//!
//! One task per producer decides what goes and hands it to the connections, so that the order of batches is the order
//! on the wire; each request then has a task of its own that waits for the answer and tells the accumulator. Both work on the producer's shared state under its one lock, which is never held across an
//! await.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use klamm_io::{Instant, spawn};
use klamm_net::client::Answer;
use klamm_protocol::{
    ErrorCode, Records, StrBytes, Uuid,
    api::{
        init_producer_id::InitProducerIdRequest,
        produce::{
            PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
        },
    },
    records::BatchOptions,
};

use super::{
    Link, Shared,
    accumulator::{Circumstances, Ending, Ready},
    batch::{Batch, Fate, Identity},
    transactional,
};
use crate::{ClientError, cluster::TopicSelection};

/// The last version that names topics rather than giving their ids (KIP-516).
const PRODUCE_WITH_NAMES: i16 = 12;

/// The last version in which a batch does not bring its partition into the transaction (KIP-890).
const PRODUCE_WITH_TRANSACTIONS_1: i16 = 11;

/// Runs until the producer is closed and everything is sent or given up.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let woken = shared.wake.notified();
        transactional::keep_up(&shared);
        let asks = shared.settings.idempotent && shared.settings.transactional_id.is_none();
        if asks && shared.lock().identity.is_none() && shared.has_work() {
            if let Err(error) = ask_for_identity(&shared).await {
                give_up_all(&shared, &error);
            }
            if shared.is_done() {
                return;
            }
            continue;
        }
        let (ready, unconnected) = look(&shared);
        for node in unconnected {
            connect(&shared, node);
        }
        let next = ready.next;
        let sent = send_all(&shared, ready);
        if shared.is_done() {
            return;
        }
        if sent {
            // More may be ready than fitted into these requests.
            spawn::yield_now().await;
            continue;
        }
        let age = shared.cluster.is_metadata_old().then(|| shared.refresh_topics());
        if let Some(topics) = age.filter(|topics| !topics.is_empty()) {
            refresh(&shared, topics);
        }
        let clock = shared.cluster.clock();
        tokio::select! {
            biased;
            () = woken => {}
            () = clock.sleep_until_any(next) => {}
        }
    }
}

/// Decides what goes now. Gives besides the brokers that have to be connected to first.
fn look(shared: &Shared) -> (Ready, BTreeSet<i32>) {
    let metadata = shared.cluster.metadata();
    let mut state = shared.lock();
    let now = shared.cluster.clock().now();
    let state = &mut *state;
    let (links, muted, transaction) = (&state.links, &state.muted, &state.transaction);
    let transactional = shared.settings.transactional_id.is_some();
    let in_flight_max = shared.settings.in_flight_max;
    let unconnected = std::cell::RefCell::new(BTreeSet::new());
    let circumstances = Circumstances {
        now,
        identity: state.identity,
        leader: &|topic, partition| metadata.leader(topic, partition).map(|(leader, _)| leader),
        is_free: &|node| {
            let link = links.get(&node);
            if !link.is_some_and(Link::is_open) {
                // What is under way on a broken connection has to come back first, lest it be overtaken.
                if link.is_none_or(|link| link.in_flight == 0 && !link.is_connecting) {
                    unconnected.borrow_mut().insert(node);
                }
                return false;
            }
            link.is_some_and(|link| link.in_flight < in_flight_max)
                && muted.get(&node).is_none_or(|until| *until <= now)
        },
        may_send: &|partition| !transactional || transaction.may_send(partition),
    };
    let mut ready = state.accumulator.drain(&shared.settings, &circumstances);
    if ready.wants_epoch
        && !transactional
        && let Some(identity) = state.identity
    {
        // The idempotent producer raises its epoch by itself, and asks for a new id when epochs are used up.
        state.identity = identity.epoch.checked_add(1).map(|epoch| Identity { epoch, ..identity });
        shared.wake.notify_one();
    }
    let unmute = muted.values().filter(|until| **until > now).min().copied();
    ready.next = [ready.next, unmute].into_iter().flatten().min();
    (ready, unconnected.into_inner())
}

/// Connects to a broker in a task of its own.
fn connect(shared: &Arc<Shared>, node: i32) {
    shared.lock().links.entry(node).or_default().is_connecting = true;
    let shared = Arc::clone(shared);
    spawn::anywhere(async move {
        let result = shared.cluster.connection(node).await;
        let failed = {
            let mut state = shared.lock();
            let state = &mut *state;
            let link = state.links.entry(node).or_default();
            link.is_connecting = false;
            match result {
                Ok(connection) => {
                    link.connection = Some(connection);
                    false
                }
                Err(error) => {
                    state.last_error = Some(error);
                    true
                }
            }
        };
        if failed {
            // The partitions may be led by another broker by now.
            refresh(&shared, shared.refresh_topics());
        }
        shared.wake.notify_one();
    });
}

/// Sends what is ready. Says whether there was anything.
fn send_all(shared: &Arc<Shared>, ready: Ready) -> bool {
    for batch in ready.expired {
        let waited = shared.cluster.clock().now() - batch.created;
        let error = ClientError::TimedOut {
            doing: format!("sending {} record(s) to {}", batch.records_count, batch.partition),
            after: waited,
            cause: shared.lock().last_error.clone().map(Box::new),
        };
        shared.lock().metrics.failed(shared.cluster.clock().now(), &batch);
        shared.finish(batch, Fate::Failed { error, records: BTreeMap::new() }, None);
    }
    if !ready.leaderless.is_empty() {
        refresh(shared, ready.leaderless);
    }
    let some = !ready.by_node.is_empty();
    for (node, batches) in ready.by_node {
        // Requests are handed over here, one after the other, so that their order is that of the sequences.
        let (batches, data) = close_batches(shared, batches);
        if batches.is_empty() {
            continue;
        }
        let now = shared.cluster.clock().now();
        shared.lock().metrics.sent(now, &batches, &data);
        match start(shared, node, request(shared, &batches, data)) {
            Ok(answer) => {
                shared.lock().links.entry(node).or_default().in_flight += 1;
                spawn::anywhere(exchange(Arc::clone(shared), (node, now), batches, answer));
            }
            Err(error) => give_back(shared, batches, &error),
        }
    }
    some
}

/// Asks for metadata in a task of its own, unless that is happening already.
fn refresh(shared: &Arc<Shared>, mut topics: Vec<Arc<str>>) {
    if std::mem::replace(&mut shared.lock().is_refreshing, true) {
        return;
    }
    topics.sort();
    topics.dedup();
    let shared = Arc::clone(shared);
    spawn::anywhere(async move {
        let result = shared.cluster.refresh(TopicSelection::Names(&topics, true)).await;
        let metadata = shared.cluster.metadata();
        let complete = topics.iter().all(|topic| metadata.has_leaders(topic));
        if result.is_err() || !complete {
            let failures = {
                let mut state = shared.lock();
                state.refresh_failures = state.refresh_failures.saturating_add(1);
                state.refresh_failures - 1
            };
            let pause = shared.cluster.backoff().pause(failures, shared.cluster.entropy());
            shared.cluster.clock().sleep(pause).await;
        } else {
            shared.lock().refresh_failures = 0;
        }
        shared.lock().is_refreshing = false;
        shared.wake.notify_one();
    });
}

/// Gets a producer id (KIP-98), trying for as long as records may wait.
async fn ask_for_identity(shared: &Shared) -> Result<(), ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let limit = shared.settings.delivery_timeout;
    let answer = shared
        .cluster
        .retrying("asking for a producer id", limit, async || {
            let answer = shared.cluster.call_any(&request).await?;
            ClientError::check(answer.error_code, None)?;
            Ok(answer)
        })
        .await?;
    shared.lock().identity =
        Some(Identity { id: answer.producer_id, epoch: answer.producer_epoch, is_transactional: false });
    Ok(())
}

fn give_up_all(shared: &Shared, error: &ClientError) {
    let batches = shared.lock().accumulator.take_all();
    for batch in batches {
        shared.finish(batch, Fate::Failed { error: error.clone(), records: BTreeMap::new() }, None);
    }
}

/// Waits for the answer to one request, which was sent to that node at that moment, and does all that follows from it.
async fn exchange(
    shared: Arc<Shared>,
    (node, sent): (i32, Instant),
    batches: Vec<Batch>,
    answer: Option<Answer<ProduceRequest>>,
) {
    let result = match answer {
        Some(answer) => answer.wait(Duration::ZERO).await.map(Some).map_err(ClientError::from),
        None => Ok(None),
    };
    {
        let mut state = shared.lock();
        if let Some(link) = state.links.get_mut(&node) {
            link.in_flight -= 1;
        }
        if let Ok(Some(answer)) = &result {
            let now = shared.cluster.clock().now();
            state.metrics.answered(now, now - sent, answer.throttle_time_ms);
            if answer.throttle_time_ms > 0 {
                let pause = Duration::from_millis(answer.throttle_time_ms.unsigned_abs().into());
                state.muted.insert(node, now + pause);
            }
        }
    }
    match result {
        Ok(Some(answer)) => take_answer(&shared, batches, &answer),
        Ok(None) => {
            for batch in batches {
                let fate = Fate::Written { base_offset: -1, log_append_time_ms: -1 };
                shared.finish(batch, fate, Some(Ending::Written));
            }
        }
        Err(error) => give_back(&shared, batches, &error),
    }
    shared.wake.notify_one();
}

/// A whole request failed: its batches are sent again, or fail with it.
fn give_back(shared: &Arc<Shared>, batches: Vec<Batch>, error: &ClientError) {
    if error.is_retriable() {
        refresh(shared, batches.iter().map(|batch| Arc::clone(&batch.partition.topic)).collect());
    }
    for batch in batches {
        retry_or_fail(shared, batch, error.clone(), BTreeMap::new());
    }
    shared.wake.notify_one();
}

/// Builds the batches' bytes, compressing them. A batch that cannot be built fails.
fn close_batches(shared: &Shared, batches: Vec<Batch>) -> (Vec<Batch>, Vec<Bytes>) {
    let mut good = Vec::with_capacity(batches.len());
    let mut data = Vec::with_capacity(batches.len());
    for mut batch in batches {
        match batch.bytes() {
            Ok(bytes) => {
                let mut state = shared.lock();
                state.accumulator.observe_ratio(&batch.partition.topic, batch.plain_bytes, bytes.len());
                drop(state);
                data.push(bytes);
                good.push(batch);
            }
            Err(error) => {
                let error = ClientError::Invalid(error.to_string());
                let fate = Fate::Failed { error, records: BTreeMap::new() };
                shared.lock().metrics.failed(shared.cluster.clock().now(), &batch);
                shared.finish(batch, fate, Some(Ending::Refused));
            }
        }
    }
    (good, data)
}

/// The request for these batches, and whether every topic's id is known.
fn request(shared: &Shared, batches: &[Batch], data: Vec<Bytes>) -> (ProduceRequest, bool) {
    let metadata = shared.cluster.metadata();
    let mut topics: BTreeMap<&str, TopicProduceData> = BTreeMap::new();
    let mut all_have_ids = true;
    for (batch, bytes) in batches.iter().zip(data) {
        let name = &batch.partition.topic;
        let topic = topics.entry(name).or_insert_with(|| TopicProduceData {
            name: StrBytes::from(name.to_string()),
            topic_id: metadata.topics.get(name).map_or(Uuid::ZERO, |topic| topic.id),
            ..Default::default()
        });
        all_have_ids &= topic.topic_id != Uuid::ZERO;
        topic.partition_data.push(PartitionProduceData {
            index: batch.partition.partition,
            records: Some(Records::Bytes(bytes)),
            ..Default::default()
        });
    }
    let request = ProduceRequest {
        transactional_id: shared.settings.transactional_id.clone(),
        acks: shared.settings.acks,
        timeout_ms: shared.settings.request_timeout_ms,
        topic_data: topics.into_values().collect(),
        ..Default::default()
    };
    (request, all_have_ids)
}

/// Hands a request over to the broker's connection; `None` if acks=0 lets no answer come.
fn start(
    shared: &Shared,
    node: i32,
    (request, all_have_ids): (ProduceRequest, bool),
) -> Result<Option<Answer<ProduceRequest>>, ClientError> {
    let connection = shared.lock().links.get(&node).and_then(|link| link.connection.clone());
    let Some(connection) = connection else {
        return Err(ClientError::Broker { code: ErrorCode::LeaderNotAvailable, message: None });
    };
    let mut version = connection.version_of::<ProduceRequest>()?;
    if !all_have_ids {
        version = version.min(PRODUCE_WITH_NAMES);
    }
    if request.transactional_id.is_some() && !shared.lock().transaction.is_version_2 {
        version = version.min(PRODUCE_WITH_TRANSACTIONS_1);
    }
    if request.acks == 0 {
        connection.send_unanswered(&request, version)?;
        return Ok(None);
    }
    Ok(Some(connection.start_version(&request, version)?))
}

fn take_answer(shared: &Arc<Shared>, batches: Vec<Batch>, answer: &ProduceResponse) {
    let metadata = shared.cluster.metadata();
    let mut by_partition: BTreeMap<(Arc<str>, i32), &PartitionProduceResponse> = BTreeMap::new();
    for topic in &answer.responses {
        let name = match metadata.topic_name(topic.topic_id) {
            Some(name) if topic.name.is_empty() => Arc::clone(name),
            _ => Arc::from(&*topic.name),
        };
        for partition in &topic.partition_responses {
            by_partition.insert((Arc::clone(&name), partition.index), partition);
        }
    }
    let mut stale = BTreeSet::new();
    for batch in batches {
        let key = (Arc::clone(&batch.partition.topic), batch.partition.partition);
        let Some(partition) = by_partition.get(&key) else {
            let error =
                ClientError::Invalid(format!("the broker's answer does not mention {}", batch.partition));
            retry_or_fail(shared, batch, error, BTreeMap::new());
            continue;
        };
        let code = ErrorCode::from_code(partition.error_code);
        if code == ErrorCode::None || code == ErrorCode::DuplicateSequenceNumber {
            let fate = Fate::Written {
                base_offset: partition.base_offset,
                log_append_time_ms: partition.log_append_time_ms,
            };
            shared.finish(batch, fate, Some(Ending::Written));
            continue;
        }
        if is_about_leader(code) {
            stale.insert(Arc::clone(&batch.partition.topic));
        }
        let error = ClientError::from_code(partition.error_code, partition.error_message.as_deref());
        let records = partition
            .record_errors
            .iter()
            .map(|record| {
                let text = record.batch_index_error_message.as_deref().unwrap_or(code.default_message());
                (record.batch_index, text.to_owned())
            })
            .collect();
        retry_or_fail(shared, batch, error, records);
    }
    if !stale.is_empty() {
        refresh(shared, stale.into_iter().collect());
    }
}

/// Whether a code says that our metadata is old.
fn is_about_leader(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::KafkaStorageError
            | ErrorCode::UnknownLeaderEpoch
    )
}

fn retry_or_fail(shared: &Shared, batch: Batch, error: ClientError, records: BTreeMap<i32, String>) {
    let mut batch = batch;
    let now = shared.cluster.clock().now();
    if error.code() == Some(ErrorCode::MessageTooLarge) {
        let options = BatchOptions { compression: shared.settings.compression, ..Default::default() };
        if let Some(parts) = batch.split(options) {
            let half = parts[0].records_count;
            let completions = [Arc::clone(&parts[0].completion), Arc::clone(&parts[1].completion)];
            let mut state = shared.lock();
            state.metrics.split(now);
            state.accumulator.replace(&batch, parts);
            drop(state);
            batch.finish(Fate::Split(half, completions));
            return;
        }
    }
    let in_time = now - batch.created < shared.settings.delivery_timeout;
    let may_retry =
        in_time && batch.attempts <= shared.settings.retries && is_retriable(shared, &batch, &error);
    if may_retry {
        let pause = shared.cluster.backoff().pause(batch.attempts - 1, shared.cluster.entropy());
        let mut state = shared.lock();
        state.metrics.retried(now, &batch);
        state.accumulator.put_back(batch, now + pause);
    } else {
        // Of a first attempt that was refused for good we know that nothing was written.
        let is_refused = error.code().is_some() && !error.is_retriable() && batch.attempts == 1;
        let ending = if is_refused { Ending::Refused } else { Ending::Unknown };
        shared.lock().metrics.failed(now, &batch);
        shared.finish(batch, Fate::Failed { error, records }, Some(ending));
    }
}

/// Whether the batch may be sent again. Errors about sequences may be the echo of an earlier batch's failure, or call
/// for a new epoch under which the batch is sent again (KIP-360, and KIP-588 for epochs that the broker has fenced).
fn is_retriable(shared: &Shared, batch: &Batch, error: &ClientError) -> bool {
    let transactional = shared.settings.transactional_id.is_some();
    match error.code() {
        // In a transaction a missing sequence is no reason to begin anew, but to abort.
        Some(ErrorCode::OutOfOrderSequenceNumber) if transactional => {
            !shared.lock().accumulator.is_next(batch)
        }
        Some(_) if transactional => error.is_retriable(),
        Some(ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId)
            if shared.settings.idempotent =>
        {
            let mut state = shared.lock();
            if error.code() == Some(ErrorCode::UnknownProducerId) {
                state.accumulator.break_sequence(&batch.partition);
            } else {
                state.accumulator.out_of_order(batch);
            }
            true
        }
        Some(ErrorCode::InvalidProducerEpoch | ErrorCode::InvalidProducerIdMapping)
            if shared.settings.idempotent =>
        {
            shared.lock().accumulator.break_sequence(&batch.partition);
            true
        }
        _ => error.is_retriable(),
    }
}
