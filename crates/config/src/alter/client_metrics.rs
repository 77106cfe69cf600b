//! What has to hold for the keys of a client metrics subscription (KIP-714).

use std::collections::BTreeMap;

use super::Refusal;
use crate::client_metrics::{INTERVAL_MS, MATCH};
use crate::table;
use crate::value::{Value, trim};

/// What a client is matched by.
pub const SELECTORS: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Checks a subscription's keys.
pub fn check(name: &str, new: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::InvalidRequest("Subscription name can't be empty".to_owned()));
    }
    for (key, text) in new {
        let Some(def) = table::CLIENT_METRICS.find(key) else {
            return Err(Refusal::InvalidRequest(format!("Unknown client metrics configuration: {key}")));
        };
        match def.parse(text)? {
            Value::Int(ms) if key == INTERVAL_MS.name() && !(100..=3_600_000).contains(&ms) => {
                return Err(Refusal::InvalidRequest(format!(
                    "Invalid value {ms} for {key}, interval must be between 100 and 3600000 (1 hour)"
                )));
            }
            Value::List(patterns) if key == MATCH.name() => {
                patterns.iter().try_for_each(|p| check_pattern(p))?
            }
            _ => {}
        }
    }
    Ok(())
}

/// `selector=regular expression`.
fn check_pattern(pattern: &str) -> Result<(), Refusal> {
    let illegal = || Refusal::InvalidConfig(format!("Illegal client matching pattern: {pattern}"));
    // Java's split drops empty parts at the end, hence `a=b=` has two parts and `a=` one.
    let parts: Vec<_> = pattern.trim_end_matches('=').split('=').collect();
    let [selector, expression] = parts[..] else { return Err(illegal()) };
    let is_sound = SELECTORS.contains(&trim(selector)) && regex::Regex::new(trim(expression)).is_ok();
    if is_sound { Ok(()) } else { Err(illegal()) }
}
