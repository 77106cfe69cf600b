//! HTTP services: metrics now, whatever else is asked by HTTP later.
//!
//! They run on a thread of their own, never on a shard's, so that nobody who asks for them slows the data path.

use std::io::{self, ErrorKind};

use crate::net::Acceptor;

/// Serves a router's pages to whoever connects, for as long as the future is polled.
///
/// # Errors
/// If the listener is a simulated one, which has no HTTP, or fails for good.
pub async fn serve(acceptor: Acceptor, pages: axum::Router) -> io::Result<()> {
    let listener = acceptor
        .into_real()
        .ok_or_else(|| io::Error::new(ErrorKind::Unsupported, "a simulated network has no HTTP"))?;
    axum::serve(listener, pages).await
}
