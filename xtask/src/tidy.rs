//! Rules of the tree, as tests: `cargo xtask check` runs them, and so does every `cargo test`.

mod configs;
mod files;
mod layers;
