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

/// A small generator (splitmix64), so that a seed says everything.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// Some members have an instance id, some claim what is not there or is somebody else's.
fn random_group(random: &mut Random) -> GroupSpec {
    let mut spec = GroupSpec::default();
    let names = [b'a', b'b', b'c', b'd'];
    for name in names.iter().take(random.below(5)) {
        spec.partition_counts.insert(topic(*name), random.below(9) as i32);
    }
    let is_uniform = random.below(2) == 0;
    for at in 0..random.below(8) {
        let reads = |random: &mut Random| is_uniform || random.below(2) == 0;
        let topics = names.iter().filter(|_| reads(random)).map(|name| topic(*name)).collect();
        let mut current = Assignment::new();
        for _ in 0..random.below(6) {
            current.entry(topic(names[random.below(4)])).or_default().insert(random.below(10) as i32);
        }
        let instance = (random.below(3) == 0).then(|| StrBytes::from(format!("i{at}")));
        spec.members.insert(StrBytes::from(format!("m{at}")), Subscriber { instance, topics, current });
    }
    spec
}

fn load(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

/// Every partition that somebody subscribes to has exactly one owner, who subscribes to it; nothing else is assigned.
fn check_complete(spec: &GroupSpec, target: &BTreeMap<StrBytes, Assignment>) {
    assert!(target.keys().eq(spec.members.keys()), "{spec:?} {target:?}");
    let mut assigned = BTreeSet::new();
    for (id, assignment) in target {
        for (topic, indexes) in assignment {
            assert!(spec.members[id].topics.contains(topic), "{id} does not read it: {spec:?} {target:?}");
            assert!(!indexes.is_empty());
            for index in indexes {
                assert!(assigned.insert((*topic, *index)), "two have {topic}-{index}: {spec:?} {target:?}");
            }
        }
    }
    let is_read = |topic: &Uuid| spec.members.values().any(|member| member.topics.contains(topic));
    let counts = spec.partition_counts.iter().filter(|(topic, _)| is_read(topic));
    let all: BTreeSet<_> =
        counts.flat_map(|(topic, count)| (0..*count).map(move |index| (*topic, index))).collect();
    assert_eq!(assigned, all, "{spec:?}");
}

/// Nobody has something that another one, with at least two partitions fewer, could have.
fn check_balanced(spec: &GroupSpec, target: &BTreeMap<StrBytes, Assignment>) {
    for (from, theirs) in target {
        for (to, owned) in target.iter().filter(|(_, owned)| load(owned) + 2 <= load(theirs)) {
            let could = theirs.keys().any(|topic| spec.members[to].topics.contains(topic));
            assert!(!could, "{from} could give to {to} ({owned:?}): {spec:?} {target:?}");
        }
    }
}

fn with_current(spec: &GroupSpec, target: &BTreeMap<StrBytes, Assignment>) -> GroupSpec {
    let mut next = spec.clone();
    for (id, member) in &mut next.members {
        member.current = target[id].clone();
    }
    next
}

#[test]
fn assignments_are_complete_balanced_and_sticky() {
    for seed in 0..3000 {
        let mut random = Random(seed);
        let spec = random_group(&mut random);
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let target = assignor.assign(&spec);
            check_complete(&spec, &target);
            let mut next = with_current(&spec, &target);
            // Nothing has changed: nothing moves.
            assert_eq!(assignor.assign(&next), target, "{assignor:?} {spec:?}");
            if assignor == Assignor::Range {
                continue;
            }
            check_balanced(&spec, &target);
            // Somebody leaves: what the others have stays with them, if all read the same.
            let subscriptions: BTreeSet<_> = spec.members.values().map(|member| &member.topics).collect();
            if subscriptions.len() == 1 {
                next.members.pop_first();
                let after = assignor.assign(&next);
                for (id, owned) in &after {
                    let kept = &target[id];
                    let all_kept = kept.iter().all(|(topic, indexes)| {
                        owned.get(topic).is_some_and(|owned| owned.is_superset(indexes))
                    });
                    assert!(all_kept, "{id} had {kept:?}, has {owned:?}");
                }
            }
        }
    }
}

/// Range: of each topic the shares differ by one at most, are in one piece, and static members are ordered by their
/// instance ids, whatever their member ids are.
#[test]
fn range_is_even_for_each_topic_and_keeps_static_members_in_place() {
    for seed in 0..1000 {
        let spec = random_group(&mut Random(seed));
        let target = Assignor::Range.assign(&spec);
        for topic in spec.partition_counts.keys() {
            let readers = spec.members.iter().filter(|(_, member)| member.topics.contains(topic));
            let shares: Vec<usize> =
                readers.map(|(id, _)| target[id].get(topic).map_or(0, BTreeSet::len)).collect();
            let (least, most) = (shares.iter().min(), shares.iter().max());
            assert!(least.zip(most).is_none_or(|(least, most)| most - least <= 1), "{spec:?} {shares:?}");
        }
        for indexes in target.values().flat_map(Assignment::values) {
            let (first, last) = (indexes.first().unwrap(), indexes.last().unwrap());
            assert_eq!((last - first) as usize + 1, indexes.len(), "not neighbours: {spec:?} {target:?}");
        }
        // They come back under other member ids.
        let renamed: BTreeMap<_, _> = spec
            .members
            .iter()
            .map(|(id, member)| match &member.instance {
                Some(instance) => (StrBytes::from(format!("z{instance}")), member.clone()),
                None => (id.clone(), member.clone()),
            })
            .collect();
        let again = Assignor::Range.assign(&GroupSpec { members: renamed, ..spec.clone() });
        for (id, member) in spec.members.iter().filter(|(_, member)| member.instance.is_some()) {
            let instance = member.instance.as_ref().unwrap();
            assert_eq!(again[&StrBytes::from(format!("z{instance}"))], target[id]);
        }
    }
}

/// The time of an assignment must not grow with members times partitions: a debug build would take minutes for this.
#[test]
fn large_groups_are_assigned_quickly() {
    let mut spec = GroupSpec::default();
    for name in b'a'..b'e' {
        spec.partition_counts.insert(topic(name), 2500);
    }
    for at in 0..2000 {
        // Two kinds of subscriptions, and many of one member each.
        let topics = match at % 20 {
            0 => [topic(b'a')].into(),
            1 => [topic(b'b'), topic(b'z'), Uuid::from_bytes([at as u8; 16])].into(),
            _ => spec.partition_counts.keys().copied().collect(),
        };
        let subscriber = Subscriber { topics, ..Subscriber::default() };
        spec.members.insert(StrBytes::from(format!("m{at:04}")), subscriber);
    }
    let target = Assignor::Uniform.assign(&spec);
    check_complete(&spec, &target);
    assert!(target.values().map(load).all(|load| (4..=6).contains(&load)));
    let mut next = with_current(&spec, &target);
    next.members.pop_last();
    let after = Assignor::Uniform.assign(&next);
    let left = load(target.values().next_back().unwrap());
    let moved: usize = after
        .iter()
        .map(|(id, owned)| {
            let all =
                owned.iter().flat_map(|(topic, indexes)| indexes.iter().map(move |index| (topic, index)));
            all.filter(|(topic, index)| !target[id].get(topic).is_some_and(|had| had.contains(index))).count()
        })
        .sum();
    assert_eq!(moved, left, "only what the one who has left had");
}
