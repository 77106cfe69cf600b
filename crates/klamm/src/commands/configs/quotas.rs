//! Users, clients and addresses: their quotas, and the SCRAM credentials of users.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use klamm_client::admin::{Admin, QuotaEntity, QuotaMatch, ScramUpsertion};
use klamm_io::Entropy;
use klamm_metadata::scram::ScramMechanism;

use crate::java;

/// Keys that a quota of users and clients may have.
const CLIENT_QUOTAS: &[&str] =
    &["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];
/// The key that a quota of an address may have.
const IP_QUOTAS: &[&str] = &["connection_creation_rate"];
const ITERATIONS_DEFAULT: i32 = 4096;

/// Whose quotas and credentials: `users`, `clients` or both, or `ips`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entity {
    /// As on the command line.
    pub(super) types: Vec<String>,
    /// In the order of the types, as far as they are named; empty for the default.
    pub(super) names: Vec<String>,
}

/// What to set and what to take away.
pub(super) struct Changes {
    pub(super) added: BTreeMap<String, String>,
    pub(super) deleted: Vec<String>,
}

/// The kind as the protocol calls it.
fn kind(type_name: &str) -> &'static str {
    match type_name {
        "users" => "user",
        "clients" => "client-id",
        _ => "ip",
    }
}

impl Entity {
    fn filter(&self) -> Vec<(String, QuotaMatch)> {
        let wanted = |name: Option<&String>| match name.map(String::as_str) {
            None => QuotaMatch::Any,
            Some("") => QuotaMatch::Default,
            Some(name) => QuotaMatch::Name(name.to_owned()),
        };
        let named = self.types.iter().enumerate();
        named.map(|(index, name)| (kind(name).to_owned(), wanted(self.names.get(index)))).collect()
    }

    fn to_quota_entity(&self) -> QuotaEntity {
        let name = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
        self.types.iter().zip(&self.names).map(|(t, n)| (kind(t).to_owned(), name(n))).collect()
    }

    /// Whether only a user's credentials are asked for or changed besides its quotas.
    fn is_user_alone(&self) -> bool {
        self.types == ["users"]
    }
}

/// Shows quotas, and the credentials of users.
pub(super) async fn describe(admin: &Admin, entity: &Entity) -> anyhow::Result<()> {
    if entity.names.len() > entity.types.len() {
        bail!("More entity names specified than entity types");
    }
    for (found, values) in admin.describe_client_quotas(&entity.filter()).await? {
        println!("{}", line(&found, &values));
    }
    if !entity.is_user_alone() || entity.names.iter().any(String::is_empty) {
        return Ok(());
    }
    let users = Some(entity.names.as_slice()).filter(|names| !names.is_empty());
    for (user, credentials) in admin.describe_scram_credentials(users).await? {
        match credentials {
            Ok(credentials) => {
                let shown: Vec<String> = credentials.iter().map(credential).collect();
                let shown = shown.join(", ");
                println!("SCRAM credential configs for user-principal '{user}' are {shown}");
            }
            Err(error) => {
                println!("Error retrieving SCRAM credential configs for user-principal '{user}': {error}");
            }
        }
    }
    Ok(())
}

fn credential((number, iterations): &(i8, i32)) -> String {
    let mechanism = ScramMechanism::ALL.into_iter().find(|mechanism| mechanism.number() == *number);
    format!("{}=iterations={iterations}", mechanism.map_or("UNKNOWN", ScramMechanism::name))
}

fn line(entity: &QuotaEntity, values: &BTreeMap<String, f64>) -> String {
    let shown = [("user", "user-principal"), ("client-id", "client-id"), ("ip", "ip")]
        .into_iter()
        .filter_map(|(kind, shown)| {
            Some(match entity.get(kind)? {
                Some(name) => format!("{shown} '{name}'"),
                None => format!("the default {shown}"),
            })
        })
        .collect::<Vec<_>>();
    let values = java::hash_map_order(values.iter().collect(), values.len(), |(key, _)| key);
    let values: Vec<String> =
        values.into_iter().map(|(key, value)| format!("{key}={}", java::double(*value))).collect();
    format!("Quota configs for {} are {}", shown.join(", "), values.join(", "))
}

/// Changes quotas or credentials.
pub(super) async fn alter(admin: &Admin, entity: &Entity, changes: &Changes) -> anyhow::Result<()> {
    if entity.types.len() != entity.names.len() {
        bail!("An entity name must be specified for every entity type");
    }
    if changes.check(entity)? {
        return alter_credentials(admin, &entity.names[0], changes).await;
    }
    let present = admin.describe_client_quotas(&entity.filter()).await?;
    let present = present.into_iter().next().map(|(_, values)| values).unwrap_or_default();
    let missing: Vec<&str> =
        changes.deleted.iter().filter(|key| !present.contains_key(*key)).map(String::as_str).collect();
    if !missing.is_empty() {
        bail!("Invalid config(s): {}", missing.join(","));
    }
    let mut values: BTreeMap<String, Option<f64>> = BTreeMap::new();
    for (key, value) in &changes.added {
        let number: f64 = value
            .trim()
            .parse()
            .with_context(|| format!("Cannot parse quota configuration value for {key}: {value}"))?;
        values.insert(key.clone(), Some(number));
    }
    values.extend(changes.deleted.iter().map(|key| (key.clone(), None)));
    admin.alter_client_quotas(&entity.to_quota_entity(), &values).await?;
    Ok(())
}

impl Changes {
    /// Checks the keys against what the entity may have. True if they are credentials, and no quotas.
    fn check(&self, entity: &Entity) -> anyhow::Result<bool> {
        let is_scram = |key: &str| ScramMechanism::from_name(key).is_some();
        let keys = || self.added.keys().chain(&self.deleted).map(String::as_str);
        let unexpected = |allowed: &dyn Fn(&str) -> bool| {
            keys().filter(|key| !allowed(key)).map(str::to_owned).collect::<Vec<_>>()
        };
        let (what, unknown) = if entity.types.iter().any(|name| name == "ips") {
            ("connection quota", unexpected(&|key| IP_QUOTAS.contains(&key)))
        } else if entity.is_user_alone() {
            let allowed = |key: &str| CLIENT_QUOTAS.contains(&key) || is_scram(key);
            ("quota and SCRAM credential", unexpected(&allowed))
        } else {
            ("quota", unexpected(&|key| CLIENT_QUOTAS.contains(&key)))
        };
        if !unknown.is_empty() {
            bail!(
                "Only {what} configs can be added or deleted for '{}'. Unexpected config names: {}",
                entity.types.join("' and '"),
                unknown.join(",")
            );
        }
        let credentials = keys().filter(|key| is_scram(key)).count();
        if credentials == 0 {
            return Ok(false);
        }
        if entity.names.iter().any(String::is_empty) {
            bail!(
                "The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using --bootstrap-server."
            );
        }
        if credentials < keys().count() {
            bail!(
                "Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using --bootstrap-server."
            );
        }
        Ok(true)
    }
}

async fn alter_credentials(admin: &Admin, user: &str, changes: &Changes) -> anyhow::Result<()> {
    let numbers = |key: &String| ScramMechanism::from_name(key).map(ScramMechanism::number);
    let deletions: Vec<i8> = changes.deleted.iter().filter_map(numbers).collect();
    let mut upsertions = Vec::new();
    for (key, value) in &changes.added {
        let Some(mechanism) = ScramMechanism::from_name(key) else { continue };
        upsertions.push(upsertion(mechanism, value)?);
    }
    admin.alter_scram_credentials(user, &deletions, &upsertions).await?;
    Ok(())
}

/// Reads `[iterations=N,]password=P`.
fn upsertion(mechanism: ScramMechanism, value: &str) -> anyhow::Result<ScramUpsertion> {
    let wrong = || format!("Invalid credential property {}={value}", mechanism.name());
    let (iterations, rest) = match value.strip_prefix("iterations=") {
        Some(rest) => rest.split_once(',').with_context(wrong)?,
        None => ("-1", value),
    };
    let password = rest.strip_prefix("password=").with_context(wrong)?;
    let iterations = match iterations.parse().with_context(wrong)? {
        -1 => ITERATIONS_DEFAULT,
        iterations => iterations,
    };
    if iterations < ScramMechanism::ITERATIONS_MIN {
        bail!(
            "Iterations {iterations} is less than the minimum {} required for {}",
            ScramMechanism::ITERATIONS_MIN,
            mechanism.name()
        );
    }
    let entropy = Entropy::real();
    let salt = [entropy.next_16(), entropy.next_16()].concat();
    // More iterations than the broker takes are refused there: they must not keep this process busy first.
    let counted = iterations.min(ScramMechanism::ITERATIONS_MAX);
    let salted_password = mechanism.salted_password(password.as_bytes(), &salt, counted);
    Ok(ScramUpsertion {
        mechanism: mechanism.number(),
        iterations,
        salt: salt.into(),
        salted_password: salted_password.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(types: &[&str], names: &[&str]) -> Entity {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Entity { types: owned(types), names: owned(names) }
    }

    #[test]
    fn quotas_are_shown_as_kafka_shows_them() {
        let entity =
            QuotaEntity::from([("client-id".to_owned(), None), ("user".to_owned(), Some("al".to_owned()))]);
        let values = BTreeMap::from([("producer_byte_rate".to_owned(), 1024.0)]);
        assert_eq!(
            line(&entity, &values),
            "Quota configs for user-principal 'al', the default client-id are producer_byte_rate=1024.0"
        );
    }

    #[test]
    fn keys_that_an_entity_cannot_have_are_refused() {
        for (types, names, keys, expect) in [
            (&["users"][..], &["al"][..], &["producer_byte_rate"][..], Ok(false)),
            (&["users"], &["al"], &["SCRAM-SHA-256"], Ok(true)),
            (&["users"], &["al"], &["SCRAM-SHA-256", "producer_byte_rate"], Err("Cannot alter both quota")),
            (&["users"], &[""], &["SCRAM-SHA-512"], Err("The use of --entity-default")),
            (&["clients"], &["c"], &["SCRAM-SHA-512"], Err("Only quota configs can be")),
            (&["users", "clients"], &["al", "c"], &["SCRAM-SHA-512"], Err("Only quota configs can be")),
            (&["ips"], &["::1"], &["producer_byte_rate"], Err("Only connection quota configs can be")),
            (&["ips"], &["::1"], &["connection_creation_rate"], Ok(false)),
        ] {
            let changes = Changes {
                added: keys.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect(),
                deleted: Vec::new(),
            };
            let result = changes.check(&entity(types, names)).map_err(|error| error.to_string());
            match (&result, expect) {
                (Ok(is), Ok(wanted)) => assert_eq!(*is, wanted, "{keys:?}"),
                (Err(error), Err(start)) => assert!(error.starts_with(start), "{error}"),
                _ => panic!("{types:?} {keys:?}: {result:?}"),
            }
        }
    }

    #[test]
    fn credentials_are_read() {
        for (value, expect) in [
            ("password=p", Ok(4096)),
            ("iterations=8192,password=a,b", Ok(8192)),
            ("iterations=-1,password=p", Ok(4096)),
            ("iterations=5,password=p", Err("Iterations 5 is less than the minimum 4096")),
            ("p", Err("Invalid credential property SCRAM-SHA-256=p")),
            ("iterations=5000", Err("Invalid credential property")),
        ] {
            let result = upsertion(ScramMechanism::Sha256, value);
            match (result.map(|credential| credential.iterations), expect) {
                (Ok(iterations), Ok(wanted)) => assert_eq!(iterations, wanted),
                (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
                (result, _) => panic!("{value}: {result:?}"),
            }
        }
    }
}
