//! AlterPartition (key 56), v2–3: a leader changes the in-sync replicas of its partitions (KIP-497).
//!
//! * v2  topic ids  * v3  broker epochs of the replicas (KIP-903)

use klamm_protocol::api::alter_partition::{AlterPartitionRequest, AlterPartitionResponse};

super::controller_handler!(alter_partition, AlterPartitionRequest, AlterPartitionResponse);
