//! The suite against drivers: the reference driver conforms, broken drivers are told what is wrong
//! and whose fault it is. Real processes.

mod bad_drivers;
mod examples;
mod generated;
mod reference;
mod scenario_mistakes;
mod serving;
mod text_client;
