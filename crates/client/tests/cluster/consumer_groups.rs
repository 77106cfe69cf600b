//! Members of consumer groups (`group.protocol=consumer`, KIP-848). With the servers' defaults they wait for sessions of
//! 45 s to end; with a smaller `group.consumer.session.timeout.ms` they are quicker.

use super::*;

fn modern(group: &str, more: Pairs<'_>) -> Running {
    let pairs: Vec<(&str, &str)> = [
        ("group.id", group),
        ("group.protocol", "consumer"),
        ("auto.offset.reset", "earliest"),
        ("auto.commit.interval.ms", "300"),
    ]
    .into_iter()
    .chain(more.iter().copied())
    .collect();
    let mut consumer = Consumer::new(&config(ClientKind::Consumer, &pairs).unwrap()).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&events);
    consumer.on_rebalance(move |event| noted.lock().unwrap().push(event));
    Running { consumer, events }
}

fn member_of(group: &str, topic: &str, more: Pairs<'_>) -> Running {
    let mut running = modern(group, more);
    running.consumer.subscribe([topic]).unwrap();
    running
}

fn sorted(mut counts: Vec<usize>) -> Vec<usize> {
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn a_consumer_group_shares_partitions_and_outlives_a_member() {
    for assignor in [&[][..], &[("group.remote.assignor", "range")]] {
        let Some(topic) = topic(6, &[]).await else { return };
        produce(&topic, 0..3000, &[]).await;
        let group = unique("group");
        let mut members: Vec<Running> = (0..3).map(|_| member_of(&group, &topic, assignor)).collect();
        let mut seen: BTreeSet<(i32, i64)> = BTreeSet::new();
        let records = run(&mut members, |members, _| assignments(members) == [2, 2, 2]).await;
        seen.extend(records.iter().map(|r| (r.partition, r.offset)));
        // This one vanishes without a word: the others get its partitions when its session ends.
        drop(members.remove(0));
        produce(&topic, 3000..6000, &[]).await;
        let records = run(&mut members, |members, _| assignments(members) == [3, 3]).await;
        seen.extend(records.iter().map(|r| (r.partition, r.offset)));
        // What the dead member read after its last commit comes a second time, and counts once.
        run(&mut members, |_, records| {
            seen.extend(records.iter().map(|r| (r.partition, r.offset)));
            seen.len() >= 6000
        })
        .await;
        assert_eq!(seen.len(), 6000, "every record was read");
        for member in members {
            member.consumer.close().await;
        }
    }
}

#[tokio::test]
async fn only_what_moves_is_given_up_and_it_is_committed_first() {
    let Some(topic) = topic(4, &[]).await else { return };
    produce(&topic, 0..1000, &[]).await;
    let group = unique("group");
    // Nothing is committed in the background: what the second one goes on from was committed when it was given up.
    let pairs = [("auto.commit.interval.ms", "600000")];
    let mut members = vec![member_of(&group, &topic, &pairs)];
    let records = run(&mut members, |_, records| records.len() >= 1000).await;
    assert_eq!(records.len(), 1000);
    let before = members[0].consumer.assignment();
    members.push(member_of(&group, &topic, &pairs));
    let records = run(&mut members, |members, _| assignments(members) == [2, 2]).await;
    assert!(records.is_empty(), "the second one goes on where the first one stopped: {}", records.len());
    assert!(members[0].consumer.assignment().is_subset(&before));
    let events = members[0].events.lock().unwrap().clone();
    let revoked = events.iter().map(|e| if let RebalanceEvent::Revoked(p) = e { p.len() } else { 0 });
    assert_eq!(revoked.sum::<usize>(), 2, "{events:?}");
    // A member that leaves is missed at the next heartbeat (5 s), long before its session (45 s) would be over.
    let clock = members[0].consumer.cluster().clock();
    let left = clock.now();
    members.pop().unwrap().consumer.close().await;
    run(&mut members, |members, _| assignments(members) == [4]).await;
    assert!(clock.now() - left < Duration::from_secs(20));
    let metadata = members[0].consumer.group_metadata().unwrap();
    assert!(metadata.generation_id > 0 && !metadata.member_id.is_empty());
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    members.pop().unwrap().consumer.close().await;
    let offsets = admin.consumer_group_offsets(&group).await.unwrap();
    assert_eq!(offsets.values().map(|found| found.offset).sum::<i64>(), 1000);
}

#[tokio::test]
async fn a_static_member_comes_back_to_its_partitions() {
    let Some(topic) = topic(4, &[]).await else { return };
    let group = unique("group");
    let mut members = vec![
        member_of(&group, &topic, &[("group.instance.id", "one")]),
        member_of(&group, &topic, &[("group.instance.id", "two")]),
    ];
    run(&mut members, |members, _| assignments(members) == [2, 2]).await;
    let before = members[0].consumer.assignment();
    members.remove(0).consumer.close().await;
    let others = members[0].consumer.assignment();
    members.insert(0, member_of(&group, &topic, &[("group.instance.id", "one")]));
    run(&mut members, |members, _| assignments(members) == [2, 2]).await;
    assert_eq!(members[0].consumer.assignment(), before);
    assert_eq!(members[1].consumer.assignment(), others);
    // Nobody gets an instance's place while it is there.
    let mut second = member_of(&group, &topic, &[("group.instance.id", "one")]);
    let error = loop {
        if let Err(error) = second.consumer.poll(Duration::from_millis(200)).await {
            break error;
        }
    };
    assert_eq!(error.code(), Some(klamm_protocol::ErrorCode::UnreleasedInstanceId));
    for member in members {
        member.consumer.close().await;
    }
}

#[tokio::test]
async fn the_coordinator_matches_topics_of_a_pattern() {
    let Some(first) = topic(1, &[]).await else { return };
    let stem = unique("pattern");
    let admin = Admin::new(&config(ClientKind::Admin, &[]).unwrap()).unwrap();
    let create = async |suffix: &str| {
        let new = NewTopic {
            name: format!("{stem}-{suffix}"),
            partitions: Some(2),
            replication_factor: Some(1),
            ..Default::default()
        };
        for (_, result) in admin.create_topics(&[new], false).await.unwrap() {
            result.unwrap();
        }
    };
    create("a").await;
    let group = unique("group");
    let mut running = modern(&group, &[("metadata.max.age.ms", "1000")]);
    assert!(running.consumer.subscribe_pattern("").is_err());
    running.consumer.subscribe_pattern(&format!("{stem}-.*")).unwrap();
    let mut members = vec![running];
    run(&mut members, |members, _| assignments(members) == [2]).await;
    create("b").await;
    produce(&format!("{stem}-b"), 0..100, &[]).await;
    produce(&first, 0..100, &[]).await;
    let records =
        run(&mut members, |members, records| assignments(members) == [4] && records.len() >= 100).await;
    assert!(records.iter().all(|record| record.topic.starts_with(&stem)));
    // Another subscription takes the pattern's place.
    members[0].consumer.subscribe([first.as_str()]).unwrap();
    let records =
        run(&mut members, |members, records| assignments(members) == [1] && records.len() >= 100).await;
    assert!(records.iter().any(|record| *record.topic == *first));
    members.pop().unwrap().consumer.close().await;
    let mut wrong = modern(&group, &[]);
    wrong.consumer.subscribe_pattern("(").unwrap();
    let error = loop {
        if let Err(error) = wrong.consumer.poll(Duration::from_millis(200)).await {
            break error;
        }
    };
    assert_eq!(error.code(), Some(klamm_protocol::ErrorCode::InvalidRegularExpression));
}

#[tokio::test]
async fn a_member_that_is_not_polled_loses_its_partitions_until_it_is() {
    let Some(topic) = topic(2, &[]).await else { return };
    let group = unique("group");
    let mut slow = member_of(&group, &topic, &[("max.poll.interval.ms", "2000")]);
    let mut members = vec![member_of(&group, &topic, &[])];
    let clock = slow.consumer.cluster().clock();
    let deadline = clock.now() + Duration::from_secs(60);
    let mut counts = Vec::new();
    while counts != [1, 1] && clock.now() < deadline {
        let _ = slow.consumer.poll(Duration::from_millis(30)).await.unwrap();
        let _ = members[0].consumer.poll(Duration::from_millis(30)).await.unwrap();
        counts = vec![slow.consumer.assignment().len(), members[0].consumer.assignment().len()];
    }
    run(&mut members, |members, _| assignments(members) == [2]).await;
    members.push(slow);
    run(&mut members, |members, _| sorted(assignments(members)) == [1, 1]).await;
    let lost = members[1]
        .events
        .lock()
        .unwrap()
        .iter()
        .any(|e| matches!(e, RebalanceEvent::Lost(p) if p.len() == 1));
    assert!(lost);
    for member in members {
        member.consumer.close().await;
    }
}
