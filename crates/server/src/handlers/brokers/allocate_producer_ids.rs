//! AllocateProducerIds (key 67), v0: a block of producer ids for a broker (KIP-730).

use klamm_protocol::api::allocate_producer_ids::{AllocateProducerIdsRequest, AllocateProducerIdsResponse};

super::controller_handler!(allocate_producer_ids, AllocateProducerIdsRequest, AllocateProducerIdsResponse);
