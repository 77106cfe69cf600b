//! Voters that come and go (KIP-853).

use std::path::Path;

use anyhow::{Context as _, bail};
use klamm_client::admin::{Admin, VoterEndpoint};
use klamm_config::listener;
use klamm_io::disk::Disk;
use klamm_log::meta_properties::MetaProperties;
use klamm_protocol::Uuid;

use crate::session::{self, Properties};

const WHAT_IS_WRONG: &str = "Is this a valid controller configuration file?";

/// Makes the controller whose properties file this is a voter.
pub(super) async fn add(admin: &Admin, config: Option<&Path>, dry_run: bool) -> anyhow::Result<()> {
    let Some(config) = config else {
        bail!(
            "You must supply the configuration file of the controller you are adding when using add-controller."
        );
    };
    let properties = session::properties_file(Some(config))?;
    let id = controller_id(&properties)?;
    let directory = metadata_directory(&properties)?;
    let directory_id = directory_id(&directory)?;
    let endpoints = endpoints(&properties)?;
    if !dry_run {
        admin.add_raft_voter(id, directory_id, &endpoints).await?;
    }
    let shown: Vec<String> = endpoints
        .iter()
        .map(|(name, host, port)| format!("{name}://{}", listener::host_port(host, *port)))
        .collect();
    let done = if dry_run { "DRY RUN of adding" } else { "Added" };
    println!("{done} controller {id} with directory id {directory_id} and endpoints: {}", shown.join(", "));
    Ok(())
}

/// Takes a controller out of the voters.
pub(super) async fn remove(admin: &Admin, id: i32, directory_id: &str, dry_run: bool) -> anyhow::Result<()> {
    if id < 0 {
        bail!("Invalid negative --controller-id: {id}");
    }
    let directory_id: Uuid = directory_id
        .parse()
        .map_err(|error| anyhow::anyhow!("Failed to parse --controller-directory-id: {error}"))?;
    if !dry_run {
        admin.remove_raft_voter(id, directory_id).await?;
    }
    // Kafka has two spaces after its "DRY RUN of removing".
    let done = if dry_run { "DRY RUN of removing " } else { "Removed " };
    println!("{done} KRaft controller {id} with directory id {directory_id}");
    Ok(())
}

fn controller_id(properties: &Properties) -> anyhow::Result<i32> {
    let Some(id) = properties.get("node.id") else {
        bail!("node.id not found in configuration file. {WHAT_IS_WRONG}");
    };
    let id: i32 = id.trim().parse().with_context(|| format!("node.id is no number: {id}"))?;
    if id < 0 {
        bail!("node.id was negative in configuration file. {WHAT_IS_WRONG}");
    }
    if !properties.get("process.roles").is_some_and(|roles| roles.contains("controller")) {
        bail!("process.roles did not contain 'controller' in configuration file. {WHAT_IS_WRONG}");
    }
    Ok(id)
}

fn metadata_directory(properties: &Properties) -> anyhow::Result<String> {
    if let Some(directory) = properties.get("metadata.log.dir") {
        return Ok(directory.clone());
    }
    let first = properties.get("log.dirs").and_then(|dirs| dirs.trim().split(',').next());
    first
        .map(str::to_owned)
        .with_context(|| format!("Neither metadata.log.dir nor log.dirs were found. {WHAT_IS_WRONG}"))
}

fn directory_id(directory: &str) -> anyhow::Result<Uuid> {
    let Some(meta) = MetaProperties::read(&Disk::real(), Path::new(directory))? else {
        bail!("Unable to read meta.properties from {directory}");
    };
    meta.directory_id.with_context(|| format!("No directory id found in {directory}"))
}

/// The advertised address of each controller listener.
fn endpoints(properties: &Properties) -> anyhow::Result<Vec<VoterEndpoint>> {
    let mut known: Vec<VoterEndpoint> = Vec::new();
    for key in ["listeners", "advertised.listeners"] {
        for text in properties.get(key).into_iter().flat_map(|list| list.split(',')).map(str::trim) {
            if text.is_empty() {
                continue;
            }
            let (name, host, port) =
                listener::parse_listener(text).map_err(|error| anyhow::anyhow!("{key}={text}: {error}"))?;
            let name = name.to_uppercase();
            known.retain(|(other, ..)| *other != name);
            known.push((name, host.unwrap_or_else(|| "localhost".to_owned()), port));
        }
    }
    let Some(names) = properties.get("controller.listener.names") else {
        bail!("controller.listener.names was not found. {WHAT_IS_WRONG}");
    };
    names
        .split(',')
        .map(|name| {
            let name = name.to_uppercase();
            let found = known.iter().find(|(other, ..)| *other == name).cloned();
            found.with_context(|| format!("Cannot find information about controller listener name: {name}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_controller_is_read_from_its_properties() {
        let good = properties(&[
            ("node.id", "5"),
            ("process.roles", "controller"),
            ("listeners", "CONTROLLER://:9093,OTHER://h:1"),
            ("advertised.listeners", "CONTROLLER://c5:9093"),
            ("controller.listener.names", "controller"),
            ("log.dirs", "/a,/b"),
        ]);
        assert_eq!(controller_id(&good).unwrap(), 5);
        assert_eq!(metadata_directory(&good).unwrap(), "/a");
        assert_eq!(endpoints(&good).unwrap(), vec![("CONTROLLER".to_owned(), "c5".to_owned(), 9093)]);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (pairs, expect) in [
            (
                &[][..],
                "node.id not found in configuration file. Is this a valid controller configuration file?",
            ),
            (&[("node.id", "-1")], "node.id was negative"),
            (&[("node.id", "1"), ("process.roles", "broker")], "process.roles did not contain 'controller'"),
        ] {
            let error = controller_id(&properties(pairs)).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        }
        let error = endpoints(&properties(&[("controller.listener.names", "X")])).unwrap_err().to_string();
        assert_eq!(error, "Cannot find information about controller listener name: X");
    }
}
