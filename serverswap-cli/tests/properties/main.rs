//! Properties of the shipped cores, tried on random stories.
//!
//! The model (`tests/model`) goes through every order of few events; these go through few orders
//! of many, with what the model leaves out: out-of-role messages, used numbers, clients without
//! descriptors or handlers, changes of mode between generations, refusals of the kernel.
//! `conformance/fuzz` plays the same stories, guided by coverage.

mod stories;
mod supervision;

use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_in_whatever_order_the_arbiter_keeps_its_promises(
        bytes in vec(any::<u8>(), 0..1_000),
    ) {
        stories::play(&bytes);
    }

    #[test]
    fn whatever_it_receives_the_supervisor_asks_for_nothing_impossible(
        bytes in vec(any::<u8>(), 0..600),
    ) {
        supervision::play(&bytes);
    }
}
