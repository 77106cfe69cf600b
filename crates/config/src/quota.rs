//! Keys of quota entities: users, client ids and addresses.

use crate::keys;

keys! { DEFS;
    /// SCRAM credential of a user for SHA-256.
    SCRAM_SHA_256: Option<String> = "SCRAM-SHA-256", null, Any, Medium, Resource;

    /// SCRAM credential of a user for SHA-512.
    SCRAM_SHA_512: Option<String> = "SCRAM-SHA-512", null, Any, Medium, Resource;

    /// Most bytes per second fetched by the user or client.
    CONSUMER_BYTE_RATE: i64 = "consumer_byte_rate", default(9223372036854775807), Any, Medium, Resource, supported;

    /// Most partitions per second created or deleted by the user or client.
    CONTROLLER_MUTATION_RATE: f64 = "controller_mutation_rate", default("2.147483647E9"), Any, Medium, Resource, supported;

    /// Most bytes per second produced by the user or client.
    PRODUCER_BYTE_RATE: i64 = "producer_byte_rate", default(9223372036854775807), Any, Medium, Resource, supported;

    /// Most time for requests of the user or client, as a percentage of one thread.
    REQUEST_PERCENTAGE: f64 = "request_percentage", default("2.147483647E9"), Any, Medium, Resource, supported;

    /// Most new connections per second from the address.
    CONNECTION_CREATION_RATE: i32 = "connection_creation_rate", default(2147483647), at_least(0), Medium, Resource, supported;
}
