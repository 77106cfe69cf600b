//! The producer's configuration, read once.

use std::time::Duration;

use klamm_config::client::ClientConfig;
use klamm_protocol::{
    StrBytes,
    records::{Compression, CompressionType},
};

use crate::ClientError;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) acks: i16,
    pub(super) retries: u32,
    pub(super) batch_bytes: usize,
    pub(super) linger: Duration,
    pub(super) buffer_bytes: usize,
    pub(super) request_bytes_max: usize,
    pub(super) in_flight_max: usize,
    pub(super) block_max: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) request_timeout_ms: i32,
    pub(super) idempotent: bool,
    pub(super) transactional_id: Option<StrBytes>,
    pub(super) transaction_timeout_ms: i32,
    pub(super) compression: Compression,
    pub(super) ignore_keys: bool,
    pub(super) adaptive: bool,
    pub(super) round_robin: bool,
}

impl Settings {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let size = |key: &str| usize::try_from(config.number(key)).unwrap_or(0);
        let acks = match config.text("acks").unwrap_or("all") {
            "0" => 0,
            "1" => 1,
            _ => -1,
        };
        let retries = u32::try_from(config.number("retries")).unwrap_or(0);
        let in_flight_max = size("max.in.flight.requests.per.connection").max(1);
        let idempotent = idempotent(config, acks, retries, in_flight_max)?;
        let transactional_id = config
            .text("transactional.id")
            .filter(|id| !id.is_empty())
            .map(|id| StrBytes::from(id.to_owned()));
        if transactional_id.is_some() {
            if !idempotent {
                return Err(ClientError::Invalid(
                    "Cannot set a transactional.id without also enabling idempotence.".to_owned(),
                ));
            }
            if config.is_true("transaction.two.phase.commit.enable") {
                return Err(ClientError::Invalid(
                    "transaction.two.phase.commit.enable is not supported: the protocol is unstable (KIP-939)"
                        .to_owned(),
                ));
            }
        }
        let (linger, request) = (config.millis("linger.ms"), config.millis("request.timeout.ms"));
        let mut delivery_timeout = config.millis("delivery.timeout.ms");
        if delivery_timeout < linger + request {
            if config.is_set("delivery.timeout.ms") {
                return Err(ClientError::Invalid(
                    "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"
                        .to_owned(),
                ));
            }
            delivery_timeout = linger + request;
        }
        Ok(Self {
            acks,
            retries,
            batch_bytes: size("batch.size").max(1),
            linger,
            buffer_bytes: size("buffer.memory"),
            request_bytes_max: size("max.request.size"),
            in_flight_max,
            block_max: config.millis("max.block.ms"),
            delivery_timeout,
            request_timeout_ms: config.number("request.timeout.ms") as i32,
            idempotent,
            transactional_id,
            transaction_timeout_ms: i32::try_from(config.number("transaction.timeout.ms"))
                .unwrap_or(i32::MAX),
            compression: compression(config)?,
            ignore_keys: config.is_true("partitioner.ignore.keys"),
            adaptive: config.is_true("partitioner.adaptive.partitioning.enable"),
            round_robin: round_robin(config)?,
        })
    }
}

/// Idempotence is on unless it was not asked for and another setting rules it out (KIP-679).
fn idempotent(
    config: &ClientConfig,
    acks: i16,
    retries: u32,
    in_flight_max: usize,
) -> Result<bool, ClientError> {
    if !config.is_true("enable.idempotence") {
        return Ok(false);
    }
    let against = [
        (acks != -1, "Must set acks to all in order to use the idempotent producer."),
        (retries == 0, "Must set retries to non-zero when using the idempotent producer."),
        (
            in_flight_max > 5,
            "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer.",
        ),
    ];
    match against.iter().find(|(broken, _)| *broken) {
        Some((_, reason)) if config.is_set("enable.idempotence") => {
            Err(ClientError::Invalid((*reason).to_owned()))
        }
        found => Ok(found.is_none()),
    }
}

fn compression(config: &ClientConfig) -> Result<Compression, ClientError> {
    let name = config.text("compression.type").unwrap_or("none").to_ascii_lowercase();
    let kind = CompressionType::from_name(&name)
        .ok_or_else(|| ClientError::Invalid(format!("compression.type={name} is no codec")))?;
    let key = format!("compression.{name}.level");
    if !config.is_set(&key) {
        return Ok(Compression::new(kind));
    }
    Compression::with_level(kind, config.number(&key) as i32)
        .map_err(|error| ClientError::Invalid(format!("{key}: {error}")))
}

fn round_robin(config: &ClientConfig) -> Result<bool, ClientError> {
    match config.text("partitioner.class").map(|class| class.rsplit('.').next().unwrap_or(class)) {
        None | Some("") => Ok(false),
        Some("RoundRobinPartitioner") => Ok(true),
        Some(other) => Err(ClientError::Invalid(format!(
            "partitioner.class={other} is not known: only RoundRobinPartitioner is"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use klamm_config::client::ClientKind;

    use super::*;

    #[test]
    fn idempotence_follows_what_else_is_set() {
        for (pairs, expect) in [
            (vec![], Ok(true)),
            (vec![("acks", "1")], Ok(false)),
            (vec![("acks", "1"), ("enable.idempotence", "true")], Err("Must set acks to all")),
            (vec![("max.in.flight.requests.per.connection", "6")], Ok(false)),
            (vec![("retries", "0")], Ok(false)),
            (vec![("enable.idempotence", "false")], Ok(false)),
            (vec![("delivery.timeout.ms", "1")], Err("delivery.timeout.ms should be")),
            (vec![("transactional.id", "t")], Ok(true)),
            (vec![("transactional.id", "t"), ("acks", "1")], Err("Cannot set a transactional.id")),
            (vec![("compression.type", "lz4"), ("compression.lz4.level", "12")], Ok(true)),
        ] {
            let config = ClientConfig::new(ClientKind::Producer, pairs.clone()).unwrap();
            match (Settings::new(&config), expect) {
                (Ok(settings), Ok(on)) => assert_eq!(settings.idempotent, on, "{pairs:?}"),
                (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
                (got, _) => panic!("{pairs:?}: {got:?}"),
            }
        }
    }
}
