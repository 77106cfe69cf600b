//! Member epochs that mean something else than how far a member is.

/// The epoch of a member that has left.
pub(crate) const LEFT: i32 = -1;
/// The epoch of a static member that has left for a while.
pub(crate) const LEFT_FOR_A_WHILE: i32 = -2;
