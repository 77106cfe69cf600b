//! Development tasks: everything that is not the product, behind `cargo xtask <task>`.
//!
//! Not a place for anything that a node or a tool needs at run time. Read `test` first: it lists the stages that the
//! README's test command and `.ci/run` go through. Programs of other languages (Kafka's Java tools, other clients) lie
//! under `tests/` and are only driven from here.
//!
//! Non-obvious: tasks print what they run, keep what they download under the target folder, and never stop a process
//! that they did not start.
#![expect(
    clippy::disallowed_methods,
    reason = "xtask runs commands and waits for them; the door is for the product"
)]

mod check;
mod shell;
mod tally;
mod test;
#[cfg(test)]
mod tidy;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of Klamm")]
enum Task {
    /// Checks format, lints and the rules of the tree; writes nothing
    Check,
    /// Formats the code and applies what clippy can mend by itself
    Fix,
    /// Installs what the tests need and runs them
    Test {
        /// Only these stages (without any: all of them)
        stages: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Check => check::check(),
        Task::Fix => check::fix(),
        Task::Test { stages } => test::test(&stages),
    }
}
