//! What Kafka's assignor makes of the same groups, and what members may expect of any.

use super::{ShareSpec, assign};
use crate::group::assignor::{Assignment, Subscriber};
use klamm_protocol::{StrBytes, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Groups that change step by step, as `tests/goldens` writes them.
fn groups() -> Vec<(ShareSpec, BTreeMap<StrBytes, Assignment>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/data/share-assignments.txt");
    let text = std::fs::read_to_string(data).expect("the file");
    let mut topics: BTreeMap<String, Uuid> = BTreeMap::new();
    let mut groups: Vec<(ShareSpec, BTreeMap<StrBytes, Assignment>)> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "topic" => {
                let id = u128::from_str_radix(words[2], 16).expect("an id");
                topics.insert(words[1].to_owned(), Uuid::from_bytes(id.to_be_bytes()));
            }
            "assign" => {
                let assignable = words[2..].iter().map(|word| topic_partitions(word, &topics)).collect();
                let spec =
                    ShareSpec { is_homogeneous: words[1] == "same", assignable, members: BTreeMap::new() };
                groups.push((spec, BTreeMap::new()));
            }
            _ => {
                let (spec, expected) = groups.last_mut().expect("a group");
                let assignment = |word: &str| match word {
                    "-" => Assignment::new(),
                    word => word.split('/').map(|word| topic_partitions(word, &topics)).collect(),
                };
                let id = StrBytes::from(words[1]);
                let subscriber = Subscriber {
                    topics: words[3].split(',').map(|topic| topics[topic]).collect(),
                    current: assignment(words[5]),
                    ..Default::default()
                };
                spec.members.insert(id.clone(), subscriber);
                expected.insert(id, assignment(words[7]));
            }
        }
    }
    groups
}

/// `2:0,1,5`.
fn topic_partitions(word: &str, topics: &BTreeMap<String, Uuid>) -> (Uuid, BTreeSet<i32>) {
    let (topic, list) = word.split_once(':').expect("a topic and its partitions");
    let partitions = list.split(',').filter(|index| !index.is_empty());
    (topics[topic], partitions.map(|index| index.parse().expect("a number")).collect())
}

#[test]
fn assigns_as_kafka_does() {
    let groups = groups();
    assert!(groups.len() > 100);
    for (at, (spec, expected)) in groups.iter().enumerate() {
        for (id, assignment) in assign(spec) {
            assert_eq!(Some(&assignment), expected.get(&id), "group {at}, member {id}");
        }
    }
}

#[test]
fn every_partition_is_shared_by_as_many_as_it_takes() {
    let is_unassignable = |spec: &ShareSpec, (topic, partitions): (&Uuid, &BTreeSet<i32>)| {
        spec.assignable.get(topic).is_none_or(|assignable| !partitions.is_subset(assignable))
    };
    for (at, (spec, _)) in groups().iter().enumerate() {
        // Kafka counts what somebody still has of partitions that are gone.
        let mut current = spec.members.values().flat_map(|member| &member.current);
        if current.any(|topic| is_unassignable(spec, topic)) {
            continue;
        }
        let assigned = assign(spec);
        assert_eq!(assigned.len(), spec.members.len(), "group {at}: everybody has an entry");
        for (topic, partitions) in &spec.assignable {
            let subscribers = spec.members.values().filter(|member| member.topics.contains(topic)).count();
            for partition in partitions {
                let has = |assignment: &&Assignment| {
                    assignment.get(topic).is_some_and(|partitions| partitions.contains(partition))
                };
                let readers = assigned.values().filter(has).count();
                assert!(readers > 0 || subscribers == 0, "group {at}: {topic}-{partition}");
            }
        }
    }
}

#[test]
fn members_have_about_as_many_and_keep_them() {
    let mut total = 0;
    let mut moved = 0;
    for (at, (spec, _)) in groups().iter().enumerate().filter(|(_, (spec, _))| spec.is_homogeneous) {
        let assigned = assign(spec);
        let sizes = assigned.values().map(|assignment| assignment.values().map(BTreeSet::len).sum::<usize>());
        let (least, most) = (sizes.clone().min().unwrap_or(0), sizes.max().unwrap_or(0));
        // Kafka leaves a partition with fewer members when those who have room have it already.
        assert!(most - least <= 2, "group {at}: {least} to {most}");
        let mut again = spec.clone();
        for (id, member) in &mut again.members {
            member.current = assigned[id].clone();
        }
        for (id, assignment) in assign(&again) {
            total += 1;
            moved += usize::from(assignment != assigned[&id]);
        }
    }
    assert!(moved * 20 <= total, "{moved} of {total} members have other partitions though nothing changed");
}
