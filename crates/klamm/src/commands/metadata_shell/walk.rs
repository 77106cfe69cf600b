//! The commands of the shell, with the output of Kafka's.

use std::fmt::Write as _;

use super::glob::Glob;
use super::tree::Node;
use super::words::{COMMANDS, Command, parse};

/// A tree, and a place in it.
pub(super) struct Shell {
    root: Node,
    place: Vec<String>,
    history: Vec<String>,
    /// How wide lists may be; `None`: one name a line.
    width: Option<usize>,
    converses: bool,
}

/// What a command leaves.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Something to print.
    Text(String),
    /// The end of the conversation.
    Exit,
}

impl Shell {
    /// One for single commands: some of them make no sense so.
    pub(super) fn new(root: Node) -> Self {
        Self { root, place: Vec::new(), history: Vec::new(), width: None, converses: false }
    }

    /// The same for a conversation, on a terminal of so many columns if it is one.
    pub(super) fn conversing(self, width: Option<usize>) -> Self {
        Self { width, converses: true, ..self }
    }

    /// Runs one command.
    pub(super) fn run(&mut self, words: &[&str]) -> Next {
        let Some((_, arguments)) = words.split_first() else { return Next::Text(String::new()) };
        self.history.push(words.join(" "));
        let command = match parse(words, self.converses) {
            Ok(Command::Exit) => return Next::Exit,
            Ok(command) => command,
            Err(wrong) => return Next::Text(format!("{wrong}\n")),
        };
        let here = ["."];
        let or_here = if arguments.iter().all(|path| path.is_empty()) { &here[..] } else { arguments };
        let mut text = String::new();
        match command {
            Command::Cat => arguments.iter().for_each(|path| self.cat(path, &mut text)),
            Command::Cd => self.cd(arguments.first().copied().unwrap_or("/"), &mut text),
            Command::Find => or_here.iter().for_each(|path| self.find(path, &mut text)),
            Command::Help => help(&mut text),
            Command::History => self.tell_history(arguments.first().copied(), &mut text),
            Command::Ls => self.ls(or_here, &mut text),
            Command::Man => man(arguments.first().copied().unwrap_or_default(), &mut text),
            Command::Pwd => line(&mut text, &path_text(&self.place)),
            Command::Tree => arguments.iter().for_each(|path| self.tree(path, &mut text)),
            Command::Exit => {}
        }
        Next::Text(text)
    }

    fn cat(&self, path: &str, text: &mut String) {
        let found = self.found(path);
        for (_, node) in &found {
            match node {
                Node::File(content) => line(text, content),
                Node::Directory(_) => line(text, &format!("cat: {path}: Is a directory")),
            }
        }
        if found.is_empty() {
            line(text, &format!("cat: {path}: No such file or directory."));
        }
    }

    fn tree(&self, path: &str, text: &mut String) {
        let found = self.found(path);
        found.iter().for_each(|(_, node)| tree(node, 0, text));
        if found.is_empty() {
            line(text, &format!("tree: {path}: No such file or directory."));
        }
    }

    fn cd(&mut self, path: &str, text: &mut String) {
        let mut place = None;
        let found = self.found(path);
        for (names, node) in &found {
            match node {
                Node::File(_) => line(text, &format!("cd: {path}: not a directory.")),
                Node::Directory(_) => place = Some(names.clone()),
            }
        }
        if found.is_empty() {
            line(text, &format!("cd: {path}: no such directory."));
        }
        if let Some(place) = place {
            self.place = place;
        }
    }

    fn find(&self, path: &str, text: &mut String) {
        let found = self.found(path);
        found.iter().for_each(|(_, node)| find(node, path, text));
        if found.is_empty() {
            line(text, &format!("find: {path}: no such file or directory."));
        }
    }

    fn ls(&self, paths: &[&str], text: &mut String) {
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for path in paths {
            let found = self.found(path);
            if found.is_empty() {
                line(text, &format!("ls: {path}: no such file or directory."));
            }
            for (names, node) in found {
                let name = names.last().map_or_else(|| "/".to_owned(), String::clone);
                match node {
                    Node::File(_) => files.push(name),
                    Node::Directory(entries) => directories.push((name, entries)),
                }
            }
        }
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        columns(&files, self.width, text);
        let with_heading = !files.is_empty() || directories.len() > 1;
        let mut is_first = files.is_empty();
        for (name, entries) in &directories {
            // Kafka's shell does not tell of an empty one, but leaves room for it all the same.
            if with_heading && !entries.is_empty() {
                line(text, &format!("{}{name}:", if is_first { "" } else { "\n" }));
            }
            is_first = false;
            columns(&entries.keys().map(String::as_str).collect::<Vec<_>>(), self.width, text);
        }
    }

    fn tell_history(&self, count: Option<&str>, text: &mut String) {
        let count = match count.map(str::parse::<i64>) {
            Some(Err(_)) => {
                let wrong = count.unwrap_or_default();
                return line(
                    text,
                    &format!(
                        "argument numEntriesToShow: could not convert '{wrong}' to Integer (32 bit signed integer)"
                    ),
                );
            }
            Some(Ok(count)) => usize::try_from(count).unwrap_or(0),
            None => usize::MAX,
        };
        let skipped = self.history.len().saturating_sub(count);
        for (number, entry) in self.history.iter().enumerate().skip(skipped) {
            line(text, &format!("{number:>5}  {entry}"));
        }
    }

    /// What a path with wildcards leads to, each with its names from the root.
    fn found(&self, path: &str) -> Vec<(Vec<String>, &Node)> {
        let mut found = vec![(Vec::new(), &self.root)];
        for name in self.resolve(path) {
            let glob = Glob::new(&name);
            let mut next = Vec::new();
            for (names, node) in found {
                let Node::Directory(entries) = node else { continue };
                let matching: Vec<(&String, &Node)> = match &glob {
                    Glob::Literal(name) => entries.get_key_value(name).into_iter().collect(),
                    Glob::Pattern(_) => entries.iter().filter(|(name, _)| glob.matches(name)).collect(),
                };
                for (name, entry) in matching {
                    let mut names = names.clone();
                    names.push(name.clone());
                    next.push((names, entry));
                }
            }
            found = next;
        }
        found
    }

    /// Names from the root, without dots.
    fn resolve(&self, path: &str) -> Vec<String> {
        let mut place = if path.starts_with('/') { Vec::new() } else { self.place.clone() };
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(place.pop()),
                name => place.push(name.to_owned()),
            }
        }
        place
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn path_text(place: &[String]) -> String {
    format!("/{}", place.join("/"))
}

fn help(text: &mut String) {
    line(text, "What there is to look at is a tree of files: directories to list, files to read.\n");
    for usage in &COMMANDS {
        let _ = writeln!(text, "{:<18} {}", usage.line(), usage.purpose);
    }
    line(text, "\nNames may have wildcards: * ? {one,another}");
}

fn man(name: &str, text: &mut String) {
    match COMMANDS.iter().find(|usage| usage.name == name) {
        Some(usage) => {
            let _ = writeln!(text, "{name}: {}\n\nusage: {}", usage.purpose, usage.line());
        }
        None => line(text, &format!("man: unknown command {name}. Type help to get a list of commands.")),
    }
}

fn find(node: &Node, path: &str, text: &mut String) {
    line(text, path);
    if let Node::Directory(entries) = node {
        for (name, entry) in entries {
            let below = if path == "/" { format!("/{name}") } else { format!("{path}/{name}") };
            find(entry, &below, text);
        }
    }
}

fn tree(node: &Node, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match node {
        Node::File(content) => line(text, &format!("{indent}{content}")),
        Node::Directory(entries) => {
            for (name, entry) in entries {
                line(text, &format!("{indent}{name}:"));
                tree(entry, depth + 1, text);
            }
        }
    }
}

/// Prints names in as many columns as fit, sorted downwards.
fn columns(names: &[&str], width: Option<usize>, text: &mut String) {
    let schema = |columns: usize| {
        let rows = names.len().div_ceil(columns).max(1);
        let widths: Vec<usize> = names
            .chunks(rows)
            .map(|column| column.iter().map(|name| name.chars().count() + 2).max().unwrap_or(0))
            .collect();
        (rows, widths)
    };
    let width = width.unwrap_or(0);
    let fitting = (2..=width / 4).rev().map(|columns| (columns, schema(columns)));
    let mut fitting = fitting
        .filter(|(columns, (_, widths))| widths.len() == *columns && widths.iter().sum::<usize>() <= width);
    let (rows, widths) = fitting.next().map_or_else(|| schema(1), |(_, schema)| schema);
    for row in 0..rows.min(names.len()) {
        let mut shown = String::new();
        for (column, width) in widths.iter().enumerate() {
            let Some(name) = names.get(row + column * rows) else { continue };
            if column + 1 < widths.len() {
                let _ = write!(shown, "{name:<width$}");
            } else {
                shown.push_str(name);
            }
        }
        line(text, &shown);
    }
}

#[cfg(test)]
mod tests;
