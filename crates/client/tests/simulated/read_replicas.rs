//! A consumer that the leader sends to a follower (KIP-392).

use klamm_protocol::{ErrorCode, api::AnyRequest};

use super::{
    world::{Failure, Shared, World, consumer, partition, read},
    *,
};

type Change = Box<dyn FnOnce(&mut World)>;

#[test]
fn a_follower_that_fails_is_left_for_the_leader() {
    let fail = |failure: Failure| {
        move |world: &mut World| {
            world.failures.insert(2, (failure, 1000));
        }
    };
    let code = |code: ErrorCode| fail(Failure::Code(code));
    let cases: [(&str, Change); 6] = [
        ("OFFSET_OUT_OF_RANGE", Box::new(code(ErrorCode::OffsetOutOfRange))),
        ("NOT_LEADER_OR_FOLLOWER", Box::new(code(ErrorCode::NotLeaderOrFollower))),
        ("KAFKA_STORAGE_ERROR", Box::new(code(ErrorCode::KafkaStorageError))),
        ("it hangs up", Box::new(fail(Failure::Hangup))),
        ("another epoch", Box::new(|world: &mut World| world.leader_epoch = 2)),
        ("it is gone", Box::new(|world: &mut World| world.live = vec![1])),
    ];
    for (what, change) in cases {
        let sim = Simulation::new(1);
        let world = Shared::new(&sim, 1, &[1; 3]);
        world.get().recommended = Some(2);
        run(&sim, 30 * SECOND, move || async move {
            let mut consumer = consumer(&[("metadata.max.age.ms", "1500")]);
            consumer.seek(&partition(), 0).unwrap();
            assert_eq!(read(&mut consumer, 3).await.unwrap().len(), 3, "{what}");
            let asked =
                world.get().heard.iter().map(|(id, request)| (*id, request.key())).collect::<Vec<_>>();
            assert!(asked.contains(&(2, klamm_protocol::ApiKey::Fetch)), "{what}: {asked:?}");
            {
                let mut world = world.get();
                change(&mut world);
                world.recommended = None;
                world.logs.insert(1, vec![1; 5]);
            }
            assert_eq!(read(&mut consumer, 2).await.unwrap(), ["3@1", "4@1"], "{what}");
        });
    }
}

#[test]
fn a_follower_that_is_only_behind_is_kept() {
    let sim = Simulation::new(1);
    let world = Shared::new(&sim, 1, &[1; 3]);
    world.get().recommended = Some(2);
    run(&sim, 30 * SECOND, move || async move {
        let mut consumer = consumer(&[]);
        consumer.seek(&partition(), 0).unwrap();
        assert_eq!(read(&mut consumer, 3).await.unwrap().len(), 3);
        {
            let mut world = world.get();
            world.heard.clear();
            world.failures.insert(2, (Failure::Code(ErrorCode::UnknownLeaderEpoch), 2));
            world.logs.insert(2, vec![1; 4]);
        }
        assert_eq!(read(&mut consumer, 1).await.unwrap(), ["3@1"]);
        let at_leader =
            |(id, request): &&(u8, AnyRequest)| *id == 1 && matches!(request, AnyRequest::Fetch(_));
        assert_eq!(world.get().heard.iter().filter(at_leader).count(), 0);
    });
}
