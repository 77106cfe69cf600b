//! `docs`: the pages that come from the code and from kept results.

use anyhow::Result;

use crate::conformance::report;
use crate::shell::{command, root, run};

/// Writes the reference of config keys and the conformance page.
pub(crate) fn docs() -> Result<()> {
    let mut reference =
        command("cargo", &["run", "--quiet", "--package", "klamm", "--", "config", "--markdown"]);
    // The page that needs no build comes first.
    report::write()?;
    run(reference.arg(root().join("docs/reference")))
}
