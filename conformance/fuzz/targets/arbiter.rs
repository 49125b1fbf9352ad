//! The arbiter: random stories of one directory, guided by coverage. The promises are those of
//! `serverswap-cli/tests/properties`, which plays the same stories without a guide.

#![no_main]

#[path = "../../../serverswap-cli/tests/properties/stories/mod.rs"]
mod stories;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| stories::play(data));
