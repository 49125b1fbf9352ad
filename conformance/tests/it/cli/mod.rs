//! The command line as a person meets it: real processes, their words and their exit statuses.

mod config;
mod matrix;
mod read;
mod run;
mod suite;
