//! Acknowledgements that go by themselves, without a fetch.

use std::collections::{BTreeMap, BTreeSet};

use klamm_io::spawn;
use klamm_protocol::{
    ErrorCode,
    api::share_acknowledge::{ShareAcknowledgeRequest, ShareAcknowledgeResponse},
};

use super::{Event, ShareConsumer};
use crate::{
    ClientError,
    cluster::Cluster,
    share::{acknowledgements::Range, member::IdPartition},
};

impl ShareConsumer {
    /// Says what is to be said to every broker that has no request of ours, by itself. What is to be said to the others
    /// goes with what they are asked next.
    pub(super) fn send_acknowledgements(&mut self) {
        for node in self.acknowledgements.nodes() {
            let broker = self.brokers.entry(node).or_default();
            if broker.is_busy {
                continue;
            }
            if !broker.session.is_open() {
                // Whatever was acquired in a session that is gone is not ours any more.
                self.acknowledgements.take(node);
                self.renewals.lost(node);
                continue;
            }
            let request = self.acknowledgement(node, false);
            self.brokers.entry(node).or_default().is_busy = true;
            let (cluster, sender) = (self.cluster.clone(), self.sender.clone());
            spawn::anywhere(async move {
                let _ = sender.send(Event::Acknowledged(node, acknowledge(&cluster, node, request).await));
            });
        }
    }

    /// The request that says all that is to be said to a broker, and nothing else.
    fn acknowledgement(&mut self, node: i32, is_last: bool) -> ShareAcknowledgeRequest {
        let said = self.take_said(node);
        let count = offsets_of(&said);
        if count > 0 {
            self.metrics.acknowledged(self.cluster.clock().now(), count);
        }
        let broker = self.brokers.entry(node).or_default();
        broker.session.acknowledge(&self.member, &said, is_last)
    }

    pub(super) async fn acknowledge_now(&mut self, node: i32, is_last: bool) -> Result<(), ClientError> {
        let broker = self.brokers.entry(node).or_default();
        if !broker.session.is_open() {
            // Whatever was acquired in a session that is gone is not ours any more: none of it is renewed.
            self.acknowledgements.take(node);
            self.renewals.lost(node);
            return Ok(());
        }
        if !is_last && !self.acknowledgements.has_some(node) {
            return Ok(());
        }
        let request = self.acknowledgement(node, is_last);
        let result = acknowledge(&self.cluster, node, request).await;
        self.acknowledged(node, result)
    }

    /// Takes a broker's answer to what was said to it by itself. The first error that is in it.
    pub(super) fn acknowledged(
        &mut self,
        node: i32,
        result: Result<ShareAcknowledgeResponse, ClientError>,
    ) -> Result<(), ClientError> {
        let failure = result.as_ref().err().cloned();
        let answer = self.answered(node, result, |answer| {
            ClientError::check(answer.error_code, answer.error_message.as_deref())
        });
        let Some(answer) = answer else {
            return Err(failure
                .unwrap_or(ClientError::Broker { code: ErrorCode::ShareSessionNotFound, message: None }));
        };
        let mut refused = BTreeSet::new();
        let mut first_error = None;
        for topic in &answer.responses {
            for partition in &topic.partitions {
                let message = partition.error_message.as_deref();
                if let Err(error) = ClientError::check(partition.error_code, message) {
                    refused.insert((topic.topic_id, partition.partition_index));
                    first_error.get_or_insert(error);
                }
            }
        }
        self.take_renewed(node, &refused);
        first_error.map_or(Ok(()), Err)
    }
}

/// How many offsets something is said of.
pub(super) fn offsets_of(said: &BTreeMap<IdPartition, Vec<Range>>) -> usize {
    let count = |(first, last, _): &Range| usize::try_from(last - first + 1).unwrap_or(0);
    said.values().flatten().map(count).sum()
}

async fn acknowledge(
    cluster: &Cluster,
    node: i32,
    request: ShareAcknowledgeRequest,
) -> Result<ShareAcknowledgeResponse, ClientError> {
    cluster.call_node(node, &request).await
}
