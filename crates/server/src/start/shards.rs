//! Starts the threads of the shards and gives each what its handlers work with.

use std::{rc::Rc, sync::Arc};

use klamm_config::{BrokerConfig, broker};
use klamm_io::spawn;
use tokio::sync::mpsc;

use super::StartError;
use crate::{
    handlers::{
        Contexts, brokers::BrokersContext, cluster::ClusterContext, configs::ConfigsContext,
        groups::GroupsContext, quorum::QuorumContext, records::RecordsContext, security::SecurityContext,
        share::ShareContext, topics::TopicsContext, transactions::TransactionsContext,
        transactions::verification::Outgoing,
    },
    inter_broker::InterBroker,
    node::Node,
    producer_ids::ProducerIds,
    shard::{
        ShardRequest, Shards,
        router::ShardSenders,
        run::{self, ShardStart},
    },
    share::{dead_letters::DeadLetterQueues, persister::Persister},
    topics_creator::TopicsCreator,
};

/// One for each core, and at most `num.io.threads`.
pub(super) fn count(config: &BrokerConfig) -> usize {
    let wanted = usize::try_from(config.get(&broker::NUM_IO_THREADS)).unwrap_or(1).max(1);
    spawn::cores().min(wanted)
}

/// Starts one thread for each of `queues`.
///
/// # Errors
/// If a thread cannot be started.
pub(super) fn start(
    node: &Arc<Node>,
    senders: &ShardSenders,
    queues: Vec<mpsc::UnboundedReceiver<ShardRequest>>,
) -> Result<Vec<spawn::Thread>, StartError> {
    let creator = TopicsCreator::new(Arc::clone(node));
    let producer_ids = ProducerIds::new(Arc::clone(node));
    let count = queues.len().max(1);
    // Half of what the process may open is for logs, the other half for connections.
    let open_files_max = (klamm_io::disk::open_files_limit() / 2 / count).clamp(64, 1 << 20);
    let mut threads = Vec::new();
    for (index, queue) in queues.into_iter().enumerate() {
        let (node, senders) = (Arc::clone(node), senders.clone());
        let (creator, producer_ids) = (Arc::clone(&creator), Arc::clone(&producer_ids));
        let contexts_node = Arc::clone(&node);
        let contexts = Box::new(move |shards: Rc<Shards>| {
            let inter_broker = |purpose| InterBroker::new(Arc::clone(&contexts_node), purpose);
            let share_state = inter_broker("share-state");
            let persister = Persister::new(
                Arc::clone(&contexts_node),
                Rc::clone(&shards),
                Rc::clone(&share_state),
                Arc::clone(&creator),
            );
            let persister = Rc::new(persister);
            let dead_letters =
                DeadLetterQueues::new(Arc::clone(&contexts_node), Rc::clone(&shards), Arc::clone(&creator));
            Contexts {
                cluster: ClusterContext { node: Arc::clone(&contexts_node), creator: Arc::clone(&creator) },
                configs: ConfigsContext { node: Arc::clone(&contexts_node) },
                groups: GroupsContext {
                    node: Arc::clone(&contexts_node),
                    shards: Rc::clone(&shards),
                    creator,
                    persister: Rc::clone(&persister),
                    inter_broker: share_state,
                },
                brokers: BrokersContext { node: Arc::clone(&contexts_node) },
                quorum: QuorumContext { node: Arc::clone(&contexts_node) },
                records: RecordsContext {
                    node: Arc::clone(&contexts_node),
                    shards: Rc::clone(&shards),
                    fetches: Rc::default(),
                },
                security: SecurityContext { node: Arc::clone(&contexts_node) },
                share: Rc::new(ShareContext {
                    node: Arc::clone(&contexts_node),
                    shards: Rc::clone(&shards),
                    persister,
                    dead_letters,
                }),
                topics: TopicsContext { node: Arc::clone(&contexts_node) },
                transactions: TransactionsContext {
                    verifications: Outgoing::new(inter_broker("verifications")),
                    inter_broker: inter_broker("markers"),
                    node: contexts_node,
                    shards,
                    producer_ids,
                },
            }
        });
        let start = ShardStart { index, node, senders, queue, open_files_max, contexts };
        threads.push(spawn::thread(&format!("klamm-shard-{index}"), move || run::run(start))?);
    }
    Ok(threads)
}
