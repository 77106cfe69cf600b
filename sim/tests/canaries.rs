//! Runs that have to come out as they do: the same seed the same, and broken clusters as broken.

use klamm_sim::{
    plan::{Kinds, Plan, Special},
    run::{Report, run},
};

fn report(plan: &Plan) -> Report {
    run(plan).expect("the plan makes sense")
}

#[test]
fn a_seed_tells_everything() {
    // The second has transactions and a share group with a dead-letter queue.
    for plan in [Plan::single(1), Plan::of(31, Special::None)] {
        let (one, two) = (report(&plan), report(&plan));
        assert_eq!(one.violations, []);
        assert_eq!((one.trace, one.polls, one.counts), (two.trace, two.polls, two.counts));
        assert_ne!(one.trace, report(&Plan { seed: plan.seed + 1, ..plan }).trace);
    }
}

#[test]
fn metadata_outlasts_a_blackout_unless_disks_lie() {
    let plan = Plan { syncs_each: false, ..Plan::of(1, Special::Blackout) };
    assert_eq!(report(&plan).violations, []);
    // Where nodes see that a file lacks what it had they do not start, and nothing committed is lost: only liveness.
    let lied_to = (1..6).map(|seed| report(&Plan::of(seed, Special::LyingDisks)).violations);
    let violated: Vec<_> = lied_to.inspect(|violated| assert_ne!(*violated, [])).flatten().collect();
    assert!(violated.iter().any(|(name, _)| name == "committed metadata"), "{violated:?}");
}

#[test]
fn with_a_sync_for_each_message_records_outlast_a_blackout() {
    for seed in 1..4 {
        let plan = Plan { syncs_each: true, ..Plan::of(seed, Special::Blackout) };
        assert_eq!(report(&plan).violations, [], "{seed}");
    }
}

#[test]
fn with_a_sync_for_each_message_the_leader_alone_keeps_what_it_acknowledges() {
    let kinds = Kinds { power: true, ..Kinds::default() };
    let faults_for = std::time::Duration::from_secs(60);
    for seed in 1..4 {
        let plan = Plan { kinds, faults_for, syncs_each: true, ..Plan::single(seed) };
        assert_eq!(report(&plan).violations, [], "{seed}");
        assert_ne!(report(&Plan { syncs_each: false, ..plan }).violations, [], "{seed}");
    }
}

#[test]
fn an_acknowledgement_before_replication_is_noticed() {
    let kinds = Kinds { kill: true, partition: true, ..Kinds::default() };
    let noticed = (1..6).any(|seed| {
        let plan = Plan { kinds, ..Plan::of(seed, Special::EarlyAcknowledgement) };
        let plan = Plan { faults_for: std::time::Duration::from_secs(60), ..plan };
        report(&plan).violations.iter().any(|(name, _)| name == "acknowledged records")
    });
    assert!(noticed, "records are lost, and nobody says so");
}

#[test]
fn a_reader_of_what_is_not_committed_is_noticed() {
    let violated: Vec<_> =
        (1..4).flat_map(|seed| report(&Plan::of(seed, Special::UncommittedReads)).violations).collect();
    for invariant in ["transactions", "exactly once"] {
        assert!(violated.iter().any(|(name, _)| name == invariant), "{violated:?}");
    }
}

#[test]
fn copiers_that_are_not_fenced_or_commit_beside_the_transaction_are_noticed() {
    for special in [Special::NamelessCopiers, Special::UnboundOffsets] {
        let noticed = (1..10).any(|seed| {
            let faults_for = std::time::Duration::from_secs(60);
            let plan = Plan { faults_for, ..Plan::of(seed, special) };
            report(&plan).violations.iter().any(|(name, _)| name == "exactly once")
        });
        assert!(noticed, "{special:?}");
    }
}

#[test]
fn a_replica_in_two_directories_is_noticed() {
    let plan = Plan { log_dirs: 2, ..Plan::single(3) };
    assert_eq!(report(&plan).violations, []);
    let violated = report(&Plan { special: Special::CopiedReplica, ..plan }).violations;
    assert!(violated.iter().any(|(name, _)| name == "one directory"), "{violated:?}");
}

#[test]
fn shares_that_are_given_out_too_early_and_too_often_are_noticed() {
    let mut unnoticed = vec!["one member has a shared record", "delivery limit of a share group"];
    // A run ends with the first violation, mostly that of the former.
    for seed in 1..20 {
        for (name, _) in report(&Plan::of(seed, Special::LooseShares)).violations {
            unnoticed.retain(|invariant| *invariant != name);
        }
        if unnoticed.is_empty() {
            return;
        }
    }
    panic!("not noticed: {unnoticed:?}");
}

#[test]
fn dead_letters_that_are_not_sent_are_noticed() {
    let violated = report(&Plan::of(1, Special::UnsentLetters)).violations;
    assert!(
        violated.iter().any(|(name, _)| name == "what was given up is in the dead-letter queue"),
        "{violated:?}"
    );
}
