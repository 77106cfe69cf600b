//! Bringing the partitions of a shard in line with the metadata: opening, changing roles, dropping.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use klamm_log::{DirPurpose, Log, OpenLog};
use klamm_metadata::image::{self, MetadataImage, Topic, directory};
use klamm_protocol::Uuid;
use klamm_replica::leader::{Assignment, Broker, Input};
use tracing::{error, info, warn};

use super::{doubts, requests::TopicPartition, router::shard_of, run::Shard};
use crate::{
    log_dirs::{Found, FoundPartition, LogDir, name_aside},
    metadata_change::{MetadataChange, TopicChange},
    partition::{Effects, Lead, Partition},
    replication::{self, Cause},
    topic_settings::TopicSettings,
};

/// What the metadata says of where a partition is on this broker.
#[derive(Clone, Copy)]
struct Place {
    /// Its directory, or that it has none yet.
    assigned: Uuid,
    /// Whether it was not here before.
    is_new: bool,
}

/// What came of opening a partition.
enum Opened {
    Partition(Box<Partition>),
    /// It cannot be opened.
    Nothing,
    /// Not before the checkpoint files were written.
    Later,
}

impl Shard {
    /// Returns the topics of which partitions are to be opened once the checkpoint files were written.
    pub(super) fn apply_metadata(self: &Rc<Self>, change: &MetadataChange) -> BTreeSet<Uuid> {
        let mut postponed = BTreeSet::new();
        self.refresh_settings(change);
        if change.touched.brokers {
            self.tell_leaders_of_brokers(&change.after.image);
        }
        for topic in change.topics() {
            match topic {
                TopicChange::Gone(topic) => self.drop_topic(topic),
                TopicChange::Here(topic) => {
                    if !self.apply_topic(change, topic) {
                        postponed.insert(topic.id);
                    }
                }
            }
        }
        self.settle_doubts(change);
        postponed
    }

    /// The settings of a topic's partitions here.
    fn settings_of(&self, image: &MetadataImage, topic: &Topic) -> Arc<TopicSettings> {
        let mut cache = self.settings.borrow_mut();
        if let Some(settings) = cache.get(&topic.name) {
            return Arc::clone(settings);
        }
        let settings = Arc::new(TopicSettings::resolve(&self.node.config.load(), image, &topic.name));
        cache.insert(topic.name.detached(), Arc::clone(&settings));
        settings
    }

    fn refresh_settings(self: &Rc<Self>, change: &MetadataChange) {
        let image = &change.after.image;
        let all = change.touched.everything || change.touched.broker_configs;
        let mut cache = self.settings.borrow_mut();
        if all {
            cache.clear();
        } else {
            for name in &change.touched.topic_configs {
                cache.remove(name);
            }
        }
        drop(cache);
        if all {
            self.replication().divide_fetchers(self);
            image.topics.iter().for_each(|topic| self.refresh_topic(image, topic));
        } else {
            let touched = change.touched.topic_configs.iter();
            touched
                .filter_map(|name| image.topics.by_name(name))
                .for_each(|topic| self.refresh_topic(image, topic));
        }
    }

    fn refresh_topic(self: &Rc<Self>, image: &MetadataImage, topic: &Topic) {
        let lag_max = replication::lag_max(&self.node.config.load());
        let now = self.node.world.clock.now().since_start();
        let mut settled = Vec::new();
        let mut is_flush_due = false;
        {
            let mut partitions = self.partitions.borrow_mut();
            let mut here = partitions.of_topic(&topic.name).peekable();
            if here.peek().is_none() {
                return;
            }
            let settings = self.settings_of(image, topic);
            for partition in here {
                partition.log.set_config(Arc::clone(&settings.log));
                partition.settings = Arc::clone(&settings);
                is_flush_due |= partition.log.reaches_flush_messages();
                let effects = partition.configured(lag_max, now);
                settled.push((partition.at().clone(), partition.log_dir(), effects));
            }
        }
        for (at, log_dir, effects) in settled {
            self.settle_or_fail(&at, log_dir, effects);
        }
        if is_flush_due {
            self.flush_due();
        }
    }

    /// Returns whether no partition is left to be opened later.
    fn apply_topic(self: &Rc<Self>, change: &MetadataChange, topic: &Arc<Topic>) -> bool {
        let mut is_done = true;
        let shards = self.shard_count();
        for (index, partition) in topic.partitions.iter() {
            if shard_of(&topic.name, *index, shards) != self.index() {
                continue;
            }
            let at = TopicPartition { topic: topic.name.clone(), index: *index };
            if is_unchanged(&change.before.image, topic, *index, partition)
                && self.partitions.borrow().get(&at).is_some_and(|here| here.topic_id() == topic.id)
            {
                continue;
            }
            if partition.replicas.contains(&self.node.id) {
                is_done &= self.host(change, topic, &at, partition);
            } else {
                self.drop_partition(&at, topic.id);
            }
        }
        is_done
    }

    /// Returns whether the partition need not be opened later.
    fn host(
        self: &Rc<Self>,
        change: &MetadataChange,
        topic: &Arc<Topic>,
        at: &TopicPartition,
        registered: &image::Partition,
    ) -> bool {
        let known_id = self.partitions.borrow().get(at).map(Partition::topic_id);
        match known_id {
            Some(id) if id == topic.id => {}
            found => {
                if let Some(id) = found {
                    // The topic was deleted and made anew under the same name.
                    self.drop_partition(at, id);
                }
                let place = Place {
                    assigned: self.assigned_directory(registered),
                    is_new: self.is_new(change, topic, at),
                };
                match self.open(&change.after.image, topic, at, place) {
                    Opened::Partition(partition) => self.partitions.borrow_mut().insert(*partition),
                    Opened::Nothing => return true,
                    Opened::Later => return false,
                }
                if let Some(copy) = self.node.log_dirs.take_move(at) {
                    self.remove_dir(copy.path, Duration::ZERO);
                    let _ = self.move_replica(at, copy.log_dir);
                }
            }
        }
        self.take_role(&change.after.image, at, registered);
        true
    }

    /// Has a partition lead or follow as the metadata says.
    fn take_role(self: &Rc<Self>, image: &MetadataImage, at: &TopicPartition, registered: &image::Partition) {
        let config = self.node.config.load();
        let clock = self.node.world.clock;
        let (now, now_ms) = (clock.now().since_start(), clock.wall_ms());
        let mut partitions = self.partitions.borrow_mut();
        let Some(partition) = partitions.get_mut(at) else { return };
        let epoch = registered.leader_epoch;
        let is_new_leader =
            registered.leader == self.node.id && partition.check_leader(-1).ok() != Some(epoch);
        let (leader, effects) = if registered.leader == self.node.id {
            let lead = Lead {
                local_id: self.node.id,
                local_broker_epoch: self.node.broker_epoch(),
                assignment: Assignment {
                    leader_epoch: epoch,
                    partition_epoch: registered.partition_epoch,
                    replicas: registered.replicas.clone(),
                    isr: registered.isr.clone(),
                },
                brokers: brokers_of(image, registered.replicas.iter().copied()),
                lag_max: replication::lag_max(&config),
            };
            // Clients' records are not to wait long for what the checkpoint files have to say first.
            partition.awaits_checkpoint(&self.node.log_dirs);
            (None, partition.lead(lead, now))
        } else {
            let leader = registered.has_leader().then_some(registered.leader);
            (leader, partition.follow(epoch, leader, replication::fetch_backoff(&config), now_ms))
        };
        doubts::settle(partition, (image, registered), &self.node);
        let (at, log_dir, topic_id) = (partition.at().clone(), partition.log_dir(), partition.topic_id());
        // After a crash, or after the log was cut back.
        let is_flush_due = partition.log.reaches_flush_messages();
        // The controller knows of a move before it is over.
        let announced = partition.future().filter(|future| future.is_announced).map(|future| future.log_dir);
        let announced = announced.and_then(|index| self.node.log_dirs.dir(index)).map(LogDir::id);
        drop(partitions);
        if effects.is_err() && registered.leader != self.node.id {
            // A log that cannot be cut back leads no more either.
            self.settle(&at, Effects { resigned: true, ..Effects::default() }, Cause::Other);
        }
        self.settle_or_fail(&at, log_dir, effects);
        if is_new_leader {
            self.seek_dead_letters(&at, topic_id);
        }
        self.replication().follow(self, &at, leader);
        if is_flush_due {
            self.flush_due();
        }
        let directory = self.node.log_dirs.dir(log_dir).filter(|dir| !dir.is_offline()).map(LogDir::id);
        if let Some(directory) = directory
            && directory != Uuid::ZERO
            && registered
                .directory_of(self.node.id)
                .is_some_and(|told| told != directory && Some(told) != announced)
            && image.features.metadata_version_or_minimum().is_directory_assignment_supported()
        {
            self.replication().tell_directory(topic_id, at.index, directory);
        }
    }

    /// Carries out what a partition's change means to others; a log that failed takes its directory offline.
    pub(crate) fn settle_or_fail(
        self: &Rc<Self>,
        at: &TopicPartition,
        log_dir: usize,
        effects: klamm_log::Result<Effects>,
    ) {
        match effects {
            Ok(effects) => self.settle(at, effects, Cause::Other),
            Err(error) => self.node.log_dirs.fail(log_dir, &error),
        }
    }

    /// Tells the leaders here which brokers may join their ISR.
    fn tell_leaders_of_brokers(self: &Rc<Self>, image: &MetadataImage) {
        let now = self.node.world.clock.now().since_start();
        let mut settled = Vec::new();
        for partition in self.partitions.borrow_mut().iter_mut() {
            let Some(leader) = partition.leader().filter(|leader| leader.follower_count() > 0) else {
                continue;
            };
            if self.node.log_dirs.is_offline(partition.log_dir()) {
                continue;
            }
            let brokers = brokers_of(image, leader.follower_ids());
            let effects = partition.step(Input::Brokers(brokers), now);
            settled.push((partition.at().clone(), partition.log_dir(), effects));
        }
        for (at, log_dir, effects) in settled {
            self.settle_or_fail(&at, log_dir, effects);
        }
    }

    /// The directory that the metadata names for this broker's replica.
    fn assigned_directory(&self, registered: &image::Partition) -> Uuid {
        let mine = registered.replicas.iter().position(|id| *id == self.node.id);
        mine.and_then(|index| registered.directories.get(index)).copied().unwrap_or(directory::UNASSIGNED)
    }

    /// Whether this broker gets the partition with this change. While it starts, every partition may be one that was here
    /// before.
    fn is_new(&self, change: &MetadataChange, topic: &Topic, at: &TopicPartition) -> bool {
        let before = &change.before;
        let known = before.image.topics.by_id(&topic.id).and_then(|topic| topic.partitions.get(&at.index));
        let was_here = known.is_some_and(|partition| partition.replicas.contains(&self.node.id));
        before.provenance.last_offset >= 0 && !was_here
    }

    fn open(
        self: &Rc<Self>,
        image: &MetadataImage,
        topic: &Topic,
        at: &TopicPartition,
        place: Place,
    ) -> Opened {
        if !self.node.log_dirs.is_free(at) {
            return Opened::Later;
        }
        if self.node.log_dirs.has_offline() && self.node.log_dirs.holds_only_copy(at, &place.assigned) {
            warn!(topic = %at.topic, partition = at.index, "partition was moving, and may have more records in the log directory that is offline");
            return Opened::Nothing;
        }
        // The partition outlives the record that named it.
        let at = &TopicPartition { topic: at.topic.detached(), index: at.index };
        let settings = self.settings_of(image, topic);
        let opened = match self.find(at, place, &settings) {
            Some(found) => match self.open_log(at, &settings, &found) {
                Some(log) if log.topic_id().is_some_and(|id| id != topic.id) => {
                    self.set_aside(log, found.log_dir, DirPurpose::Stray);
                    return Opened::Later;
                }
                log => log.map(|log| (found, log)),
            },
            None => self.fresh(at, place).and_then(|fresh| {
                let log = self.open_log(at, &settings, &fresh)?;
                Some((fresh, log))
            }),
        };
        let Some((found, mut log)) = opened else { return Opened::Nothing };
        if let Err(error) = log.assign_topic_id(topic.id) {
            self.node.log_dirs.fail(found.log_dir, &error);
            return Opened::Nothing;
        }
        log.set_high_watermark(found.high_watermark);
        log.set_cleaner_checkpoint(found.cleaner_checkpoint);
        if let Some(dir) = self.node.log_dirs.dir(found.log_dir) {
            dir.count(true);
        }
        let partition = Partition::new(at.clone(), topic.id, found.log_dir, log, settings);
        partition.opened_with(found.recovery_point);
        partition.awaits_checkpoint(&self.node.log_dirs);
        Opened::Partition(Box::new(partition))
    }

    /// The one directory of a partition that counts, should there be any: a move may have been interrupted.
    fn find(&self, at: &TopicPartition, place: Place, settings: &TopicSettings) -> Option<FoundPartition> {
        let (chosen, others, purpose) = match self.node.log_dirs.take_found(at, &place.assigned) {
            Found::Nothing => return None,
            Found::One(found) => return Some(found),
            Found::Copy(copy) => return self.promote(at, copy),
            Found::Superseded(found, others) => (found, others, DirPurpose::Delete),
            // Both were written by this broker, and the one that was left first has less.
            Found::Several(mut all) => {
                let end = |found| self.open_log(at, settings, found).map(|log| log.log_end_offset());
                let ends: Vec<Option<i64>> = all.iter().map(end).collect();
                let longest = (0..all.len()).max_by_key(|index| ends.get(*index).copied().flatten())?;
                (all.swap_remove(longest), all, DirPurpose::Stray)
            }
        };
        for other in others {
            let to = other.path.with_file_name(name_aside(&self.node.world, at, purpose));
            warn!(partition = %at, dir = %other.path.display(), kept = %chosen.path.display(), "partition found in two log directories");
            self.node.log_dirs.free(at);
            if let Err(error) = self.node.world.disk.rename(&other.path, &to) {
                self.node.log_dirs.fail(other.log_dir, &error);
            } else if purpose == DirPurpose::Delete {
                self.remove_dir(
                    to,
                    Duration::from_millis(settings.log.file_delete_delay_ms.try_into().unwrap_or(0)),
                );
            }
        }
        Some(chosen)
    }

    /// Makes a partition of the copy that a move has left.
    fn promote(&self, at: &TopicPartition, copy: FoundPartition) -> Option<FoundPartition> {
        let path = copy.path.with_file_name(at.to_string());
        warn!(partition = %at, dir = %copy.path.display(), "the partition's directory is gone, taking the copy of its move");
        match self.node.world.disk.rename(&copy.path, &path) {
            Ok(()) => Some(FoundPartition { path, ..copy }),
            Err(error) => {
                self.node.log_dirs.fail(copy.log_dir, &error);
                None
            }
        }
    }

    /// A place for a partition that has no directory yet. A partition that may have one in a log directory that has
    /// failed does not start anew elsewhere: its records would be lost without a word.
    fn fresh(&self, at: &TopicPartition, place: Place) -> Option<FoundPartition> {
        let log_dirs = &self.node.log_dirs;
        let Place { assigned, is_new } = place;
        let online = log_dirs.online_by_id(&assigned);
        let is_unassigned = assigned == directory::UNASSIGNED && is_new;
        if online.is_none() && !is_unassigned && log_dirs.has_offline() {
            warn!(topic = %at.topic, partition = at.index, directory = %assigned, "partition may be in a log directory that is offline");
            return None;
        }
        let Some(log_dir) =
            online.or_else(|| log_dirs.take_preferred(at)).or_else(|| log_dirs.for_new_partition())
        else {
            error!(topic = %at.topic, partition = at.index, "no log directory takes a new partition");
            return None;
        };
        let dir = self.node.log_dirs.dir(log_dir)?;
        Some(FoundPartition::new(log_dir, dir.path().join(at.to_string())))
    }

    fn open_log(&self, at: &TopicPartition, settings: &TopicSettings, found: &FoundPartition) -> Option<Log> {
        let opened = Log::open(OpenLog {
            handles: &self.handles,
            dir: &found.path,
            partition: at.clone(),
            config: Arc::clone(&settings.log),
            log_start_offset: found.log_start_offset,
            recovery_point: found.recovery_point,
            clean_shutdown: found.clean_shutdown,
            now_ms: self.node.world.clock.wall_ms(),
        });
        match opened {
            Ok(log) => Some(log),
            Err(error) => {
                self.node.log_dirs.fail(found.log_dir, &error);
                None
            }
        }
    }

    fn drop_topic(self: &Rc<Self>, topic: &Topic) {
        for index in topic.partitions.keys() {
            self.drop_partition(&TopicPartition { topic: topic.name.clone(), index: *index }, topic.id);
        }
        self.settings.borrow_mut().remove(&topic.name);
    }

    /// Gives a partition up: its directory is renamed at once and removed after `file.delete.delay.ms`.
    fn drop_partition(self: &Rc<Self>, at: &TopicPartition, topic_id: Uuid) {
        let is_this =
            self.partitions.borrow().get(at).is_some_and(|partition| partition.topic_id() == topic_id);
        if !is_this {
            return;
        }
        let Some(mut partition) = self.partitions.borrow_mut().remove(at) else { return };
        let log_dir = partition.log_dir();
        self.traffic.borrow_mut().replication_bytes_in += partition.traffic.replication_bytes_in;
        partition.readers.wake_all();
        let gone = Effects { resigned: true, ..Effects::default() };
        self.settle(partition.at(), gone, Cause::Other);
        self.replication().follow(self, partition.at(), None);
        info!(topic = %at.topic, partition = at.index, "partition deleted");
        if let Some(dir) = self.node.log_dirs.dir(partition.log_dir()) {
            dir.count(false);
        }
        let delay = u64::try_from(partition.settings.log.file_delete_delay_ms).unwrap_or(0);
        if let Some(future) = partition.end_move() {
            self.remove_dir(future.log.dir().to_path_buf(), Duration::ZERO);
        }
        if let Some(path) = self.set_aside(partition.log, log_dir, DirPurpose::Delete) {
            self.remove_dir(path, Duration::from_millis(delay));
        }
    }

    /// Renames the directory of a log that is not used any more. Returns where it is now.
    fn set_aside(&self, mut log: Log, log_dir: usize, purpose: DirPurpose) -> Option<PathBuf> {
        let name = name_aside(&self.node.world, log.partition(), purpose);
        match log.rename_dir(&name) {
            Ok(()) => {
                self.node.log_dirs.free(log.partition());
                Some(log.dir().to_path_buf())
            }
            Err(error) => {
                self.node.log_dirs.fail(log_dir, &error);
                None
            }
        }
    }
}

/// Whether a partition is as it was; one change of a topic touches all its partitions.
fn is_unchanged(before: &MetadataImage, topic: &Topic, index: i32, partition: &image::Partition) -> bool {
    let known = before.topics.by_id(&topic.id).and_then(|topic| topic.partitions.get(&index));
    known.is_some_and(|known| known.partition_epoch == partition.partition_epoch)
}

/// Those of the brokers that are alive, as a leader has to know them.
fn brokers_of(image: &MetadataImage, ids: impl Iterator<Item = i32>) -> BTreeMap<i32, Broker> {
    let alive = ids.filter_map(|id| image.cluster.brokers.get(&id)).filter(|broker| !broker.fenced);
    alive
        .map(|broker| (broker.id, Broker { epoch: broker.epoch, may_join_isr: broker.is_active() }))
        .collect()
}
