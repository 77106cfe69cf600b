//! The share consumer's configuration, read once.

use klamm_config::client::ClientConfig;

use crate::ClientError;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) group_id: String,
    /// Records are accepted by the next poll, unless something else was said of them.
    pub(super) is_implicit: bool,
    /// 0 whole batches, 1 never more records than asked for (KIP-1206).
    pub(super) acquire_mode: i8,
    pub(super) fetch_bytes_min: i32,
    pub(super) fetch_bytes_max: i32,
    pub(super) fetch_wait_ms: i32,
    pub(super) poll_records_max: i32,
    pub(super) check_crcs: bool,
    pub(super) rack: Option<String>,
}

impl Settings {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let int = |key: &str| i32::try_from(config.number(key)).unwrap_or(i32::MAX);
        let is =
            |key: &str, value: &str| config.text(key).is_some_and(|text| text.eq_ignore_ascii_case(value));
        let group_id = config.text("group.id").unwrap_or_default().to_owned();
        if group_id.is_empty() {
            return Err(ClientError::Invalid(
                "You must provide a valid group.id in the consumer configuration.".to_owned(),
            ));
        }
        Ok(Self {
            group_id,
            is_implicit: !is("share.acknowledgement.mode", "explicit"),
            acquire_mode: i8::from(is("share.acquire.mode", "record_limit")),
            fetch_bytes_min: int("fetch.min.bytes"),
            fetch_bytes_max: int("fetch.max.bytes"),
            fetch_wait_ms: int("fetch.max.wait.ms"),
            poll_records_max: int("max.poll.records").max(1),
            check_crcs: config.is_true("check.crcs"),
            rack: config.text("client.rack").filter(|rack| !rack.is_empty()).map(str::to_owned),
        })
    }
}
