//! Passing on to the active controller what a client asks of this node (KIP-590).
//!
//! What clients ask goes in an envelope, which says who the client is: the controller counts it against that client's
//! quota. What the node asks for itself goes as it is.

use bytes::Bytes;
use klamm_net::client::ConnectionError;
use klamm_protocol::{
    ErrorCode, Message, Reader, Request, Writer,
    api::envelope::EnvelopeRequest,
    header::{RequestHeader, ResponseHeader},
};
use klamm_raft::Server;
use tracing::{debug, warn};

use super::{
    command::{Caller, CommandError},
    peers::Peers,
};

/// Has the leader answer a request in the version that it came in (what a request says depends on it), or in the
/// highest that the leader knows, if that is lower.
///
/// # Errors
/// Why the leader does not.
pub(super) async fn pass_on<R: Request>(
    peers: &Peers,
    leader: &Server,
    request: &R,
    version: i16,
    caller: Option<&Caller>,
) -> Result<R::Response, CommandError> {
    let silent = |error: ConnectionError| {
        debug!(%error, "the active controller does not answer");
        match error {
            ConnectionError::UnsupportedVersion { .. } => CommandError::NotUnderstood,
            _ => CommandError::NotController,
        }
    };
    let Some(caller) = caller.filter(|_| R::KEY.is_forwardable()) else {
        return peers.call_version(leader, request, version).await.map_err(silent);
    };
    let version = version.min(peers.highest_version::<R>(leader).await.map_err(silent)?);
    let envelope = seal(request, version, caller).ok_or(CommandError::NotUnderstood)?;
    let answer = peers.call(leader, &envelope).await.map_err(silent)?;
    match ErrorCode::from_code(answer.error_code) {
        ErrorCode::None => answer
            .response_data
            .and_then(|response| open::<R>(response, version))
            .ok_or(CommandError::NotUnderstood),
        ErrorCode::NotController => Err(CommandError::NotController),
        // A client has no part in what nodes do not understand of each other.
        code => {
            warn!(api = %R::KEY, error = code.name(), "the active controller refuses what a client has asked for");
            Err(CommandError::NotUnderstood)
        }
    }
}

/// A client's request in an envelope. `None` if its version cannot express it.
fn seal<R: Request>(request: &R, version: i16, caller: &Caller) -> Option<EnvelopeRequest> {
    let Caller { origin, client_id, correlation_id, .. } = caller;
    let mut writer = Writer::new();
    let header = RequestHeader::new(R::KEY, version, *correlation_id, client_id.clone());
    header.encode_for(R::KEY, &mut writer).ok()?;
    request.encode(&mut writer, version).ok()?;
    Some(EnvelopeRequest {
        request_data: writer.into_bytes(),
        request_principal: Some(origin.principal.to_versioned_bytes().ok()?),
        client_host_address: origin.address.clone(),
        ..Default::default()
    })
}

/// The response in an envelope. `None` if it is something else.
fn open<R: Request>(response: Bytes, version: i16) -> Option<R::Response> {
    let mut reader = Reader::new(response);
    ResponseHeader::decode_for(R::KEY, &mut reader, version).ok()?;
    R::Response::decode(&mut reader, version).ok()
}
