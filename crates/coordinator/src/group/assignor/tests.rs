use super::*;

fn topic(name: u8) -> Uuid {
    Uuid::from_bytes([name; 16])
}

/// `a` and `b` are topics; `a0 a1 b3` is an assignment, `ab` a subscription.
fn assignment(text: &str) -> Assignment {
    let mut assignment = Assignment::new();
    for word in text.split_whitespace() {
        let (name, index) = word.split_at(1);
        assignment.entry(topic(name.as_bytes()[0])).or_default().insert(index.parse().unwrap());
    }
    assignment
}

fn text(assignment: &Assignment) -> String {
    let all = assignment.iter().flat_map(|(id, indexes)| indexes.iter().map(move |index| (id, index)));
    all.map(|(id, index)| format!("{}{index}", char::from(id.as_bytes()[0]))).collect::<Vec<_>>().join(" ")
}

/// Members are `id subscription: current`, topics are `a4`.
fn group(topics: &str, members: &[&str]) -> GroupSpec {
    let mut spec = GroupSpec::default();
    for word in topics.split_whitespace() {
        let (name, count) = word.split_at(1);
        spec.partition_counts.insert(topic(name.as_bytes()[0]), count.parse().unwrap());
    }
    for member in members {
        let (who, current) = member.split_once(':').unwrap();
        let (id, topics) = who.split_once(' ').unwrap();
        let subscriber = Subscriber {
            instance: None,
            topics: topics.bytes().map(topic).collect(),
            current: assignment(current),
        };
        spec.members.insert(StrBytes::from(id), subscriber);
    }
    spec
}

fn check(assignor: Assignor, spec: &GroupSpec, expected: &[&str]) {
    let target = assignor.assign(spec);
    let actual: Vec<String> = target.values().map(text).collect();
    assert_eq!(actual, expected, "{assignor:?} {spec:?}");
}

#[test]
fn range_gives_neighbours_and_the_same_of_every_topic() {
    let cases: [(&str, &[&str], &[&str]); 5] = [
        ("a3 b3", &["x ab:", "y ab:"], &["a0 a1 b0 b1", "a2 b2"]),
        ("a2", &["x a:", "y a:", "z a:"], &["a0", "a1", ""]),
        ("a3 b2", &["x ab:", "y a:"], &["a0 a1 b0 b1", "a2"]),
        ("", &["x a:"], &[""]),
        ("a5", &[], &[]),
    ];
    for (topics, members, expected) in cases {
        check(Assignor::Range, &group(topics, members), expected);
    }
}

#[test]
fn uniform_is_even_and_keeps_what_it_can() {
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("a4", &["x a:", "y a:"], &["a0 a2", "a1 a3"]),
        // A new member takes its share, and nothing else moves.
        ("a4", &["x a:a0 a1", "y a:a2 a3", "z a:"], &["a0 a1", "a2", "a3"]),
        // Somebody has left.
        ("a4", &["x a:a0 a1", "z a:a3"], &["a0 a1", "a2 a3"]),
        // Different subscriptions.
        ("a4 b2", &["x a:", "y ab:"], &["a0 a1 a2", "a3 b0 b1"]),
        ("a2 b6", &["x ab:a0 a1 b0", "y b:b1 b2 b3 b4 b5"], &["a0 a1 b0 b5", "b1 b2 b3 b4"]),
        // Two claim one partition, and one has what it does not subscribe to.
        ("a2 b2", &["x a:a0 b0", "y a:a0"], &["a0", "a1"]),
        ("a3", &["x b:"], &[""]),
    ];
    for (topics, members, expected) in cases {
        check(Assignor::Uniform, &group(topics, members), expected);
    }
}
