//! What one node knows about replication: both sides of a partition, fetch sessions, and waiting requests.
//!
//! What it is not: no log, no network, no clock. It never holds a record; offsets go in, decisions come out. The
//! driver is a shard of `server`, which owns one [`leader::Leader`] per led partition beside the partition's log, and one
//! [`follower::Follower`] per followed one.
//!
//! Read first: [`leader`], then [`purgatory`], then [`fetch_session`].
//!
//! How a shard uses it
//! * **Produce**: [`leader::Leader::check_append`] with the request's acks, append to the log, then
//!   [`leader::Input::Appended`]. With acks=all and a high watermark still below the batch's next offset, put a
//!   [`purgatory::DelayedProduce`] into the [`purgatory::Purgatory`]. On [`leader::Action::HighWatermark`] check the
//!   partition's key in both purgatories; ask [`leader::Leader::acknowledged`] for each waiting produce.
//! * **Fetch**: [`fetch_session::FetchSessions::begin`] gives the partitions to read;
//!   [`leader::Leader::check_epoch`] (and `check_follower`), then read within [`leader::Leader::readable_range`]; for a
//!   follower then [`leader::Input::Fetched`]. Too few bytes: a [`purgatory::DelayedFetch`]. At last
//!   [`fetch_session::FetchSessions::finish`] writes the response.
//! * **Following**: [`follower::Follower::ask`] says what to fetch; the answer is [`follower::Input::Fetched`], and its
//!   actions change the log.
//! * **Timers**: sleep until the earliest `next_deadline`; step leaders with [`leader::Input::Tick`], expire
//!   purgatories.
//! * **Metadata**: a new image's registration of a partition is [`leader::Input::Assignment`]; the set of brokers that
//!   may join an ISR is [`leader::Input::Brokers`]. A partition that is led no more drops its `Leader` and takes
//!   everything out of the purgatory under its key.
//!
//! Invariants
//! * The high watermark never goes back, and never beyond the log's end nor, while it moves, any in-sync replica's.
//! * Actions are carried out in the order given, before the next step.
//! * Time only comes in as an argument: a [`std::time::Duration`] since any fixed moment, never going back.
//!
//! Non-obvious
//! * The ISR used for advancing the high watermark is the *maximal* one: with a replica whose joining the controller
//!   has not confirmed, and without taking out one whose removal it has not confirmed (KIP-497).
//! * A replica that has caught up but is not in the ISR holds the high watermark back too, else it could never join.
//! * A fetch session keeps copies of topic names: a name sliced from a request would keep the whole request alive.

pub mod fetch_session;
pub mod follower;
pub mod leader;
pub mod purgatory;
pub mod throttle;
