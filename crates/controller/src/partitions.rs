//! Partitions: adding them, their leaders and in-sync replicas, moving them.

mod alter_isr;
mod assignment;
mod change;
mod create;
mod directories;
mod elect;
mod reassign;
mod updates;

pub use alter_isr::alter_partition;
pub(crate) use assignment::{check_manual_assignment, new_partition};
pub use change::{Change, Election};
pub use create::create_partitions;
pub use directories::assign_replicas_to_dirs;
pub(crate) use elect::elect_leader;
pub use elect::{elect_leaders, refuse_elections};
pub use reassign::{alter_partition_reassignments, list_partition_reassignments};
pub(crate) use updates::{Affected, leader_and_isr_updates};
