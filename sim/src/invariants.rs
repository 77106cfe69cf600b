//! What must be so whatever happens. One file each.

mod acknowledged;
mod at_least_once;
mod committed_metadata;
mod election_safety;
mod exactly_once;
mod group_offsets;
mod group_ownership;
mod high_watermark;
mod image_replay;
mod isr_caught_up;
mod log_matching;
mod moves_announced;
mod one_directory;
mod one_leader;
mod share_accepted;
mod share_dead_letters;
mod share_done;
mod share_limit;
mod share_one_member;
mod streams_roles;
mod topics_kept;
mod transactions;
mod voters;

use std::collections::BTreeMap;

use klamm_server::observe::Observation;

use crate::{disks::Batches, history::History, plan::Plan};

/// How a node's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// What it wrote is there.
    Process,
    /// What it had not synced may be gone.
    Power,
}

/// The logs of all nodes, by node and partition.
pub type Logs = BTreeMap<i32, BTreeMap<String, Batches>>;

/// Something that must be so.
pub trait Invariant {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// A node tells what it has done.
    ///
    /// # Errors
    /// What contradicts the invariant.
    fn observe(&mut self, _node: i32, _observation: &Observation) -> Result<(), String> {
        Ok(())
    }

    /// A node's process has ended, and will be another one.
    fn lost(&mut self, _node: i32, _loss: Loss) {}

    /// The logs as they lie on the disks now, and what clients did.
    ///
    /// # Errors
    /// What contradicts the invariant.
    fn look(&mut self, _logs: &Logs) -> Result<(), String> {
        Ok(())
    }

    /// All has healed, and clients have read everything once more.
    ///
    /// # Errors
    /// What contradicts the invariant.
    fn finish(&mut self, _history: &History, _logs: &Logs) -> Result<(), String> {
        Ok(())
    }
}

/// All of them, and what they have found.
pub struct Invariants {
    all: Vec<Box<dyn Invariant>>,
    /// What contradicts one of them: its name and what happened. Only the first of each.
    pub violations: Vec<(&'static str, String)>,
}

impl Invariants {
    /// Those of a run.
    pub fn of(plan: &Plan) -> Self {
        let all: Vec<Box<dyn Invariant>> = vec![
            Box::<election_safety::ElectionSafety>::default(),
            Box::<committed_metadata::CommittedMetadata>::default(),
            Box::new(log_matching::LogMatching { cleans: plan.rolls_often }),
            Box::<one_leader::OneLeader>::default(),
            Box::<high_watermark::HighWatermark>::default(),
            Box::<isr_caught_up::IsrCaughtUp>::default(),
            Box::<image_replay::ImageReplay>::default(),
            Box::<acknowledged::AcknowledgedRecords>::default(),
            Box::<group_offsets::GroupOffsets>::default(),
            Box::<at_least_once::AtLeastOnce>::default(),
            Box::<topics_kept::TopicsKept>::default(),
            Box::<transactions::Transactions>::default(),
            Box::<exactly_once::ExactlyOnce>::default(),
            Box::<group_ownership::GroupOwnership>::default(),
            Box::<streams_roles::StreamsRoles>::default(),
            Box::<one_directory::OneDirectory>::default(),
            Box::<moves_announced::MovesAnnounced>::default(),
            Box::<voters::Voters>::default(),
            Box::<share_one_member::ShareOneMember>::default(),
            Box::<share_done::ShareDone>::default(),
            Box::<share_limit::ShareLimit>::default(),
            Box::<share_dead_letters::ShareDeadLetters>::default(),
            Box::<share_accepted::ShareAccepted>::default(),
        ];
        Self { all, violations: Vec::new() }
    }

    fn each(&mut self, mut ask: impl FnMut(&mut dyn Invariant) -> Result<(), String>) {
        for invariant in &mut self.all {
            if let Err(what) = ask(invariant.as_mut())
                && !self.violations.iter().any(|(name, _)| *name == invariant.name())
            {
                tracing::error!(invariant = invariant.name(), what, "violated");
                self.violations.push((invariant.name(), what));
            }
        }
    }

    /// See [`Invariant::observe`].
    pub fn observe(&mut self, node: i32, observation: &Observation) {
        self.each(|invariant| invariant.observe(node, observation));
    }

    /// See [`Invariant::lost`].
    pub fn lost(&mut self, node: i32, loss: Loss) {
        for invariant in &mut self.all {
            invariant.lost(node, loss);
        }
    }

    /// See [`Invariant::look`].
    pub fn look(&mut self, logs: &Logs) {
        self.each(|invariant| invariant.look(logs));
    }

    /// See [`Invariant::finish`].
    pub fn finish(&mut self, history: &History, logs: &Logs) {
        self.each(|invariant| invariant.finish(history, logs));
    }
}

#[cfg(test)]
mod tests;
