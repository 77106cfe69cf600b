//! Subscriptions by regular expression (KIP-848, ConsumerGroupHeartbeat v1).
//!
//! The member that brings a new expression is answered at once, without the topics it matches. They are looked up right
//! afterwards, for all expressions of the group together, and again when topics have come, but not too often. Topics that
//! have gone are noticed as any others are.

use super::decide::Draft;
use super::member::Member;
use super::{ConsumerGroup, ResolvedRegex};
use crate::cluster::Cluster;
use crate::coordinator::GroupCoordinator;
use crate::effect::{Step, TimerKey};
use crate::group::GroupState;
use crate::group::refusal::Refusal;
use crate::pattern::whole_match;
use crate::record::ConsumerRecord;
use klamm_protocol::coordinator::group::ConsumerGroupRegularExpressionValue;
use klamm_protocol::{ErrorCode, StrBytes};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A group's expressions are not looked up more often than this.
const REFRESH_INTERVAL_MS_MIN: i64 = 10_000;

impl Draft<'_> {
    /// Takes note of a member's expression, and has the group's expressions looked up if they should be. True if the
    /// change has to lead to a new assignment at once.
    pub(super) fn note_regex(&mut self, before: &Member, updated: &Member) -> Result<bool, Refusal> {
        let mut must_bump = false;
        let mut is_new = false;
        if before.regex != updated.regex {
            self.remove_unused_regexes();
            match is_set(updated) {
                Some(regex) if self.group.regexes.contains_key(regex) => must_bump = true,
                Some(regex) => {
                    compile(regex)?;
                    is_new = true;
                }
                None => must_bump = is_set(before).is_some(),
            }
        }
        if self.should_look_up(is_new) {
            self.step.set_timer(TimerKey::ConsumerRegexes { group: self.id.clone() }, 0);
        }
        Ok(must_bump)
    }

    fn should_look_up(&self, is_new: bool) -> bool {
        let used = self.group.used_regexes();
        if used.is_empty() {
            return false;
        }
        let resolved: Vec<&Arc<ResolvedRegex>> = self.group.regexes.values().collect();
        // As with assignments, a time that is yet to come says nothing.
        let times = resolved.iter().map(|resolved| resolved.timestamp_ms);
        let last_ms = times.filter(|time_ms| *time_ms <= self.step.now_ms).max();
        let age_ms = last_ms.map_or(i64::MAX, |last_ms| self.step.now_ms.saturating_sub(last_ms));
        let is_outdated =
            resolved.iter().any(|resolved| resolved.version < self.cluster.newest_topic_version())
                || age_ms > i64::from(self.settings.consumer_regex_refresh_interval_ms);
        age_ms > REFRESH_INTERVAL_MS_MIN && (is_new || used.len() != resolved.len() || is_outdated)
    }

    pub(super) fn remove_unused_regexes(&mut self) {
        let used: BTreeSet<StrBytes> = self.group.used_regexes().into_iter().cloned().collect();
        let unused: Vec<StrBytes> =
            self.group.regexes.keys().filter(|regex| !used.contains(*regex)).cloned().collect();
        for regex in unused {
            self.write(ConsumerRecord::Regex(regex, None));
        }
    }

    fn look_up(&mut self) {
        let used: Vec<StrBytes> = self.group.used_regexes().into_iter().cloned().collect();
        let mut has_changed = false;
        for regex in used {
            // What Kafka has let in may not be understood here; it matches nothing then.
            let compiled = compile(&regex).ok();
            let matches = |name: &str| compiled.as_ref().is_some_and(|compiled| compiled.is_match(name));
            let mut topics = self.cluster.names(&matches);
            topics.sort();
            let before = self.group.regexes.get(&regex);
            has_changed |= before.map_or(!topics.is_empty(), |before| before.topics != topics);
            let value = ConsumerGroupRegularExpressionValue {
                topics,
                version: self.cluster.version(),
                timestamp: self.step.now_ms,
                ..Default::default()
            };
            self.write(ConsumerRecord::Regex(regex, Some(value)));
        }
        self.refresh_epoch(has_changed);
    }
}

impl ConsumerGroup {
    fn used_regexes(&self) -> BTreeSet<&StrBytes> {
        self.members.values().filter_map(|member| is_set(member)).collect()
    }
}

fn is_set(member: &Member) -> Option<&StrBytes> {
    member.regex.as_ref().filter(|regex| !regex.is_empty())
}

/// An expression has to match a topic's whole name.
fn compile(regex: &str) -> Result<Regex, Refusal> {
    whole_match(regex).map_err(|error| {
        let message = format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.");
        Refusal::new(ErrorCode::InvalidRegularExpression, message)
    })
}

impl GroupCoordinator {
    /// Compares a group's expressions with the topics there are.
    pub(crate) fn resolve_regexes(&self, cluster: &dyn Cluster, id: &StrBytes, step: &mut Step) {
        let Some(GroupState::Consumer(group)) = self.state().group(id) else { return };
        let group = ConsumerGroup::clone(group);
        Draft::new(id.clone(), group, self.settings(), cluster, step).look_up();
    }
}
