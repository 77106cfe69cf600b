//! An image as a tree, with the names and texts that Kafka's shell has for its parts. As there, what credentials hold is
//! shown: who may read the file has it anyway.

use std::collections::BTreeMap;

use klamm_config::SecurityProtocol;
use klamm_metadata::image::{
    Broker, Controller, Endpoint, LevelRange, MetadataImage, Partition, Provenance, ResourceType, Topic,
};
use klamm_metadata::scram::ScramMechanism;
use klamm_protocol::Uuid;

use crate::java;

/// A directory with its entries, or a file with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory(BTreeMap<String, Self>),
    File(String),
}

impl Node {
    fn directory(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Directory(entries.into_iter().collect())
    }

    fn files(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::directory(entries.into_iter().map(|(name, text)| (name, Self::File(text))))
    }
}

fn named(name: &str, node: Node) -> (String, Node) {
    (name.to_owned(), node)
}

/// The whole tree.
pub(super) fn of(image: &MetadataImage, at: Provenance) -> Node {
    let time = java::utc_date_time(at.last_timestamp_ms);
    let provenance = format!("offset {}, epoch {}, time {time}", at.last_offset, at.last_epoch);
    let producer_ids = image.next_producer_id.unwrap_or(-1).to_string();
    let image = Node::directory([
        named("provenance", Node::File(provenance)),
        named("features", features(image)),
        named("cluster", cluster(image)),
        named("topics", topics(image)),
        named("configs", configs(image)),
        named("clientQuotas", quotas(image)),
        named("producerIds", Node::files([("nextProducerId".to_owned(), producer_ids)])),
        named("acls", Node::directory([named("byId", acls(image))])),
        named("scram", scram(image)),
        named("delegationToken", tokens(image)),
    ]);
    let local = Node::files([
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("commitId".to_owned(), "unknown".to_owned()),
    ]);
    Node::directory([named("image", image), named("local", local)])
}

fn features(image: &MetadataImage) -> Node {
    let version = image.features.metadata_version;
    let version =
        version.map_or_else(|| "Optional.empty".to_owned(), |version| format!("Optional[{version}]"));
    let levels = image.features.levels.iter();
    let levels = levels.map(|(name, level)| (format!("finalized_{name}"), level.to_string()));
    Node::files(std::iter::once(("metadataVersion".to_owned(), version)).chain(levels))
}

fn cluster(image: &MetadataImage) -> Node {
    let brokers = image.cluster.brokers.iter().map(|(id, broker)| (id.to_string(), broker_text(broker)));
    let controllers = image.cluster.controllers.iter();
    let controllers = controllers.map(|(id, controller)| (id.to_string(), controller_text(controller)));
    Node::directory([named("brokers", Node::files(brokers)), named("controllers", Node::files(controllers))])
}

fn endpoints(endpoints: &[Endpoint]) -> String {
    let mut sorted: Vec<&Endpoint> = endpoints.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let shown: Vec<String> = sorted
        .into_iter()
        .map(|endpoint| {
            let protocol = SecurityProtocol::from_id(endpoint.security_protocol);
            let protocol =
                protocol.map_or_else(|| endpoint.security_protocol.to_string(), |name| name.to_string());
            format!(
                "Endpoint(listenerName='{}', securityProtocol={protocol}, host='{}', port={})",
                endpoint.name, endpoint.host, endpoint.port
            )
        })
        .collect();
    shown.join(", ")
}

fn ranges<'a, N: std::fmt::Display + 'a>(ranges: impl Iterator<Item = (&'a N, &'a LevelRange)>) -> String {
    let range = |range: &LevelRange| match (range.min, range.max) {
        (min, max) if min == max => min.to_string(),
        (min, i16::MAX) => format!("{min}+"),
        (min, max) => format!("{min}-{max}"),
    };
    let shown: Vec<String> = ranges.map(|(name, levels)| format!("{name}: {}", range(levels))).collect();
    shown.join(", ")
}

fn ids(ids: &[Uuid]) -> String {
    format!("[{}]", ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// Ids in the order of Kafka's `Uuid`, whose two halves are signed.
fn sorted_ids(of: &[Uuid]) -> String {
    let mut sorted = of.to_vec();
    sorted.sort_by_key(|id| (id.most_significant_bits(), id.least_significant_bits()));
    ids(&sorted)
}

fn broker_text(broker: &Broker) -> String {
    format!(
        "BrokerRegistration(id={}, epoch={}, incarnationId={}, listeners=[{}], supportedFeatures={{{}}}, rack={}, fenced={}, inControlledShutdown={}, isMigratingZkBroker={}, directories={}, cordonedDirectories={})",
        broker.id,
        broker.epoch,
        broker.incarnation_id,
        endpoints(&broker.listeners),
        ranges(broker.features.iter()),
        broker
            .rack
            .as_deref()
            .map_or_else(|| "Optional.empty".to_owned(), |rack| format!("Optional[{rack}]")),
        broker.fenced,
        broker.in_controlled_shutdown,
        broker.is_migrating_zk_broker,
        sorted_ids(&broker.log_dirs),
        broker.cordoned_log_dirs.as_deref().map_or_else(|| "null".to_owned(), sorted_ids),
    )
}

fn controller_text(controller: &Controller) -> String {
    format!(
        "ControllerRegistration(id={}, incarnationId={}, zkMigrationReady={}, listeners=[{}], supportedFeatures={{{}}})",
        controller.id,
        controller.incarnation_id,
        controller.zk_migration_ready,
        endpoints(&controller.listeners),
        ranges(controller.features.iter()),
    )
}

fn topics(image: &MetadataImage) -> Node {
    let by_name = image.topics.iter().map(|topic| (topic.name.to_string(), topic_node(topic)));
    let by_id = image.topics.iter().map(|topic| (topic.id.to_string(), topic_node(topic)));
    Node::directory([named("byName", Node::directory(by_name)), named("byId", Node::directory(by_id))])
}

fn topic_node(topic: &Topic) -> Node {
    let partitions =
        topic.partitions.iter().map(|(number, partition)| (number.to_string(), partition_text(partition)));
    let own = [("name".to_owned(), topic.name.to_string()), ("id".to_owned(), topic.id.to_string())];
    Node::files(own.into_iter().chain(partitions))
}

fn partition_text(partition: &Partition) -> String {
    format!(
        "PartitionRegistration(replicas={:?}, directories={}, isr={:?}, removingReplicas={:?}, addingReplicas={:?}, elr={:?}, lastKnownElr={:?}, leader={}, leaderRecoveryState={}, leaderEpoch={}, partitionEpoch={})",
        partition.replicas,
        ids(&partition.directories),
        partition.isr,
        partition.removing_replicas,
        partition.adding_replicas,
        partition.elr,
        partition.last_known_elr,
        partition.leader,
        format!("{:?}", partition.leader_recovery_state).to_uppercase(),
        partition.leader_epoch,
        partition.partition_epoch,
    )
}

fn configs(image: &MetadataImage) -> Node {
    let resources = image.configs.iter().map(|(resource, entries)| {
        let kind = match resource.resource_type {
            ResourceType::Topic => "TOPIC",
            ResourceType::Broker => "BROKER",
            ResourceType::BrokerLogger => "BROKER_LOGGER",
            ResourceType::ClientMetrics => "CLIENT_METRICS",
            ResourceType::Group => "GROUP",
        };
        let name =
            if resource.name.is_empty() { kind.to_owned() } else { format!("{kind}:{}", resource.name) };
        (name, Node::files(entries.iter().map(|(key, value)| (key.to_string(), value.to_string()))))
    });
    Node::directory(resources)
}

fn quotas(image: &MetadataImage) -> Node {
    let entities = image.client_quotas.iter().map(|(entity, values)| {
        let part = |(kind, name): &(klamm_protocol::StrBytes, Option<klamm_protocol::StrBytes>)| {
            let kind = if **kind == *"client-id" { "clientId" } else { kind };
            let name = name.as_deref().unwrap_or("<default>");
            format!("{kind}({})", name.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)"))
        };
        let name = entity.iter().map(part).collect::<Vec<_>>().join("_");
        (name, Node::files(values.iter().map(|(key, value)| (key.to_string(), java::double(value.0)))))
    });
    Node::directory(entities)
}

/// Names by code, as the enums of Kafka's ACLs have them.
const RESOURCES: &[&str] =
    &["UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"];
/// The third is for looking ACLs up; none is of that kind.
const PATTERNS: &[&str] = &["UNKNOWN", "ANY", "UNKNOWN", "LITERAL", "PREFIXED"];
const PERMISSIONS: &[&str] = &["UNKNOWN", "ANY", "DENY", "ALLOW"];
const OPERATIONS: &[&str] = &[
    "UNKNOWN",
    "ANY",
    "ALL",
    "READ",
    "WRITE",
    "CREATE",
    "DELETE",
    "ALTER",
    "DESCRIBE",
    "CLUSTER_ACTION",
    "DESCRIBE_CONFIGS",
    "ALTER_CONFIGS",
    "IDEMPOTENT_WRITE",
    "CREATE_TOKENS",
    "DESCRIBE_TOKENS",
    "TWO_PHASE_COMMIT",
];

fn acls(image: &MetadataImage) -> Node {
    let name = |names: &[&'static str], code: i8| {
        usize::try_from(code).ok().and_then(|code| names.get(code)).copied().unwrap_or("UNKNOWN")
    };
    let entries = image.acls.entries.iter().map(|(id, acl)| {
        let text = format!(
            "StandardAcl[resourceType={}, resourceName={}, patternType={}, principal={}, host={}, operation={}, permissionType={}]",
            name(RESOURCES, acl.resource_type),
            acl.resource_name,
            name(PATTERNS, acl.pattern_type),
            acl.principal,
            acl.host,
            name(OPERATIONS, acl.operation),
            name(PERMISSIONS, acl.permission_type)
        );
        (id.to_string(), text)
    });
    Node::files(entries)
}

fn scram(image: &MetadataImage) -> Node {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mechanisms = ScramMechanism::ALL.into_iter().map(|mechanism| {
        let users = image.scram.credentials.iter();
        let users = users.filter(|((number, _), _)| *number == mechanism.number());
        let users = users.map(|((_, user), credential)| {
            let text = format!(
                "ScramCredentialData(salt={}, storedKey={}, serverKey={}, iterations={})",
                hex(&credential.salt),
                hex(&credential.stored_key),
                hex(&credential.server_key),
                credential.iterations
            );
            (user.to_string(), text)
        });
        (mechanism.name().to_owned(), Node::files(users))
    });
    Node::directory(mechanisms)
}

/// The parentheses of the text do not match in Kafka's shell either.
fn tokens(image: &MetadataImage) -> Node {
    let tokens = image.delegation_tokens.tokens.iter().map(|(id, token)| {
        let renewers: Vec<String> = token.renewers.iter().map(ToString::to_string).collect();
        let text = format!(
            "DelegationTokenDatatokenId={id}(owner={}(tokenRequester={}(renewers={}, issueTimestamp={}, maxTimestamp={}), expiryTimestamp={}",
            token.owner,
            token.requester,
            renewers.join(" "),
            token.issue_timestamp,
            token.max_timestamp,
            token.expiration_timestamp
        );
        (id.to_string(), text)
    });
    Node::files(tokens)
}
