//! What a seed stands for.

use std::time::Duration;

use klamm_io::Entropy;

/// A run that is arranged rather than drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Special {
    /// Everything is drawn.
    #[default]
    None,
    /// All hosts lose their power at once: nothing but the metadata has to survive, unless whatever is appended is synced.
    Blackout,
    /// As [`Special::Blackout`], on disks that say they have synced and have not. An invariant has to notice.
    LyingDisks,
    /// Producers ask for acks=1 and are held to have asked for acks=all. An invariant has to notice.
    EarlyAcknowledgement,
    /// Who is to read what is committed reads everything. An invariant has to notice.
    UncommittedReads,
    /// Copiers do not say as which member of the group they give offsets, so that none is fenced. An invariant has to notice.
    NamelessCopiers,
    /// Copiers commit offsets beside the transaction instead of in it. An invariant has to notice.
    UnboundOffsets,
    /// A replica is found in two log directories in the end. An invariant has to notice.
    CopiedReplica,
    /// Brokers lock shared records for less long, and deliver them more often, than the group was promised. Invariants
    /// have to notice.
    LooseShares,
    /// The share group is promised a dead-letter queue and has none. An invariant has to notice.
    UnsentLetters,
}

/// By which protocol members of the consumer group take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GroupProtocol {
    /// The classic one.
    #[default]
    Classic,
    /// That of KIP-848.
    Consumer,
    /// Each time that one joins it draws which, so that the group goes from one to the other and back.
    Either,
}

/// Which kinds of faults a run has. A run with few of them gets further into each than one with all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds {
    /// Processes are killed.
    pub kill: bool,
    /// Hosts lose their power.
    pub power: bool,
    /// Nodes are stopped and started in turn.
    pub restart: bool,
    /// Processes stand still.
    pub pause: bool,
    /// Hosts are cut off, in one direction or both.
    pub partition: bool,
    /// Links are slow; connections break; connections come twice.
    pub network: bool,
    /// Disks are slow.
    pub slow_disk: bool,
    /// Disks are full, or fail.
    pub bad_disk: bool,
    /// A log directory of several fails.
    pub log_dir: bool,
    /// Wall clocks jump.
    pub clock: bool,
}

/// A run, before it begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all of it is drawn from.
    pub seed: u64,
    /// What is arranged.
    pub special: Special,
    /// Number of nodes, 1 to 7.
    pub nodes: u8,
    /// How many of them, the first ones, are controllers too.
    pub controllers: u8,
    /// Topics that are written to, and partitions of each.
    pub topics: (usize, i32),
    /// Replicas of each partition.
    pub replication_factor: i16,
    /// Producing clients.
    pub producers: usize,
    /// `max.in.flight.requests.per.connection` of producers.
    pub in_flight: u32,
    /// Consuming clients that read everything.
    pub readers: usize,
    /// Members of a consumer group.
    pub members: usize,
    /// Clients that write transactions.
    pub writers: usize,
    /// Clients that read, process and commit in transactions; if there are several, as members of a group (KIP-447).
    pub copiers: usize,
    /// Members of a share group.
    pub sharers: usize,
    /// What the share group gives up goes to a dead-letter queue.
    pub has_dead_letters: bool,
    /// Members of a streams group.
    pub streams_members: usize,
    /// The streams group has copies of its tasks with state.
    pub has_standby_tasks: bool,
    /// Voters leave the quorum and come back.
    pub changes_voters: bool,
    /// Of the members of the consumer group.
    pub protocol: GroupProtocol,
    /// Members of the consumer group are static (KIP-345).
    pub has_static_members: bool,
    /// Segments are short, so that logs have many, and those of offsets and transactions are cleaned.
    pub rolls_often: bool,
    /// Brokers sync whatever they append before anybody hears of it (`log.flush.interval.messages=1`).
    pub syncs_each: bool,
    /// Log directories of each node.
    pub log_dirs: usize,
    /// Topics are created and deleted.
    pub has_churn: bool,
    /// Partitions are moved.
    pub has_reassignments: bool,
    /// What goes wrong.
    pub kinds: Kinds,
    /// How long things go wrong.
    pub faults_for: Duration,
    /// What lies between two faults, at most.
    pub pause_max: Duration,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64, special: Special) -> Self {
        let entropy = Entropy::seeded(seed ^ 0x706c_616e);
        let chance = |percent: u64| entropy.below(100) < percent;
        let nodes = if chance(60) { 3 } else { u8::try_from(3 + entropy.below(5)).unwrap_or(3) };
        let controllers = if nodes >= 5 && chance(50) { 5 } else { 3 };
        let kinds = Kinds {
            kill: chance(70),
            power: chance(50),
            restart: chance(40),
            pause: chance(40),
            partition: chance(60),
            network: chance(50),
            slow_disk: chance(30),
            bad_disk: chance(25),
            clock: chance(30),
            log_dir: false,
        };
        let arranged = special != Special::None;
        // Drawn apart, so that the rest of the seed's plan stays what it was.
        let entropy_of_more = Entropy::seeded(seed ^ 0x6d6f_7265);
        let more = |percent: u64| entropy_of_more.below(100) < percent;
        let has_loose_copies = matches!(special, Special::NamelessCopiers | Special::UnboundOffsets);
        let has_transactions =
            more(45) && !arranged || has_loose_copies || special == Special::UncommittedReads;
        let log_dirs = if more(30) && !arranged { 2 } else { 1 };
        let kinds = Kinds { log_dir: log_dirs > 1, ..kinds };
        let entropy_of_groups = Entropy::seeded(seed ^ 0x6772_6f75);
        let group = |percent: u64| entropy_of_groups.below(100) < percent;
        let mut protocol = if group(50) { GroupProtocol::Consumer } else { GroupProtocol::Classic };
        let entropy_of_protocols = Entropy::seeded(seed ^ 0x6569_7468);
        let members = below(&entropy_of_protocols, 2);
        if entropy_of_protocols.below(100) < 30 && !arranged {
            protocol = GroupProtocol::Either;
        }
        let has_static_members = entropy_of_protocols.below(100) < 25 && !arranged;
        let has_shares =
            group(40) && !arranged || matches!(special, Special::LooseShares | Special::UnsentLetters);
        let entropy_of_streams = Entropy::seeded(seed ^ 0x7374_7265);
        let has_streams = entropy_of_streams.below(100) < 35 && !arranged;
        let entropy_of_letters = Entropy::seeded(seed ^ 0x6465_6164);
        let has_dead_letters = has_shares && entropy_of_letters.below(100) < 70 && !arranged
            || special == Special::UnsentLetters;
        Self {
            seed,
            special,
            nodes,
            controllers,
            topics: (1 + below(&entropy, 2), 1 + i32::try_from(entropy.below(3)).unwrap_or(0)),
            replication_factor: 3,
            producers: 1 + below(&entropy, 3),
            in_flight: if chance(50) { 1 } else { 5 },
            readers: 1 + below(&entropy, 2),
            members: below(&entropy, 3).max(if protocol == GroupProtocol::Either { 2 + members } else { 0 }),
            writers: if has_transactions { 1 + below(&entropy_of_more, 2) } else { 0 },
            copiers: if has_transactions && (more(60) || arranged) { copiers(seed, special) } else { 0 },
            sharers: if has_shares { 2 + below(&entropy_of_groups, 2) } else { 0 },
            has_dead_letters,
            streams_members: if has_streams { 2 + below(&entropy_of_streams, 2) } else { 0 },
            has_standby_tasks: has_streams && entropy_of_streams.below(100) < 50,
            changes_voters: more(30) && !arranged,
            protocol,
            has_static_members,
            rolls_often: rolls_often(seed, special),
            syncs_each: syncs_each(seed, special),
            log_dirs,
            has_churn: chance(50),
            has_reassignments: nodes > 3 && chance(60),
            kinds: if arranged { Kinds::default() } else { kinds },
            faults_for: Duration::from_secs(if arranged { 15 } else { 40 + entropy.below(60) }),
            pause_max: Duration::from_millis(500 + entropy.below(4000)),
        }
    }

    /// The smallest run: one node without faults.
    pub fn single(seed: u64) -> Self {
        Self {
            nodes: 1,
            controllers: 1,
            replication_factor: 1,
            has_reassignments: false,
            log_dirs: 1,
            changes_voters: false,
            kinds: Kinds::default(),
            faults_for: Duration::from_secs(10),
            ..Self::of(seed, Special::None)
        }
    }

    /// Whether any client writes in transactions.
    pub const fn has_transactions(&self) -> bool {
        self.writers > 0
    }

    /// Replicas that have to be in sync for a write with acks=all.
    pub const fn min_isr(&self) -> i16 {
        if self.replication_factor > 1 { 2 } else { 1 }
    }
}

/// How many copiers there are, should there be any.
fn copiers(seed: u64, special: Special) -> usize {
    let entropy = Entropy::seeded(seed ^ 0x636f_7079);
    let is_group = entropy.below(100) < 50;
    match special {
        Special::None if !is_group => 1,
        Special::None | Special::NamelessCopiers | Special::UnboundOffsets => 2 + below(&entropy, 2),
        _ => 1,
    }
}

fn rolls_often(seed: u64, special: Special) -> bool {
    let entropy = Entropy::seeded(seed ^ 0x7365_676d);
    entropy.below(100) < 40 && special == Special::None
}

fn syncs_each(seed: u64, special: Special) -> bool {
    let entropy = Entropy::seeded(seed ^ 0x7379_6e63);
    entropy.below(100) < 25 && matches!(special, Special::None | Special::Blackout)
}

fn below(entropy: &Entropy, bound: u64) -> usize {
    usize::try_from(entropy.below(bound)).unwrap_or(0)
}
