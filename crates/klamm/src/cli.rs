//! What all commands share: parsing as Kafka's tools do, tables, errors for people.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::process::ExitCode;

/// The version of Apache Kafka whose tools these commands stand in for; `--version` of a tool prints it.
pub(crate) const KAFKA_VERSION: &str = "4.3.1";

/// One call of a command.
pub(crate) struct Call {
    /// What the user typed to get here: `klamm topics` or `kafka-topics`.
    pub(crate) program: String,
    /// The arguments behind it.
    pub(crate) arguments: Vec<OsString>,
}

impl Call {
    /// Parses the arguments. `Err` holds the status to end with: help and version were asked for and printed (0), or
    /// the arguments are wrong and the reason was printed (1).
    pub(crate) fn parse<T: clap::Parser>(&self) -> Result<T, ExitCode> {
        let mut command = T::command().no_binary_name(true).bin_name(&self.program).version(KAFKA_VERSION);
        command = command.styles(styles()).max_term_width(110);
        if self.arguments.is_empty() && command.is_arg_required_else_help_set() {
            eprintln!("{}", command.render_help());
            return Err(ExitCode::FAILURE);
        }
        let matches = match command.try_get_matches_from_mut(&self.arguments) {
            Ok(matches) => matches,
            Err(error) => return Err(print_parse_error(&error, &self.program)),
        };
        T::from_arg_matches(&matches).map_err(|error| print_parse_error(&error, &self.program))
    }

    /// Prints a usage error the way [`Call::parse`] does and gives the status for it.
    pub(crate) fn usage_error(&self, message: &str) -> ExitCode {
        eprintln!("{message}\n\nTry `{} --help`.", self.program);
        ExitCode::FAILURE
    }
}

fn print_parse_error(error: &clap::Error, program: &str) -> ExitCode {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayVersion => {
            println!("{KAFKA_VERSION}");
            ExitCode::SUCCESS
        }
        _ => {
            let _ = error.print();
            if !error.to_string().contains("--help") {
                eprintln!("Try `{program} --help`.");
            }
            ExitCode::FAILURE
        }
    }
}

fn styles() -> clap::builder::Styles {
    use clap::builder::styling::{AnsiColor, Styles};
    Styles::styled()
        .header(AnsiColor::Yellow.on_default().bold())
        .usage(AnsiColor::Yellow.on_default().bold())
        .literal(AnsiColor::Cyan.on_default())
        .placeholder(AnsiColor::Green.on_default())
}

/// Prints an error and all its causes to standard error, in red where that is a terminal.
pub(crate) fn print_error(error: &anyhow::Error) {
    let (red, plain) = if std::io::stderr().is_terminal() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    eprintln!("{red}error:{plain} {}", chain_text(error));
    if let Some(remedy) = crate::session::remedy_of(error) {
        eprintln!("{remedy}");
    }
}

/// An error and its causes, leaving out a cause that the text before it ends with already.
fn chain_text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The same text, with the lines that `pick` picks in bold type if standard output is a terminal.
pub(crate) fn emphasised(text: &str, pick: impl Fn(&str) -> bool) -> String {
    if !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    text.split_inclusive('\n')
        .map(|line| match line.trim_end_matches('\n') {
            bare if pick(bare) => format!("\x1b[1m{bare}\x1b[0m{}", &line[bare.len()..]),
            _ => line.to_owned(),
        })
        .collect()
}

/// Rows in columns as wide as their widest cell, each cell followed by a tab, as some of Kafka's tools print them. The
/// first row holds the headings.
pub(crate) fn padded_table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "{cell:<width$}\t");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error =
            anyhow::anyhow!("in use").context("cannot listen: in use").context("the node cannot start");
        assert_eq!(chain_text(&error), "the node cannot start: cannot listen: in use");
    }
}
