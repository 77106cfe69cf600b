//! Rules of the tree, as tests: `cargo xtask check` runs them, and so does every `cargo test`.

mod files;
mod layers;
