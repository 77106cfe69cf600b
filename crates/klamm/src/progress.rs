//! Progress bars for long work. They are drawn on standard error, and only if that is a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Files below this size are read in no time.
const WORTH_A_BAR_BYTES: u64 = 16 << 20;

/// A bar that counts things; `what` is their name in the plural.
pub(crate) fn items(total: u64, what: &'static str) -> ProgressBar {
    bar(total, &format!("{{wide_bar}} {{pos}} of {{len}} {what}, {{elapsed}}"))
}

/// A bar that counts the bytes of a file, for commands that print while they read. It is shown where there is much to
/// read and what is printed goes elsewhere.
pub(crate) fn bytes(total: u64) -> ProgressBar {
    if total < WORTH_A_BAR_BYTES || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
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
