//! AssignReplicasToDirs (key 73), v0: a broker says which log directories its replicas are in (KIP-858).

use klamm_protocol::api::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse,
};

super::controller_handler!(
    assign_replicas_to_dirs,
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse
);
