//! klamm-protocol-derive
