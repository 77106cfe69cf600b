use super::scene::{check, check_from};
use crate::RecordState::{Acknowledged, Archived, Archiving, Available};

#[test]
fn records_are_given_out_once_and_done_with_when_that_is_kept() {
    check(
        "log 0-9 10-19
         fetch m1 10 => 0-9x1
         fetch m2 10 => 10-19x1
         fetch m3 10 =>
         state 0..19 | 0-9 acquired x1 m1 | 10-19 acquired x1 m2
         ack m2 10-19 accept
         kept 10-19=acked x1
         state 0..19 | 0-9 acquired x1 m1 | 10-19 acked x1
         ack m1 0-9 accept
         state 0..19 | 0-9 acked x1 ... | 10-19 acked x1
         kept 0-9=acked x1
         state 20..20
         next 20",
    );
}

#[test]
fn released_records_come_again_until_the_limit() {
    check(
        "log 0-4
         set limit=2
         fetch m1 10 => 0-4x1
         ack m1 0-4 release
         next 5
         kept 0-4=available x1
         next 0
         fetch m2 10 => 0-4x2
         ack m2 0-4 release
         kept 0-4=archived x2
         state 5..5",
    );
}

#[test]
fn each_record_has_a_fate_of_its_own() {
    check(
        "log 0-4
         fetch m1 10 => 0-4x1
         ack m1 0-4 accept,release,reject,gap,accept
         kept 0=acked x1 1=available x1 2-3=archived x1 4=acked x1
         state 1..4 | 0 acked x1 1 available x1 2-3 archived x1 4 acked x1
         fetch m2 10 => 1x2
         ack m2 1 accept
         kept 1=acked x2
         state 5..5",
    );
}

#[test]
fn a_part_of_a_batch_may_be_acknowledged() {
    check(
        "log 0-9
         fetch m1 10 => 0-9x1
         ack m1 3-5 accept
         kept 3-5=acked x1
         state 0..9 | 0-2 acquired x1 m1 3-5 acked x1 6-9 acquired x1 m1
         ack m1 0-2 accept
         kept
         state 6..9 | 0-5 acked x1 6-9 acquired x1 m1",
    );
}

#[test]
fn what_is_not_the_members_is_refused_and_nothing_changes() {
    check(
        "log 0-4 5-9
         fetch m1 5 => 0-4x1
         fetch m2 5 => 5-9x1
         ack m2 0-4 accept ! InvalidRecordState
         ack m1 0-9 accept ! InvalidRecordState
         ack m1 0-14 accept ! InvalidRequest
         ack m1 20-24 accept ! InvalidRequest
         state 0..9 | 0-4 acquired x1 m1 | 5-9 acquired x1 m2
         ack m1 0-4 accept
         ack m1 0-4 accept ! InvalidRecordState
         kept
         ack m1 0-4 accept
         nothing-to-keep",
    );
    check("ack m1 0-4 accept ! InvalidRecordState");
}

#[test]
fn a_write_that_failed_brings_records_back_to_the_member() {
    check(
        "log 0-4
         fetch m1 10 => 0-4x1
         ack m1 0-4 accept
         after 1000
         lost
         state 0..4 | 0-4 acquired x1 m1
         ack m1 0-4 release
         after 30000
         state 0..4 | 0-4 available x1 ...
         lost
         state 0..4 | 0-4 available x1
         fetch m2 10 => 0-4x2",
    );
}

#[test]
fn a_lock_runs_out() {
    check(
        "log 0-4 5-9
         fetch m1 5 => 0-4x1
         after 10000
         fetch m1 5 => 5-9x1
         after 20000
         state 0..9 | 0-4 available x1 | 5-9 acquired x1 m1
         fetch m2 5 => 0-4x2
         kept 0-4=available x1
         ack m1 0-4 accept ! InvalidRecordState
         after 10000
         kept 5-9=available x1
         after 20000
         kept 0-4=available x2",
    );
}

#[test]
fn a_lock_runs_out_for_the_last_time() {
    check(
        "log 0
         set limit=2
         fetch m1 5 => 0x1
         after 30000
         fetch m1 5 => 0x2
         after 30000
         state 0..0 | 0 archived x2
         kept 0=available x1
         state 1..1
         lost 0=archived x2",
    );
}

#[test]
fn a_lock_is_renewed() {
    check(
        "log 0-4
         fetch m1 5 => 0-4x1
         after 20000
         ack m1 0-4 renew
         nothing-to-keep
         after 20000
         ack m1 2 renew
         after 10000
         kept 0-1=available x1 3-4=available x1
         after 20000
         kept 2=available x1
         set renew=no
         fetch m1 5 => 0-4x2
         ack m1 0-4 renew ! InvalidRecordState",
    );
}

#[test]
fn a_member_that_leaves_gives_everything_back() {
    check(
        "log 0-4 5-9
         fetch m1 5 => 0-4x1
         fetch m2 5 => 5-9x1
         ack m1 1 accept
         kept
         leave m1
         fetch m3 5 =>
         kept 0=available x1 2-4=available x1
         fetch m3 5 => 0x2 2-4x2
         leave nobody
         nothing-to-keep",
    );
}

#[test]
fn no_more_is_in_flight_than_the_group_may_have() {
    check(
        "log 0-9 10-19 20-29
         set locks=15
         fetch m1 100 => 0-19x1
         full
         ack m1 5 release
         kept
         fetch m2 100 => 5x2
         full
         ack m1 0-4 accept
         kept
         state 5..19 | 0-4 acked x1 5 acquired x2 m2 6-19 acquired x1 m1
         full
         ack m2 5 accept
         kept
         fetch m1 100 => 20-29x1",
    );
}

#[test]
fn batches_are_cut_where_the_log_has_them() {
    check(
        "log 0-4 5-9 10-14 15-19
         fetch m1 500 size 10 => 0-9x1 10-19x1
         leave m1
         kept
         fetch m1 8 size 10 => 0-9x2
         state 0..19 | 0-9 acquired x2 m1 | 10-19 available x1",
    );
}

#[test]
fn a_limit_of_records_is_kept_to() {
    check(
        "log 0-9 10-19
         limit m1 4 => 0-3x1
         state 0..9 | 0-3 acquired x1 m1 4-9 available x0
         limit m2 4 => 4-7x1
         limit m3 4 => 8-9x1 10-11x1
         state 0..19 | 0-3 acquired x1 m1 4-7 acquired x1 m2 8-9 acquired x1 m3 | 10-11 acquired x1 m3 12-19 available x0
         fetch m4 1 => 12-19x1",
    );
}

#[test]
fn a_suspect_batch_is_given_out_in_ever_smaller_parts() {
    check(
        "log 0-7 8-15
         set limit=6
         fetch m1 8 => 0-7x1
         leave m1
         kept
         fetch m1 8 => 0-7x2
         leave m1
         kept
         fetch m1 8 => 0-7x3
         leave m1
         kept
         fetch m1 100 => 0-3x4
         leave m1
         kept
         fetch m1 100 => 0-1x5
         leave m1
         kept
         fetch m1 100 => 0x6
         fetch m2 100 => 1x6
         fetch m3 100 => 2-3x5
         fetch m4 100 => 4-7x4
         fetch m5 100 => 8-15x1",
    );
}

#[test]
fn the_log_loses_records() {
    check(
        "log 0-9 10-19
         fetch m1 10 => 0-9x1
         fetch m2 10 => 10-19x1
         leave m2
         kept
         log-start 15
         state 15..19 | 0-9 acquired x1 m1 | 10-14 archived x1 15-19 available x1
         log 15-19
         fetch m2 10 => 15-19x2
         ack m1 0-9 accept
         nothing-to-keep
         after 30000
         kept
         fetch m2 10 => 15-19x3
         ack m2 15-19 accept
         kept
         state 20..20",
    );
    check(
        "log 0-9
         fetch m1 10 => 0-9x1
         log-start 50
         next 50
         log 50-59
         fetch m2 10 => 50-59x1
         state 50..59 | 0-9 acquired x1 m1 | 50-59 acquired x1 m2",
    );
    // The log may start within a batch.
    check(
        "log 0-9
         fetch m1 10 => 0-9x1
         log-start 55
         log 50-59
         fetch m2 10 => 55-59x1",
    );
    check_from(
        0,
        &[(0, 6, Acknowledged, 1), (12, 12, Acknowledged, 1)],
        "log-start 11\n log 9-11 12\n limit m1 1 => 11x1\n fetch m2 10 =>",
    );
    check("log-start 50\n next 50\n state 50..50");
}

#[test]
fn a_lock_runs_out_across_the_start_of_the_log() {
    check(
        "log 0-9
         fetch m1 10 => 0-9x1
         log-start 5
         after 30000
         kept 0-4=archived x1 5-9=available x1
         state 5..9 | 0-4 archived x1 5-9 available x1",
    );
}

#[test]
fn an_acknowledgement_fails_behind_the_start_of_the_log() {
    check(
        "log 0-9
         fetch m1 10 => 0-9x1
         ack m1 0-9 accept
         log-start 50
         log 50-59
         fetch m2 10 => 50-59x1
         after 30000
         lost 0-9=acked x1
         state 50..59 | 0-9 archived x1 | 50-59 available x1
         next 50
         fetch m2 10 => 50-59x2
         ack m2 50-59 accept
         kept 50-59=available x1
         kept 50-59=acked x2 0-9=archived x1
         state 60..60",
    );
    // What lies behind the start is delivered again, and only that.
    check(
        "log 0-9
         fetch m1 10 => 0-9x1
         ack m1 0-9 accept
         log-start 5
         after 30000
         lost 0-9=acked x1
         state 5..9 | 0-4 archived x1 5-9 available x1
         log 5-9
         fetch m2 10 => 5-9x2",
    );
    // The same when a member left that had records behind the start.
    check(
        "log 0-9 10-19
         fetch m1 10 => 0-9x1
         log-start 15
         leave m1
         log 15-19
         fetch m2 10 => 15-19x1
         after 30000
         lost 0-9=archived x1
         state 15..19 | 0-9 archived x1 | 15-19 available x1
         next 15",
    );
    // A dead letter of what is gone would be forgotten with the next write.
    check(
        "log 0-9
         set limit=1
         set dead-letters=yes
         fetch m1 10 => 0-9x1
         ack m1 0-9 accept
         log-start 5
         after 30000
         lost 0-9=acked x1
         state 5..9 | 0-4 archived x1 5-9 archiving x1",
    );
}

#[test]
fn compaction_takes_records_in_flight() {
    check(
        "log 0-9 10-19
         fetch m1 100 => 0-19x1
         leave m1
         kept
         log 6-9 10-19
         fetch m1 100 => 6-19x2
         state 6..19 | 0-5 archived x1 6-19 acquired x2 m1",
    );
}

#[test]
fn aborted_transactions_are_passed_over() {
    check(
        "log 0-4 5-9t7 10a7 11-14t7 15-19t8
         aborted 7@5
         fetch m1 100 => 0-4x1 10-19x1
         state 0..19 | 0-4 acquired x1 m1 5-9 archived x1 10-19 acquired x1 m1
         ack m1 0-4 accept
         kept
         state 10..19 | 0-4 acked x1 5-9 archived x1 10-19 acquired x1 m1",
    );
    check("log 0-4t7\n aborted 7@0\n fetch m1 100 =>\n state 5..5");
}

#[test]
fn what_was_kept_goes_on() {
    check_from(
        10,
        &[(10, 14, Available, 1), (15, 19, Acknowledged, 1), (20, 24, Archived, 5)],
        "state 10..24 | 10-14 available x1 | 15-19 acked x1 | 20-24 archived x5
         log 10-19 20-24 25-29
         fetch m1 100 => 10-14x2 25-29x1
         ack m1 10-14 accept
         kept
         state 25..29 | 25-29 acquired x1 m1",
    );
}

#[test]
fn what_was_fetched_but_not_kept_is_fetched_again() {
    check_from(
        10,
        &[(21, 30, Acknowledged, 1), (41, 50, Available, 2)],
        "next 10
         log 5-14 15-24 25-34 35-44 45-54
         fetch m1 100 => 10-20x1 31-40x1 41-50x3 51-54x1
         state 10..54 | 10-20 acquired x1 m1 | 21-30 acked x1 | 31-40 acquired x1 m1 | 41-50 acquired x3 m1 | 51-54 acquired x1 m1
         ack m1 10-20 accept
         kept
         state 31..54 | 31-40 acquired x1 m1 | 41-50 acquired x3 m1 | 51-54 acquired x1 m1",
    );
    // A gap in the log itself is not waited for.
    check_from(
        0,
        &[(10, 19, Acknowledged, 1)],
        "log 0-4 10-19
         fetch m1 100 => 0-9x1
         next 20",
    );
}

#[test]
fn a_gap_that_is_too_long_for_one_batch_is_not_passed_over() {
    check_from(
        0,
        &[(3_000_000, 3_000_000, Available, 1)],
        "log 0-2999999 3000000-3000009
         fetch m1 2000000 => 0-1048575x1
         next 1048576
         fetch m1 2000000 => 1048576-2097151x1
         fetch m1 2000000 => 2097152-2999999x1 3000000x2",
    );
}

#[test]
fn offsets_may_be_altered_to_anything() {
    for start in [i64::MAX, i64::MIN, -5] {
        check_from(start, &[], &format!("next {start}\n log\n fetch m1 10 =>\n leave m1\n nothing-to-keep"));
    }
    check_from(-5, &[], "log-start 0\n log 0-4\n fetch m1 10 => 0-4x1");
    check_from(i64::MAX, &[(i64::MAX, i64::MAX, Available, 1)], &format!("next {}", i64::MAX));
}

#[test]
fn what_is_gone_from_the_log_is_no_gap() {
    // It is before everything that was kept.
    let kept = &[(10, 19, Acknowledged, 1)];
    for log in ["10-19 20-29", "20-29"] {
        check_from(
            0,
            kept,
            &format!(
                "log {log}
                 fetch m1 100 => 20-29x1
                 ack m1 20-29 accept
                 kept
                 state 30..30"
            ),
        );
    }
    // It is between, and what follows is more than is read at a time.
    check_from(
        0,
        &[(0, 9, Available, 1), (20, 29, Acknowledged, 1)],
        "log 0-9
         fetch m1 100 => 0-9x2
         next 10
         log 20-29
         fetch m1 100 =>
         next 30
         ack m1 0-9 accept
         kept
         state 30..30",
    );
    // The log's start has moved past it.
    check_from(
        0,
        kept,
        "log-start 5
         next 5
         log 5-9 10-19
         fetch m1 100 => 5-9x1
         ack m1 5-9 accept
         kept
         state 20..20",
    );
    check_from(
        0,
        &[(10, 19, Acknowledged, 1), (30, 39, Available, 1)],
        "log-start 15\n next 20\n log-start 25\n next 25",
    );
}

#[test]
fn what_is_given_up_goes_to_the_dead_letter_queue_first() {
    check(
        "log 0-4
         set limit=2
         set dead-letters=yes
         fetch m1 10 => 0-4x1
         ack m1 0-4 reject,reject,gap,release,accept
         letters =>
         kept 0-1=archiving x1 2=archived x1 3=available x1 4=acked x1
         letters => 0-1x1(rejected)
         state 0..4 | 0-1 archiving x1 2 archived x1 3 available x1 4 acked x1
         copied
         lost 0-1=archived x1
         letters => 0-1x1(rejected copied)
         copied
         kept 0-1=archived x1
         fetch m1 10 => 3x2
         after 30000
         letters =>
         kept 3=archiving x2
         letters => 3x2(exceeded)
         copied
         kept 3=archived x2
         state 5..5",
    );
    // What another leader may still deliver, since it is not kept that it is given up, waits until it is.
    check(
        "log 0-1
         set limit=1
         set dead-letters=yes
         fetch m1 10 => 0-1x1
         ack m1 1 reject
         kept
         after 30000
         lost 0=archiving x1
         letters => 1x1(rejected)
         after 999
         nothing-to-keep
         after 1
         lost 0=archiving x1
         copied
         kept 1=archived x1 0=archiving x1
         letters => 0x1(exceeded)
         after 1000
         nothing-to-keep
         copied
         kept 0=archived x1
         state 2..2",
    );
    // The same if it was the acknowledgement that could not be written.
    check(
        "log 0
         set limit=1
         set dead-letters=yes
         fetch m1 10 => 0x1
         ack m1 0 accept
         after 30000
         lost 0=acked x1
         letters =>
         after 1000
         kept 0=archiving x1
         letters => 0x1(exceeded)",
    );
    // Who takes over copies again; why it was given up was not kept.
    check_from(
        0,
        &[(0, 3, Archiving, 3), (4, 4, Archiving, 5)],
        "letters => 0-3x3(rejected) 4x5(exceeded)
         copied
         kept 0-3=archived x3 4=archived x5
         state 5..5",
    );
}

#[test]
fn what_a_member_that_left_had_last_is_a_dead_letter_once_that_is_written() {
    check(
        "log 0
         set limit=1
         set dead-letters=yes
         fetch m1 10 => 0x1
         leave m1
         after 30000
         lost 0=archiving x1
         letters =>
         unkept true
         after 1000
         unkept true
         kept 0=archiving x1
         unkept false
         letters => 0x1(exceeded)",
    );
}

#[test]
fn a_delivery_is_told_of_until_that_is_kept() {
    // The lock has run out when the write fails.
    check(
        "log 0-1
         unkept false
         set limit=2
         fetch m1 10 => 0-1x1
         unkept true
         leave m1
         unkept true
         after 30000
         lost 0-1=available x1
         unkept true
         after 999
         nothing-to-keep
         after 1
         unkept true
         lost 0-1=available x1
         after 1000
         kept 0-1=available x1
         unkept false",
    );
    // It runs out later; it is the last delivery.
    check(
        "log 0-1
         set limit=1
         set dead-letters=yes
         fetch m1 1 => 0-1x1
         leave m1
         after 29999
         lost 0-1=archiving x1
         state 0..1 | 0-1 acquired x1 m1
         letters =>
         unkept true
         after 1
         unkept true
         kept 0-1=archiving x1
         unkept false
         letters => 0-1x1(exceeded)",
    );
    // Whoever is gone needs not be known by name.
    check(
        "log 0 1
         fetch m1 1 => 0x1
         fetch m2 1 => 1x1
         ack m2 1 accept
         leave all
         kept 1=acked x1
         unkept true
         kept 0=available x1
         unkept false
         state 0..1 | 0 available x1 | 1 acked x1",
    );
    check(
        "log 0 1
         fetch m1 1 => 0x1
         ack m1 0 release
         fetch m2 1 => 1x1
         after 30000
         lost 0=available x1
         kept 1=available x1
         fetch m2 1 => 0x2
         fetch m2 1 => 1x2
         after 30000
         lost 0-1=available x2
         leave all
         kept 0-1=available x2
         unkept false",
    );
}

#[test]
fn what_failed_is_held_back_longer_each_time() {
    check(
        "log 0
         set backoff=1000
         fetch m1 10 => 0x1
         ack m1 0 release
         kept
         next 1
         after 700
         fetch m1 10 =>
         after 600
         next 0
         fetch m1 10 => 0x2
         ack m1 0 release
         kept
         after 1500
         fetch m1 10 =>
         after 1000
         fetch m1 10 => 0x3
         after 30000
         fetch m1 10 =>
         after 4800
         fetch m1 10 => 0x4",
    );
}

#[test]
fn dead_letters_may_be_copied_part_by_part() {
    check(
        "log 0-9
         set dead-letters=yes
         fetch m1 10 => 0-9x1
         ack m1 0-9 reject
         kept 0-9=archiving x1
         letters => 0-9x1(rejected)
         copied 0-3
         kept 0-3=archived x1
         state 4..9 | 0-3 archived x1 4-9 archiving x1
         copied 4-9
         lost 4-9=archived x1
         letters => 4-9x1(rejected copied)
         copied
         kept 4-9=archived x1
         state 10..10",
    );
}

#[test]
fn many_small_dead_letters_are_one_write() {
    let types = (0..20_000).map(|offset| if offset % 2 == 0 { "reject" } else { "accept" });
    let types = types.collect::<Vec<_>>().join(",");
    let letters = (0..20_000).step_by(2).map(|offset| format!("{offset}x1(rejected)"));
    let letters = letters.collect::<Vec<_>>().join(" ");
    check(&format!(
        "log 0-19999
         set dead-letters=yes
         set locks=20000
         fetch m1 20000 => 0-19999x1
         ack m1 0-19999 {types}
         kept
         letters => {letters}
         copied
         kept
         nothing-to-keep
         state 20000..20000"
    ));
}

#[test]
fn dead_letters_that_the_log_start_has_passed_are_kept() {
    check(
        "log 0-9
         set dead-letters=yes
         fetch m1 10 => 0-9x1
         ack m1 0-4 accept,reject,reject,accept,accept
         keeps-from 0 done 3
         kept
         letters => 1-2x1(rejected)
         log-start 5
         ack m1 5 accept
         keeps-from 1 done 3
         kept
         copied 1
         keeps-from 2 done 3
         kept
         copied 2
         keeps-from 5 done 1
         lost
         ack m1 6 accept
         keeps-from 5 done 2
         kept
         letters => 2x1(rejected copied)
         copied
         kept
         state 7..9 | 0 acked x1 1-2 archived x1 3-6 acked x1 7-9 acquired x1 m1",
    );
    // Also while it is being written that they are to go there.
    check(
        "log 0-9
         set dead-letters=yes
         fetch m1 10 => 0-9x1
         ack m1 1 reject
         log-start 5
         ack m1 5 accept
         kept 1=archiving x1
         keeps-from 1 done 4",
    );
    // Who takes over sends them, and goes on where the log begins.
    check_from(
        1,
        &[(1, 1, Archiving, 1), (5, 5, Acknowledged, 1)],
        "letters => 1x1(rejected)
         next 2
         log-start 5
         log 5-9
         fetch m1 10 => 6-9x1
         copied
         keeps-from 5 done 1
         kept",
    );
}

#[test]
fn a_flood_of_dead_letters_stops_delivery_for_a_while() {
    const FLOOD: &str = "log 0-2 3-9
         set dead-letters=yes
         set breaker=3/1000/5000/2
         fetch m1 3 => 0-2x1
         fetch m2 1 => 3-9x1
         ack m1 0-2 reject
         breaker same
         kept
         breaker open
         fetch m1 10 =>
         full
         ack m2 3-9 release
         kept
         full
         after 4999
         full
         after 1
         breaker half-open
         limit m1 1 => 3x2
         fetch m2 10 => 4x2
         full
";
    check(&format!(
        "{FLOOD}
         ack m1 3 accept
         kept
         breaker closed
         fetch m1 10 => 5-9x2"
    ));
    check(&format!(
        "{FLOOD}
         ack m1 3 reject
         kept
         breaker open
         ack m2 4 accept
         kept
         breaker same
         after 4999
         full
         after 1
         breaker half-open
         fetch m1 10 => 5-6x2
         set breaker=no
         fetch m1 10 => 7-9x2"
    ));
    // What comes slowly is no flood, and what is given up without a dead-letter queue counts for nothing.
    check(
        "log 0 1 2 3 4 5
         set breaker=3/1000/5000/1
         fetch m1 3 => 0-2x1
         ack m1 0-2 reject
         kept
         set dead-letters=yes
         fetch m1 3 => 3-5x1
         ack m1 3-4 reject
         kept
         after 1200
         ack m1 5 reject
         kept
         breaker same",
    );
}
