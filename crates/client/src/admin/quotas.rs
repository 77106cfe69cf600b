//! Quotas of clients (KIP-546) and SCRAM credentials of users (KIP-554).

use std::collections::BTreeMap;

use bytes::Bytes;
use klamm_protocol::{
    ErrorCode, StrBytes,
    api::{
        alter_client_quotas::{
            AlterClientQuotasRequest, AlterClientQuotasRequestEntityData, AlterClientQuotasRequestEntryData,
            OpData,
        },
        alter_user_scram_credentials::{
            AlterUserScramCredentialsRequest, ScramCredentialDeletion, ScramCredentialUpsertion,
        },
        describe_client_quotas::{ComponentData, DescribeClientQuotasRequest},
        describe_user_scram_credentials::{DescribeUserScramCredentialsRequest, UserName},
    },
};

use super::{Admin, text};
use crate::ClientError;

/// Whom a quota is for: kind (`user`, `client-id`, `ip`) and name, `None` for all that have no quota of their own.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// Which names of a kind to describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaMatch {
    /// This one.
    Name(String),
    /// What is for all others.
    Default,
    /// All that are named, and what is for all others.
    Any,
}

/// A SCRAM credential to be set. The password itself is never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramUpsertion {
    /// The mechanism's number: 1 for SHA-256, 2 for SHA-512.
    pub mechanism: i8,
    /// Iterations of the hash.
    pub iterations: i32,
    /// Salt.
    pub salt: Bytes,
    /// The salted password.
    pub salted_password: Bytes,
}

impl Admin {
    /// Quotas of entities that have exactly these kinds.
    ///
    /// # Errors
    /// If no broker answers or it refuses.
    pub async fn describe_client_quotas(
        &self,
        filter: &[(String, QuotaMatch)],
    ) -> Result<Vec<(QuotaEntity, BTreeMap<String, f64>)>, ClientError> {
        let component = |(kind, wanted): &(String, QuotaMatch)| {
            let (match_type, name) = match wanted {
                QuotaMatch::Name(name) => (0, Some(StrBytes::from(name.clone()))),
                QuotaMatch::Default => (1, None),
                QuotaMatch::Any => (2, None),
            };
            let entity_type = StrBytes::from(kind.clone());
            ComponentData { entity_type, match_type, r#match: name, ..Default::default() }
        };
        let request = DescribeClientQuotasRequest {
            components: filter.iter().map(component).collect(),
            strict: true,
            ..Default::default()
        };
        let answer = self.call_at("describing quotas", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))?;
        let entries = answer.entries.unwrap_or_default();
        let entry = |entry: &klamm_protocol::api::describe_client_quotas::EntryData| {
            let name = |name: &Option<StrBytes>| name.as_ref().map(ToString::to_string);
            let entity = entry.entity.iter().map(|e| (e.entity_type.to_string(), name(&e.entity_name)));
            let values = entry.values.iter().map(|value| (value.key.to_string(), value.value));
            (entity.collect(), values.collect())
        };
        Ok(entries.iter().map(entry).collect())
    }

    /// Sets quotas of one entity; `None` takes one away.
    ///
    /// # Errors
    /// If the controller does not answer or refuses.
    pub async fn alter_client_quotas(
        &self,
        entity: &QuotaEntity,
        changes: &BTreeMap<String, Option<f64>>,
    ) -> Result<(), ClientError> {
        let entity = entity.iter().map(|(kind, name)| AlterClientQuotasRequestEntityData {
            entity_type: StrBytes::from(kind.clone()),
            entity_name: name.clone().map(StrBytes::from),
            ..Default::default()
        });
        let ops = changes.iter().map(|(key, value)| OpData {
            key: StrBytes::from(key.clone()),
            value: value.unwrap_or_default(),
            remove: value.is_none(),
            ..Default::default()
        });
        let entry = AlterClientQuotasRequestEntryData {
            entity: entity.collect(),
            ops: ops.collect(),
            ..Default::default()
        };
        let request = AlterClientQuotasRequest { entries: vec![entry], ..Default::default() };
        let answer = self.call_at("altering quotas", None, &request).await?;
        answer
            .entries
            .iter()
            .try_for_each(|entry| ClientError::check(entry.error_code, text(&entry.error_message)))
    }

    /// The SCRAM credentials of these users, or of all: mechanism numbers and iterations. Users that have none are not
    /// in the result.
    ///
    /// # Errors
    /// If the controller does not answer or refuses as a whole.
    pub async fn describe_scram_credentials(
        &self,
        users: Option<&[String]>,
    ) -> Result<BTreeMap<String, Result<Vec<(i8, i32)>, ClientError>>, ClientError> {
        let name = |name: &String| UserName { name: StrBytes::from(name.clone()), ..Default::default() };
        let request = DescribeUserScramCredentialsRequest {
            users: users.map(|users| users.iter().map(name).collect()),
            ..Default::default()
        };
        let answer = self.call_at("describing SCRAM credentials", None, &request).await?;
        ClientError::check(answer.error_code, text(&answer.error_message))?;
        let found = answer
            .results
            .iter()
            .filter(|result| ErrorCode::from_code(result.error_code) != ErrorCode::ResourceNotFound);
        Ok(found
            .map(|result| {
                let infos = result.credential_infos.iter().map(|info| (info.mechanism, info.iterations));
                let check = ClientError::check(result.error_code, text(&result.error_message));
                (result.user.to_string(), check.map(|()| infos.collect()))
            })
            .collect())
    }

    /// Takes away and sets SCRAM credentials of one user.
    ///
    /// # Errors
    /// If the controller does not answer or refuses.
    pub async fn alter_scram_credentials(
        &self,
        user: &str,
        deletions: &[i8],
        upsertions: &[ScramUpsertion],
    ) -> Result<(), ClientError> {
        let name = StrBytes::from(user.to_owned());
        let deletion = |mechanism: &i8| ScramCredentialDeletion {
            name: name.clone(),
            mechanism: *mechanism,
            ..Default::default()
        };
        let upsertion = |credential: &ScramUpsertion| ScramCredentialUpsertion {
            name: name.clone(),
            mechanism: credential.mechanism,
            iterations: credential.iterations,
            salt: credential.salt.clone(),
            salted_password: credential.salted_password.clone(),
            ..Default::default()
        };
        let request = AlterUserScramCredentialsRequest {
            deletions: deletions.iter().map(deletion).collect(),
            upsertions: upsertions.iter().map(upsertion).collect(),
            ..Default::default()
        };
        let answer = self.call_at("altering SCRAM credentials", None, &request).await?;
        answer
            .results
            .iter()
            .try_for_each(|result| ClientError::check(result.error_code, text(&result.error_message)))
    }
}
