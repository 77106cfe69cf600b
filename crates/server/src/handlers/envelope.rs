//! Envelope (key 58), v0: a request that a broker passes on to the controller for one of its clients (KIP-590).
//!
//! It holds the client's request as it came, header and all, and who the client is, and gets the response in the same way.
//! `quorum/envelope.rs` is the other side of it.
//!
//! * NOT_CONTROLLER  this node does not lead: the broker looks for the one that does
//! * INVALID_REQUEST  the address is none, or what it holds is not for controllers
//! * PRINCIPAL_DESERIALIZATION_FAILURE  it does not say who the client is
//! * UNSUPPORTED_VERSION  what it holds cannot be read: the broker has to learn anew what is spoken here

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use klamm_protocol::{
    ApiKey, ErrorCode, Message, Reader,
    api::envelope::{EnvelopeRequest, EnvelopeResponse},
    header::RequestHeader,
    principal::DefaultPrincipalData,
};
use tracing::info;

use super::{Contexts, handle as handle_request, is_served};
use crate::{
    dispatch::{Call, Origin, Refused},
    metrics::requests::Asked,
    reply::{Chunk, Frame, Reply, Told},
};

/// Answers Envelope.
///
/// # Errors
/// Never: what goes wrong is told to the broker, which serves other clients by the same connection.
pub async fn handle(
    contexts: &Rc<Contexts>,
    call: &Call,
    request: EnvelopeRequest,
) -> Result<Reply, Refused> {
    let node = &contexts.cluster.node;
    let answer = if node.controller.leader_id() == node.id {
        answer(contexts, call, request).await
    } else {
        Err(ErrorCode::NotController.into())
    };
    let (response, told) = match answer {
        Ok((response, told)) => {
            (EnvelopeResponse { response_data: Some(response), ..Default::default() }, Some(told))
        }
        Err(Unanswered { code, told }) => {
            (EnvelopeResponse { error_code: code.code(), ..Default::default() }, told)
        }
    };
    let mut frame = call.encode(&response, &[]);
    frame.told = told.unwrap_or(frame.told);
    Ok(Reply::Now(frame))
}

/// Why the envelope comes back empty.
struct Unanswered {
    code: ErrorCode,
    /// What is counted of the response that was in it.
    told: Option<Told>,
}

impl From<ErrorCode> for Unanswered {
    fn from(code: ErrorCode) -> Self {
        Self { code, told: None }
    }
}

/// Header and body of the response to what the envelope holds, and what is counted of it.
async fn answer(
    contexts: &Rc<Contexts>,
    call: &Call,
    request: EnvelopeRequest,
) -> Result<(Bytes, Told), Unanswered> {
    let principal = request.request_principal.unwrap_or_default();
    let principal = DefaultPrincipalData::from_versioned_bytes(principal)
        .map_err(|_| ErrorCode::PrincipalDeserializationFailure)?;
    let address = request.client_host_address;
    if !matches!(address.len(), 4 | 16) {
        return Err(ErrorCode::InvalidRequest.into());
    }
    let asked = Asked::peek(&request.request_data);
    let disowned = Arc::new(AtomicBool::new(false));
    let (mut inner, body) = open(contexts, call, Origin { principal, address }, request.request_data)?;
    inner.disowned = Some(Arc::clone(&disowned));
    // Boxed and without its type, since an envelope's handler is among those that it may call.
    let handled: Pin<Box<dyn Future<Output = Result<Reply, Refused>> + '_>> =
        Box::pin(handle_request(contexts, inner, body));
    let mut frame = match handled.await {
        Ok(reply) => reply.settle().await,
        Err(Refused { reason, .. }) => {
            info!(reason, "a broker has passed on what cannot be served");
            return Err(ErrorCode::UnsupportedVersion.into());
        }
    };
    let told = Told { enclosed: Some(asked), ..std::mem::take(&mut frame.told) };
    if disowned.load(Ordering::Relaxed) {
        // The broker asks whoever leads now.
        return Err(Unanswered { code: ErrorCode::NotController, told: Some(told) });
    }
    Ok((without_size(frame), told))
}

/// The request in an envelope: its header and its body.
fn open(
    contexts: &Contexts,
    call: &Call,
    origin: Origin,
    request: Bytes,
) -> Result<(Call, Reader), ErrorCode> {
    let Some(&[k0, k1, v0, v1]) = request.first_chunk::<4>() else {
        return Err(ErrorCode::UnsupportedVersion);
    };
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let api_key = ApiKey::try_from(key).map_err(|_| ErrorCode::UnsupportedVersion)?;
    if !api_key.is_forwardable() {
        return Err(ErrorCode::InvalidRequest);
    }
    if !is_served(contexts, api_key, version, &call.connection) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let mut reader = Reader::new(request);
    let header = RequestHeader::decode(&mut reader, api_key.request_header_version(version))
        .map_err(|_| ErrorCode::UnsupportedVersion)?;
    let inner = Call {
        api_key,
        api_version: version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
        connection: Rc::clone(&call.connection),
        origin: Some(Rc::new(origin)),
        disowned: None,
        outdated: None,
        size: call.size,
        meter: None,
    };
    Ok((inner, reader))
}

/// A response in one piece, without the size in front of it.
fn without_size(frame: Frame) -> Bytes {
    let mut whole = BytesMut::new();
    for chunk in frame.chunks {
        match chunk {
            Chunk::Bytes(bytes) => whole.extend_from_slice(&bytes),
            // Nothing that controllers answer is in a file.
            Chunk::File(_) => {}
        }
    }
    let size = whole.len().min(4);
    whole.split_off(size).freeze()
}
