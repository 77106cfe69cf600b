//! The primitives every message is built of: how each Kafka type lies on the wire, and the cursor types that read
//! and write it.
//!
//! Nothing here knows a message. `#[derive(Message)]` composes these per field; hand-written codecs (record batches,
//! frames) use [`Reader`] and [`Writer`] directly.

mod reader;
mod str_bytes;
mod tagged;
mod uuid;
mod value;
mod writer;

pub use reader::Reader;
pub use str_bytes::StrBytes;
pub(crate) use tagged::unsupported_field;
pub use tagged::{RawTaggedField, TagWriter};
pub use uuid::{ParseUuidError, Uuid};
pub use value::{Cx, Records, Value};
pub use value::{read_nullable, write_nullable};
pub(crate) use value::{struct_is_present, write_struct_mark, zigzag_decode, zigzag_encode};
pub use writer::{Gap, Writer};

#[cfg(test)]
mod tests;
