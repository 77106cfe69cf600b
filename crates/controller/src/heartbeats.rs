//! Who was heard of when: the state of brokers that is in no log.

use klamm_metadata::MetadataImage;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heartbeat {
    epoch: i64,
    last_contact: Duration,
    metadata_offset: i64,
    fenced: bool,
    /// Whether a process holds the session: it has sent heartbeats and has not said goodbye.
    held: bool,
    /// Whether this controller has had a heartbeat of it.
    heard: bool,
    /// The metadata offset that the others must have reached before the broker may stop, once it is shutting down.
    shutdown_offset: Option<i64>,
    /// The offset of its latest registration record; not known of those that an earlier controller registered.
    registration_offset: Option<i64>,
}

/// Sessions of the registered brokers, on the active controller. Owned by its driver; times are since the node's
/// start.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    session_timeout: Duration,
    brokers: BTreeMap<i32, Heartbeat>,
}

impl Heartbeats {
    /// On becoming active: every unfenced broker has a whole session from now on to be heard of. `session_timeout` is
    /// `broker.session.timeout.ms`.
    pub fn activate(image: &MetadataImage, now: Duration, session_timeout: Duration) -> Self {
        let mut heartbeats = Self { session_timeout, brokers: BTreeMap::new() };
        for broker in image.cluster.brokers.values() {
            heartbeats.register(broker.id, broker.epoch, broker.fenced, now);
            if let Some(heartbeat) = heartbeats.brokers.get_mut(&broker.id) {
                heartbeat.held = !broker.fenced;
            }
        }
        heartbeats
    }

    /// Lets another process take the id at once, because the one that held it cannot be alive: the controller asks this
    /// for the broker of its own node, whose earlier process was this very one. Its heartbeats, if it is alive after
    /// all, take the id back.
    pub fn release(&mut self, id: i32) {
        if let Some(heartbeat) = self.brokers.get_mut(&id) {
            heartbeat.held = false;
        }
    }

    /// As [`Self::release`], unless this controller has heard of the process that holds the id: another run of the node's
    /// controller is there, and its broker was the same process.
    pub(crate) fn release_unheard(&mut self, id: i32) {
        if let Some(heartbeat) = self.brokers.get_mut(&id).filter(|heartbeat| !heartbeat.heard) {
            heartbeat.held = false;
        }
    }

    /// For how long each registered broker has not been heard of.
    pub fn silences(&self, now: Duration) -> impl Iterator<Item = (i32, Duration)> {
        self.brokers.iter().map(move |(id, heartbeat)| (*id, now.saturating_sub(heartbeat.last_contact)))
    }

    /// A broker has registered.
    pub(crate) fn register(&mut self, id: i32, epoch: i64, fenced: bool, now: Duration) {
        let known = self.brokers.get(&id).filter(|known| known.epoch == epoch);
        let heartbeat = Heartbeat {
            epoch,
            last_contact: now,
            metadata_offset: known.map_or(-1, |known| known.metadata_offset),
            fenced,
            held: known.is_some_and(|known| known.held),
            heard: known.is_some_and(|known| known.heard),
            shutdown_offset: known.and_then(|known| known.shutdown_offset),
            registration_offset: known.and_then(|known| known.registration_offset),
        };
        self.brokers.insert(id, heartbeat);
    }

    /// Notes where in the log the broker's registration is.
    pub(crate) fn note_registration(&mut self, id: i32, offset: i64) {
        if let Some(heartbeat) = self.brokers.get_mut(&id) {
            heartbeat.registration_offset = Some(offset);
        }
    }

    pub(crate) fn registration_offset(&self, id: i32) -> Option<i64> {
        self.brokers.get(&id)?.registration_offset
    }

    pub(crate) fn remove(&mut self, id: i32) {
        self.brokers.remove(&id);
    }

    /// A broker was heard of.
    pub(crate) fn touch(&mut self, id: i32, epoch: i64, fenced: bool, metadata_offset: i64, now: Duration) {
        self.register(id, epoch, fenced, now);
        if let Some(heartbeat) = self.brokers.get_mut(&id) {
            heartbeat.metadata_offset = metadata_offset;
            (heartbeat.held, heartbeat.heard) = (true, true);
            if fenced {
                heartbeat.shutdown_offset = None;
            }
        }
    }

    /// The session is over: its time has run out, or the process goes and another one may come at once.
    pub(crate) fn end_session(&mut self, id: i32) {
        if let Some(heartbeat) = self.brokers.get_mut(&id) {
            heartbeat.fenced = true;
            heartbeat.held = false;
            heartbeat.shutdown_offset = None;
        }
    }

    /// Notes when a shutdown began; the first note counts.
    pub(crate) fn begin_shutdown(&mut self, id: i32, offset: i64) {
        if let Some(heartbeat) = self.brokers.get_mut(&id) {
            heartbeat.shutdown_offset.get_or_insert(offset);
        }
    }

    pub(crate) fn shutdown_offset(&self, id: i32) -> Option<i64> {
        self.brokers.get(&id)?.shutdown_offset
    }

    /// How far the slowest active broker has read the metadata; the largest number if there is none.
    pub(crate) fn lowest_active_offset(&self) -> i64 {
        let active = self
            .brokers
            .values()
            .filter(|heartbeat| !heartbeat.fenced && heartbeat.shutdown_offset.is_none());
        active.map(|heartbeat| heartbeat.metadata_offset).min().unwrap_or(i64::MAX)
    }

    /// Whether a process that has registered under this id was heard of within its session.
    pub(crate) fn has_session(&self, id: i32, epoch: i64, now: Duration) -> bool {
        self.brokers.get(&id).is_some_and(|heartbeat| {
            heartbeat.epoch == epoch && heartbeat.held && now < heartbeat.last_contact + self.session_timeout
        })
    }

    /// The unfenced broker that was silent longest, if its session is over.
    pub(crate) fn expired(&self, now: Duration) -> Option<(i32, i64)> {
        let oldest = self
            .brokers
            .iter()
            .filter(|(_, heartbeat)| !heartbeat.fenced)
            .min_by_key(|(_, heartbeat)| heartbeat.last_contact)?;
        (now >= oldest.1.last_contact + self.session_timeout).then_some((*oldest.0, oldest.1.epoch))
    }

    /// The epoch of a broker that is not fenced and was not heard of since then.
    pub fn silent_epoch(&self, id: i32, since: Duration) -> Option<i64> {
        let heartbeat = self.brokers.get(&id)?;
        (!heartbeat.fenced && heartbeat.last_contact <= since).then_some(heartbeat.epoch)
    }

    /// When the next session ends.
    pub fn next_deadline(&self) -> Option<Duration> {
        let unfenced = self.brokers.values().filter(|heartbeat| !heartbeat.fenced);
        unfenced.map(|heartbeat| heartbeat.last_contact + self.session_timeout).min()
    }
}
