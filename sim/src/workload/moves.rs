//! Moves replicas between the log directories of their brokers.

use std::collections::BTreeMap;

use klamm_client::TopicPartition;

use super::{Client, readers::wait_for_topics, topic_names};
use crate::cluster::log_dirs;

/// Moves replicas until nothing goes wrong any more.
pub(super) async fn move_replicas(client: Client) {
    wait_for_topics(&client).await;
    let Ok(admin) = client.admin() else { return };
    let dirs = log_dirs(&client.plan);
    let names = topic_names(&client.plan);
    let below = |bound: usize| usize::try_from(client.entropy.below(bound as u64)).unwrap_or(0);
    while !client.history.is_healing() {
        client.pause(3000).await;
        let partitions = u64::try_from(client.plan.topics.1).unwrap_or(1);
        let index = i32::try_from(client.entropy.below(partitions)).unwrap_or(0);
        let broker = 1 + i32::try_from(client.entropy.below(u64::from(client.plan.nodes))).unwrap_or(0);
        let at = TopicPartition::new(names[below(names.len())].as_str(), index);
        let moves = BTreeMap::from([(at, dirs[below(dirs.len())].clone())]);
        if let Ok(answers) = admin.alter_replica_log_dirs(broker, &moves).await
            && answers.values().all(Result::is_ok)
        {
            client.history.lock().count("moves between directories begun");
        }
    }
    client.history.done("moves".to_owned());
}
