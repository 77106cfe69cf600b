//! What leaders ask of the controller when their followers have caught up, which those of a pretended broker always have.

use std::rc::Rc;

use klamm_metadata::{MetadataImage, image::Partition};
use klamm_protocol::{
    ErrorCode, Uuid,
    api::alter_partition::{
        AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData,
        BrokerState,
    },
};

use crate::broker::Broker;

/// Topic, number and state of all partitions.
pub(crate) fn all_partitions(image: &MetadataImage) -> impl Iterator<Item = (Uuid, i32, &Partition)> {
    image
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|(index, partition)| (topic.id, *index, &**partition)))
}

/// Takes all replicas into the ISR of all partitions that a broker leads: a topic, and so a thousand partitions at most,
/// with each request. `epochs` are those of the brokers' registrations.
///
/// # Errors
/// If the controller refuses one.
pub(crate) async fn take_all_in(broker: Rc<Broker>, epochs: Vec<(i32, i64)>) -> Result<(), String> {
    let peers = broker.world.peers(format!("broker-{}-alter-partition", broker.id));
    let mut topics: Vec<AlterPartitionRequestTopicData> = Vec::new();
    {
        let image = &broker.view.borrow().image;
        let led = all_partitions(image)
            .filter(|(.., it)| it.leader == broker.id && it.isr.len() < it.replicas.len());
        for (topic_id, index, partition) in led {
            if topics.last().is_none_or(|topic| topic.topic_id != topic_id) {
                topics.push(AlterPartitionRequestTopicData { topic_id, ..Default::default() });
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(whole(index, partition, &epochs));
            }
        }
    }
    for topic in topics {
        let request = AlterPartitionRequest {
            broker_id: broker.id,
            broker_epoch: broker.epoch.get(),
            topics: vec![topic],
            ..Default::default()
        };
        let answer = broker.ask(&peers, &request).await?;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let mut codes = partitions.map(|it| it.error_code).chain([answer.error_code]);
        if let Some(code) = codes.find(|code| *code != 0) {
            return Err(format!("AlterPartition: {}", ErrorCode::from_code(code).name()));
        }
    }
    Ok(())
}

fn whole(index: i32, partition: &Partition, epochs: &[(i32, i64)]) -> AlterPartitionRequestPartitionData {
    let epoch = |id| epochs.iter().find(|(known, _)| *known == id).map_or(-1, |(_, epoch)| *epoch);
    let in_sync = partition.replicas.iter().map(|id| BrokerState {
        broker_id: *id,
        broker_epoch: epoch(*id),
        ..Default::default()
    });
    AlterPartitionRequestPartitionData {
        partition_index: index,
        leader_epoch: partition.leader_epoch,
        new_isr_with_epochs: in_sync.collect(),
        partition_epoch: partition.partition_epoch,
        ..Default::default()
    }
}
