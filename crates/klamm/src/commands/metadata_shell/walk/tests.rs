use klamm_metadata::image::{MetadataImage, Provenance};
use klamm_protocol::metadata::{MetadataRecord, PartitionRecord, TopicRecord};
use klamm_protocol::{StrBytes, Uuid};

use super::*;
use crate::commands::metadata_shell::tree::of;

fn shell() -> Shell {
    let mut image = MetadataImage::default();
    for (number, name) in [(9, "alpha"), (10, "beta")] {
        let topic_id = Uuid::from_u128(number);
        let topic = TopicRecord { name: StrBytes::from_static(name), topic_id, ..Default::default() };
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
    }
    let at = Provenance { last_offset: 7, last_epoch: 2, last_timestamp_ms: 1_795_291_582_202 };
    Shell::new(of(&image, at)).conversing(None)
}

fn text(shell: &mut Shell, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match shell.run(&words) {
        Next::Text(text) => text,
        Next::Exit => "exit".to_owned(),
    }
}

/// The texts are those of Kafka's shell for such an image.
#[test]
fn one_walks_through_the_image() {
    let mut shell = shell();
    for (line, expect) in [
        ("ls", "image\nlocal\n"),
        ("ls /image/topics/byName", "alpha\nbeta\n"),
        ("ls /image/topics/byN*/b*", "0\nid\nname\n"),
        ("ls /image/topics/byName/*", "alpha:\n0\nid\nname\n\nbeta:\n0\nid\nname\n"),
        (
            "ls /image/provenance /image/cluster /x",
            "ls: /x: no such file or directory.\nprovenance\n\ncluster:\nbrokers\ncontrollers\n",
        ),
        ("cd image/topics", ""),
        ("pwd", "/image/topics\n"),
        ("ls byName/alpha", "0\nid\nname\n"),
        ("cat byName/{alpha,beta}/name", "alpha\nbeta\n"),
        ("cat ../provenance", "offset 7, epoch 2, time 2026-11-21T20:06:22.202Z[UTC]\n"),
        ("find byName/beta", "byName/beta\nbyName/beta/0\nbyName/beta/id\nbyName/beta/name\n"),
        ("find byN*/beta/id", "byN*/beta/id\n"),
        ("find nope", "find: nope: no such file or directory.\n"),
        ("cat byName nope", "cat: byName: Is a directory\ncat: nope: No such file or directory.\n"),
        ("tree byName/beta/id", "AAAAAAAAAAAAAAAAAAAACg\n"),
        ("tree /x", "tree: /x: No such file or directory.\n"),
        ("cd byName/alpha/id", "cd: byName/alpha/id: not a directory.\n"),
        ("cd nope", "cd: nope: no such directory.\n"),
        ("cd", ""),
        ("pwd", "/\n"),
        ("history 2", "   19  pwd\n   20  history 2\n"),
        ("man nope", "man: unknown command nope. Type help to get a list of commands.\n"),
        ("tree /image/producerIds", "nextProducerId:\n  -1\n"),
        ("exit", "exit"),
    ] {
        assert_eq!(text(&mut shell, line), expect, "{line}");
    }
    let partition = text(&mut shell, "cat /image/topics/byName/alpha/0");
    assert!(partition.starts_with("PartitionRegistration(replicas=[1, 2], directories=["), "{partition}");
}

#[test]
fn lists_use_the_width_of_the_terminal() {
    let names = ["a", "bb", "ccc", "d", "e"];
    for (width, expect) in [
        (None, "a\nbb\nccc\nd\ne\n"),
        (Some(7), "a\nbb\nccc\nd\ne\n"),
        (Some(8), "a    d\nbb   e\nccc  \n"),
        (Some(80), "a  bb  ccc  d  e\n"),
    ] {
        let mut text = String::new();
        columns(&names, width, &mut text);
        assert_eq!(text, expect, "{width:?}");
    }
}
