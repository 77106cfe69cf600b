//! ControllerRegistration (key 70), v0: a controller comes, with its listeners and features (KIP-919).

use klamm_protocol::api::controller_registration::{
    ControllerRegistrationRequest, ControllerRegistrationResponse,
};

super::controller_handler!(
    register_controller,
    ControllerRegistrationRequest,
    ControllerRegistrationResponse
);
