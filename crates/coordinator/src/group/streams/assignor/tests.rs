use super::*;
use std::collections::BTreeSet;

/// What Kafka 4.3.1's `StickyTaskAssignor` gave: `new` or `then` (from the last result), subtopologies (`id*tasks`, an `s`
/// if they have state), standbys, members with their processes; then a line for each member, a plus sign before each of
/// its standbys.
const KAFKA: &str = include_str!("kafka.txt");

struct Case {
    workloads: Vec<Workload>,
    standby_count: usize,
    workers: Vec<Worker>,
}

fn parse(line: &str, last: &BTreeMap<StrBytes, TaskSets>) -> Case {
    let mut parts = line.split('|');
    let workload = |word: &str| {
        let (id, count) = word.split_once('*').expect("id*count");
        Workload {
            id: StrBytes::from(id),
            task_count: count.trim_end_matches('s').parse().expect("a number"),
            is_stateful: count.ends_with('s'),
        }
    };
    let worker = |word: &str| {
        let (id, process) = word.split_once('@').expect("id@process");
        let last = last.get(id).cloned().unwrap_or_default();
        Worker { id: StrBytes::from(id), process: StrBytes::from(process), last }
    };
    Case {
        workloads: parts.next().expect("tasks").split_whitespace().skip(1).map(workload).collect(),
        standby_count: parts.next().expect("standbys").trim().parse().expect("a number"),
        workers: parts.next().expect("members").split_whitespace().map(worker).collect(),
    }
}

fn show(assigned: &BTreeMap<StrBytes, TaskSets>) -> Vec<String> {
    let words = |tasks: &Tasks, sign: &str| -> String {
        let one = |(id, indexes): (&StrBytes, &BTreeSet<i32>)| -> String {
            indexes.iter().map(|index| format!(" {sign}{id}_{index}")).collect()
        };
        tasks.iter().map(one).collect()
    };
    let one = |(id, sets): (&StrBytes, &TaskSets)| {
        format!("  {id}:{}{}", words(&sets.active, ""), words(&sets.standby, "+"))
    };
    assigned.iter().map(one).collect()
}

#[test]
fn assigns_as_kafka_does() {
    let mut last = BTreeMap::new();
    let mut lines = KAFKA.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("new") {
            last.clear();
        }
        let case = parse(line, &last);
        last = assign(&case.workloads, case.workers, case.standby_count);
        let mut expected = Vec::new();
        while let Some(member) = lines.next_if(|line| line.starts_with(' ')) {
            expected.push(member.to_owned());
        }
        assert_eq!(show(&last), expected, "{line}");
    }
}

/// Every task is with one member, its standbys in other processes, as many as there can be; members' tasks are about as
/// many; who stays keeps what is its share.
#[test]
fn assignments_are_complete_balanced_and_sticky() {
    for (members, tasks, standbys) in [(1, 7, 1), (3, 10, 0), (4, 4, 1), (5, 23, 2), (40, 100, 1)] {
        let workloads = [workload("0", tasks, true), workload("1", tasks, false)];
        let case = format!("{members} members, {tasks} tasks, {standbys} standbys");
        let before = assign(&workloads, workers(members, &BTreeMap::new()), standbys);
        check(&before, &workloads, standbys.min(members - 1), &case);
        let again = assign(&workloads, workers(members, &before), standbys);
        let stays = |(id, sets): (&StrBytes, &TaskSets)| sets.active == before[id].active;
        assert!(again.iter().all(stays), "{case}: no active task moves");
        let after = assign(&workloads, workers(members + 1, &before), standbys);
        check(&after, &workloads, standbys.min(members), &case);
        let share = (2 * tasks as usize).div_ceil(members + 1);
        for (id, had) in &before {
            let kept: usize = had
                .active
                .iter()
                .map(|(id2, had)| {
                    had.intersection(&after[id].active.get(id2).cloned().unwrap_or_default()).count()
                })
                .sum();
            let had: usize = had.active.values().map(BTreeSet::len).sum();
            assert!(kept >= had.min(share).saturating_sub(1), "{case}: {id} keeps {kept} of {had}");
        }
    }
}

fn workload(id: &str, task_count: i32, is_stateful: bool) -> Workload {
    Workload { id: StrBytes::from(id), task_count, is_stateful }
}

fn workers(count: usize, last: &BTreeMap<StrBytes, TaskSets>) -> Vec<Worker> {
    let worker = |at: usize| {
        let id = StrBytes::from(format!("member-{at}"));
        let last = last.get(&id).cloned().unwrap_or_default();
        Worker { id, process: StrBytes::from(format!("process-{at}")), last }
    };
    (0..count).map(worker).collect()
}

fn check(assigned: &BTreeMap<StrBytes, TaskSets>, workloads: &[Workload], standbys: usize, case: &str) {
    for workload in workloads {
        for index in 0..workload.task_count {
            let with = |sets: &&TaskSets, tasks: fn(&TaskSets) -> &Tasks| {
                tasks(sets).get(&workload.id).is_some_and(|indexes| indexes.contains(&index))
            };
            let active = assigned.values().filter(|sets| with(sets, |sets| &sets.active)).count();
            let copies = assigned.values().filter(|sets| with(sets, |sets| &sets.standby)).count();
            let both = |sets: &&TaskSets| with(sets, |sets| &sets.active) && with(sets, |sets| &sets.standby);
            assert_eq!(active, 1, "{case}: {}_{index}", workload.id);
            assert_eq!(copies, if workload.is_stateful { standbys } else { 0 }, "{case}");
            assert_eq!(assigned.values().filter(both).count(), 0, "{case}: a standby beside its task");
        }
    }
    let counts = assigned.values().map(|sets| sets.active.values().map(BTreeSet::len).sum::<usize>());
    let (least, most) = (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0));
    assert!(most - least <= 1, "{case}: {least} to {most} active tasks");
}
