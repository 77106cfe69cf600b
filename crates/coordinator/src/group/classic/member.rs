//! A member of a classic group.

use crate::token::Token;
use bytes::Bytes;
use klamm_protocol::StrBytes;
use klamm_protocol::api::join_group::JoinGroupRequestProtocol;
use klamm_protocol::coordinator::group::GroupMetadataValue;
use klamm_protocol::coordinator::group::group_metadata::MemberMetadata;

/// A member of a classic group, with the requests of it that are parked.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: StrBytes,
    /// `group.instance.id`: the member is static (KIP-345).
    pub(crate) instance: Option<StrBytes>,
    pub(crate) client_id: StrBytes,
    pub(crate) client_host: StrBytes,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) protocol_type: StrBytes,
    /// Name and metadata, in the member's order of preference.
    pub(crate) protocols: Vec<(StrBytes, Bytes)>,
    pub(crate) assignment: Bytes,
    pub(crate) awaiting_join: Option<Token>,
    pub(crate) awaiting_sync: Option<Token>,
    /// Has not been through a rebalance: it does not know its id yet, so it cannot send heartbeats.
    pub(crate) is_new: bool,
}

impl Member {
    pub(crate) fn from_record(record: &MemberMetadata, group: &GroupMetadataValue) -> Self {
        let rebalance_timeout =
            if record.rebalance_timeout == -1 { record.session_timeout } else { record.rebalance_timeout };
        Self {
            id: record.member_id.clone(),
            instance: record.group_instance_id.clone(),
            client_id: record.client_id.clone(),
            client_host: record.client_host.clone(),
            rebalance_timeout_ms: rebalance_timeout,
            session_timeout_ms: record.session_timeout,
            protocol_type: group.protocol_type.clone(),
            protocols: vec![(group.protocol.clone().unwrap_or_default(), record.subscription.clone())],
            assignment: record.assignment.clone(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
        }
    }

    /// What the member said along with this protocol; empty if it does not have it.
    pub(crate) fn metadata(&self, protocol: Option<&StrBytes>) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| Some(name) == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// A member whose request is parked cannot send heartbeats and need not, unless it is new: nobody would notice
    /// that its connection has gone.
    pub(crate) const fn is_excused_from_heartbeats(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// The protocols of a JoinGroup.
pub(crate) fn protocols_of(protocols: &[JoinGroupRequestProtocol]) -> Vec<(StrBytes, Bytes)> {
    protocols.iter().map(|protocol| (protocol.name.clone(), protocol.metadata.clone())).collect()
}
