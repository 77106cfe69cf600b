//! AlterUserScramCredentials (key 51), v0: adds, replaces and removes SCRAM credentials (KIP-554). Decided by the controller.
//!
//! A client sends the salted password, from which the controller makes the keys that are stored.

use std::collections::BTreeSet;

use klamm_protocol::{
    StrBytes,
    api::alter_user_scram_credentials::{
        AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, AlterUserScramCredentialsResult,
    },
};

use super::SecurityContext;
use crate::dispatch::Call;

/// Answers AlterUserScramCredentials.
pub async fn handle(
    cx: &SecurityContext,
    call: &Call,
    request: AlterUserScramCredentialsRequest,
) -> AlterUserScramCredentialsResponse {
    let deletions: Vec<_> = request.deletions.iter().map(|d| (d.mechanism, d.name.clone())).collect();
    let upsertions: Vec<_> =
        request.upsertions.iter().map(|u| ((u.mechanism, u.name.clone()), u.salt.clone())).collect();
    match cx.node.controller.alter_user_scram_credentials(request, call).await {
        Ok(response) => {
            let taken = response.results.iter().filter(|result| result.error_code == 0);
            let taken: BTreeSet<&StrBytes> = taken.map(|result| &result.user).collect();
            cx.node
                .applied(|image| {
                    let credentials = &image.scram.credentials;
                    let is_gone = |(mechanism, user): &(i8, StrBytes)| {
                        !taken.contains(user) || !credentials.contains_key(&(*mechanism, user.clone()))
                    };
                    let is_there = |(key, salt): &((i8, StrBytes), bytes::Bytes)| {
                        !taken.contains(&key.1) || credentials.get(key).is_some_and(|c| c.salt == *salt)
                    };
                    deletions.iter().all(is_gone) && upsertions.iter().all(is_there)
                })
                .await;
            response
        }
        Err(error) => {
            let deleted = deletions.iter().map(|(_, user)| user);
            let users: BTreeSet<&StrBytes> =
                deleted.chain(upsertions.iter().map(|((_, user), _)| user)).collect();
            let refused = |user: &StrBytes| AlterUserScramCredentialsResult {
                user: user.clone(),
                error_code: error.code().code(),
                error_message: Some(error.to_string().into()),
                ..Default::default()
            };
            AlterUserScramCredentialsResponse {
                results: users.into_iter().map(refused).collect(),
                ..Default::default()
            }
        }
    }
}
