//! What clients may do. Without an authorizer (`authorizer.class.name`) that is everything that a resource knows.

/// A kind of resource that authorised operations are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A topic.
    Topic,
    /// The cluster.
    Cluster,
    /// A group.
    Group,
}

const READ: u8 = 3;
const WRITE: u8 = 4;
const CREATE: u8 = 5;
const DELETE: u8 = 6;
const ALTER: u8 = 7;
const DESCRIBE: u8 = 8;
const CLUSTER_ACTION: u8 = 9;
const DESCRIBE_CONFIGS: u8 = 10;
const ALTER_CONFIGS: u8 = 11;
const IDEMPOTENT_WRITE: u8 = 12;

/// The operations that the caller may do on a resource, a bit for each operation's code (KIP-430).
pub const fn authorized_operations(resource: Resource) -> i32 {
    let operations: &[u8] = match resource {
        Resource::Topic => &[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS],
        Resource::Cluster => {
            &[CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE]
        }
        Resource::Group => &[READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS],
    };
    let mut bits = 0;
    let mut at = 0;
    while at < operations.len() {
        bits |= 1 << operations[at];
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_that_kafka_sends_without_an_authorizer() {
        for (resource, bits) in [(Resource::Topic, 3576), (Resource::Cluster, 8096), (Resource::Group, 3400)]
        {
            assert_eq!(authorized_operations(resource), bits, "{resource:?}");
        }
    }
}
