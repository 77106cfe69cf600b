//! One argument of `--add-scram` (KIP-900): `SCRAM-SHA-256=[name=alice,password=secret]`, with `iterations` and `salt`
//! if wanted, and `saltedpassword` in place of the password.

use super::{FormatError, refuse};
use crate::scram::ScramMechanism;
use klamm_protocol::Uuid;
use klamm_protocol::metadata::UserScramCredentialRecord;
use std::collections::BTreeMap;

const ITERATIONS_DEFAULT: i32 = 4096;

/// The record for one argument; `draw` gives the salt where none is named.
///
/// # Errors
/// What is wrong with the argument, in Kafka's words.
pub(super) fn credential(
    argument: &str,
    mut draw: impl FnMut() -> Uuid,
) -> Result<UserScramCredentialRecord, FormatError> {
    let (mechanism, mut settings) = parse(argument.trim())?;
    let Some(name) = settings.remove("name") else {
        return refuse("You must supply 'name' to add-scram");
    };
    let salt = match settings.remove("salt") {
        Some(text) => Some(
            decode_base64(text).ok_or_else(|| FormatError(format!("Failed to decode given salt: {text}")))?,
        ),
        None => None,
    };
    let iterations = match settings.remove("iterations") {
        Some(text) => {
            text.parse().map_err(|_| FormatError(format!("Failed to parse iterations count: {text}")))?
        }
        None => ITERATIONS_DEFAULT,
    };
    let (password, salted) = (settings.remove("password"), settings.remove("saltedpassword"));
    let salted = match (password, salted) {
        (None, None) => return refuse("You must supply one of 'password' or 'saltedpassword' to add-scram"),
        (None, Some(_)) if salt.is_none() => {
            return refuse("You must supply 'salt' with 'saltedpassword' to add-scram");
        }
        (None, Some(text)) => Some(
            decode_base64(text)
                .ok_or_else(|| FormatError(format!("Failed to decode given saltedPassword: {text}")))?,
        ),
        // A salted password beside a password is passed over, as Kafka does.
        (Some(_), _) => None,
    };
    if !settings.is_empty() {
        let unknown: Vec<&str> = settings.into_keys().collect();
        return refuse(format!("Unknown SCRAM configurations: {}", unknown.join(", ")));
    }
    check_iterations(mechanism, iterations)?;
    let salt = salt.unwrap_or_else(|| [*draw().as_bytes(), *draw().as_bytes()].concat());
    let salted = salted.unwrap_or_else(|| {
        mechanism.salted_password(password.unwrap_or_default().as_bytes(), &salt, iterations)
    });
    Ok(UserScramCredentialRecord {
        name: name.into(),
        mechanism: mechanism.number(),
        stored_key: mechanism.stored_key(&salted).into(),
        server_key: mechanism.server_key(&salted).into(),
        salt: salt.into(),
        iterations,
        unknown_tagged_fields: Vec::new(),
    })
}

fn check_iterations(mechanism: ScramMechanism, iterations: i32) -> Result<(), FormatError> {
    let (bound, sign) = if iterations < ScramMechanism::ITERATIONS_MIN {
        (ScramMechanism::ITERATIONS_MIN, ">=")
    } else if iterations > ScramMechanism::ITERATIONS_MAX {
        (ScramMechanism::ITERATIONS_MAX, "<=")
    } else {
        return Ok(());
    };
    // Java prints the constant's name here.
    let constant = mechanism.name().replace('-', "_");
    refuse(format!("The 'iterations' value must be {sign} {bound} for add-scram using {constant}"))
}

fn parse(argument: &str) -> Result<(ScramMechanism, BTreeMap<&str, &str>), FormatError> {
    let Some((mechanism, settings)) = argument.split_once('=') else {
        return refuse(format!("Failed to find equals sign in SCRAM argument '{argument}'"));
    };
    let Some(mechanism) = ScramMechanism::from_name(mechanism) else {
        return refuse(format!("The add-scram mechanism {mechanism} is not supported."));
    };
    let Some(settings) = settings.strip_prefix('[') else {
        return refuse("Expected configuration string to start with [");
    };
    let Some(settings) = settings.strip_suffix(']') else {
        return refuse("Expected configuration string to end with ]");
    };
    let mut found = BTreeMap::new();
    for setting in settings.trim_end_matches(',').split(',') {
        let Some((key, value)) = setting.split_once('=') else {
            return refuse(format!("No equals sign found in SCRAM component: {setting}"));
        };
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        found.insert(key, quoted.unwrap_or(value));
    }
    Ok((mechanism, found))
}

/// Base 64 as Java's basic decoder takes it: padding may be missing as a whole, nothing else may differ.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) || digits.len() % 4 == 1 {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(digits.len() * 3 / 4), 0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFF_FFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
