//! The arbiter, told events one by one. Each test reads as a list of what happens.

mod bind;
mod ending;
mod faults;
mod inherit;
mod probation;
mod recover;
mod rejoin;
mod supervisors;
mod unnamed;
mod world;
