//! What `spec/README.md` shows is true: its transcripts conform, its client works.

#![cfg(feature = "trace")]

#[path = "../committed/mod.rs"]
mod committed;
mod fences;
mod python;
mod transcripts;
