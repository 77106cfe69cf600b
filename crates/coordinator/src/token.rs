//! Names of requests in flight.

/// Names one request in flight. Given by the driver, unique per coordinator until it is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);
