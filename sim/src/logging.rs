//! What nodes log, with the simulated time and the host in front.

use std::fmt;

use tracing_subscriber::{EnvFilter, fmt::format::Writer, fmt::time::FormatTime};

struct SimulatedTime;

impl FormatTime for SimulatedTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        match klamm_io::sim::here() {
            Some((Some(host), now)) => write!(writer, "{:>11.6} host {}", now.as_secs_f64(), host.0),
            Some((None, now)) => write!(writer, "{:>11.6}       ", now.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// Prints to standard error what the filter (as in `RUST_LOG`) lets through.
pub fn print(filter: &str) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_timer(SimulatedTime)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .finish();
    // A second one changes nothing.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
