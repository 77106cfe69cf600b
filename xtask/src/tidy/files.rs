//! Rules for single files: sizes, open ends, links.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shell::{command, root};

/// A source file longer than this fails, not counting its `mod tests`; the aim is 400.
const FILE_LINES_MAX: usize = 800;
/// Tests at the end of a source file longer than this move to `x/tests.rs`.
const INLINE_TEST_LINES_MAX: usize = 150;
/// Tables (config keys, error codes, flags) may be longer, each with its reason.
const TABLES: &[&str] = &["crates/config/src/", "crates/protocol/src/error"];

/// All files that git knows or would add, relative to the root.
pub(super) fn files(suffix: &str) -> Vec<String> {
    let mut list: Command = command("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    let output = list.output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let exists = |name: &&str| name.ends_with(suffix) && root().join(name).is_file();
    names.lines().filter(exists).map(str::to_owned).collect()
}

pub(super) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_default()
}

pub(super) fn fail_with(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn source_files_are_short() {
    let mut wrong = Vec::new();
    for name in files(".rs") {
        let text = read(&name);
        let all = text.lines().count();
        let tests_at = text.lines().position(|line| line == "mod tests {");
        let tests = tests_at.map_or(0, |at| all - at);
        let is_test = name.contains("/tests/") || name.ends_with("/tests.rs") || name.starts_with("tests/");
        let is_table = TABLES.iter().any(|table| name.starts_with(table));
        if all - tests > FILE_LINES_MAX && !is_test && !is_table {
            wrong.push(format!("{name}: {} lines without tests, {FILE_LINES_MAX} are allowed", all - tests));
        }
        if tests > INLINE_TEST_LINES_MAX {
            wrong.push(format!("{name}: {tests} lines of tests, move them to a file of their own"));
        }
    }
    fail_with(&wrong);
}

#[test]
fn nothing_is_left_open_without_a_number() {
    // Spelled in two parts, so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut wrong = Vec::new();
    for name in files(".rs").into_iter().filter(|name| !name.starts_with("tests/conformance/")) {
        for (at, line) in read(&name).lines().enumerate() {
            for mark in marks {
                let Some(start) = line.find(mark) else { continue };
                let rest = &line[start + mark.len()..];
                if !rest.starts_with("(#") && !rest.starts_with(" #") {
                    wrong.push(format!("{name}:{}: {mark} without the number of an issue", at + 1));
                }
            }
        }
    }
    fail_with(&wrong);
}

#[test]
fn module_files_hold_no_logic() {
    let mut wrong = Vec::new();
    for name in files("/mod.rs").into_iter().filter(|name| !name.contains("/tests/")) {
        if read(&name)
            .lines()
            .any(|line| line.trim_start().starts_with("impl") || line.starts_with("struct "))
        {
            wrong.push(format!("{name}: logic belongs into files named by the one thing that they hold"));
        }
    }
    fail_with(&wrong);
}

#[test]
fn markdown_links_lead_somewhere() {
    let mut wrong = Vec::new();
    for name in files(".md") {
        let folder = root().join(&name).parent().unwrap_or(Path::new("")).to_path_buf();
        for target in links(&read(&name)) {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:") || path.is_empty();
            if !elsewhere && !folder.join(path).exists() {
                wrong.push(format!("{name}: {target} does not exist"));
            }
        }
    }
    fail_with(&wrong);
}

/// The targets of Markdown's `[text](target)`.
fn links(text: &str) -> Vec<&str> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|part| part.split(')').next()).filter(|target| !target.contains(' ')).collect()
}

#[test]
fn paths_of_architecture_exist() {
    let mut wrong = Vec::new();
    for word in read("ARCHITECTURE.md").split('`').skip(1).step_by(2) {
        let top = ["crates/", "tests/", "docs/", "xtask/", "bench/", "fuzz/", "sim/", "deploy/", ".ci/"];
        let is_path =
            top.iter().any(|folder| word.starts_with(folder)) && !word.contains([' ', '<', '{', '*']);
        if is_path && !root().join(word).exists() {
            wrong.push(format!("ARCHITECTURE.md names {word}, which does not exist"));
        }
    }
    fail_with(&wrong);
}

/// What runs in simulations takes nothing that the seed does not reach: tokio draws the first branch of a `select!` from
/// a generator of its own, and starts tasks that the simulation knows nothing of.
#[test]
fn what_is_simulated_follows_the_seed() {
    let simulated = ["crates/server/src/", "crates/net/src/", "crates/client/src/"];
    let mut wrong = Vec::new();
    for name in files(".rs").into_iter().filter(|name| simulated.iter().any(|dir| name.starts_with(dir))) {
        let text = read(&name);
        let mut lines = text.lines().enumerate().peekable();
        while let Some((at, line)) = lines.next() {
            let next = lines.peek().map_or("", |(_, next)| next.trim());
            if line.trim_end().ends_with("select! {") && next != "biased;" {
                wrong.push(format!("{name}:{}: select! without biased", at + 1));
            }
            if ["tokio::spawn(", "tokio::task::", "tokio::time::"].iter().any(|path| line.contains(path)) {
                wrong.push(format!("{name}:{}: tasks and time come from klamm_io", at + 1));
            }
        }
    }
    fail_with(&wrong);
}
