//! DeleteTopics.

use crate::{Access, ApiError, Context, Outcome, Random};
use klamm_config::broker::DELETE_TOPIC_ENABLE;
use klamm_protocol::api::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use klamm_protocol::metadata::{MetadataRecord, RemoveTopicRecord};
use klamm_protocol::{ErrorCode, StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// Decides which of the topics, given by name or by id, go. Each succeeds or fails on its own; the results come in
/// random order, so that nobody can tell an absent topic from one that must not be seen.
/// With `delete.topic.enable=false` all are refused with TOPIC_DELETION_DISABLED, before v3 with INVALID_REQUEST (KIP-322).
pub fn delete_topics(
    context: &Context<'_>,
    random: &mut Random,
    access: Access<'_>,
    request: &DeleteTopicsRequest,
    version: i16,
) -> Outcome<DeleteTopicsResponse> {
    if !context.config.get(&DELETE_TOPIC_ENABLE) {
        let code = if version < 3 { ErrorCode::InvalidRequest } else { ErrorCode::TopicDeletionDisabled };
        let error = ApiError::new(code, "delete.topic.enable is false on the controller.");
        return Outcome::unchanged(refused(request, &error));
    }
    let mut results = Results::default();
    let Given { names, ids, twice_ids } = split(request, &mut results);
    let mut doomed = BTreeMap::new();
    for id in &ids {
        find_by_id(context, access, id, &mut doomed, &mut results);
    }
    for name in &names {
        find_by_name(context, access, (name, &twice_ids), &mut doomed, &mut results);
    }
    let mut records: Vec<MetadataRecord> = Vec::with_capacity(doomed.len());
    for (id, name) in doomed {
        records.push(RemoveTopicRecord { topic_id: id, ..Default::default() }.into());
        results.push(Some(name), id, None);
    }
    let mut responses = results.0;
    if let Err(error) = ApiError::check_record_count(records.len()) {
        records.clear();
        for response in &mut responses {
            response.error_code = error.code.code();
            response.error_message = error.wire_message();
        }
    }
    random.shuffle(&mut responses);
    Outcome::new(records, DeleteTopicsResponse { responses, ..Default::default() })
}

fn refused(request: &DeleteTopicsRequest, error: &ApiError) -> DeleteTopicsResponse {
    let mut results = Results::default();
    for name in &request.topic_names {
        results.push(Some(name.clone()), Uuid::ZERO, Some(error.clone()));
    }
    for topic in &request.topics {
        results.push(topic.name.clone(), topic.topic_id, Some(error.clone()));
    }
    DeleteTopicsResponse { responses: results.0, ..Default::default() }
}

#[derive(Default)]
struct Results(Vec<DeletableTopicResult>);

impl Results {
    fn push(&mut self, name: Option<StrBytes>, topic_id: Uuid, error: Option<ApiError>) {
        self.0.push(DeletableTopicResult {
            name,
            topic_id,
            error_code: error.as_ref().map_or(0, |error| error.code.code()),
            error_message: error.as_ref().and_then(ApiError::wire_message),
            ..Default::default()
        });
    }

    fn refuse(&mut self, name: Option<&StrBytes>, topic_id: Uuid, message: &'static str) {
        self.push(name.cloned(), topic_id, Some(ApiError::new(ErrorCode::InvalidRequest, message)));
    }
}

/// Names and ids that were given once, and ids that were given more often.
struct Given<'a> {
    names: BTreeSet<&'a StrBytes>,
    ids: BTreeSet<Uuid>,
    twice_ids: BTreeSet<Uuid>,
}

/// What was given twice, or both or neither of name and id, is refused.
fn split<'a>(request: &'a DeleteTopicsRequest, results: &mut Results) -> Given<'a> {
    let (mut names, mut twice_names) = (BTreeSet::new(), BTreeSet::new());
    let (mut ids, mut twice_ids) = (BTreeSet::new(), BTreeSet::new());
    let by_state = request.topics.iter().filter(|topic| topic.topic_id.is_zero());
    let given = request.topic_names.iter().chain(by_state.filter_map(|topic| topic.name.as_ref()));
    for name in given {
        if !names.insert(name) {
            twice_names.insert(name);
        }
    }
    for topic in &request.topics {
        match (&topic.name, topic.topic_id.is_zero()) {
            (None, true) => results.refuse(None, Uuid::ZERO, "Neither topic name nor id were specified."),
            (Some(name), false) => {
                results.refuse(
                    Some(name),
                    topic.topic_id,
                    "You may not specify both topic name and topic id.",
                );
            }
            (None, false) => {
                if !ids.insert(topic.topic_id) {
                    twice_ids.insert(topic.topic_id);
                }
            }
            (Some(_), true) => {}
        }
    }
    for name in twice_names {
        names.remove(name);
        results.refuse(Some(name), Uuid::ZERO, "Duplicate topic name.");
    }
    for id in &twice_ids {
        ids.remove(id);
        results.refuse(None, *id, "Duplicate topic id.");
    }
    Given { names, ids, twice_ids }
}

fn find_by_id(
    context: &Context<'_>,
    access: Access<'_>,
    id: &Uuid,
    doomed: &mut BTreeMap<Uuid, StrBytes>,
    results: &mut Results,
) {
    match context.image.topics.by_id(id) {
        None => results.push(None, *id, Some(ErrorCode::UnknownTopicId.into())),
        Some(topic) if (access.may_change)(&topic.name) => {
            doomed.insert(*id, topic.name.clone());
        }
        Some(topic) => {
            // Whoever may not see the topic is not told its name.
            let name = (access.may_describe)(&topic.name).then(|| topic.name.clone());
            results.push(name, *id, Some(ErrorCode::TopicAuthorizationFailed.into()));
        }
    }
}

fn find_by_name(
    context: &Context<'_>,
    access: Access<'_>,
    (name, twice_ids): (&StrBytes, &BTreeSet<Uuid>),
    doomed: &mut BTreeMap<Uuid, StrBytes>,
    results: &mut Results,
) {
    let denied = || Some(ErrorCode::TopicAuthorizationFailed.into());
    if !(access.may_describe)(name) {
        return results.push(Some(name.clone()), Uuid::ZERO, denied());
    }
    let Some(topic) = context.image.topics.by_name(name) else {
        let unknown = ErrorCode::UnknownTopicOrPartition.into();
        return results.push(Some(name.clone()), Uuid::ZERO, Some(unknown));
    };
    if !(access.may_change)(name) {
        return results.push(Some(name.clone()), Uuid::ZERO, denied());
    }
    if twice_ids.contains(&topic.id) || doomed.insert(topic.id, name.clone()).is_some() {
        doomed.remove(&topic.id);
        let message = "The provided topic name maps to an ID that was already supplied.";
        results.refuse(Some(name), topic.id, message);
    }
}
