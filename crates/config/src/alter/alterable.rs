//! Which keys of brokers may be altered at run time, and where.

use std::collections::BTreeMap;

use super::Refusal;
use crate::key::Update;
use crate::names::listener_base_key;
use crate::table;

/// Key stores and trust stores: they differ by listener, so that they are altered with a listener's prefix only.
const STORES: [&str; 10] = [
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Keys that listeners may have at cluster level too.
const LISTENER_LIMITS: [&str; 3] = ["max.connections", "max.connection.creation.rate", "num.network.threads"];

/// Refuses keys that may not be altered, for this broker (`own`) or for all brokers.
pub(super) fn check_names(new: &BTreeMap<String, String>, own: bool) -> Result<(), Refusal> {
    let is_read_only =
        |name: &str| table::BROKER.find(name).is_some_and(|def| def.update == Update::ReadOnly);
    let is_own = |name: &str| match table::BROKER.find(name) {
        Some(def) => def.update == Update::PerBroker,
        None => name
            .strip_prefix("listener.name.")
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(_, base)| !LISTENER_LIMITS.contains(&base)),
    };
    refuse_any(new, is_read_only, "Cannot update these configs dynamically")?;
    refuse_any(
        new,
        |name| STORES.contains(&name),
        "These security configs can be dynamically updated only per-listener using the listener prefix",
    )?;
    if !own {
        refuse_any(
            new,
            is_own,
            "Cannot update these configs at default cluster level, broker id must be specified",
        )?;
    }
    Ok(())
}

/// What of the altered keys counts: those that may be altered there and keep their rules.
pub fn countable(altered: &BTreeMap<String, String>, own: bool) -> BTreeMap<String, String> {
    let counts = |name: &String, text: &String| {
        let one = BTreeMap::from([(name.clone(), text.clone())]);
        let def = table::BROKER.find(name).or_else(|| listener_base_key(name));
        check_names(&one, own).is_ok() && def.is_none_or(|def| def.parse(text).is_ok())
    };
    altered.iter().filter(|(name, text)| counts(name, text)).map(|(n, t)| (n.clone(), t.clone())).collect()
}

fn refuse_any(
    new: &BTreeMap<String, String>,
    is_refused: impl Fn(&str) -> bool,
    text: &str,
) -> Result<(), Refusal> {
    let names: Vec<_> = new.keys().map(String::as_str).filter(|name| is_refused(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Refusal::InvalidRequest(format!("{text}: [{}]", names.join(", "))))
}
