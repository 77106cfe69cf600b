//! What the tools of groups (consumer, share, streams) have in common: how they reach the cluster, which options go with
//! which, how they list and delete groups, and how they tell what failed.

pub(in crate::commands) mod delete;
pub(in crate::commands) mod reset;
pub(in crate::commands) mod tables;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::admin::Admin;

use crate::cli::Call;
use crate::{java, session};

// Not a doc comment: it would take the place of what the command says about itself.
#[derive(clap::Args)]
pub(in crate::commands) struct Connection {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    pub(in crate::commands) bootstrap_server: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Milliseconds that the operation may take.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout: i64,
}

impl Connection {
    /// Refuses a command line that does not say which cluster is meant.
    pub(in crate::commands) fn check(&self) -> Result<(), String> {
        match self.bootstrap_server {
            Some(_) => Ok(()),
            None => Err("Missing required argument \"[bootstrap-server]\"".to_owned()),
        }
    }

    /// Does something with an admin client of the cluster.
    pub(in crate::commands) fn run(
        &self,
        act: impl AsyncFnOnce(&Admin) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        session::block_on(async {
            let mut properties = session::properties_file(self.command_config.as_deref())?;
            let bootstrap = self.bootstrap_server.clone().unwrap_or_default();
            properties.insert("bootstrap.servers".to_owned(), bootstrap);
            if properties.contains_key("default.api.timeout.ms") || self.timeout != 30_000 {
                properties.insert("default.api.timeout.ms".to_owned(), self.timeout.max(0).to_string());
            }
            let config = klamm_client::ClientConfig::new(klamm_client::ClientKind::Admin, properties)?;
            let admin = Admin::new(&config)?;
            let result = act(&admin).await;
            admin.close();
            result
        })
    }
}

// What of a group --describe shows, and --state of --list.
#[derive(clap::Args)]
pub(in crate::commands) struct Views {
    /// Describes members.
    #[arg(long)]
    pub(in crate::commands) members: bool,
    /// Describes offsets, as without it.
    #[arg(long)]
    offsets: bool,
    /// Describes the group's state; with --list the state of each, or only groups in these states.
    #[arg(long, value_name = "STATES", num_args = 0..=1, default_missing_value = "")]
    pub(in crate::commands) state: Option<String>,
    /// Describes more of each.
    #[arg(long)]
    pub(in crate::commands) verbose: bool,
}

impl Views {
    /// Refuses views where there is nothing to view.
    pub(in crate::commands) fn check_available(&self, describe: bool, list: bool) -> Result<(), String> {
        let views = [
            (self.members && !describe, "members"),
            (self.offsets && !describe, "offsets"),
            (self.state.is_some() && !describe && !list, "state"),
            (self.verbose && !describe, "verbose"),
        ];
        match views.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, name)) => {
                Err(format!("Option(s) [{name}] are unavailable given other options on the command line"))
            }
            None => Ok(()),
        }
    }

    /// Refuses more than one view for --describe.
    pub(in crate::commands) fn check_described(&self) -> Result<(), String> {
        let views = [self.members, self.offsets, self.state.is_some()];
        if views.iter().filter(|given| **given).count() > 1 {
            return Err(
                "Option [describe] takes at most one of these options: [members], [offsets], [state]"
                    .to_owned(),
            );
        }
        if self.state.as_deref().is_some_and(|value| !value.is_empty()) {
            return Err("Option [describe] does not take a value for [state]".to_owned());
        }
        Ok(())
    }
}

/// Refuses two options that exclude each other, if both are given.
pub(in crate::commands) fn exclusive(one: (&str, bool), other: (&str, bool)) -> Result<(), String> {
    if one.1 && other.1 {
        return Err(format!("Option \"[{}]\" can't be used with option \"[{}]\"", one.0, other.0));
    }
    Ok(())
}

/// Refuses options of which only one can be used, if two are given: the first two are named.
pub(in crate::commands) fn at_most_one(options: &[(&'static str, bool)]) -> Result<(), String> {
    match given(options)[..] {
        [one, other, ..] => exclusive((one, true), (other, true)),
        _ => Ok(()),
    }
}

/// The names of the options that are given.
pub(in crate::commands) fn given(options: &[(&'static str, bool)]) -> Vec<&'static str> {
    options.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect()
}

/// The command line is at fault, as seen only after the cluster was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::commands) struct Usage(pub(in crate::commands) String);

/// What ends the command with status 1 and one line on standard error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::commands) struct Fatal(pub(in crate::commands) String);

/// Tells how a command went on groups of one kind ("consumer", "share"), and gives the status to end with.
pub(in crate::commands) fn report(call: &Call, kind: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() => call.usage_error(&error.to_string()),
        Err(error) if error.is::<Fatal>() => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            // Kafka's tools report failures on standard output and end with status 0.
            println!(
                "\nError: Executing {kind} group command failed due to {}",
                java::exception_text(&error)
            );
            if let Some(remedy) = session::remedy_of(&error) {
                eprintln!("{remedy}");
            }
            ExitCode::SUCCESS
        }
    }
}

/// The one group that an operation is for.
pub(in crate::commands) fn one_group(groups: &[String]) -> anyhow::Result<&String> {
    match groups {
        [group] => Ok(group),
        _ => {
            bail!(Usage("Found multiple arguments for option group, but you asked for only one".to_owned()))
        }
    }
}

/// Reads the names of a filter (`what` is states or types), in small or capital letters; none if it names none.
pub(in crate::commands) fn names(
    text: Option<&str>,
    valid: &[&str],
    what: (&str, &str),
) -> anyhow::Result<Vec<String>> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let (list, plural) = what;
    text.split(',')
        .map(|name| match valid.iter().find(|known| known.eq_ignore_ascii_case(name.trim())) {
            Some(known) => Ok((*known).to_owned()),
            None => bail!(Usage(format!(
                "Invalid {list} list '{text}'. Valid {plural} are: {}",
                valid.join(", ")
            ))),
        })
        .collect()
}

/// What [`names`] reads for --state.
pub(in crate::commands) const STATES: (&str, &str) = ("state", "states");
/// What [`names`] reads for --type.
pub(in crate::commands) const TYPES: (&str, &str) = ("types", "types");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_letters() {
        let valid = &["Stable", "Empty"];
        assert_eq!(names(Some("stable, EMPTY"), valid, STATES).unwrap(), ["Stable", "Empty"]);
        assert!(names(None, valid, STATES).unwrap().is_empty());
        for (what, expect) in [
            (STATES, "Invalid state list 'bad'. Valid states are: Stable, Empty"),
            (TYPES, "Invalid types list 'bad'. Valid types are: Stable, Empty"),
        ] {
            assert_eq!(names(Some("bad"), valid, what).unwrap_err().to_string(), expect);
        }
    }
}
