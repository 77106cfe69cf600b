//! What commands that talk to a cluster share: properties, clients, a runtime, and what to say when nobody answers.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;

use anyhow::Context as _;
use klamm_client::{ClientConfig, ClientError, ClientKind, admin::Admin};

/// Key-value pairs for a client, the later ones winning.
pub(crate) type Properties = BTreeMap<String, String>;

/// Reads a properties file, if one is named.
pub(crate) fn properties_file(path: Option<&Path>) -> anyhow::Result<Properties> {
    let Some(path) = path else { return Ok(Properties::new()) };
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    klamm_config::properties::parse_bytes(&bytes).with_context(|| path.display().to_string())
}

/// Reads `key=value` arguments; the value may hold further equals signs, and may be missing.
pub(crate) fn key_values(arguments: &[String]) -> impl Iterator<Item = (String, String)> {
    arguments.iter().map(|argument| {
        let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
        (key.to_owned(), value.to_owned())
    })
}

/// Runs a command's asynchronous part on a runtime of this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result
}

/// An admin client for these servers, with what a properties file says besides.
pub(crate) fn admin(bootstrap: &str, config: Option<&Path>) -> anyhow::Result<Admin> {
    let mut properties = properties_file(config)?;
    properties.insert("bootstrap.servers".to_owned(), bootstrap.to_owned());
    Ok(Admin::new(&ClientConfig::new(ClientKind::Admin, properties)?)?)
}

/// An admin client for these brokers or controllers (KIP-919), whichever is named.
pub(crate) fn admin_of(
    brokers: Option<&str>,
    controllers: Option<&str>,
    config: Option<&Path>,
) -> anyhow::Result<Admin> {
    let Some(controllers) = controllers else { return admin(brokers.unwrap_or_default(), config) };
    let mut properties = properties_file(config)?;
    properties.insert("bootstrap.controllers".to_owned(), controllers.to_owned());
    Ok(Admin::new(&ClientConfig::new(ClientKind::Admin, properties)?)?)
}

/// What to do about an error, where that can be said.
pub(crate) fn remedy(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Unreachable { .. } => Some(
            "Is the node running? `klamm` starts one at 127.0.0.1:9092; --bootstrap-server says where to look.".to_owned(),
        ),
        ClientError::TimedOut { cause: Some(cause), .. } => remedy(cause),
        _ => None,
    }
}

/// The remedy for an error that a command ends with.
pub(crate) fn remedy_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| remedy(cause.downcast_ref::<ClientError>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_further_equals_signs() {
        let arguments = ["a=b".to_owned(), "c=d=e".to_owned(), "f".to_owned()];
        let pairs: Vec<_> = key_values(&arguments).collect();
        let expect = [("a", "b"), ("c", "d=e"), ("f", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(pairs, expect);
    }
}
