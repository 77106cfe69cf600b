//! Files of commands, which begin with `> `, and of what comes of each, in the lines after it. A file begins anew with a
//! line of settings, as `= size=2`; comments and empty lines stay as they are.

use std::fmt::Write;
use std::path::Path;

/// What the commands of a file are for.
pub(crate) trait Script {
    /// Begins, with the words of a line of settings; with none if the file does not begin with such a line.
    fn begin(settings: &str) -> Self;

    /// Carries out a command. What comes of it, in lines.
    fn run(&mut self, command: &str) -> Vec<String>;
}

/// Runs all files of a folder beside the tests, and checks that they come out as they are; with `UPDATE` in the
/// environment it writes them as they come out.
pub(crate) fn check_folder<S: Script>(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let entries = std::fs::read_dir(&folder).expect("the folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file");
        let actual = run::<S>(&text);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, actual).expect("to write");
        } else {
            assert_eq!(actual, text, "{}", file.display());
        }
    }
}

/// The text with what comes of every command made anew.
fn run<S: Script>(text: &str) -> String {
    let mut out = String::new();
    let mut script = S::begin("");
    let mut say = |line: &str| writeln!(out, "{line}").expect("a string");
    for line in text.lines() {
        if let Some(settings) = line.strip_prefix("= ") {
            say(line);
            script = S::begin(settings);
        } else if let Some(command) = line.strip_prefix("> ") {
            say(line);
            script.run(command).iter().for_each(|line| say(line));
        } else if line.is_empty() || line.starts_with('#') {
            say(line);
        }
    }
    out
}
