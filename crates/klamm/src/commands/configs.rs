//! `klamm configs` (kafka-configs): describes and changes configurations of topics, brokers, groups, client metrics,
//! quotas, and SCRAM credentials.

mod quotas;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use klamm_client::admin::{
    Admin, ConfigAlteration, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ResourceType,
};

use crate::cli::{Call, emphasised};
use crate::{java, session};

/// Describes and changes configurations.
#[derive(clap::Parser)]
#[command(arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Brokers to connect to, as host:port,host:port.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: Option<String>,
    /// Controllers to connect to instead.
    #[arg(long, value_name = "SERVER")]
    bootstrap_controller: Option<String>,
    /// Properties file for the admin client.
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// Shows what is set.
    #[arg(long, help_heading = "Actions")]
    describe: bool,
    /// Changes what is set.
    #[arg(long, help_heading = "Actions")]
    alter: bool,
    /// With --describe: everything, defaults and the properties file included.
    #[arg(long)]
    all: bool,
    /// What it is: topics, brokers, broker-loggers, groups, client-metrics, users, clients, ips. Users and clients may
    /// be given together.
    #[arg(long, value_name = "TYPE", help_heading = "Which")]
    entity_type: Vec<String>,
    /// Its name: a topic, a broker's id, a group, a user.
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    entity_name: Vec<String>,
    /// What applies to all brokers, users, clients or addresses that have nothing of their own.
    #[arg(long, help_heading = "Which", action = clap::ArgAction::Count)]
    entity_default: u8,
    /// Short for --entity-type topics --entity-name.
    #[arg(long, help_heading = "Which")]
    topic: Option<String>,
    /// Short for --entity-type brokers --entity-name.
    #[arg(long, value_name = "ID", help_heading = "Which")]
    broker: Option<String>,
    /// Short for --entity-type brokers --entity-default.
    #[arg(long, help_heading = "Which")]
    broker_defaults: bool,
    /// Short for --entity-type broker-loggers --entity-name.
    #[arg(long, value_name = "ID", help_heading = "Which")]
    broker_logger: Option<String>,
    /// Short for --entity-type groups --entity-name.
    #[arg(long, value_name = "ID", help_heading = "Which")]
    group: Option<String>,
    /// Short for --entity-type client-metrics --entity-name.
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    client_metrics: Option<String>,
    /// Short for --entity-type clients --entity-name.
    #[arg(long, value_name = "ID", help_heading = "Which")]
    client: Option<String>,
    /// Short for --entity-type clients --entity-default.
    #[arg(long, help_heading = "Which")]
    client_defaults: bool,
    /// Short for --entity-type users --entity-name.
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    user: Option<String>,
    /// Short for --entity-type users --entity-default.
    #[arg(long, help_heading = "Which")]
    user_defaults: bool,
    /// Short for --entity-type ips --entity-name.
    #[arg(long, value_name = "ADDRESS", help_heading = "Which")]
    ip: Option<String>,
    /// Short for --entity-type ips --entity-default.
    #[arg(long, help_heading = "Which")]
    ip_defaults: bool,
    /// What to set: `k1=v1,k2=[a,b],k3=v3`; brackets hold values with commas together.
    #[arg(long, value_name = "PAIRS")]
    add_config: Option<String>,
    /// Properties file of what to set.
    #[arg(long, value_name = "FILE")]
    add_config_file: Option<PathBuf>,
    /// Keys to take back to what they are without: `k1,k2`.
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    delete_config: Vec<String>,
    /// Prints JSON instead (--describe); not in Kafka's tool.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  klamm configs --bootstrap-server localhost:9092 --describe --topic orders --all
  klamm configs --bootstrap-server localhost:9092 --alter --topic orders --add-config retention.ms=3600000";

/// Types that Kafka's tool knows, in its order.
const TYPES: &[&str] =
    &["topics", "clients", "users", "brokers", "ips", "client-metrics", "groups", "broker-loggers"];

/// What is described or changed: a configuration, or quotas and credentials.
enum What {
    Config(Target),
    Quotas(quotas::Entity),
}

/// Something that has a configuration.
struct Target {
    type_name: String,
    kind: ResourceType,
    /// `None` for all there are; empty for the default.
    name: Option<String>,
}

pub(crate) fn run(call: &Call) -> anyhow::Result<ExitCode> {
    let options: Options = match call.parse() {
        Ok(options) => options,
        Err(status) => return Ok(status),
    };
    if options.describe == options.alter {
        return Ok(call.usage_error("Command must include exactly one action: --describe, --alter"));
    }
    if options.describe && (options.add_config.is_some() || !options.delete_config.is_empty()) {
        let other = if options.add_config.is_some() { "add-config" } else { "delete-config" };
        return Ok(
            call.usage_error(&format!("Option \"[describe]\" can't be used with option \"[{other}]\""))
        );
    }
    let what = match options.what(&names_in_order(call)) {
        Ok(what) => what,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let result = session::block_on(async {
        let admin = session::admin_of(
            options.bootstrap_server.as_deref(),
            options.bootstrap_controller.as_deref(),
            options.command_config.as_deref(),
        )?;
        let result = match &what {
            What::Config(target) if options.alter => options.alter(&admin, target).await,
            What::Config(target) => options.describe(&admin, target).await,
            What::Quotas(entity) if options.alter => options.alter_quotas(&admin, entity).await,
            What::Quotas(entity) => quotas::describe(&admin, entity).await,
        };
        admin.close();
        result
    });
    if let Err(error) = result {
        let is_client = error.downcast_ref::<klamm_client::ClientError>().is_some();
        if is_client {
            let line: Vec<String> = call.arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect();
            eprintln!("Error while executing config command with args '{}'", line.join(" "));
        }
        eprintln!("{}", java::exception_text(&error));
        if let Some(remedy) = session::remedy_of(&error) {
            eprintln!("{remedy}");
        }
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Names in the order of the command line, which is that of the types; empty for --entity-default.
fn names_in_order(call: &Call) -> Vec<String> {
    let mut names = Vec::new();
    let mut arguments = call.arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = arguments.next() {
        match argument.split_once('=') {
            Some(("--entity-name", name)) => names.push(name.to_owned()),
            _ if argument == "--entity-name" => names.extend(arguments.next().map(|name| name.into_owned())),
            _ if argument == "--entity-default" => names.push(String::new()),
            _ => {}
        }
    }
    names
}

impl Options {
    /// What the flags of single kinds name, in Kafka's order.
    fn short(&self) -> Vec<(String, &'static str)> {
        let flags = [
            (self.topic.clone(), "topics"),
            (self.client.clone(), "clients"),
            (self.user.clone(), "users"),
            (self.broker.clone(), "brokers"),
            (self.broker_logger.clone(), "broker-loggers"),
            (self.ip.clone(), "ips"),
            (self.client_metrics.clone(), "client-metrics"),
            (self.group.clone(), "groups"),
            (self.client_defaults.then(String::new), "clients"),
            (self.user_defaults.then(String::new), "users"),
            (self.broker_defaults.then(String::new), "brokers"),
            (self.ip_defaults.then(String::new), "ips"),
        ];
        flags.into_iter().filter_map(|(name, kind)| Some((name?, kind))).collect()
    }

    /// What is meant; `names` are those of --entity-name and --entity-default in their order.
    fn what(&self, names: &[String]) -> anyhow::Result<What> {
        let short = self.short();
        let has_long =
            !self.entity_type.is_empty() || !self.entity_name.is_empty() || self.entity_default > 0;
        match (&self.bootstrap_server, &self.bootstrap_controller) {
            (None, None) => bail!("Either --bootstrap-server or --bootstrap-controller must be specified."),
            (Some(_), Some(_)) => {
                bail!("Only one of --bootstrap-server or --bootstrap-controller can be specified")
            }
            _ => {}
        }
        let types: Vec<String> = self
            .entity_type
            .iter()
            .cloned()
            .chain(short.iter().map(|(_, kind)| (*kind).to_owned()))
            .collect();
        for name in &types {
            if !TYPES.contains(&name.as_str()) {
                bail!(
                    "Invalid entity type {name}, the entity type must be one of {} with a --bootstrap-server or --bootstrap-controller argument",
                    TYPES.join(", ")
                );
            }
        }
        if types.is_empty() {
            bail!("At least one entity type must be specified");
        }
        let both =
            types.len() == 2 && types.iter().any(|t| t == "users") && types.iter().any(|t| t == "clients");
        if types.len() > 1 && types.iter().all(|name| *name == types[0]) {
            bail!("Duplicate entity type(s) specified: {}", types[0]);
        }
        if types.len() > 1 && !both {
            bail!("Only 'users' and 'clients' entity types may be specified together");
        }
        if has_long && !short.is_empty() {
            bail!(
                "--entity-{{type,name,default}} should not be used in conjunction with specific entity flags"
            );
        }
        let mut names = names.to_vec();
        names.extend(short.into_iter().map(|(name, _)| name));
        let type_name = types[0].clone();
        let kind = match type_name.as_str() {
            "topics" => ResourceType::Topic,
            "brokers" => ResourceType::Broker,
            "broker-loggers" => ResourceType::BrokerLogger,
            "client-metrics" => ResourceType::ClientMetrics,
            "groups" => ResourceType::Group,
            _ => {
                let entity = quotas::Entity { types, names };
                self.check_quotas(&entity)?;
                return Ok(What::Quotas(entity));
            }
        };
        let target = Target { type_name, kind, name: names.into_iter().next() };
        self.check(&target)?;
        Ok(What::Config(target))
    }

    fn check_quotas(&self, entity: &quotas::Entity) -> anyhow::Result<()> {
        let address = entity.names.first().filter(|name| !name.is_empty() && entity.types == ["ips"]);
        if let Some(address) = address
            && std::net::ToSocketAddrs::to_socket_addrs(&(address.as_str(), 0)).is_err()
        {
            bail!("The entity name for ips must be a valid IP or resolvable host, but it is: {address}");
        }
        if self.describe {
            return Ok(());
        }
        if entity.names.is_empty() {
            bail!(
                "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips"
            );
        }
        self.check_changes()
    }

    fn check(&self, target: &Target) -> anyhow::Result<()> {
        let name = target.name.as_deref();
        let is_broker = matches!(target.kind, ResourceType::Broker | ResourceType::BrokerLogger);
        if let Some(name) = name.filter(|name| is_broker && !name.is_empty())
            && name.parse::<i32>().is_err()
        {
            bail!(
                "The entity name for {} must be a valid integer broker id, but it is: {name}",
                target.type_name
            );
        }
        if self.describe {
            if self.entity_default > 0 && target.kind != ResourceType::Broker {
                bail!("--entity-default must not be specified with --describe of {}", target.type_name);
            }
            if target.kind == ResourceType::BrokerLogger && name.is_none_or(str::is_empty) {
                bail!("An entity name must be specified with --describe of {}", target.type_name);
            }
            return Ok(());
        }
        if target.kind == ResourceType::Broker && name.is_none() {
            bail!(
                "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips"
            );
        }
        if target.kind != ResourceType::Broker && name.is_none_or(str::is_empty) {
            bail!("An entity name must be specified with --alter of {}", target.type_name);
        }
        self.check_changes()
    }

    fn check_changes(&self) -> anyhow::Result<()> {
        if self.add_config.is_some() && self.add_config_file.is_some() {
            bail!("Only one of --add-config or --add-config-file must be specified");
        }
        if self.add_config.is_none() && self.add_config_file.is_none() && self.delete_config.is_empty() {
            bail!(
                "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter"
            );
        }
        Ok(())
    }

    /// What is to be set.
    fn added(&self) -> anyhow::Result<session::Properties> {
        let mut added = session::properties_file(self.add_config_file.as_deref())?;
        added.extend(parse_pairs(self.add_config.as_deref().unwrap_or_default())?);
        for key in added.keys() {
            if !key.chars().all(|c| c.is_ascii_alphanumeric() || "$._-".contains(c)) {
                bail!("Invalid character found for config key: {key}");
            }
        }
        Ok(added)
    }

    async fn alter_quotas(&self, admin: &Admin, entity: &quotas::Entity) -> anyhow::Result<()> {
        let deleted = self.delete_config.iter().map(|key| key.trim().to_owned()).collect();
        quotas::alter(admin, entity, &quotas::Changes { added: self.added()?, deleted }).await?;
        say_updated(&entity.types[0], &entity.names[0]);
        Ok(())
    }

    async fn alter(&self, admin: &Admin, target: &Target) -> anyhow::Result<()> {
        let added = self.added()?;
        let name = target.name.clone().unwrap_or_default();
        let resource = ConfigResource { kind: target.kind, name: name.clone() };
        if target.kind == ResourceType::BrokerLogger {
            let known = entries(admin, &resource, false).await?;
            let keys = self.delete_config.iter().chain(added.keys());
            let unknown: Vec<&str> = keys
                .filter(|key| !known.iter().any(|entry| entry.name == **key))
                .map(String::as_str)
                .collect();
            if !unknown.is_empty() {
                bail!("Invalid broker logger(s): {}", unknown.join(","));
            }
        }
        let deleted = self.delete_config.iter().map(|key| ConfigAlteration {
            name: key.trim().to_owned(),
            operation: ConfigOperation::Delete,
            value: Some(String::new()),
        });
        let set = added.into_iter().map(|(name, value)| ConfigAlteration {
            name,
            operation: ConfigOperation::Set,
            value: Some(value),
        });
        let changes = vec![(resource, deleted.chain(set).collect())];
        for (_, result) in admin.alter_configs(&changes, false).await? {
            result?;
        }
        say_updated(&target.type_name, &name);
        Ok(())
    }

    async fn describe(&self, admin: &Admin, target: &Target) -> anyhow::Result<()> {
        if !self.all
            && let Some(name) = &target.name
            && !exists(admin, target.kind, name).await?
        {
            println!(
                "The {} '{name}' doesn't exist and doesn't have dynamic config.",
                singular(&target.type_name)
            );
            return Ok(());
        }
        let names = match &target.name {
            Some(name) => vec![name.clone()],
            None => all_names(admin, target.kind).await?,
        };
        let mut json = serde_json::Map::new();
        for name in names {
            let resource = ConfigResource { kind: target.kind, name: name.clone() };
            let mut entries = entries(admin, &resource, true).await?;
            if let Some(source) = dynamic_source(&resource).filter(|_| !self.all) {
                entries.retain(|entry| entry.source == source);
            }
            if self.json {
                let values = entries.iter().map(|e| (e.name.clone(), serde_json::json!(e.value))).collect();
                json.insert(name, serde_json::Value::Object(values));
                continue;
            }
            if name.is_empty() {
                let title = format!("Default configs for {} in the cluster are:", target.type_name);
                println!("{}", emphasised(&title, |_| true));
            } else {
                let which = if self.all { "All" } else { "Dynamic" };
                let title = format!("{which} configs for {} {name} are:", singular(&target.type_name));
                println!("{}", emphasised(&title, |_| true));
            }
            for entry in &entries {
                println!("{}", line(entry));
            }
        }
        if self.json {
            println!("{}", serde_json::Value::Object(json));
        }
        Ok(())
    }
}

fn say_updated(type_name: &str, name: &str) {
    if name.is_empty() {
        println!("Completed updating default config for {type_name} in the cluster.");
    } else {
        println!("Completed updating config for {} {name}.", singular(type_name));
    }
}

fn singular(type_name: &str) -> &str {
    type_name.get(..type_name.len().saturating_sub(1)).unwrap_or(type_name)
}

/// Where a value comes from that was set for this resource itself.
fn dynamic_source(resource: &ConfigResource) -> Option<ConfigSource> {
    match resource.kind {
        ResourceType::Topic => Some(ConfigSource::DynamicTopic),
        ResourceType::Broker if resource.name.is_empty() => Some(ConfigSource::DynamicDefaultBroker),
        ResourceType::Broker => Some(ConfigSource::DynamicBroker),
        ResourceType::BrokerLogger => None,
        ResourceType::ClientMetrics => Some(ConfigSource::ClientMetrics),
        ResourceType::Group => Some(ConfigSource::Group),
    }
}

fn line(entry: &ConfigEntry) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .map(|(source, name, value)| format!("{}:{name}={}", source.name(), text(value)))
        .collect();
    format!(
        "  {}={} sensitive={} synonyms={{{}}}",
        entry.name,
        text(&entry.value),
        entry.is_sensitive,
        synonyms.join(", ")
    )
}

async fn entries(
    admin: &Admin,
    resource: &ConfigResource,
    with_synonyms: bool,
) -> anyhow::Result<Vec<ConfigEntry>> {
    let mut found = admin.describe_configs(std::slice::from_ref(resource), with_synonyms).await?;
    let mut entries = match found.remove(resource) {
        Some(entries) => entries?,
        None => Vec::new(),
    };
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

async fn exists(admin: &Admin, kind: ResourceType, name: &str) -> anyhow::Result<bool> {
    let listed = |resources: Vec<ConfigResource>| resources.iter().any(|resource| resource.name == name);
    Ok(match kind {
        ResourceType::Topic => admin.list_topics(true).await?.iter().any(|topic| &*topic.name == name),
        ResourceType::Broker | ResourceType::BrokerLogger => {
            let cluster = admin.describe_cluster(false).await?;
            name.is_empty() || cluster.brokers.iter().any(|broker| broker.id.to_string() == name)
        }
        ResourceType::ClientMetrics => listed(admin.list_config_resources(&[kind]).await?),
        ResourceType::Group => {
            let groups = admin.list_consumer_groups(&[], &[]).await?;
            groups.iter().any(|group| group.group_id == name)
                || listed(admin.list_config_resources(&[kind]).await.unwrap_or_default())
        }
    })
}

async fn all_names(admin: &Admin, kind: ResourceType) -> anyhow::Result<Vec<String>> {
    Ok(match kind {
        ResourceType::Topic => {
            let topics = admin.list_topics(true).await?;
            let count = topics.len();
            let names = topics.into_iter().map(|topic| topic.name.to_string()).collect();
            java::hash_map_order(names, count, |name: &String| name)
        }
        ResourceType::Broker | ResourceType::BrokerLogger => {
            let cluster = admin.describe_cluster(false).await?;
            let ids = cluster.brokers.iter().map(|broker| broker.id.to_string());
            ids.chain(std::iter::once(String::new())).collect()
        }
        ResourceType::ClientMetrics => {
            admin.list_config_resources(&[kind]).await?.into_iter().map(|resource| resource.name).collect()
        }
        ResourceType::Group => {
            let mut names: Vec<String> =
                admin.list_consumer_groups(&[], &[]).await?.into_iter().map(|group| group.group_id).collect();
            let set = admin.list_config_resources(&[kind]).await.unwrap_or_default();
            names.extend(set.into_iter().map(|resource| resource.name));
            names.sort();
            names.dedup();
            names
        }
    })
}

/// Reads `k1=v1,k2=[a,b]`: commas and equals signs inside brackets belong to the value.
fn parse_pairs(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut depth = 0;
    let pieces = text.split(|c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    });
    pieces
        .map(|piece| {
            let Some((key, value)) = piece.split_once('=').filter(|(_, v)| v.starts_with('[') || !v.contains('='))
            else {
                bail!(
                    "requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\" or  \"key=[val1,val2]\" to group values which contain commas."
                );
            };
            Ok((key.trim().to_owned(), value.replace(['[', ']'], "").trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn pairs_are_read() {
        for (text, expect) in [
            ("a=1,b=2", Some(vec![("a", "1"), ("b", "2")])),
            ("a=[x,y],b=", Some(vec![("a", "x,y"), ("b", "")])),
            ("a=[k=v,l=w]", Some(vec![("a", "k=v,l=w")])),
            ("a", None),
            ("a=b=c", None),
        ] {
            let got = parse_pairs(text).ok();
            let expect: Option<Vec<(String, String)>> =
                expect.map(|list| list.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
            assert_eq!(got, expect, "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (arguments, expect) in [
            ("--describe --topic t", "Either --bootstrap-server"),
            ("--bootstrap-server a:1 --describe", "At least one entity type must be specified"),
            (
                "--bootstrap-server a:1 --describe --entity-type x",
                "Invalid entity type x, the entity type must be one of topics,",
            ),
            (
                "--bootstrap-server a:1 --describe --entity-type topics --topic t",
                "Duplicate entity type(s) specified: topics",
            ),
            (
                "--bootstrap-server a:1 --describe --entity-type topics --broker 1",
                "Only 'users' and 'clients'",
            ),
            (
                "--bootstrap-server a:1 --alter --broker x --add-config a=b",
                "The entity name for brokers must be a valid",
            ),
            (
                "--bootstrap-server a:1 --alter --entity-type topics --add-config a=b",
                "An entity name must be specified",
            ),
            ("--bootstrap-server a:1 --alter --topic t", "At least one of --add-config"),
        ] {
            let options =
                Options::try_parse_from(std::iter::once("x").chain(arguments.split_whitespace())).unwrap();
            let message = options.what(&[]).err().expect(arguments).to_string();
            assert!(message.starts_with(expect), "{arguments}: {message}");
        }
    }

    #[test]
    fn entries_are_printed_as_kafka_prints_them() {
        let entry = ConfigEntry {
            name: "retention.ms".to_owned(),
            value: Some("5".to_owned()),
            source: ConfigSource::DynamicTopic,
            is_sensitive: false,
            is_read_only: false,
            synonyms: vec![
                (ConfigSource::DynamicTopic, "retention.ms".to_owned(), Some("5".to_owned())),
                (ConfigSource::Default, "log.retention.ms".to_owned(), None),
            ],
        };
        assert_eq!(
            line(&entry),
            "  retention.ms=5 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=5, DEFAULT_CONFIG:log.retention.ms=null}"
        );
    }
}
