use super::check;

#[test]
fn a_single_replica_acknowledges_itself() {
    check(
        "lead replicas=1 isr=1 min=2 end=10 hw=4 brokers=1
         > epoch 5 from 10
         > hw 10
         > lso 10
         # min.insync.replicas is capped by the number of replicas.
         ? append = Ok(())
         log end=15
         > hw 15
         > lso 15
         ? acked 15 = Done
         ? acked 16 = Waiting
         ? readable = 0..15
         log start=7
         > lw 7
         ? readable = 7..15
         ? deadline = None",
    );
}

#[test]
fn the_high_watermark_is_what_all_in_sync_replicas_have() {
    check(
        "t=100 lead replicas=1,2,3 isr=1,2,3 min=2 end=10 hw=4 brokers=1,2,3
         > epoch 5 from 10
         ? lagging = true
         t=100 fetched 2 at=10
         ? hw = 4
         t=100 fetched 3 at=8
         > hw 8
         > lso 8
         > lw 0
         log end=20
         t=101 fetched 2 at=20
         ? hw = 8
         t=101 fetched 3 at=15
         > hw 15
         > lso 15
         ? lagging = false
         ? acked 15 = Done
         ? acked 16 = Waiting",
    );
}

#[test]
fn the_high_watermark_waits_for_the_leaders_own_sync() {
    check(
        "lead replicas=1 isr=1 end=10 durable=7 hw=4 brokers=1
         > epoch 5 from 10
         > hw 7
         > lso 7
         log end=12 durable=10
         > hw 10
         > lso 10
         ? acked 12 = Waiting
         # What was called committed stays so while a sync covers it again.
         log end=13 durable=8
         ? hw = 10
         log end=13 durable=13
         > hw 13
         > lso 13
         ? acked 13 = Done",
    );
    check(
        "t=100 lead replicas=1,2 isr=1,2 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         t=100 fetched 2 at=10
         > lw 0
         # The follower has it, and has synced it, before the leader has.
         t=100 log end=20 durable=10
         t=100 fetched 2 at=20
         ? hw = 10
         ? acked 20 = Waiting
         t=101 log durable=20
         > hw 20
         > lso 20
         # The other way round.
         t=101 log end=30 durable=30
         t=101 fetched 2 at=20
         ? hw = 20
         t=102 fetched 2 at=30
         > hw 30
         > lso 30",
    );
}

#[test]
fn open_transactions_hold_the_last_stable_offset() {
    check(
        "lead replicas=1 isr=1 end=10 brokers=1
         > epoch 5 from 10
         > hw 10
         > lso 10
         log end=12 unstable=10
         > hw 12
         ? lso = 10
         log end=14 unstable=13
         > hw 14
         > lso 13
         log end=15 unstable=-1
         > hw 15
         > lso 15",
    );
}

#[test]
fn a_lagging_follower_leaves_the_isr_and_comes_back() {
    check(
        "t=100 lead replicas=1,2 isr=1,2 lag=10 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         t=100 fetched 2 at=10
         > lw 0
         ? deadline = None
         t=101 log end=20
         ? deadline = Some(110.001s)
         t=110 tick
         t=111 tick
         > alter version=0 isr 1@101
         # Until the controller confirms it, the follower may still be in the ISR.
         ? isr = [1, 2]
         ? hw = 10
         ? deadline = None
         t=111 tick
         t=112 altered version=1 isr=1
         > hw 20
         > lso 20
         ? isr = [1]
         # Below the high watermark it may not join.
         t=113 fetched 2 at=15
         t=113 fetched 2 at=20
         > alter version=1 isr 1@101 2@102
         # It counts at once.
         log end=25
         ? hw = 20
         t=114 altered version=2 isr=1,2
         t=114 fetched 2 at=25
         > hw 25
         > lso 25",
    );
}

#[test]
fn a_follower_under_steady_load_counts_as_caught_up() {
    check(
        "t=100 lead replicas=1,2 isr=1,2 lag=10 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         t=100 fetched 2 at=10
         > lw 0
         t=101 log end=20
         # Always one fetch behind: it asks for what was the end at its fetch before.
         t=108 fetched 2 at=15
         > hw 15
         > lso 15
         t=109 log end=30
         t=115 fetched 2 at=20
         > hw 20
         > lso 20
         ? deadline = Some(118.001s)
         t=118 tick
         t=119 tick
         > alter version=0 isr 1@101",
    );
}

#[test]
fn refusals_of_the_controller() {
    check(
        "t=100 lead replicas=1,2 isr=1 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         t=100 fetched 2 at=10
         > alter version=0 isr 1@101 2@102
         > lw 0
         # Timed out: ask again.
         refused 7
         > alter version=0 isr 1@101 2@102
         # Ineligible: nothing was changed.
         refused 107
         t=101 fetched 2 at=10
         > alter version=0 isr 1@101 2@102
         # Fenced: the metadata will tell.
         refused 74
         t=101 fetched 2 at=10
         t=102 assigned epoch=5 version=3 replicas=1,2 isr=1,2
         ? isr = [1, 2]
         # An answer to what the metadata has overtaken is ignored.
         altered version=9 isr=1
         ? isr = [1, 2]",
    );
}

#[test]
fn metadata_that_brings_nothing_new_leaves_a_proposal_open() {
    check(
        "t=100 lead replicas=1,2,3 isr=1,2 lag=10 end=10 hw=10 brokers=1,2,3
         > epoch 5 from 10
         t=100 fetched 2 at=10
         t=100 fetched 3 at=10
         > alter version=0 isr 1@101 2@102 3@103
         > lw 0
         # The controller may have granted it by now: 3 counts, even if it has fallen behind for long.
         t=101 assigned epoch=5 version=0 replicas=1,2,3 isr=1,2
         log end=20
         t=150 fetched 2 at=20
         ? hw = 10
         t=150 altered version=1 isr=1,2,3
         ? isr = [1, 2, 3]
         t=151 fetched 3 at=20
         > hw 20
         > lso 20
         # A reassignment ends with the change of the ISR: its metadata says what the answer did not.
         t=152 assigned epoch=5 version=1 replicas=1,2 isr=1,2
         ? follower 3 = Err(UnknownLeaderEpoch)
         ? isr = [1, 2]",
    );
}

#[test]
fn brokers_that_may_not_join_the_isr() {
    check(
        "t=100 lead replicas=1,2,3 isr=1 end=10 hw=10 brokers=1,2,!3
         > epoch 5 from 10
         t=100 fetched 3 at=10
         # An old version of Fetch has no broker epoch.
         t=100 fetched 2 at=10 broker=-1
         > alter version=0 isr 1@101 2@-1
         > lw 0
         t=100 altered version=1 isr=1,2
         ? follower 2 broker=101 = Err(NotLeaderOrFollower)
         ? follower 2 broker=102 = Ok(())
         ? follower 4 = Err(UnknownLeaderEpoch)
         # A restarted broker's fetch under its former epoch is not counted.
         t=101 fetched 2 at=12 broker=90
         log end=12
         ? hw = 10
         t=101 alive brokers=1,2,!3
         t=101 fetched 3 at=12
         t=101 alive brokers=1,2,3
         > alter version=1 isr 1@101 2@-1 3@103",
    );
}

#[test]
fn a_follower_that_waits_for_records_joins_when_it_may() {
    check(
        "t=100 lead replicas=1,2,3,4,5,6 isr=1 min=1 end=10 hw=10 brokers=1,!2,!3,!4,!5,!6
         > epoch 5 from 10
         t=100 fetched 2 at=10
         # Behind what is committed.
         t=100 fetched 3 at=9
         # Under which registration is not known.
         t=100 fetched 5 at=10 broker=-1
         t=100 fetched 6 at=10
         # 4 has not fetched at all.
         t=101 alive brokers=1,2,3,4,5,6
         > alter version=0 isr 1@101 2@102 6@106
         t=102 alive brokers=1,2,3,4,5,6
         t=102 altered version=1 isr=1,2,6
         t=102 alive brokers=1,2,3,4,5,6",
    );
}

#[test]
fn who_has_left_the_isr_comes_back_by_a_fetch() {
    check(
        "t=100 lead replicas=1,2 isr=1,2 min=1 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         t=100 fetched 2 at=10
         > lw 0
         # Its log directory has failed: the broker is alive, and follows no more.
         t=101 assigned epoch=5 version=1 replicas=1,2 isr=1
         t=101 alive brokers=1,2
         t=102 fetched 2 at=10
         > alter version=1 isr 1@101 2@102",
    );
}

#[test]
fn too_few_replicas_in_sync() {
    check(
        "t=100 lead replicas=1,2,3 isr=1,2 min=2 end=10 hw=10 brokers=1,2,3
         > epoch 5 from 10
         t=100 fetched 2 at=10
         ? append = Ok(())
         log end=20
         t=101 assigned epoch=5 version=1 replicas=1,2,3 isr=1
         # The high watermark stands still.
         ? hw = 10
         ? append = Err(NotEnoughReplicas)
         ? acked 10 = TooFewReplicas
         ? acked 20 = Waiting
         config min=1
         ? hw = 10
         t=120 tick
         > hw 20
         > lso 20",
    );
}

#[test]
fn a_new_epoch_and_requests_of_others() {
    check(
        "t=100 lead epoch=5 replicas=1,2 isr=1,2 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         t=100 fetched 2 at=10
         > lw 0
         log end=15
         t=200 assigned epoch=7 version=4 replicas=1,2 isr=1,2
         > epoch 7 from 15
         ? epoch -1 = Ok(())
         ? epoch 7 = Ok(())
         ? epoch 6 = Err(FencedLeaderEpoch)
         ? epoch 8 = Err(UnknownLeaderEpoch)
         # An older registration comes late.
         t=200 assigned epoch=5 version=3 replicas=1 isr=1
         ? isr = [1, 2]
         # In the ISR: the benefit of the doubt for the lag time.
         t=210 tick
         t=211 tick
         > alter version=4 isr 1@101",
    );
}

#[test]
fn delete_records_waits_for_live_followers() {
    check(
        "t=100 lead replicas=1,2,3 isr=1,2,3 end=10 hw=10 brokers=1,2
         > epoch 5 from 10
         ? lw = -1
         t=100 fetched 2 at=10 start=3
         > lw 0
         log start=5
         > lw 3
         t=100 fetched 2 at=10 start=5
         > lw 5",
    );
}
