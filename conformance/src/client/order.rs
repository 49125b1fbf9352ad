//! The order in which cases are begun.

/// The indices up to `count`: one after the other, or shuffled by a seed.
pub(super) fn order(count: usize, seed: Option<u64>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if let Some(mut state) = seed {
        for last in (1..count).rev() {
            let among = u64::try_from(last + 1).unwrap_or(u64::MAX);
            let other = usize::try_from(next(&mut state) % among).unwrap_or(last);
            order.swap(last, other);
        }
    }
    order
}

/// `SplitMix64`.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_an_order_of_all_and_always_the_same_one() {
        let shuffled = order(100, Some(7));
        assert_eq!(shuffled, order(100, Some(7)));
        assert_ne!(shuffled, order(100, Some(8)));
        let mut sorted = shuffled.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, order(100, None));
        assert!(order(0, Some(1)).is_empty() && order(1, Some(1)) == [0]);
    }
}
