//! Feature levels: `metadata.version` and the others (KIP-584, KIP-1022).

mod feature;
mod metadata_version;
#[cfg(test)]
mod tests;

pub use feature::{Feature, supported_features};
pub use metadata_version::MetadataVersion;
