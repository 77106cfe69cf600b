//! Moves partitions to other brokers.

use klamm_protocol::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};

use super::{Client, readers::wait_for_topics, topic_names};

/// Moves partitions until nothing goes wrong any more.
pub(super) async fn reassign(client: Client) {
    wait_for_topics(&client).await;
    let Ok(admin) = client.admin() else { return };
    while !client.history.is_healing() {
        client.pause(10_000).await;
        let names = topic_names(&client.plan);
        let topic = usize::try_from(client.entropy.below(names.len() as u64)).unwrap_or(0);
        let partitions = u64::try_from(client.plan.topics.1).unwrap_or(1);
        let partition = ReassignablePartition {
            partition_index: i32::try_from(client.entropy.below(partitions)).unwrap_or(0),
            replicas: Some(replicas(&client)),
            ..ReassignablePartition::default()
        };
        let topic = ReassignableTopic {
            name: names[topic].clone().into(),
            partitions: vec![partition],
            ..ReassignableTopic::default()
        };
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: 10_000,
            topics: vec![topic],
            ..AlterPartitionReassignmentsRequest::default()
        };
        if let Ok(answer) = admin.cluster().call_any(&request).await
            && answer.error_code == 0
        {
            client.history.lock().count("reassignments begun");
        }
    }
    client.history.done("reassignments".to_owned());
}

/// As many brokers as a partition has replicas.
fn replicas(client: &Client) -> Vec<i32> {
    let mut brokers: Vec<i32> = (1..=i32::from(client.plan.nodes)).collect();
    let mut chosen = Vec::new();
    for _ in 0..client.plan.replication_factor {
        let index = usize::try_from(client.entropy.below(brokers.len() as u64)).unwrap_or(0);
        chosen.push(brokers.swap_remove(index));
    }
    chosen
}
