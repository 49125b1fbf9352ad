//! Random stories of one directory, and the promises that the arbiter keeps in each.

mod choices;
mod judge;
mod program;
mod story;
mod turn;
mod words;

#[allow(unused_imports, reason = "the fuzzer plays stories only")]
pub use choices::Choices;
pub use story::play;
