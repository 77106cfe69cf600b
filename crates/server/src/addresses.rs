//! Listeners as people write them.

use std::fmt::Display;

/// Name, host and port of each, as in `advertised.listeners`.
pub(crate) fn written<N: Display, H: Display>(listeners: impl Iterator<Item = (N, H, u16)>) -> String {
    let all: Vec<String> = listeners.map(|(name, host, port)| format!("{name}://{host}:{port}")).collect();
    all.join(",")
}
