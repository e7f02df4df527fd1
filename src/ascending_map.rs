//! A map for what the host numbers: contexts and streams. A new number is nearly always the largest.

/// A map in the order of its keys, in one piece of memory. A key that is larger than all others costs no search, and a
/// removed entry leaves its place empty until half of the places are.
///
/// A B-tree of the standard library does the same, and each takes seven times the code.
#[derive(Clone, Debug)]
pub struct AscendingMap<K, V> {
    places: Vec<(K, Option<V>)>,
    /// How many places hold a value.
    len: usize,
}

impl<K, V> Default for AscendingMap<K, V> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Copy + Ord, V> AscendingMap<K, V> {
    fn position(&self, key: K) -> Result<usize, usize> {
        self.places.binary_search_by_key(&key, |(at, _)| *at)
    }

    /// The value of that key.
    pub fn get(&self, key: K) -> Option<&V> {
        let (_, value) = self.places.get(self.position(key).ok()?)?;
        value.as_ref()
    }

    /// The value of that key.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let at = self.position(key).ok()?;
        let (_, value) = self.places.get_mut(at)?;
        value.as_mut()
    }

    /// Whether there is a value of that key.
    pub fn contains(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value of that key.
    pub fn insert(&mut self, key: K, value: V) {
        if self.places.last().is_none_or(|(last, _)| *last < key) {
            self.places.push((key, Some(value)));
            self.len = self.len.saturating_add(1);
            return;
        }
        let at = match self.position(key) {
            Ok(at) => at,
            Err(at) => {
                self.places.insert(at, (key, None));
                at
            }
        };
        if let Some((_, place)) = self.places.get_mut(at)
            && place.replace(value).is_none()
        {
            self.len = self.len.saturating_add(1);
        }
    }

    /// Takes the value of that key out. To put it back costs as little as to change it.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let at = self.position(key).ok()?;
        let (_, place) = self.places.get_mut(at)?;
        let value = place.take()?;
        self.len = self.len.saturating_sub(1);
        if self.len < self.places.len() / 2 {
            self.places.retain(|(_, value)| value.is_some());
        }
        Some(value)
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All keys with their values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        let places = self.places.iter();
        places.filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::AscendingMap;

    #[cfg(not(target_arch = "wasm32"))]
    mod against_a_b_tree {
        use super::AscendingMap;
        use proptest::prelude::*;
        use std::collections::BTreeMap;

        /// One change of a map.
        #[derive(Clone, Debug)]
        enum Change {
            Insert(u32, u8),
            Remove(u32),
            Alter(u32),
        }

        fn change() -> impl Strategy<Value = Change> {
            let key = 0..40_u32;
            prop_oneof![
                (key.clone(), any::<u8>()).prop_map(|(key, value)| Change::Insert(key, value)),
                key.clone().prop_map(Change::Remove),
                key.prop_map(Change::Alter),
            ]
        }

        proptest! {
            #[test]
            fn holds_what_a_b_tree_holds(changes in prop::collection::vec(change(), 0..200)) {
                let mut map = AscendingMap::default();
                let mut tree = BTreeMap::new();
                for change in changes {
                    match change {
                        Change::Insert(key, value) => {
                            map.insert(key, value);
                            tree.insert(key, value);
                        }
                        Change::Remove(key) => prop_assert_eq!(map.remove(key), tree.remove(&key)),
                        Change::Alter(key) => {
                            let altered = |value: &mut u8| *value = value.wrapping_add(1);
                            map.get_mut(key).map(altered);
                            tree.get_mut(&key).map(altered);
                        }
                    }
                    prop_assert_eq!(map.len(), tree.len());
                    prop_assert_eq!(map.is_empty(), tree.is_empty());
                    for key in 0..40 {
                        prop_assert_eq!(map.get(key), tree.get(&key));
                        prop_assert_eq!(map.contains(key), tree.contains_key(&key));
                    }
                    let in_order: Vec<(u32, u8)> = map.iter().map(|(key, value)| (key, *value)).collect();
                    let expected: Vec<(u32, u8)> = tree.iter().map(|(key, value)| (*key, *value)).collect();
                    prop_assert_eq!(in_order, expected);
                }
            }
        }
    }

    #[test]
    fn removed_entries_take_no_memory_for_long() {
        let mut map = AscendingMap::default();
        for number in 0..10_000_u32 {
            map.insert(number, ());
            if number >= 10 {
                assert_eq!(map.remove(number - 10), Some(()));
            }
            assert!(map.places.len() <= 2 * map.len() + 1);
        }
    }
}
