//! Measures and proves a serverswap from the outside: load, demo, bench.

pub mod bench;
pub mod demo;
pub mod load;
mod paint;
mod sys;
pub mod wire;
pub mod world;
