//! Ordered collections that share what a change does not touch, so that the arbiter can be cloned
//! in each turn for the price of what the turn changes.

/// An ordered map.
pub(super) type Map<K, V> = rpds::RedBlackTreeMapSync<K, V>;

/// An ordered set.
pub(super) type Set<T> = rpds::RedBlackTreeSetSync<T>;

/// Adds `value` to the set of `key`.
pub(super) fn insert_into<K: Clone + Ord, T: Clone + Ord>(sets: &mut Map<K, Set<T>>, key: K, value: T) {
    match sets.get_mut(&key) {
        Some(set) => {
            set.insert_mut(value);
        }
        None => {
            sets.insert_mut(key, Set::new_sync().insert(value));
        }
    }
}

/// Takes `value` from the set of `key`, and the set with its last value.
pub(super) fn remove_from<K: Clone + Ord, T: Clone + Ord>(sets: &mut Map<K, Set<T>>, key: &K, value: &T) {
    let Some(set) = sets.get_mut(key) else {
        return;
    };
    set.remove_mut(value);
    if set.is_empty() {
        sets.remove_mut(key);
    }
}
