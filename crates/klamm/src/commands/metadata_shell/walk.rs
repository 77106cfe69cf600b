//! The commands of the shell.

use std::fmt::Write as _;

use super::tree::Node;

const HELP: &str = "\
cat PATH...     show the contents of files
cd PATH         go to a directory
exit            leave
find [PATH...]  list everything below
ls [PATH...]    list directories
pwd             show where we are
tree [PATH...]  show everything below, with contents
";

/// A tree, and a place in it.
pub(super) struct Shell {
    root: Node,
    place: Vec<String>,
}

impl Shell {
    pub(super) fn new(root: Node) -> Self {
        Self { root, place: Vec::new() }
    }

    /// Runs one command; what it prints, or why it cannot be run.
    pub(super) fn run(&mut self, words: &[&str]) -> Result<String, String> {
        let Some((command, paths)) = words.split_first() else { return Ok(String::new()) };
        let paths = if paths.is_empty() { &["."][..] } else { paths };
        let mut text = String::new();
        match *command {
            "help" | "man" => text.push_str(HELP),
            "pwd" => text.push_str(&format!("{}\n", path_text(&self.place))),
            "cd" => {
                let place = self.resolve(paths[0]);
                match self.at(&place)? {
                    Node::Directory(_) => self.place = place,
                    Node::File(_) => return Err(format!("cd: {}: not a directory.", paths[0])),
                }
            }
            "ls" => {
                for path in paths {
                    self.list(path, paths.len() > 1, &mut text)?;
                }
            }
            "cat" => {
                for path in paths {
                    match self.at(&self.resolve(path))? {
                        Node::File(content) => text.push_str(&format!("{content}\n")),
                        Node::Directory(_) => return Err(format!("cat: {path}: Is a directory")),
                    }
                }
            }
            "find" => {
                for path in paths {
                    find(self.at(&self.resolve(path))?, path, &mut text);
                }
            }
            "tree" => {
                for path in paths {
                    tree(self.at(&self.resolve(path))?, 0, &mut text);
                }
            }
            other => return Err(format!("{other}: there is no such command; help lists them.")),
        }
        Ok(text)
    }

    fn list(&self, path: &str, with_heading: bool, text: &mut String) -> Result<(), String> {
        match self.at(&self.resolve(path))? {
            Node::File(_) => text.push_str(&format!("{path}\n")),
            Node::Directory(entries) => {
                if with_heading {
                    let _ = writeln!(text, "{path}:");
                }
                entries.keys().for_each(|name| text.push_str(&format!("{name}\n")));
            }
        }
        Ok(())
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

    fn at(&self, place: &[String]) -> Result<&Node, String> {
        let missing = || format!("{}: no such file or directory.", path_text(place));
        place.iter().try_fold(&self.root, |node, name| match node {
            Node::Directory(entries) => entries.get(name).ok_or_else(missing),
            Node::File(_) => Err(missing()),
        })
    }
}

fn path_text(place: &[String]) -> String {
    format!("/{}", place.join("/"))
}

fn find(node: &Node, path: &str, text: &mut String) {
    let _ = writeln!(text, "{path}");
    if let Node::Directory(entries) = node {
        for (name, entry) in entries {
            find(entry, &format!("{}/{name}", path.trim_end_matches('/')), text);
        }
    }
}

fn tree(node: &Node, depth: usize, text: &mut String) {
    let Node::Directory(entries) = node else { return };
    for (name, entry) in entries {
        let indent = "  ".repeat(depth);
        let _ = match entry {
            Node::Directory(_) => writeln!(text, "{indent}{name}:"),
            Node::File(content) => writeln!(text, "{indent}{name}: {content}"),
        };
        tree(entry, depth + 1, text);
    }
}

#[cfg(test)]
mod tests {
    use klamm_metadata::image::{MetadataImage, Provenance};
    use klamm_protocol::metadata::{MetadataRecord, PartitionRecord, TopicRecord};
    use klamm_protocol::{StrBytes, Uuid};

    use super::*;
    use crate::commands::metadata_shell::tree::of;

    fn shell() -> Shell {
        let mut image = MetadataImage::default();
        let topic_id = Uuid::from_u128(9);
        let topic = TopicRecord { name: StrBytes::from_static("t"), topic_id, ..Default::default() };
        let partition = PartitionRecord {
            partition_id: 0,
            topic_id,
            replicas: vec![1, 2],
            isr: vec![1],
            leader: 1,
            ..Default::default()
        };
        for record in [MetadataRecord::from(topic), MetadataRecord::from(partition)] {
            image.try_replay(&record).unwrap();
        }
        Shell::new(of(&image, Provenance { last_offset: 7, last_epoch: 2, last_timestamp_ms: 5 }))
    }

    #[test]
    fn one_walks_through_the_image() {
        let mut shell = shell();
        for (line, expect) in [
            ("ls", Ok("image\nlocal\n")),
            ("ls /image/topics/byName", Ok("t\n")),
            ("cd image/topics", Ok("")),
            ("pwd", Ok("/image/topics\n")),
            ("ls byName/t", Ok("0\nid\nname\n")),
            ("cat byName/t/name ../provenance", Ok("t\noffset 7, epoch 2, time 5 ms since 1970\n")),
            ("find byName", Ok("byName\nbyName/t\nbyName/t/0\nbyName/t/id\nbyName/t/name\n")),
            ("cat byName", Err("cat: byName: Is a directory")),
            ("cat nope", Err("/image/topics/nope: no such file or directory.")),
            ("cd byName/t/id", Err("cd: byName/t/id: not a directory.")),
            ("rm x", Err("rm: there is no such command; help lists them.")),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let expect = expect.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(shell.run(&words), expect, "{line}");
        }
        let partition = shell.run(&["cat", "/image/topics/byName/t/0"]).unwrap();
        assert!(partition.starts_with("PartitionRegistration(replicas=[1, 2], directories=["), "{partition}");
    }
}
