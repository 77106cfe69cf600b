//! Whole clusters of Klamm in one thread: the code that ships, on a simulated clock, network and disk, from one seed.
//!
//! A run draws everything from its seed: how many nodes there are and of what kind, what clients do, which faults come
//! and when. First, for a minute or two of simulated time, clients work while nodes are killed, stopped, paused, cut off
//! and lose their power, and disks fail, fill up and slow down. Then all heals, and the cluster has to come together
//! again, serve everybody, and hold everything that it ever acknowledged. Invariants (one file each under `invariants`)
//! are checked all the while, against what nodes tell of themselves, what lies on their disks and what clients saw.
//!
//! Not a test of performance, and not a place for knowledge about Kafka: that is in the clients and in the invariants.
//!
//! Read first: [`run::run`], [`plan::Plan`], [`invariants::Invariant`].
//!
//! What counts as lost
//! * A process that is killed leaves what it wrote: that is Kafka's contract for acks=all, which flushes nothing before
//!   it acknowledges. Any number of nodes may be killed at once.
//! * A host that loses its power loses what was not synced. One host at a time does so, and not before every partition
//!   has all its replicas in sync again, and until then no process ends beside it: the controller takes it out of all
//!   ISRs when it comes back (KIP-966), it cuts its logs and fetches what it lacks.
//! * The metadata log is synced before anything counts, so that for it all hosts may lose their power at once, as they do
//!   in a [`plan::Special::Blackout`]; with [`plan::Plan::syncs_each`] that holds for every log.
//!
//! Non-obvious
//! * The same seed gives the same run only with the same build.
//! * Clients are Klamm's own, in the simulation too; their hosts have no faults but those of the network.

pub mod cluster;
pub mod disks;
pub mod history;
pub mod invariants;
pub mod logging;
pub mod nemesis;
pub mod plan;
pub mod run;
pub mod workload;
