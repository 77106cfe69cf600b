//! Which broker coordinates a group or a transaction.

use klamm_protocol::{ErrorCode, StrBytes, api::find_coordinator::FindCoordinatorRequest};

use super::Cluster;
use crate::ClientError;

/// What a coordinator coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorKind {
    /// A group.
    Group,
    /// A transactional id.
    Transaction,
}

impl CoordinatorKind {
    const fn key_type(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::Transaction => 1,
        }
    }
}

impl Cluster {
    /// The broker that coordinates `key`, asked for once and remembered until [`Cluster::forget_coordinator`].
    ///
    /// # Errors
    /// If it cannot be found out now; `COORDINATOR_NOT_AVAILABLE` is worth another try.
    pub async fn coordinator(&self, kind: CoordinatorKind, key: &str) -> Result<i32, ClientError> {
        let cache_key = (kind.key_type(), key.to_owned());
        if let Some(node) = self.state().coordinators.get(&cache_key) {
            return Ok(*node);
        }
        let connection = self.any_connection().await?;
        let version = connection.version_of::<FindCoordinatorRequest>()?;
        let name = StrBytes::from(key.to_owned());
        let mut request = FindCoordinatorRequest { key_type: kind.key_type(), ..Default::default() };
        // Version 4 asks for many keys at once (KIP-699) and has no place for a single one.
        if version >= 4 {
            request.coordinator_keys = vec![name];
        } else {
            request.key = name;
        }
        let answer = connection.call_version(&request, version, std::time::Duration::ZERO).await?;
        let (code, message, node, host, port) = match answer.coordinators.first() {
            Some(found) => {
                (found.error_code, found.error_message.clone(), found.node_id, found.host.clone(), found.port)
            }
            None => (
                answer.error_code,
                answer.error_message.clone(),
                answer.node_id,
                answer.host.clone(),
                answer.port,
            ),
        };
        ClientError::check(code, message.as_deref())?;
        if node < 0 {
            return Err(ClientError::Broker { code: ErrorCode::CoordinatorNotAvailable, message: None });
        }
        self.learn_broker(node, host.to_string(), port);
        self.state().coordinators.insert(cache_key, node);
        Ok(node)
    }

    /// Forgets who coordinates `key`, after the broker said that it does not or was lost.
    pub fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        self.state().coordinators.remove(&(kind.key_type(), key.to_owned()));
    }
}
