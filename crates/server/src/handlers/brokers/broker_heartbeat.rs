//! BrokerHeartbeat (key 63), v0–2: a broker is alive, and what it wants: to be fenced, to serve, to go (KIP-631).

use klamm_protocol::api::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};

super::controller_handler!(broker_heartbeat, BrokerHeartbeatRequest, BrokerHeartbeatResponse);
