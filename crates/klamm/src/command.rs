//! What a command is, and how a command line finds one: by the name of the link it was called through, else by its first
//! argument. Which commands there are is in [`crate::commands`].

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{self, Call};

/// One command of the binary.
pub(crate) struct Command {
    /// The name behind `klamm`.
    pub(crate) name: &'static str,
    /// The script of Apache Kafka that does the same, without `.sh`; empty if there is none.
    pub(crate) script: &'static str,
    /// One line for the list that `klamm help` prints.
    pub(crate) about: &'static str,
    /// The heading under which it is listed.
    pub(crate) area: Area,
    /// What it does; gives the status to end with.
    pub(crate) run: fn(&Call) -> anyhow::Result<ExitCode>,
}

/// The headings of `klamm help`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    Node,
    Data,
    Cluster,
    Measure,
}

/// Runs what the command line asks for: by the name of the link it was called through, else by its first argument.
///
/// Without any argument it is `default` that runs.
pub(crate) fn dispatch(
    mut args: Vec<OsString>,
    commands: &[Command],
    default: fn() -> anyhow::Result<ExitCode>,
) -> ExitCode {
    if let Some(command) = args.first().and_then(|program| by_script(program, commands)) {
        let call = Call { program: command.script.to_owned(), arguments: args.split_off(1) };
        return finish((command.run)(&call));
    }
    let Some(word) = args.get(1).map(|word| word.to_string_lossy().into_owned()) else {
        return finish(default());
    };
    match word.as_str() {
        "help" | "--help" | "-h" => {
            if let Some(topic) = args.get(2).and_then(|word| by_name(&word.to_string_lossy(), commands)) {
                let call =
                    Call { program: format!("klamm {}", topic.name), arguments: vec!["--help".into()] };
                return finish((topic.run)(&call));
            }
            print!("{}", overview(commands));
            ExitCode::SUCCESS
        }
        "--version" | "-V" | "version" => {
            println!("klamm {} (Apache Kafka {})", env!("CARGO_PKG_VERSION"), cli::KAFKA_VERSION);
            ExitCode::SUCCESS
        }
        name => match by_name(name, commands) {
            Some(command) => {
                let call = Call { program: format!("klamm {}", command.name), arguments: args.split_off(2) };
                finish((command.run)(&call))
            }
            None => {
                eprintln!("{}", unknown_command(name, commands));
                ExitCode::FAILURE
            }
        },
    }
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        cli::print_error(&error);
        ExitCode::FAILURE
    })
}

/// Finds a command by the name behind `klamm`; Kafka's script names are accepted too (`klamm kafka-topics.sh`).
fn by_name<'a>(name: &str, commands: &'a [Command]) -> Option<&'a Command> {
    let bare = name.strip_suffix(".sh").unwrap_or(name);
    commands.iter().find(|command| command.name == bare || (!bare.is_empty() && command.script == bare))
}

/// Finds the command that the file name of `program` is a script of.
fn by_script<'a>(program: &OsString, commands: &'a [Command]) -> Option<&'a Command> {
    let name = Path::new(program).file_name()?.to_string_lossy().into_owned();
    let bare = name.strip_suffix(".sh").unwrap_or(&name);
    commands.iter().find(|command| !command.script.is_empty() && command.script == bare)
}

/// The text of `klamm help`.
fn overview(commands: &[Command]) -> String {
    let (bold, plain) = if std::io::stdout().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let mut text = format!(
        "Klamm: Apache Kafka's platform as one binary.\n\n\
         {bold}Usage:{plain} klamm                      start a node at 127.0.0.1:9092, data in ./klamm-data\n       \
         klamm <command> [options]  run one command; `klamm <command> --help` explains it\n"
    );
    let wide = commands.iter().map(|command| command.name.len()).max().unwrap_or(0);
    for (area, heading) in [
        (Area::Node, "Node"),
        (Area::Data, "Topics and records"),
        (Area::Cluster, "Groups, configuration, cluster"),
        (Area::Measure, "Measuring"),
    ] {
        if !commands.iter().any(|command| command.area == area) {
            continue;
        }
        let _ = writeln!(text, "\n{bold}{heading}:{plain}");
        for command in commands.iter().filter(|command| command.area == area) {
            let _ = writeln!(text, "  {:<wide$} {}", command.name, command.about);
        }
    }
    text.push_str(
        "\nA link to this binary named like a script of Apache Kafka (kafka-topics.sh or kafka-topics) behaves as that tool.\n",
    );
    text
}

/// The message for a command that does not exist, with the nearest names.
fn unknown_command(name: &str, commands: &[Command]) -> String {
    let near: Vec<&str> =
        commands.iter().map(|command| command.name).filter(|other| distance(name, other) <= 3).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" Did you mean: {}?", near.join(", ")) };
    format!("klamm: there is no command '{name}'.{hint} `klamm help` lists all.")
}

/// Edit distance between two short names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = before + usize::from(ca != *cb);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::COMMANDS;

    #[test]
    fn links_and_names_lead_to_the_same_command() {
        for (program, name) in [
            ("/usr/bin/kafka-storage.sh", Some("storage")),
            ("kafka-storage", Some("storage")),
            ("kafka-server-start.sh", Some("server")),
            ("/opt/klamm", None),
            ("storage", None),
        ] {
            assert_eq!(by_script(&program.into(), COMMANDS).map(|c| c.name), name, "{program}");
        }
        for (word, name) in
            [("storage", Some("storage")), ("kafka-storage.sh", Some("storage")), ("", None), ("stor", None)]
        {
            assert_eq!(by_name(word, COMMANDS).map(|c| c.name), name, "{word}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_the_command() {
        for (a, b, expect) in [("topcs", "topics", 1), ("server", "server", 0), ("", "ab", 2)] {
            assert_eq!(distance(a, b), expect);
        }
        let message = unknown_command("sever", COMMANDS);
        assert!(message.contains("Did you mean: server"), "{message}");
    }
}
