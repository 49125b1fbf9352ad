//! The whole interception with small real servers, and the core alone.

mod answers;
mod datagrams;
mod first;
mod lifetime;
mod next;
mod sharing;
mod unusual;
mod world;
