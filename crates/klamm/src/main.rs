//! `klamm`: one binary, every tool.
//!
//! What it is: the command line of the platform. `klamm <command>` runs one command; called through a link named
//! `kafka-topics.sh` or `kafka-topics` it behaves as that tool of Apache Kafka 4.3 (flags, output, exit codes).
//! Called without any argument it starts a node.
//!
//! What it is not: the place where anything about Kafka is decided. The tools stand on `klamm-client`, which works
//! against Apache Kafka as well; the node is `klamm-server`.
//!
//! Read first: [`commands`] (the list), then one command, e.g. `commands/topics.rs`.
//!
//! Non-obvious:
//! * What a script may parse goes to standard output exactly as Kafka's tool prints it. Tables, colours and progress
//!   bars appear only where standard output (or error) is a terminal.
//! * A usage error ends with status 1, as Kafka's tools do, and not with clap's 2.

mod cli;
mod command;
mod commands;
mod java;
mod message_json;
mod progress;
mod session;

use std::process::ExitCode;

fn main() -> ExitCode {
    end_with_the_reader();
    command::dispatch(std::env::args_os().collect(), commands::COMMANDS, commands::run_default)
}

/// A reader that has seen enough (`klamm topics --list | head -1`) is no fault: the command ends as SIGPIPE would end it,
/// which Rust programs ignore.
fn end_with_the_reader() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to std") && message.contains("Broken pipe") {
            std::process::exit(141);
        }
        report(panic);
    }));
}
