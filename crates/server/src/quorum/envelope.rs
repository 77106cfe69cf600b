//! Passing on to the active controller what a client asks of this node (KIP-590).
//!
//! What clients ask goes in an envelope, which says who the client is: the controller counts it against that client's
//! quota. What the node asks for itself goes as it is.

use bytes::Bytes;
use klamm_net::client::ConnectionError;
use klamm_protocol::{
    ErrorCode, Message, Reader, Request, Writer,
    api::envelope::{EnvelopeRequest, EnvelopeResponse},
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
    let Some(caller) = caller.filter(|_| R::KEY.is_forwardable()) else {
        return peers.call_version(leader, request, version).await.map_err(|error| fault(&error));
    };
    let told = |error: ConnectionError| {
        let fault = fault(&error);
        // What a node asks for itself it asks again and again, and says so itself.
        if fault == CommandError::NotUnderstood {
            warn!(%error, "the active controller and this node do not understand each other");
        }
        fault
    };
    let version = version.min(peers.highest_version::<R>(leader).await.map_err(told)?);
    let envelope = seal(request, version, caller).ok_or(CommandError::NotUnderstood)?;
    read::<R>(peers.call(leader, &envelope).await.map_err(told)?, version)
}

/// What becomes of a request whose envelope is not answered. Whoever has only gone silent, or is on its way up or down, is
/// asked again; what cannot be said or read now cannot be later either.
fn fault(error: &ConnectionError) -> CommandError {
    debug!(%error, "the active controller does not answer");
    match error {
        ConnectionError::TimedOut { .. } => CommandError::Silent,
        ConnectionError::Refused { .. } => CommandError::NotController,
        error if error.is_retriable() => CommandError::NotController,
        _ => CommandError::NotUnderstood,
    }
}

/// What the answer to an envelope says.
fn read<R: Request>(answer: EnvelopeResponse, version: i16) -> Result<R::Response, CommandError> {
    match ErrorCode::from_code(answer.error_code) {
        ErrorCode::None => answer
            .response_data
            .and_then(|response| open::<R>(response, version))
            .ok_or(CommandError::NotUnderstood),
        ErrorCode::NotController => Err(CommandError::NotController),
        // It is not the one any more whose versions the client was told of.
        ErrorCode::UnsupportedVersion => Err(CommandError::NotServed),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use klamm_protocol::{
        ApiKey,
        api::create_topics::{CreateTopicsRequest, CreateTopicsResponse},
    };

    use super::*;

    #[test]
    fn only_what_a_controller_has_not_heard_is_asked_again() {
        let address = || "host:1".to_owned();
        let reason = || "a test".to_owned();
        for (error, expect) in [
            (
                ConnectionError::Connect { address: address(), reason: reason(), nobody_listens: true },
                CommandError::NotController,
            ),
            (ConnectionError::Closed { address: address(), reason: reason() }, CommandError::NotController),
            (
                ConnectionError::TimedOut { address: address(), api: "Envelope", after: Duration::ZERO },
                CommandError::Silent,
            ),
            (
                ConnectionError::Refused { address: address(), code: ErrorCode::UnknownServerError },
                CommandError::NotController,
            ),
            (
                ConnectionError::UnsupportedVersion { address: address(), api: "Envelope" },
                CommandError::NotUnderstood,
            ),
            (ConnectionError::Encode { api: "Envelope", reason: reason() }, CommandError::NotUnderstood),
            (
                ConnectionError::Malformed { address: address(), reason: reason() },
                CommandError::NotUnderstood,
            ),
        ] {
            let text = error.to_string();
            assert_eq!(fault(&error), expect, "{text}");
        }
    }

    #[test]
    fn an_answer_is_what_the_envelope_holds_or_says() {
        let mut writer = Writer::new();
        ResponseHeader::default().encode_for(ApiKey::CreateTopics, &mut writer, 7).unwrap();
        CreateTopicsResponse::default().encode(&mut writer, 7).unwrap();
        let whole = writer.into_bytes();
        let damaged = whole.slice(..whole.len() - 2);
        for (code, response_data, expect) in [
            (ErrorCode::None, Some(whole), Ok(CreateTopicsResponse::default())),
            (ErrorCode::None, Some(damaged), Err(CommandError::NotUnderstood)),
            (ErrorCode::None, None, Err(CommandError::NotUnderstood)),
            (ErrorCode::NotController, None, Err(CommandError::NotController)),
            (ErrorCode::UnsupportedVersion, None, Err(CommandError::NotServed)),
            (ErrorCode::PrincipalDeserializationFailure, None, Err(CommandError::NotUnderstood)),
        ] {
            let answer = EnvelopeResponse { response_data, error_code: code.code(), ..Default::default() };
            assert_eq!(read::<CreateTopicsRequest>(answer, 7), expect, "{}", code.name());
        }
    }
}
