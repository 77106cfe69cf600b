//! JoinGroup (key 11) to a consumer group (KIP-848): a member that speaks the classic protocol.
//!
//! The coordinator assigns, so that nobody leads and nobody waits for the others: the member is answered with its epoch
//! as the generation, and gets its partitions with SyncGroup. Where a member of the new protocol would hear of a
//! change with its heartbeat, this one is told to rejoin.

use super::ConsumerGroup;
use super::decide::{Draft, join_key, session_key, sync_key};
use super::heartbeat::fenced_instance;
use super::member::Member;
use super::migrate::classic_metadata;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Continuation, Reply};
use crate::group::classic::{CONSUMER_PROTOCOL_TYPE, protocols_of, refuse_join};
use crate::group::embedded;
use crate::group::refusal::Refusal;
use crate::record::ConsumerRecord;
use crate::request::RequestContext;
use crate::token::Token;
use crate::{cluster::Cluster, effect::Step};
use bytes::Bytes;
use klamm_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use klamm_protocol::consumer_protocol::ConsumerProtocolSubscription;
use klamm_protocol::{ErrorCode, StrBytes, Uuid};

/// The first version in which a dynamic member has to come back with the id it is given.
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;

impl GroupCoordinator {
    /// Decides on a JoinGroup to a consumer group that has members.
    pub(crate) fn join_consumer_group(
        &mut self,
        context: &RequestContext,
        cluster: &dyn Cluster,
        (token, request): (Token, &JoinGroupRequest),
        step: &mut Step,
    ) {
        let Some(group) = self.consumer_group(&request.group_id) else { return };
        let (id, version) = (&request.group_id, cluster.version());
        let topics_are_new = self.has_new_topics(id, version, group.epoch);
        let mut draft = Draft::new(id.clone(), group, self.settings(), cluster, step);
        let joined = draft.join_classic(context, request, topics_are_new);
        let (epoch, became) = (draft.group.epoch, draft.became.take());
        match joined {
            Ok(response) => {
                self.note_topics_seen(id, version, epoch);
                self.adopt(id, became);
                step.complete_when_committed(token, Reply::JoinGroup(response));
            }
            Err(Refused { member, code }) => {
                step.discard();
                step.complete(token, refuse_join(&member, code));
            }
        }
    }
}

/// A JoinGroup that is not granted.
struct Refused {
    /// Given out with MEMBER_ID_REQUIRED only.
    member: StrBytes,
    code: ErrorCode,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { member: StrBytes::default(), code }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        refusal.code.into()
    }
}

impl ConsumerGroup {
    /// Whether a member with these protocols can be one beside those who speak the classic protocol.
    fn supports(&self, request: &JoinGroupRequest) -> bool {
        let classic = || self.members.values().filter_map(|member| member.classic.as_ref());
        let is_supported = |name: &StrBytes| {
            classic().all(|member| member.supported_protocols.iter().any(|known| known.name == *name))
        };
        *request.protocol_type == *CONSUMER_PROTOCOL_TYPE
            && request.protocols.iter().any(|protocol| is_supported(&protocol.name))
    }
}

impl Draft<'_> {
    fn join_classic(
        &mut self,
        context: &RequestContext,
        request: &JoinGroupRequest,
        topics_are_new: bool,
    ) -> Result<JoinGroupResponse, Refused> {
        let metadata = self.check_join(request)?;
        let is_unknown = request.member_id.is_empty();
        let id = if is_unknown {
            StrBytes::from(Uuid::from_bytes(context.entropy).to_string())
        } else {
            request.member_id.clone()
        };
        let is_static = request.group_instance_id.is_some();
        if is_unknown && !is_static && context.api_version >= MEMBER_ID_REQUIRED_SINCE {
            return Err(Refused { member: id, code: ErrorCode::MemberIdRequired });
        }
        // Who only asks for an id need not have said what it reads.
        let subscription =
            embedded::read_subscription(metadata).map_err(|_| ErrorCode::UnknownServerError)?;
        let is_to_downgrade = self.find_classic_member(&id, request)?;
        let before = self.group.member(&id).map(|member| Member::clone(member)).unwrap_or_default();
        let updated = update(&before, context, request, &subscription);
        if updated != before {
            self.write(ConsumerRecord::Member(id.clone(), Some(Box::new(updated.to_metadata()))));
        }
        let has_changed = updated.topics != before.topics || updated.regex != before.regex;
        self.note_regex(&before, &updated)?;
        if has_changed || topics_are_new {
            self.refresh_epoch(has_changed);
        }
        let must_rebalance = is_to_downgrade && self.group.target_epoch < self.group.epoch;
        if !is_to_downgrade {
            self.refresh_target();
        }
        let mut after = updated;
        if !must_rebalance {
            let owned = subscription.owned_partitions.iter();
            let owned =
                embedded::by_topic_id(owned.map(|topic| (&topic.topic, &topic.partitions)), self.cluster);
            after = self.reconcile(&id, has_changed, Some(&owned))?;
        }
        if is_to_downgrade {
            self.downgrade(&[], must_rebalance);
        } else {
            self.step.then(Continuation::ClassicMemberJoined {
                group: self.id.clone(),
                member: id.clone(),
                session_timeout_ms: request.session_timeout_ms,
                rebalance_timeout_ms: rebalance_timeout_ms(context, request),
            });
        }
        Ok(JoinGroupResponse {
            generation_id: after.epoch,
            protocol_type: Some(StrBytes::from(CONSUMER_PROTOCOL_TYPE)),
            protocol_name: request.protocols.first().map(|protocol| protocol.name.clone()),
            member_id: id,
            ..JoinGroupResponse::default()
        })
    }

    /// Whether someone who says this may join at all; what it says with its protocols.
    fn check_join<'a>(&self, request: &'a JoinGroupRequest) -> Result<&'a Bytes, ErrorCode> {
        let policy = &self.settings.consumer_migration;
        if !policy.upgrades && !policy.downgrades {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let is_full = self.group.members.size() >= self.settings.consumer_size_max;
        if is_full && !self.group.members.contains_key(&request.member_id) {
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        // All protocols of a member come with the same subscription.
        let first = request.protocols.first().filter(|_| self.group.supports(request));
        Ok(&first.ok_or(ErrorCode::InconsistentGroupProtocol)?.metadata)
    }

    /// Makes sure that the member is there or may join; a static one takes the place of its former self. True if with it
    /// the last member of the new protocol goes.
    fn find_classic_member(&mut self, id: &StrBytes, request: &JoinGroupRequest) -> Result<bool, Refusal> {
        let Some(instance) = &request.group_instance_id else { return Ok(false) };
        let holder = self
            .group
            .static_member(instance)
            .map(|(holder, member)| (holder.clone(), Member::clone(member)));
        let is_joining = request.member_id.is_empty();
        match holder {
            None if is_joining => Ok(false),
            None => {
                let message = format!("Instance id {instance} is unknown.");
                Err(Refusal::new(ErrorCode::UnknownMemberId, message))
            }
            Some((holder, _)) if !is_joining && holder != *id => Err(fenced_instance(id, instance, &holder)),
            Some((holder, member)) => {
                let is_to_downgrade = self.is_to_downgrade_with(&holder, &member);
                if is_joining {
                    self.replace(&holder, id, member);
                }
                Ok(is_to_downgrade)
            }
        }
    }
}

/// Version 0 has none: the session timeout serves as one.
const fn rebalance_timeout_ms(context: &RequestContext, request: &JoinGroupRequest) -> i32 {
    if context.api_version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms }
}

fn update(
    before: &Member,
    context: &RequestContext,
    request: &JoinGroupRequest,
    subscription: &ConsumerProtocolSubscription,
) -> Member {
    let mut member = before.clone();
    if let Some(instance) = &request.group_instance_id {
        member.instance = Some(instance.detached());
    }
    if let Some(rack) = subscription.rack_id.as_ref().filter(|rack| !rack.is_empty()) {
        member.rack = Some(rack.detached());
    }
    let timeout_ms = rebalance_timeout_ms(context, request);
    if timeout_ms != -1 {
        member.rebalance_timeout_ms = timeout_ms;
    }
    member.topics = subscription.topics.iter().map(StrBytes::detached).collect();
    // Classic members send lists of topics.
    member.regex = Some(StrBytes::default());
    member.client_id = context.client_id.detached();
    member.client_host = context.client_host.detached();
    let protocols = protocols_of(&request.protocols);
    member.classic = Some(classic_metadata(request.session_timeout_ms, &protocols));
    member
}

/// The JoinGroup of a classic member is about to be answered.
pub(crate) fn begin_classic_member(continuation: &Continuation, step: &mut Step) {
    if let Continuation::ClassicMemberJoined { group, member, session_timeout_ms, rebalance_timeout_ms } =
        continuation
    {
        step.cancel_timer(join_key(group, member));
        step.set_timer(session_key(group, member), (*session_timeout_ms).into());
        step.set_timer(sync_key(group, member), (*rebalance_timeout_ms).into());
    }
}
