//! Share groups (KIP-932), as clients use them: their administration.

mod admin;

pub use admin::{ShareGroupDescription, ShareGroupMember, ShareOffset};
