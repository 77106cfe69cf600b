//! UnregisterBroker (key 64), v0: a broker is gone for good (KIP-631).

use klamm_protocol::api::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

super::controller_handler!(unregister_broker, UnregisterBrokerRequest, UnregisterBrokerResponse);
