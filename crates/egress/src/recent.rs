//! A small bounded map that forgets what has not been asked for lately.
use std::collections::HashMap;
use std::sync::Arc;

/// Two generations: what is asked for moves to the young one; when that is full it becomes the old one, and the old one is dropped.
/// So at most `2 * half` entries live, and none that is in use is lost. No list to keep in order on each read.
pub(crate) struct Recent<V> {
    young: HashMap<Arc<str>, V>,
    old: HashMap<Arc<str>, V>,
    half: usize,
}

impl<V> Recent<V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: entries_max.div_ceil(2).max(1) }
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<&mut V> {
        if !self.young.contains_key(key)
            && let Some((key, value)) = self.old.remove_entry(key)
        {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: Arc<str>, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_nobody_asks_for_and_stays_bounded() {
        let mut recent = Recent::new(8);
        recent.insert("kept".into(), 0);
        for i in 1..100 {
            recent.insert(format!("{i}").into(), i);
            assert_eq!(recent.get("kept"), Some(&mut 0), "after {i}");
            assert!(recent.len() <= 8);
        }
        assert_eq!(recent.get("1"), None);
        assert_eq!(recent.get("99"), Some(&mut 99));
    }
}
