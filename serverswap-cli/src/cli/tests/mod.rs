//! What the command line means, and how it describes itself.

mod help;
mod invocations;
