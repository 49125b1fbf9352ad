//! The arbiter, told events one by one. Each test reads as a list of what happens.

mod abandoned;
mod alone;
mod bind;
mod changes;
mod ending;
mod faults;
mod gap;
mod inherit;
mod observers;
mod overlap;
mod probation;
mod reconnect;
mod recovery;
mod remains;
mod rest;
mod stand_ins;
mod supervisors;
mod table;
mod unrecorded;
mod world;
