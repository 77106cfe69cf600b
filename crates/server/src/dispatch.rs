//! From a frame to its handler: reads the header, checks that the API and version are served on this listener, decodes
//! the body, runs the handler and encodes its response.
//!
//! What cannot be read closes the connection, as in Kafka: without a trustworthy header there is nothing to answer to.
//! The one exception is ApiVersions in a version that is not known, which is answered in version 0, so that a newer
//! client can find out what is spoken here (KIP-35).

use std::{
    rc::Rc,
    sync::{Arc, atomic::AtomicBool},
};

use bytes::Bytes;
use klamm_log::FileSlice;
use klamm_protocol::{
    ApiKey, ErrorCode, Message, Reader, Request, StrBytes,
    api::api_versions::ApiVersionsResponse,
    header::{RequestHeader, ResponseHeader},
    principal::DefaultPrincipalData,
};
use tracing::debug;

use crate::{
    handlers::{self, Contexts, cluster::api_versions},
    listener::connection::Connection,
    quotas::{Kind, Meter},
    reply::{self, Reply, Told},
};

/// The connection has to be closed, and why.
#[derive(Debug)]
pub struct Refused {
    /// For the log.
    pub reason: String,
    /// What a response would tell, if the request was carried out and its client does not want one.
    pub told: Option<Told>,
}

impl Refused {
    /// Without anything that could be counted.
    pub const fn because(reason: String) -> Self {
        Self { reason, told: None }
    }
}

/// One request, without its body.
#[derive(Debug, Clone)]
pub struct Call {
    /// The API.
    pub api_key: ApiKey,
    /// The version that the client chose.
    pub api_version: i16,
    /// Given back in the response.
    pub correlation_id: i32,
    /// The client's name for itself; null is allowed.
    pub client_id: Option<StrBytes>,
    /// The connection that it came by.
    pub connection: Rc<Connection>,
    /// Who asked the broker that has passed it on in an envelope, if one has.
    pub origin: Option<Rc<Origin>>,
    /// Set if this node turns out not to be the active controller, for the envelope that the request came in.
    pub disowned: Option<Arc<AtomicBool>>,
    /// Set if the active controller turns out not to serve it in this version, for the connection that it came by.
    pub outdated: Option<Arc<AtomicBool>>,
    /// Bytes of the request, its header included.
    pub size: usize,
    /// Measures the time that it takes, if there are quotas on that.
    pub meter: Option<Rc<Meter>>,
}

/// The client of another node, which has passed its request on (KIP-590).
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Who it is.
    pub principal: DefaultPrincipalData,
    /// Its address, 4 or 16 bytes.
    pub address: Bytes,
}

/// The type of every principal that Kafka makes by itself.
pub const USER: &str = "User";
/// Who asks by a listener that does not want to know.
pub const ANONYMOUS: &str = "ANONYMOUS";

impl Call {
    /// Encodes the response to this call.
    pub fn respond<R: Message>(&self, response: &R) -> Reply {
        self.respond_with_slices(response, &[])
    }

    /// Encodes a response whose record gaps are filled from files.
    ///
    /// # Panics
    /// If the handler made a response that its version cannot express.
    pub fn respond_with_slices<R: Message>(&self, response: &R, slices: &[FileSlice]) -> Reply {
        Reply::Now(self.encode(response, slices))
    }

    /// As [`Call::respond_with_slices`], for responses that come later. A client that is to wait is told so here, and its
    /// connection is not read meanwhile.
    ///
    /// # Panics
    /// If the handler made a response that its version cannot express.
    pub fn encode<R: Message>(&self, response: &R, slices: &[FileSlice]) -> reply::Frame {
        let (told, wanted) = (response.throttle_time_ms(), self.request_throttle_ms());
        if !self.is_forwarded() {
            self.connection.mute(told.max(wanted));
        }
        if wanted > told {
            let mut response = response.clone();
            response.set_throttle_time_ms(wanted);
            self.encode_as_it_is(&response, slices)
        } else {
            self.encode_as_it_is(response, slices)
        }
    }

    fn encode_as_it_is<R: Message>(&self, response: &R, slices: &[FileSlice]) -> reply::Frame {
        let header = ResponseHeader { correlation_id: self.correlation_id, ..Default::default() };
        let header_version = self.api_key.response_header_version(self.api_version);
        reply::encode(response, self.api_version, &header, header_version, slices).unwrap_or_else(|error| {
            panic!("a {:?} v{} response cannot be encoded: {error}", self.api_key, self.api_version)
        })
    }

    /// Whether a broker has passed it on in an envelope.
    pub const fn is_forwarded(&self) -> bool {
        self.origin.is_some()
    }

    /// The name of whoever asks.
    pub fn user(&self) -> &str {
        self.origin.as_ref().map_or(ANONYMOUS, |origin| origin.principal.name.as_str())
    }

    /// Whoever asks, for a node that this one passes the request on to.
    pub fn origin(&self) -> Origin {
        self.origin.as_deref().cloned().unwrap_or_else(|| Origin {
            principal: DefaultPrincipalData::new(USER, ANONYMOUS),
            address: self.connection.address.clone(),
        })
    }

    /// Charges the client for what it uses. Returns how long it has to wait, in milliseconds.
    pub fn charge(&self, kind: Kind, value: f64) -> i32 {
        self.connection.quotas().record(kind, self.user(), self.client_id(), value)
    }

    /// Charges the client for the time that this request takes, once. Returns how long it has to wait, in milliseconds.
    pub fn request_throttle_ms(&self) -> i32 {
        let of_client = self.meter.as_ref().filter(|_| !self.connection.is_controller_listener);
        of_client.map_or(0, |meter| meter.charge(|percent| self.charge(Kind::Request, percent)))
    }

    /// Leaves the time that this request takes uncharged.
    pub fn exempt(&self) {
        if let Some(meter) = &self.meter {
            meter.exempt();
        }
    }

    /// The client's id, empty if it gave none.
    pub fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or("")
    }
}

/// Handles one frame.
///
/// # Errors
/// If the connection has to be closed.
pub async fn dispatch(
    contexts: &Rc<Contexts>,
    connection: &Rc<Connection>,
    frame: Bytes,
    meter: Option<Rc<Meter>>,
) -> Result<Reply, Refused> {
    let (key, version, correlation_id) = peek(&frame)?;
    let api_key =
        ApiKey::try_from(key).map_err(|_| Refused::because(format!("api key {key} is not known")))?;
    if !handlers::is_served(contexts, api_key, version, connection) {
        if api_key == ApiKey::ApiVersions {
            return Ok(unsupported_api_versions(correlation_id));
        }
        return Err(Refused::because(format!(
            "{api_key:?} version {version} is not served on this listener"
        )));
    }
    let size = frame.len();
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader, api_key.request_header_version(version))
        .map_err(|error| Refused::because(format!("header of {api_key:?} version {version}: {error}")))?;
    let call = Call {
        api_key,
        api_version: version,
        correlation_id: header.correlation_id,
        client_id: header.client_id.as_ref().map(|id| connection.own_client_id(id)),
        connection: Rc::clone(connection),
        origin: None,
        disowned: None,
        outdated: Some(Arc::clone(&connection.is_outdated)),
        size,
        meter,
    };
    debug!(api = ?api_key, version, correlation_id, client_id = call.client_id(), "request");
    handlers::handle(contexts, call, reader).await
}

/// The fixed part of every request header.
fn peek(frame: &Bytes) -> Result<(i16, i16, i32), Refused> {
    match frame.first_chunk::<8>() {
        Some(&[k0, k1, v0, v1, c0, c1, c2, c3]) => Ok((
            i16::from_be_bytes([k0, k1]),
            i16::from_be_bytes([v0, v1]),
            i32::from_be_bytes([c0, c1, c2, c3]),
        )),
        None => Err(Refused::because(format!("a frame of {} bytes has no request header", frame.len()))),
    }
}

/// Decodes a request's body. Bytes behind its end do not matter, as in Kafka.
///
/// # Errors
/// If it is not what its version prescribes.
pub fn decode<R: Request>(call: &Call, mut reader: Reader) -> Result<R, Refused> {
    R::decode(&mut reader, call.api_version).map_err(|error| {
        Refused::because(format!("{:?} version {}: {error}", call.api_key, call.api_version))
    })
}

fn unsupported_api_versions(correlation_id: i32) -> Reply {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: api_versions::own_range(),
        ..Default::default()
    };
    let header = ResponseHeader { correlation_id, ..Default::default() };
    match reply::encode(&response, 0, &header, 0, &[]) {
        Ok(frame) => Reply::Now(frame),
        Err(_) => Reply::Nothing,
    }
}
