//! Creating and deleting topics.

mod create;
mod delete;
pub mod names;

pub use create::create_topics;
pub use delete::delete_topics;
