//! What the command line means, and how it describes itself.

mod documents;
mod help;
mod invocations;
