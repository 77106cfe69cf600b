//! `check` and `fix`: format and lints. The rules of the tree (layers, sizes, links) are tests of this package.

use anyhow::{Result, bail};

use crate::shell::{command, run};

/// Runs every read-only check and names those that failed at the end.
pub(crate) fn check() -> Result<()> {
    let checks: [(&str, &[&str]); 3] = [
        ("format", &["fmt", "--all", "--check"]),
        ("clippy", &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        ("tidy", &["test", "--quiet", "--package", "xtask", "tidy"]),
    ];
    let mut failed = Vec::new();
    for (name, arguments) in checks {
        if let Err(error) = run(&mut command("cargo", arguments)) {
            eprintln!("{name}: {error}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Formats the code and lets clippy mend what it can.
pub(crate) fn fix() -> Result<()> {
    run(&mut command(
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"],
    ))?;
    run(&mut command("cargo", &["fmt", "--all"]))
}
