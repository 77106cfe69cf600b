//! The log of one partition: Kafka's files, byte for byte, and what may be done with them.
//!
//! What it is: segments with their indexes, producer state, leader epochs, recovery after a crash, retention,
//! compaction, and the files of a log directory. What it is not: it decodes no record on the way in or out, knows neither clients nor
//! replicas, has no threads and no clock (`now_ms` is an argument), and never syncs by itself. Tiered storage is not here
//! yet.
//!
//! Read first: [`Log`], then `segment.rs` (what a segment is), `append.rs` and `read.rs` (the two hot paths), and
//! `recovery.rs`.
//!
//! Invariants:
//! * A log has one owner. What a read returns may outlive it, since an open [`klamm_io::disk::File`] is counted.
//! * Offsets rise strictly along the log; `log_start_offset <= high_watermark <= log_end_offset`, except that recovery
//!   finds the high watermark at the log start offset until the owner sets it.
//! * Bytes beyond what a segment counts as its size are never read, whatever a failed write left there.
//! * Damage in any file makes an error or costs what comes after it, never a panic and never a wrong record.
//!
//! Non-obvious:
//! * Indexes are not mapped and not lengthened in advance. Kafka lengthens those of the active segment and trims them
//!   when it closes them; a directory of ours looks to Kafka as if it had been closed.
//! * No file is kept open by a log: [`Handles`] bounds how many are.
//! * A refusal ([`Error::is_fault`] is false) leaves the log as it was. After a fault it must be opened again.
//! * Syncs happen elsewhere: [`Log::flush_handle`] says what must be synced, and [`Log::mark_flushed`] moves the
//!   recovery point once it is.

mod append;
pub mod checkpoints;
pub mod clean_shutdown;
pub mod cleaner;
mod config;
mod error;
mod flush;
mod handles;
mod index_file;
pub mod leader_epochs;
mod log;
pub mod log_dir;
mod lookup;
pub mod meta_properties;
pub mod names;
mod offset_index;
mod partition_metadata;
pub mod producer_state;
mod read;
mod recall;
mod recovery;
mod retention;
mod scan;
mod segment;
mod sound_end;
mod time_index;
mod transaction_index;
mod truncate;

pub use append::{Append, Appended};
pub use config::LogConfig;
pub use error::{Error, Result};
pub use flush::{FlushHandle, Flushed};
pub use handles::Handles;
pub use leader_epochs::{EpochEntry, LeaderEpochs};
pub use log::{Log, OffsetMetadata, OpenLog};
pub use lookup::{FoundOffset, OffsetSpec};
pub use names::{DirPurpose, TopicPartition};
pub use producer_state::ProducerState;
pub use producer_state::append::AppendOrigin;
pub use producer_state::verification::VerificationGuard;
pub use read::{FetchData, FileSlice, Isolation};
pub use retention::PendingDeletion;
pub use sound_end::{SoundEnd, sound_end};
pub use transaction_index::AbortedTxn;
