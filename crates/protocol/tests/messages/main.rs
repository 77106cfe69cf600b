//! All messages against what Kafka's own classes say, and against bytes that are no message.

mod goldens;
mod mutation;
mod schema;
mod table;
mod zip;
