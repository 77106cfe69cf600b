//! klamm-io
