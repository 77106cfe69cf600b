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

/// `selector=regular expression`. Whether the expression itself is sound is for whoever evaluates it; what no dialect
/// takes, an unbalanced bracket, is refused here.
fn check_pattern(pattern: &str) -> Result<(), Refusal> {
    let illegal = || Refusal::InvalidConfig(format!("Illegal client matching pattern: {pattern}"));
    // Java's split drops empty parts at the end, hence `a=b=` has two parts and `a=` one.
    let parts: Vec<_> = pattern.trim_end_matches('=').split('=').collect();
    let [selector, expression] = parts[..] else { return Err(illegal()) };
    if SELECTORS.contains(&trim(selector)) && is_balanced(trim(expression)) { Ok(()) } else { Err(illegal()) }
}

fn is_balanced(expression: &str) -> bool {
    let (mut depth, mut in_class, mut escaped) = (0i32, false, false);
    for c in expression.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !in_class && !escaped && !expression.starts_with(['*', '+', '?'])
}
