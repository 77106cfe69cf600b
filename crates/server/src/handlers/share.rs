//! Handlers of share groups' records and of the state of share partitions (KIP-932).

use std::rc::Rc;

use crate::share::persister::Persister;

/// What these handlers use.
pub struct ShareContext {
    /// Keeps the state of share partitions.
    pub persister: Rc<Persister>,
}
