//! Topics, threads and whatever has no area of its own.

use crate::value::Class;
use crate::keys;

keys! { DEFS;
    /// Class that approves config changes. Klamm runs no Java classes, so a value has no effect.
    ALTER_CONFIG_POLICY_CLASS_NAME: Option<Class> = "alter.config.policy.class.name", null, Any, Low, ReadOnly;

    /// Whether a topic is created when a client asks for the metadata of one that does not exist, or
    /// produces to it.
    AUTO_CREATE_TOPICS_ENABLE: bool = "auto.create.topics.enable", default(true), Any, High, ReadOnly, supported;

    /// Number of threads for background work such as log deletion.
    BACKGROUND_THREADS: i32 = "background.threads", default(10), at_least(1), High, ClusterWide;

    /// Rack (or zone) of this broker, used for placing replicas apart and for fetching from the nearest
    /// replica.
    BROKER_RACK: Option<String> = "broker.rack", null, Any, Medium, ReadOnly, supported;

    /// Names of the config providers that resolve `${provider:...}` placeholders; each is described by
    /// `config.providers.NAME.class`. Kafka's own are there: environment variables, files, directories.
    CONFIG_PROVIDERS: Vec<String> = "config.providers", default(""), LIST, Low, ClusterWide, supported;

    /// Whether a stopping broker first hands over its leaderships. Without it the others take them when the controller
    /// has noticed that it is gone.
    CONTROLLED_SHUTDOWN_ENABLE: bool = "controlled.shutdown.enable", default(true), Any, Medium, ReadOnly, supported;

    /// Class that approves new topics. Klamm runs no Java classes, so a value has no effect.
    CREATE_TOPIC_POLICY_CLASS_NAME: Option<Class> = "create.topic.policy.class.name", null, Any, Low, ReadOnly;

    /// Whether topics may be deleted.
    DELETE_TOPIC_ENABLE: bool = "delete.topic.enable", default(true), Any, High, ReadOnly, supported;

    /// Most partitions that one request may ask to be described.
    MAX_REQUEST_PARTITION_SIZE_LIMIT: i32 = "max.request.partition.size.limit", default(2000), at_least(1), Medium, ReadOnly, supported;

    /// Most shards that a node runs, each a thread with connections and partitions of its own; there is one for each
    /// core up to this number. Read at start only.
    NUM_IO_THREADS: i32 = "num.io.threads", default(8), at_least(1), High, ClusterWide, supported;

    /// Number of network threads of a listener in Kafka. Klamm runs one shard per core instead.
    NUM_NETWORK_THREADS: i32 = "num.network.threads", default(3), at_least(1), High, ClusterWide;

    /// Number of partitions of topics created automatically, or created with partition count -1.
    NUM_PARTITIONS: i32 = "num.partitions", default(1), at_least(1), Medium, ReadOnly, supported;
}
