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
    assert_eq!(report(&Plan::of(1, Special::Blackout)).violations, []);
    let violated = report(&Plan::of(1, Special::LyingDisks)).violations;
    assert!(violated.iter().any(|(name, _)| name == "committed metadata"), "{violated:?}");
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
