//! What older versions of the messages cannot say, and would fail to be encoded with.
//!
//! The machine knows no versions: it says what it knows. Whoever puts that on the wire leaves out here what the other
//! side does not understand, as Kafka does.

use crate::message::RaftResponse;
use klamm_protocol::api::fetch::{FetchRequest, LeaderIdAndEpoch};

/// The first version of Fetch with the endpoint of the leader. Its schema has that from v16 on, but Kafka's controllers
/// tell it only together with directory ids (KIP-853).
const FETCH_ENDPOINTS: i16 = 17;
/// The first version of Fetch with the leader, divergence and snapshots (KIP-595).
const FETCH_LEADER: i16 = 12;
/// The first version of Fetch that says more of the replica than its id (KIP-903).
const FETCH_REPLICA_STATE: i16 = 15;

impl RaftResponse {
    /// The same answer without what `version` of its API has no place for.
    #[must_use]
    pub fn in_version(mut self, version: i16) -> Self {
        match &mut self {
            Self::Fetch(response) => {
                if version < FETCH_ENDPOINTS {
                    response.node_endpoints.clear();
                }
                if version < FETCH_LEADER {
                    for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
                        // Divergence and snapshots are told only to who has named its last epoch, as v12 does first.
                        partition.current_leader = LeaderIdAndEpoch::default();
                    }
                }
            }
            Self::FetchSnapshot(response) if version < 1 => response.node_endpoints.clear(),
            Self::Vote(response) if version < 1 => response.node_endpoints.clear(),
            Self::BeginQuorumEpoch(response) if version < 1 => response.node_endpoints.clear(),
            Self::EndQuorumEpoch(response) if version < 1 => response.node_endpoints.clear(),
            _ => {}
        }
        self
    }
}

/// Says in `request` who fetches, where `version` has it.
pub fn fetch_in_version(request: &mut FetchRequest, version: i16) {
    if version < FETCH_REPLICA_STATE {
        request.replica_id = std::mem::take(&mut request.replica_state).replica_id;
    }
}
