//! ShareFetch (key 78), v1–2: records that are a member's from now on, until it acknowledges them or the lock runs out
//! (KIP-932).
//!
//! * v2  a limit of records that is kept to (KIP-1206), renewal of locks (KIP-1222)
//!
//! Acknowledgements may come with it; they take effect first. A fetch that finds nothing, or less than `min_bytes`,
//! waits up to `max_wait_ms` for records, and for what others give back. The limit of records is spent in the order of
//! the partitions, which begins with another one each time.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use klamm_config::broker;
use klamm_log::FileSlice;
use klamm_protocol::{
    ErrorCode, Records, StrBytes,
    api::share_fetch::{
        AcquiredRecords, LeaderIdAndEpoch, NodeEndpoint, PartitionData, ShareFetchRequest,
        ShareFetchResponse, ShareFetchableTopicResponse,
    },
};
use klamm_share::{
    AcquireMode,
    session::{FINAL_EPOCH, FetchContext, Found, SessionKey, TopicIdPartition},
};

use super::{
    ShareContext,
    acknowledgements::{self, Allowed, Outcomes, Pending, by_topic, is_member_id, named},
    gather::Gather,
    sessions,
};
use crate::{
    dispatch::Call,
    handlers::{IntoReply, Made, records::LeaderHints},
    quotas::Kind,
    reply::{Frame, Reply},
    share::{partitions::visit::VisitAnswer, settings::ShareSettings},
};

/// About what a partition's answer takes beside its records.
const PARTITION_BYTES: u64 = 40;

/// Answers ShareFetch.
pub async fn handle(cx: &Rc<ShareContext>, call: &Call, request: ShareFetchRequest) -> Made {
    let key = match check(cx, call, &request) {
        Ok(key) => key,
        Err(code) => return Made(refused(code).into_reply(call)),
    };
    let context = match begin(cx, call, &key, &request) {
        Ok(context) => context,
        Err(ErrorCode::ShareSessionLimitReached) => return wait_for_a_session(cx, call, &request),
        Err(code) => return Made(refused(code).into_reply(call)),
    };
    let is_renewal = call.api_version >= 2 && request.is_renew_ack;
    let allowed = Allowed { has_renewal: call.api_version >= 2, is_renewal };
    let acknowledged =
        has_acknowledgements(&request).then(|| acknowledgements::begin(cx, &key, named!(request), allowed));
    let (cx, call) = (Rc::clone(cx), call.clone());
    Made(Ok(Reply::Later(Box::pin(
        async move { answer(&cx, &call, key, &request, context, acknowledged).await },
    ))))
}

async fn answer(
    cx: &ShareContext,
    call: &Call,
    key: SessionKey,
    request: &ShareFetchRequest,
    context: FetchContext,
    acknowledged: Option<Pending>,
) -> Frame {
    let settings = ShareSettings::of_group(&cx.node, &key.group);
    let is_renewal = call.api_version >= 2 && request.is_renew_ack;
    let found = if is_renewal {
        // The records whose locks were renewed would wait for those to come (KIP-1222).
        Vec::new()
    } else {
        fetch(cx, call, &key, request, &context, settings).await
    };
    let outcomes = match acknowledged {
        Some(pending) => pending.settle().await,
        None => Outcomes::new(),
    };
    let mut slices = Vec::new();
    let mut response = respond(cx, call, &key, &context, found, &mut slices);
    response.acquisition_lock_timeout_ms = settings.lock_timeout_ms();
    add_outcomes(&mut response, outcomes);
    if request.share_session_epoch == FINAL_EPOCH {
        sessions::close(cx, &key);
    }
    call.encode(&response, &slices)
}

fn refused(code: ErrorCode) -> ShareFetchResponse {
    ShareFetchResponse { error_code: code.code(), ..Default::default() }
}

/// Checks what needs no session.
fn check(cx: &ShareContext, call: &Call, request: &ShareFetchRequest) -> Result<SessionKey, ErrorCode> {
    if !cx.serves_share_groups() {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let group = request.group_id.clone().ok_or(ErrorCode::InvalidRequest)?;
    let member = request.member_id.clone().filter(|_| is_member_id(request.member_id.as_ref()));
    let member = member.ok_or(ErrorCode::InvalidRequest)?;
    let limits = [request.max_bytes, request.min_bytes, request.max_records, request.max_wait_ms];
    if call.api_version >= 2 && request.is_renew_ack && limits.iter().any(|limit| *limit != 0) {
        return Err(ErrorCode::InvalidRequest);
    }
    if !matches!(request.share_acquire_mode, 0 | 1) {
        return Err(ErrorCode::InvalidRequest);
    }
    Ok(SessionKey { group, member })
}

/// Opens the session, or goes on with it.
fn begin(
    cx: &ShareContext,
    call: &Call,
    key: &SessionKey,
    request: &ShareFetchRequest,
) -> Result<FetchContext, ErrorCode> {
    let topics = request.topics.iter();
    let wanted: Vec<_> = topics
        .flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|partition| TopicIdPartition {
                topic_id: topic.topic_id,
                index: partition.partition_index,
            })
        })
        .collect();
    let topics = request.forgotten_topics_data.iter();
    let forgotten: Vec<_> = topics
        .flat_map(|topic| {
            topic.partitions.iter().map(|index| TopicIdPartition { topic_id: topic.topic_id, index: *index })
        })
        .collect();
    let epoch = request.share_session_epoch;
    let has_acknowledgements = has_acknowledgements(request);
    let context = cx.node.share_sessions().begin(key, epoch, &wanted, &forgotten, has_acknowledgements)?;
    if let Some(opened) = context.opened {
        let ended = {
            let open = cx.node.share_sessions();
            call.connection.opened_share_session(key, opened, |key, id| open.is_open(key, id))
        };
        ended.iter().for_each(|(key, id)| sessions::disconnected(cx, key, *id));
    }
    Ok(context)
}

fn has_acknowledgements(request: &ShareFetchRequest) -> bool {
    let mut partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.any(|partition| !partition.acknowledgement_batches.is_empty())
}

/// A member that cannot have a session now would come again at once.
fn wait_for_a_session(cx: &ShareContext, call: &Call, request: &ShareFetchRequest) -> Made {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let (clock, call) = (cx.node.world.clock, call.clone());
    Made(Ok(Reply::Later(Box::pin(async move {
        clock.sleep(wait).await;
        call.encode(&refused(ErrorCode::ShareSessionLimitReached), &[])
    }))))
}

/// What a fetch found, by partition.
type Answers = Vec<(TopicIdPartition, VisitAnswer)>;

async fn fetch(
    cx: &ShareContext,
    call: &Call,
    key: &SessionKey,
    request: &ShareFetchRequest,
    context: &FetchContext,
    settings: ShareSettings,
) -> Answers {
    let node = &cx.node;
    let mut answers = Answers::new();
    let mut wanted = Vec::new();
    {
        let published = node.metadata.load();
        for partition in &context.partitions {
            let topic = published.image.topics.by_id(&partition.topic_id);
            match topic {
                None => answers.push((*partition, ErrorCode::UnknownTopicId.into())),
                Some(topic) if topic.partitions.get(&partition.index).is_none() => {
                    answers.push((*partition, ErrorCode::UnknownTopicOrPartition.into()));
                }
                Some(topic) => wanted.push((*partition, topic.name.clone())),
            }
        }
    }
    if let Ok(epoch @ 1..) = usize::try_from(request.share_session_epoch)
        && !wanted.is_empty()
    {
        let turn = epoch % wanted.len();
        wanted.rotate_left(turn);
    }
    let limit = node.config.load().get(&broker::FETCH_MAX_BYTES);
    let bytes_max = u32::try_from(request.max_bytes.min(limit)).unwrap_or(0);
    // More would have the member wait in any case, and then ask for as much again.
    let allowed = node.quotas.most_at_once(Kind::Fetch, call.user(), call.client_id());
    let bytes_max = allowed.map_or(bytes_max, |allowed| bytes_max.min(allowed as u32));
    if wanted.is_empty() || request.max_records <= 0 || bytes_max == 0 {
        return answers;
    }
    let gather = Gather {
        node,
        shards: &cx.shards,
        key: SessionKey { group: key.group.detached(), member: key.member.detached() },
        wanted,
        settings,
        bytes_max,
        bytes_min: u32::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
        records_max: request.max_records,
        batch_size: request.batch_size,
        mode: match request.share_acquire_mode {
            1 => AcquireMode::RecordLimit,
            _ => AcquireMode::BatchOptimized,
        },
        wait_max: Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)),
    };
    answers.extend(gather.run().await);
    answers
}

/// Makes the response of what was found.
fn respond(
    cx: &ShareContext,
    call: &Call,
    key: &SessionKey,
    context: &FetchContext,
    found: Answers,
    slices: &mut Vec<FileSlice>,
) -> ShareFetchResponse {
    if let Some(response) = throttled(cx, call, key, context, &found) {
        return response;
    }
    let news: Vec<_> = found.iter().map(|(partition, answer)| (*partition, as_found(answer))).collect();
    let told = match cx.node.share_sessions().finish(key, context, &news) {
        Ok(told) => told,
        Err(code) => return refused(code),
    };
    let published = cx.node.metadata.load();
    let mut hints = LeaderHints::new(&published.image, &call.connection.listener);
    let partitions = found.into_iter().zip(told).filter(|(_, is_told)| *is_told).map(|(found, _)| {
        let (partition, answer) = found;
        let error = answer.error.as_ref().map_or(ErrorCode::None, |error| error.code);
        let mut data = partition_data(partition, answer, slices);
        let leader = super::leader_for(&mut hints, &published.image, &partition, error);
        if let Some((leader_id, leader_epoch)) = leader {
            data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
        }
        (partition.topic_id, data)
    });
    let responses = by_topic(partitions).into_iter().map(|(topic_id, partitions)| {
        ShareFetchableTopicResponse { topic_id, partitions, ..Default::default() }
    });
    let responses = responses.collect();
    let nodes = hints.into_nodes().map(|node| NodeEndpoint {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
        ..Default::default()
    });
    ShareFetchResponse { responses, node_endpoints: nodes.collect(), ..Default::default() }
}

fn as_found(answer: &VisitAnswer) -> Found {
    Found { has_records: answer.records.is_some(), is_error: answer.error.is_some() }
}

/// The empty response to a member that is over its quota. What it has acquired stays locked until the lock runs out.
fn throttled(
    cx: &ShareContext,
    call: &Call,
    key: &SessionKey,
    context: &FetchContext,
    found: &Answers,
) -> Option<ShareFetchResponse> {
    let bytes: u64 = found.iter().map(|(_, answer)| u64::from(answer.bytes)).sum();
    let bytes = (bytes + PARTITION_BYTES * found.len() as u64) as f64;
    let throttle_time_ms = call.charge(Kind::Fetch, bytes).max(call.request_throttle_ms());
    if throttle_time_ms == 0 {
        return None;
    }
    cx.node.quotas.unrecord(Kind::Fetch, call.user(), call.client_id(), bytes);
    let error = match cx.node.share_sessions().is_current(key, context) {
        true => ErrorCode::None,
        false => ErrorCode::InvalidShareSessionEpoch,
    };
    Some(ShareFetchResponse { throttle_time_ms, ..refused(error) })
}

fn partition_data(
    partition: TopicIdPartition,
    answer: VisitAnswer,
    slices: &mut Vec<FileSlice>,
) -> PartitionData {
    let records = match answer.records {
        Some(slice) => {
            let token = u32::try_from(slices.len()).unwrap_or(u32::MAX);
            let records = Records::Gap { token, len: slice.len };
            slices.push(slice);
            records
        }
        None => Records::EMPTY,
    };
    let acquired = answer.acquired.iter().map(|run| AcquiredRecords {
        first_offset: run.first_offset,
        last_offset: run.last_offset,
        delivery_count: run.delivery_count,
        ..Default::default()
    });
    PartitionData {
        partition_index: partition.index,
        error_code: answer.error.map_or(0, |error| error.code.code()),
        records,
        acquired_records: acquired.collect(),
        ..Default::default()
    }
}

/// Adds what came of the acknowledgements that came with the fetch.
fn add_outcomes(response: &mut ShareFetchResponse, outcomes: Outcomes) {
    let mut left: BTreeMap<TopicIdPartition, (i16, Option<StrBytes>)> = outcomes
        .into_iter()
        .map(|(partition, outcome)| {
            let told = match outcome {
                Ok(()) => (0, None),
                Err(error) => (error.code.code(), Some(super::message_of(&error))),
            };
            (partition, told)
        })
        .collect();
    for topic in &mut response.responses {
        for data in &mut topic.partitions {
            let partition = TopicIdPartition { topic_id: topic.topic_id, index: data.partition_index };
            if let Some((code, message)) = left.remove(&partition) {
                data.acknowledge_error_code = code;
                data.acknowledge_error_message = message;
            }
        }
    }
    for (partition, (acknowledge_error_code, acknowledge_error_message)) in left {
        let data = PartitionData {
            partition_index: partition.index,
            acknowledge_error_code,
            acknowledge_error_message,
            records: Records::EMPTY,
            ..Default::default()
        };
        match response.responses.iter_mut().find(|topic| topic.topic_id == partition.topic_id) {
            Some(topic) => topic.partitions.push(data),
            None => response.responses.push(ShareFetchableTopicResponse {
                topic_id: partition.topic_id,
                partitions: vec![data],
                ..Default::default()
            }),
        }
    }
}
