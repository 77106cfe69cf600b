//! One run: start, harm, heal, judge.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Once},
    time::Duration,
};

use anyhow::Result;
use klamm_client::TopicPartition;
use klamm_io::sim::Simulation;
use klamm_server::{metadata::Published, observe::Observation};

use crate::{
    cluster::Cluster,
    disks,
    history::{Phase, Shared},
    invariants::{Invariants, Logs},
    nemesis::{Nemesis, Newest, Parts},
    plan::{Plan, Special},
    workload,
};

/// What healing may take until everybody is served and all replicas are in sync.
const HEALING_MAX: Duration = Duration::from_secs(300);

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Name of what was violated, and what happened.
    pub violations: Vec<(String, String)>,
    /// A hash of all that happened.
    pub trace: u64,
    /// Simulated time.
    pub took: Duration,
    /// How many times a task was polled.
    pub polls: u64,
    /// What clients did, counted.
    pub counts: BTreeMap<&'static str, u64>,
    /// What went wrong, and when.
    pub deeds: Vec<(Duration, String)>,
    /// Why nodes ended by themselves.
    pub ends: Vec<(i32, String)>,
    /// The logs as they lie on the disks in the end.
    pub logs: Logs,
}

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes every panic of this process, those that are caught among them: each is a defect.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.with_borrow_mut(|panics| panics.push(panic.to_string()));
            before(panic);
        }));
    });
    PANICS.take();
}

/// Carries a plan out.
///
/// # Errors
/// If the plan makes no sense.
pub fn run(plan: &Plan) -> Result<Report> {
    note_panics();
    let sim = Simulation::new(plan.seed);
    let invariants = Rc::new(RefCell::new(Invariants::of(plan)));
    let history = Shared::default();
    let newest = listen(&sim, &invariants, &history);
    let mut cluster = Cluster::format(plan)?;
    for index in 0..cluster.nodes.len() {
        cluster.start(&sim, index)?;
    }
    let shared_plan = Rc::new(plan.clone());
    let clients = workload::start(&sim, &shared_plan, &cluster.bootstrap_servers(), &history);
    let parts = Parts {
        sim: &sim,
        cluster,
        plan,
        invariants: Rc::clone(&invariants),
        newest,
        clients,
        history: history.clone(),
    };
    let mut nemesis = Nemesis::new(parts);
    nemesis.prepare();
    let mut end = Duration::ZERO;
    while end < plan.faults_for {
        end += Duration::from_secs(10);
        nemesis.rage(end.min(plan.faults_for))?;
        invariants.borrow_mut().look(&logs(&nemesis));
    }
    nemesis.heal()?;
    history.lock().phase = Phase::Healing;
    let expected = expected_clients(plan);
    let is_done = |nemesis: &Nemesis<'_>| {
        let history = history.lock();
        expected.iter().all(|client| history.done.contains(client)) && nemesis.is_whole()
    };
    let is_whole = nemesis.rest(HEALING_MAX, is_done)?;
    let mut violations = Vec::new();
    if is_whole {
        if plan.special == Special::CopiedReplica {
            nemesis.cluster.copy_replica(plan)?;
        }
        let nodes = nemesis.cluster.nodes.iter();
        history.lock().in_two_directories =
            nodes.flat_map(|node| disks::twice(&node.disk).into_iter().map(|at| (node.id, at))).collect();
        invariants.borrow_mut().finish(&history.lock(), &logs(&nemesis));
    } else if invariants.borrow().violations.is_empty() {
        violations.push(("liveness".to_owned(), missing(&expected, &history, &nemesis)));
    }
    let mut panics = PANICS.take();
    panics.dedup();
    violations.extend(panics.into_iter().map(|panic| ("no panic".to_owned(), panic)));
    let found = invariants.borrow().violations.clone();
    let counts = std::mem::take(&mut history.lock().counts);
    violations.extend(
        found
            .into_iter()
            .filter(|(name, _)| counts_in(plan, name))
            .map(|(name, what)| (name.to_owned(), what)),
    );
    Ok(Report {
        seed: plan.seed,
        violations,
        trace: sim.trace(),
        took: sim.now(),
        polls: sim.polls(),
        counts,
        deeds: std::mem::take(&mut nemesis.deeds),
        ends: nemesis.cluster.ends(),
        logs: logs(&nemesis),
    })
}

/// Gives invariants what nodes tell, and keeps the newest image and who leads by it.
fn listen(sim: &Simulation, invariants: &Rc<RefCell<Invariants>>, history: &Shared) -> Newest {
    let newest = Newest::default();
    let (invariants, keeps, history) = (Rc::clone(invariants), Rc::clone(&newest), history.clone());
    sim.listen(move |host, told| {
        let Some(observation) = told.downcast_ref::<Observation>() else { return };
        if let Observation::Acquired { at, leader_epoch, first_offset, last_offset, delivery_count } =
            observation
        {
            let mut history = history.lock();
            for offset in *first_offset..=*last_offset {
                let at = TopicPartition::new(&*at.topic, at.index);
                history.shares.acquired((at, offset), *leader_epoch, *delivery_count);
            }
        }
        if let Observation::Published(published) = observation {
            let mut newest = keeps.borrow_mut();
            let offset = published.provenance.last_offset;
            if newest.as_ref().is_none_or(|newest| newest.provenance.last_offset < offset) {
                *newest = Some(Arc::clone(published));
                history.lock().shares.leaders = leaders(published);
            }
        }
        invariants.borrow_mut().observe(i32::from(host.0), observation);
    });
    newest
}

/// Leader and leader epoch of the partitions that are shared.
fn leaders(published: &Published) -> BTreeMap<i32, (i32, i32)> {
    let topic = published.image.topics.by_name(workload::SHARED);
    let partitions = topic.into_iter().flat_map(|topic| &topic.partitions);
    partitions.map(|(index, partition)| (*index, (partition.leader, partition.leader_epoch))).collect()
}

/// When all hosts lose their power at once, records that were not synced go, as with Kafka; only what is synced counts.
fn counts_in(plan: &Plan, invariant: &str) -> bool {
    match plan.special {
        Special::Blackout if plan.syncs_each => true,
        Special::Blackout | Special::LyingDisks => {
            ["election safety", "committed metadata", "topics"].contains(&invariant)
        }
        Special::None
        | Special::EarlyAcknowledgement
        | Special::UncommittedReads
        | Special::NamelessCopiers
        | Special::UnboundOffsets
        | Special::CopiedReplica
        | Special::LooseShares
        | Special::UnsentLetters => true,
    }
}

fn logs(nemesis: &Nemesis<'_>) -> Logs {
    nemesis.cluster.nodes.iter().map(|node| (node.id, disks::logs(&node.disk))).collect()
}

fn expected_clients(plan: &Plan) -> Vec<String> {
    let numbered = |name: &str, count: usize| -> Vec<String> {
        (0..count).map(|index| format!("{name} {index}")).collect()
    };
    let mut expected = vec!["topics".to_owned()];
    expected.extend(numbered("producer", plan.producers));
    // What they have read before counts for nothing when all hosts have lost their power.
    if !matches!(plan.special, Special::Blackout | Special::LyingDisks) || plan.syncs_each {
        expected.push("groups".to_owned());
        expected.extend(numbered("reader", plan.readers));
        expected.extend(numbered("member", plan.members));
    }
    expected.extend(numbered("writer", plan.writers));
    expected.extend(numbered("sharer", plan.sharers));
    expected.extend(numbered("streams member", plan.streams_members));
    if plan.has_dead_letters {
        expected.push("dead letters".to_owned());
    }
    expected.extend(numbered("copier", plan.copiers));
    if plan.changes_voters {
        expected.push("voters".to_owned());
    }
    if plan.has_transactions() {
        expected.push("committed reader".to_owned());
    }
    if plan.has_reassignments {
        expected.push("reassignments".to_owned());
    }
    expected
}

/// Who is not done, and what is not in sync.
fn missing(expected: &[String], history: &Shared, nemesis: &Nemesis<'_>) -> String {
    let history = history.lock();
    let waiting: Vec<&String> = expected.iter().filter(|client| !history.done.contains(*client)).collect();
    let state = nemesis.describe();
    let mut unsettled = String::new();
    if waiting.iter().any(|client| client.starts_with("sharer")) {
        let places = workload::to_be_shared(&history).filter(|place| !history.shares.is_settled(place));
        unsettled = places.take(5).map(|place| format!("; {}", history.shares.describe(&place))).collect();
    }
    format!("after {} s without faults not done: {waiting:?}; {state}{unsettled}", HEALING_MAX.as_secs())
}
