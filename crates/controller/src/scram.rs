//! Decides on altered SCRAM credentials: AlterUserScramCredentials (KIP-554).
//!
//! A user that is named twice is refused, whatever is asked for it. What is refused of one user does not hold up others.

use std::collections::BTreeMap;

use klamm_metadata::MetadataImage;
use klamm_metadata::scram::ScramMechanism;
use klamm_protocol::api::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, AlterUserScramCredentialsResult,
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use klamm_protocol::metadata::{RemoveUserScramCredentialRecord, UserScramCredentialRecord};
use klamm_protocol::{ErrorCode, MetadataRecord, StrBytes};
use klamm_timeline::Outcome;

use crate::ApiError;

/// Adds, replaces and removes credentials.
pub fn alter_credentials(
    image: &MetadataImage,
    request: &AlterUserScramCredentialsRequest,
) -> Outcome<MetadataRecord, AlterUserScramCredentialsResponse> {
    let is_supported = image.features.metadata_version_or_minimum().is_scram_supported();
    let mut users: BTreeMap<&StrBytes, Result<MetadataRecord, ApiError>> = BTreeMap::new();
    let deletions = request.deletions.iter().map(|deletion| (&deletion.name, Change::Delete(deletion)));
    let upsertions = request.upsertions.iter().map(|upsertion| (&upsertion.name, Change::Set(upsertion)));
    for (name, change) in deletions.chain(upsertions) {
        let decided = if users.get(name).is_some_and(Result::is_ok) {
            let text = "A user credential cannot be altered twice in the same request";
            Err(ApiError::new(ErrorCode::DuplicateResource, text))
        } else if users.contains_key(name) {
            continue;
        } else if !is_supported {
            let text = "The current metadata.version does not support SCRAM";
            Err(ApiError::new(ErrorCode::UnsupportedVersion, text))
        } else {
            record(image, &change)
        };
        users.insert(name, decided);
    }
    let mut records = Vec::new();
    let results = users.into_iter().map(|(name, decided)| {
        let error = decided.map(|record| records.push(record)).err();
        AlterUserScramCredentialsResult {
            user: name.clone(),
            error_code: error.as_ref().map_or(0, |error| error.code.code()),
            error_message: error.and_then(|error| error.wire_message()),
            ..Default::default()
        }
    });
    let results = results.collect();
    Outcome::new(records, AlterUserScramCredentialsResponse { results, ..Default::default() })
}

enum Change<'a> {
    Delete(&'a ScramCredentialDeletion),
    Set(&'a ScramCredentialUpsertion),
}

fn record(image: &MetadataImage, change: &Change<'_>) -> Result<MetadataRecord, ApiError> {
    let unacceptable = |text: &'static str| Err(ApiError::new(ErrorCode::UnacceptableCredential, text));
    let (name, number) = match change {
        Change::Delete(deletion) => (&deletion.name, deletion.mechanism),
        Change::Set(upsertion) => (&upsertion.name, upsertion.mechanism),
    };
    if name.is_empty() {
        return unacceptable("Username must not be empty");
    }
    let mechanism = ScramMechanism::ALL.into_iter().find(|mechanism| mechanism.number() == number);
    let mechanism = mechanism
        .ok_or_else(|| ApiError::new(ErrorCode::UnsupportedSaslMechanism, "Unknown SCRAM mechanism"))?;
    match change {
        Change::Delete(deletion) => {
            if !image.scram.credentials.contains_key(&(number, deletion.name.clone())) {
                let text = "Attempt to delete a user credential that does not exist";
                return Err(ApiError::new(ErrorCode::ResourceNotFound, text));
            }
            Ok(MetadataRecord::RemoveUserScramCredential(RemoveUserScramCredentialRecord {
                name: deletion.name.clone(),
                mechanism: number,
                ..Default::default()
            }))
        }
        Change::Set(upsertion) => {
            if upsertion.iterations < ScramMechanism::ITERATIONS_MIN {
                return unacceptable("Too few iterations");
            }
            if upsertion.iterations > ScramMechanism::ITERATIONS_MAX {
                return unacceptable("Too many iterations");
            }
            Ok(MetadataRecord::UserScramCredential(UserScramCredentialRecord {
                name: upsertion.name.clone(),
                mechanism: number,
                salt: upsertion.salt.clone(),
                stored_key: mechanism.stored_key(&upsertion.salted_password).into(),
                server_key: mechanism.server_key(&upsertion.salted_password).into(),
                iterations: upsertion.iterations,
                ..Default::default()
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klamm_metadata::features::MetadataVersion;

    /// `+alice/1*4096` sets a credential of a mechanism with so many iterations, `-alice/1` removes it.
    fn alter(image: &mut MetadataImage, text: &str) -> String {
        let mut request = AlterUserScramCredentialsRequest::default();
        for word in text.split_whitespace() {
            let (sign, rest) = word.split_at(1);
            let (name, rest) = rest.split_once('/').unwrap();
            let (mechanism, iterations) = rest.split_once('*').unwrap_or((rest, "0"));
            let (name, mechanism) = (StrBytes::from(name), mechanism.parse().unwrap());
            if sign == "-" {
                request.deletions.push(ScramCredentialDeletion { name, mechanism, ..Default::default() });
            } else {
                request.upsertions.push(ScramCredentialUpsertion {
                    name,
                    mechanism,
                    iterations: iterations.parse().unwrap(),
                    salt: "salt".into(),
                    salted_password: "salted".into(),
                    ..Default::default()
                });
            }
        }
        let outcome = alter_credentials(image, &request);
        outcome.records.iter().for_each(|record| drop(image.try_replay(record)));
        let shown = outcome.response.results.iter().map(|result| {
            let code = ErrorCode::from_code(result.error_code);
            assert_eq!(result.error_message.is_some(), code != ErrorCode::None);
            format!("{}:{}", result.user, code.name())
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn credentials_come_and_go() {
        let mut image = MetadataImage::default();
        image.features.metadata_version = Some(MetadataVersion::LATEST_PRODUCTION);
        for (request, expected) in [
            ("+a/1*4096 +b/2*16384", "a:NONE b:NONE"),
            ("+a/2*4096", "a:NONE"),
            ("-a/1 +b/2*5000", "a:NONE b:NONE"),
            ("-a/1 -c/2", "a:RESOURCE_NOT_FOUND c:RESOURCE_NOT_FOUND"),
            ("-a/2 +a/1*4096", "a:DUPLICATE_RESOURCE"),
            ("+d/1*4096 +d/2*4096 +d/2*4096", "d:DUPLICATE_RESOURCE"),
            ("+/1*4096", ":UNACCEPTABLE_CREDENTIAL"),
            ("+d/3*4096", "d:UNSUPPORTED_SASL_MECHANISM"),
            ("+d/1*4095 +e/1*16385", "d:UNACCEPTABLE_CREDENTIAL e:UNACCEPTABLE_CREDENTIAL"),
        ] {
            assert_eq!(alter(&mut image, request), expected, "{request}");
        }
        let left: Vec<_> = image.scram.credentials.keys().map(|(m, user)| format!("{user}/{m}")).collect();
        assert_eq!(left, ["a/2", "b/2"]);
        let credential = &image.scram.credentials[&(2, StrBytes::from("b"))];
        assert_eq!((credential.iterations, credential.stored_key.len()), (5000, 64));
        assert_eq!(credential.server_key, ScramMechanism::Sha512.server_key(b"salted"));
        image.features.metadata_version = Some(MetadataVersion::MINIMUM);
        assert_eq!(alter(&mut image, "+f/1*4096"), "f:UNSUPPORTED_VERSION");
    }
}
