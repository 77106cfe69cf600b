//! A consumer whose partition's log is cut back below its position (KIP-320).

use klamm_client::{ClientError, Truncation};
use klamm_protocol::{ApiKey, ErrorCode, Uuid, api::AnyRequest};

use super::{
    world::{Failure, Shared, World, consumer, partition, read},
    *,
};

/// Ten records of one epoch.
const TEN: [i32; 10] = [1; 10];

/// Runs a consumer that has read ten records of epoch 1 when the world becomes another, and tells what it gets then.
fn after(
    epochs: (i32, &[i32]),
    reset: &'static str,
    change: impl FnOnce(&mut World) + 'static,
    count: usize,
) -> (Result<Vec<String>, ClientError>, Shared) {
    let sim = Simulation::new(1);
    let world = Shared::new(&sim, epochs.0, epochs.1);
    let found = Noted::default();
    let (notes, shared) = (Arc::clone(&found), world.clone());
    run(&sim, 30 * SECOND, move || async move {
        let mut consumer = consumer(&[("auto.offset.reset", reset)]);
        consumer.seek(&partition(), 0).unwrap();
        assert_eq!(read(&mut consumer, 10).await.unwrap().len(), 10);
        change(&mut shared.get());
        shared.get().heard.clear();
        let result = read(&mut consumer, count).await;
        if result.is_err() {
            // The caller says where to go on.
            consumer.seek(&partition(), 7).unwrap();
            assert_eq!(read(&mut consumer, 1).await.unwrap().first().unwrap().split('@').next(), Some("7"));
        }
        notes.lock().unwrap().push(result);
    });
    let result = found.lock().unwrap().pop().unwrap();
    (result, world)
}

/// The second broker leads in epoch 2, with this log.
fn elect(log: Vec<i32>) -> impl FnOnce(&mut World) {
    move |world| {
        (world.leader, world.leader_epoch) = (2, 2);
        world.logs.insert(2, log);
    }
}

fn log(parts: &[(usize, i32)]) -> Vec<i32> {
    parts.iter().flat_map(|(count, epoch)| std::iter::repeat_n(*epoch, *count)).collect()
}

#[test]
fn a_new_leader_is_asked_whether_the_position_holds() {
    for (what, reset, new_log, expect) in [
        ("all is there", "none", log(&[(10, 1), (2, 2)]), vec!["10@2", "11@2"]),
        ("cut back", "earliest", log(&[(7, 1), (4, 2)]), vec!["7@2", "8@2", "9@2", "10@2"]),
        ("cut back", "latest", log(&[(7, 1), (2, 2)]), vec!["7@2", "8@2"]),
        ("cut back to the start", "latest", log(&[(2, 2)]), vec!["0@2", "1@2"]),
    ] {
        let (found, world) = after((1, &TEN), reset, elect(new_log), expect.len());
        assert_eq!(found.unwrap(), expect, "{what}");
        let world = world.get();
        let asked: Vec<(u8, i32, i32)> = world
            .heard
            .iter()
            .filter_map(|(id, request)| match request {
                AnyRequest::OffsetForLeaderEpoch(request) => {
                    let asked = &request.topics[0].partitions[0];
                    Some((*id, asked.leader_epoch, asked.current_leader_epoch))
                }
                _ => None,
            })
            .collect();
        assert_eq!(asked, [(2, 1, 2)], "{what}");
    }
}

#[test]
fn a_leader_without_epochs_leads_to_a_reset() {
    let change = |world: &mut World| {
        elect(log(&[(3, 2)]))(world);
        world.has_no_epochs = true;
    };
    let (found, _) = after((1, &TEN), "earliest", change, 3);
    assert_eq!(found.unwrap(), ["0@2", "1@2", "2@2"]);
}

#[test]
fn without_a_reset_policy_the_caller_hears_of_it() {
    let (found, _) = after((1, &TEN), "none", elect(log(&[(7, 1), (4, 2)])), 1);
    let error = found.unwrap_err();
    let expect = Truncation { partition: partition(), offset: 10, leader_epoch: 1, diverging: Some((7, 1)) };
    assert_eq!(error, ClientError::LogTruncated { truncations: vec![expect] });
    assert_eq!(error.code(), Some(ErrorCode::OffsetOutOfRange));
    for part in ["t-0", "offset 10", "offset 7"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_fetch_shows_where_the_log_differs() {
    let change = |parts: &'static [(usize, i32)]| {
        move |world: &mut World| {
            world.logs.insert(1, log(parts));
        }
    };
    let (found, _) = after((3, &TEN), "latest", change(&[(7, 1), (1, 3)]), 1);
    assert_eq!(found.unwrap(), ["7@3"]);

    let (found, _) = after((3, &TEN), "none", change(&[(7, 1), (1, 3)]), 1);
    let expect = Truncation { partition: partition(), offset: 10, leader_epoch: 1, diverging: Some((7, 1)) };
    assert_eq!(found.unwrap_err(), ClientError::LogTruncated { truncations: vec![expect] });

    // The offsets are there, of an older epoch: to a leader that is asked about the position it holds.
    let (found, world) = after((3, &TEN), "none", change(&[(11, 0)]), 1);
    assert_eq!(found.unwrap(), ["10@0"]);
    let fetches = world.get().heard.iter().filter(|(_, request)| request.key() == ApiKey::Fetch).count();
    assert!(fetches < 20, "{fetches} fetches");
}

#[test]
fn what_was_only_fetched_is_fetched_again() {
    let sim = Simulation::new(1);
    let world = Shared::new(&sim, 3, &TEN);
    run(&sim, 30 * SECOND, move || async move {
        let mut consumer = consumer(&[("auto.offset.reset", "none"), ("max.poll.records", "1")]);
        consumer.seek(&partition(), 0).unwrap();
        assert_eq!(read(&mut consumer, 3).await.unwrap(), ["0@1", "1@1", "2@1"]);
        world.get().logs.insert(1, log(&[(5, 1), (2, 3)]));
        // The fetch behind what is buffered is answered while the caller is at other things.
        consumer.cluster().clock().sleep(SECOND).await;
        assert_eq!(read(&mut consumer, 2).await.unwrap(), ["3@1", "4@1"]);
        assert_eq!(read(&mut consumer, 2).await.unwrap(), ["5@3", "6@3"]);
        let is_asked =
            |(_, request): &(u8, AnyRequest)| matches!(request, AnyRequest::OffsetForLeaderEpoch(_));
        assert!(world.get().heard.iter().any(is_asked));
    });
}

#[test]
fn a_broker_that_is_behind_is_asked_again() {
    let change = |world: &mut World| {
        elect(log(&[(10, 1), (1, 2)]))(world);
        world.failures.insert(2, (Failure::Code(ErrorCode::UnknownLeaderEpoch), 3));
    };
    let (found, world) = after((1, &TEN), "none", change, 1);
    assert_eq!(found.unwrap(), ["10@2"]);
    let metadata = world.get().heard.iter().filter(|(_, request)| request.key() == ApiKey::Metadata).count();
    assert!((2..10).contains(&metadata), "{metadata} times");
}

#[test]
fn epochs_are_committed_and_read_back() {
    let sim = Simulation::new(1);
    let world = Shared::new(&sim, 1, &TEN);
    run(&sim, 30 * SECOND, move || async move {
        let settings =
            [("group.id", "g"), ("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];
        let mut first = consumer(&settings);
        assert_eq!(read(&mut first, 10).await.unwrap().len(), 10);
        first.commit().await.unwrap();
        first.close().await;
        assert_eq!(world.get().committed, Some((10, 1)));
        let fetches = |world: &Shared| {
            world.get().heard.iter().filter(|(_, request)| request.key() == ApiKey::Fetch).count()
        };

        // Metadata of an older epoch is of no use to who has read records of a later one.
        world.get().leader_epoch = 0;
        world.get().heard.clear();
        let mut second = consumer(&settings);
        assert_eq!(read(&mut second, 1).await.unwrap(), Vec::<String>::new());
        assert_eq!(fetches(&world), 0);

        // The log was cut back while nobody was reading.
        elect(log(&[(7, 1), (2, 2)]))(&mut world.get());
        assert_eq!(read(&mut second, 2).await.unwrap(), ["7@2", "8@2"]);
        second.commit().await.unwrap();
        assert_eq!(world.get().committed, Some((9, 2)));
        second.close().await;
    });
}

#[test]
fn a_topic_that_is_made_anew_is_read_by_the_reset_policy() {
    for (epoch, records) in [(0, 3), (1, 3), (1, 12), (4, 12)] {
        let anew = move |world: &mut World| {
            world.topic_id = Uuid::from_u128(77 << 64);
            world.leader_epoch = epoch;
            world.logs = [1, 2].map(|id| (id, vec![epoch; records])).into();
        };
        let (result, _) = after((1, &TEN), "earliest", anew, records);
        let expect: Vec<_> = (0..records).map(|offset| format!("{offset}@{epoch}")).collect();
        assert_eq!(result.unwrap(), expect, "epoch {epoch}");
    }
}
