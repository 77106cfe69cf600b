//! DescribeUserScramCredentials (key 50), v0: which SCRAM credentials users have, never the credentials (KIP-554).
//!
//! * DUPLICATE_RESOURCE  the user is named twice
//! * RESOURCE_NOT_FOUND  the user has none
//!
//! Kafka lists it for controllers too, which then have no answer to it but UNKNOWN_SERVER_ERROR.

use std::collections::BTreeMap;

use klamm_metadata::image::Scram;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::describe_user_scram_credentials::{
        CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
        DescribeUserScramCredentialsResult,
    },
};

use super::SecurityContext;
use crate::dispatch::Call;

/// Answers DescribeUserScramCredentials.
pub async fn handle(
    cx: &SecurityContext,
    call: &Call,
    request: DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    if call.connection.is_controller_listener {
        let error = ErrorCode::UnknownServerError;
        return DescribeUserScramCredentialsResponse {
            error_code: error.code(),
            error_message: Some(error.default_message().into()),
            ..Default::default()
        };
    }
    let published = cx.node.metadata.load();
    let results = describe(&published.image.scram, request);
    DescribeUserScramCredentialsResponse { results, ..Default::default() }
}

fn describe(
    scram: &Scram,
    request: DescribeUserScramCredentialsRequest,
) -> Vec<DescribeUserScramCredentialsResult> {
    let mut known: BTreeMap<&StrBytes, Vec<CredentialInfo>> = BTreeMap::new();
    for ((mechanism, user), credential) in scram.credentials.iter() {
        known.entry(user).or_default().push(CredentialInfo {
            mechanism: *mechanism,
            iterations: credential.iterations,
            ..Default::default()
        });
    }
    let named = request.users.unwrap_or_default();
    let mut asked: BTreeMap<&StrBytes, usize> = BTreeMap::new();
    if named.is_empty() {
        asked.extend(known.keys().map(|user| (*user, 1)));
    }
    for user in &named {
        *asked.entry(&user.name).or_default() += 1;
    }
    let refused = |user: &StrBytes, error: ErrorCode, text: &str| DescribeUserScramCredentialsResult {
        user: user.clone(),
        error_code: error.code(),
        error_message: Some(format!("{text}: {user}").into()),
        ..Default::default()
    };
    let result = |(user, count): (&StrBytes, usize)| match known.get(user) {
        _ if count > 1 => refused(
            user,
            ErrorCode::DuplicateResource,
            "Cannot describe SCRAM credentials for the same user twice in a single request",
        ),
        None => refused(
            user,
            ErrorCode::ResourceNotFound,
            "Attempt to describe a user credential that does not exist",
        ),
        Some(credential_infos) => DescribeUserScramCredentialsResult {
            user: user.clone(),
            credential_infos: credential_infos.clone(),
            ..Default::default()
        },
    };
    asked.into_iter().map(result).collect()
}
