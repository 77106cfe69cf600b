use super::*;

fn member(id: &str, topics: &[&str], owned: &[(&str, i32)], generation: i32) -> Member {
    Member {
        id: id.to_owned(),
        instance_id: None,
        topics: topics.iter().map(|t| (*t).to_owned()).collect(),
        owned: owned.iter().map(|(t, p)| TopicPartition::new(*t, *p)).collect(),
        generation,
    }
}

fn topics(list: &[(&str, i32)]) -> BTreeMap<String, i32> {
    list.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect()
}

fn show(assignment: &Assignment) -> String {
    let member = |(id, partitions): (&String, &Vec<TopicPartition>)| {
        let list: Vec<String> = partitions.iter().map(ToString::to_string).collect();
        format!("{id}: {}", list.join(" "))
    };
    assignment.iter().map(member).collect::<Vec<_>>().join("; ")
}

#[test]
fn assignors_do_as_their_names_say() {
    let (ab, a) = (&["a", "b"][..], &["a"][..]);
    for (assignor, members, expect) in [
        (
            Assignor::Range,
            vec![member("m1", ab, &[], -1), member("m2", ab, &[], -1)],
            "m1: a-0 a-1 b-0 b-1; m2: a-2 b-2",
        ),
        (
            Assignor::Range,
            vec![member("m1", a, &[], -1), member("m2", ab, &[], -1)],
            "m1: a-0 a-1; m2: a-2 b-0 b-1 b-2",
        ),
        (
            Assignor::RoundRobin,
            vec![member("m1", ab, &[], -1), member("m2", ab, &[], -1)],
            "m1: a-0 a-2 b-1; m2: a-1 b-0 b-2",
        ),
        (
            Assignor::RoundRobin,
            vec![member("m1", a, &[], -1), member("m2", ab, &[], -1)],
            "m1: a-0 a-2; m2: a-1 b-0 b-1 b-2",
        ),
        (
            Assignor::Sticky,
            vec![member("m1", ab, &[("a", 0), ("a", 2), ("b", 2)], 3), member("m2", ab, &[], 3)],
            "m1: a-0 a-2 b-2; m2: a-1 b-0 b-1",
        ),
        (
            Assignor::CooperativeSticky,
            vec![
                member("m1", ab, &[("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)], 3),
                member("m2", ab, &[], -1),
            ],
            "m1: a-0 a-1 a-2; m2: ",
        ),
    ] {
        assert_eq!(show(&assignor.assign(&topics(&[("a", 3), ("b", 3)]), members)), expect, "{assignor:?}");
    }
}

#[test]
fn a_claim_of_an_older_generation_does_not_count() {
    let members = vec![member("m1", &["a"], &[("a", 0)], 4), member("m2", &["a"], &[("a", 0)], 5)];
    assert_eq!(show(&Assignor::Sticky.assign(&topics(&[("a", 1)]), members)), "m1: ; m2: a-0");
}

#[test]
fn static_members_come_first() {
    let mut second = member("a", &["t"], &[], -1);
    second.instance_id = Some("z".to_owned());
    let members = vec![member("0", &["t"], &[], -1), second];
    assert_eq!(show(&Assignor::Range.assign(&topics(&[("t", 1)]), members)), "0: ; a: t-0");
}

#[test]
fn sticky_assignments_are_even_whoever_comes_and_goes() {
    let topics = topics(&[("a", 7), ("b", 5), ("c", 12)]);
    let mut owned: Assignment = Assignment::new();
    for (generation, count) in (1..).zip([1, 3, 8, 5, 24, 30, 2]) {
        let members = (0..count).map(|i| Member {
            id: format!("m{i:02}"),
            topics: vec!["a".into(), "b".into(), "c".into()],
            owned: owned.get(&format!("m{i:02}")).cloned().unwrap_or_default(),
            generation,
            ..Default::default()
        });
        let next = Assignor::Sticky.assign(&topics, members.collect());
        let sizes: Vec<usize> = next.values().map(Vec::len).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 24);
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        owned = next;
    }
}
