//! Apache Kafka's tools and Java clients as commands.

use std::process::Command;

use crate::node::kafka_real;
use crate::setup;
use crate::shell::command;

/// One of Kafka's command-line tools, by its class.
pub(crate) fn kafka(class: &str, arguments: &[&str]) -> Command {
    let mut tool = command(&kafka_real("tool").to_string_lossy(), &[class]);
    tool.args(arguments);
    tool
}

/// The program of tests/clients/java.
pub(crate) fn java_client(arguments: &[&str]) -> Command {
    let mut tool = kafka("TestClient", arguments);
    tool.env("KAFKA_CP_EXTRA", setup::clients().join("java"));
    tool
}

/// One of the programs of tests/clients/python.
pub(crate) fn python(file: &str) -> Command {
    let mut python = command(&setup::clients().join("venv/bin/python").to_string_lossy(), &[]);
    python.arg(crate::shell::root().join("tests/clients/python").join(file));
    python
}
