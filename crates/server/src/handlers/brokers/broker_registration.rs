//! BrokerRegistration (key 62), v0–4: a broker comes (KIP-631); v2 log directories (KIP-858), v3 its last epoch (KIP-966).

use klamm_protocol::api::broker_registration::{BrokerRegistrationRequest, BrokerRegistrationResponse};

super::controller_handler!(register_broker, BrokerRegistrationRequest, BrokerRegistrationResponse);
