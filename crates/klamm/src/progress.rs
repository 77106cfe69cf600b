//! Progress bars for long work. They are drawn on standard error, and only if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts things; `what` is their name in the plural.
pub(crate) fn items(total: u64, what: &'static str) -> ProgressBar {
    bar(total, &format!("{{wide_bar}} {{pos}} of {{len}} {what}, {{elapsed}}"))
}

/// A bar that counts bytes.
pub(crate) fn bytes(total: u64) -> ProgressBar {
    bar(total, "{wide_bar} {bytes} of {total_bytes}, {eta} left")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    // Nothing is drawn where standard error is no terminal.
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
