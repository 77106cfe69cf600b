//! Decisions on groups that are written down whole: consumer, share and streams groups.

use crate::cluster::Cluster;
use crate::effect::Step;
use crate::group::classic::Classic;
use crate::record::GroupRecord;
use crate::settings::GroupSettings;
use klamm_protocol::StrBytes;

/// A kind of group, all of whose state is in its records.
pub(crate) trait Written {
    /// Its records.
    type Record;
    /// Its pace.
    type Timing;

    /// Carries out a record.
    fn replay(&mut self, record: &Self::Record);

    /// A record as one of a group.
    fn record_of(group: StrBytes, record: Self::Record) -> GroupRecord;

    /// The pace of a group: its own if it has configs, else the broker's.
    fn timing(id: &str, cluster: &dyn Cluster, settings: &GroupSettings) -> Self::Timing;
}

/// A group as it will be: each record of the decision is written down and carried out on the draft at once, so that what
/// follows sees it.
pub(crate) struct Draft<'a, G: Written> {
    pub(crate) id: StrBytes,
    pub(crate) group: G,
    pub(crate) settings: &'a GroupSettings,
    pub(crate) cluster: &'a dyn Cluster,
    pub(crate) step: &'a mut Step,
    pub(crate) timing: G::Timing,
    /// What has taken a consumer group's place, for the caller to put there.
    pub(crate) became: Option<Classic>,
}

impl<'a, G: Written> Draft<'a, G> {
    pub(crate) fn new(
        id: StrBytes,
        group: G,
        settings: &'a GroupSettings,
        cluster: &'a dyn Cluster,
        step: &'a mut Step,
    ) -> Self {
        let timing = G::timing(&id, cluster, settings);
        Self { id, group, settings, cluster, step, timing, became: None }
    }

    pub(crate) fn write(&mut self, record: G::Record) {
        self.group.replay(&record);
        self.step.record(G::record_of(self.id.clone(), record));
    }

    /// Whether a target assignment is too fresh to be computed anew.
    pub(crate) fn is_fresh(&self, computed_ms: i64, interval_ms: i32) -> bool {
        let until_ms = computed_ms.saturating_add(interval_ms.into());
        // A time that is yet to come was another clock's, or ours before it was set back: the group must not wait for it.
        computed_ms != 0 && (computed_ms..until_ms).contains(&self.step.now_ms)
    }
}
