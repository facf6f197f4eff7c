//! The prepared statements of one session, at most so many.
//!
//! Keyed by the statement's text, whose hash is computed once (in [`Statement`]). The least recently
//! used statement goes when there is no room; dropping the driver's handle closes it in Postgres too.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use crate::pace::Pace;

/// A statement's text, cheap to clone, with its hash.
#[derive(Clone)]
pub struct Statement(Arc<Text>);

struct Text {
    hash: u64,
    text: Arc<str>,
    use_: Use,
    pace: Pace,
}

/// How often a statement is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Again,
    Once,
}

impl Statement {
    /// A statement of that text. The text must come from the SQL printer or a fixed `.sql` file:
    /// values travel as parameters.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self::of(text.into(), Use::Again)
    }

    /// A statement that will not be seen again, such as one with a request's id in a comment: it is not prepared under
    /// a name, and drives no other out of the session's cache. What [`Self::new`] says of the text holds here too.
    pub fn once(text: impl Into<Arc<str>>) -> Self {
        Self::of(text.into(), Use::Once)
    }

    fn of(text: Arc<str>, use_: Use) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        text.hash(&mut hasher);
        Self(Arc::new(Text {
            hash: hasher.finish(),
            text,
            use_,
            pace: Pace::default(),
        }))
    }

    /// Whether it will not be seen again.
    pub(crate) fn is_once(&self) -> bool {
        self.0.use_ == Use::Once
    }

    /// Whether it is known to take so little time that others may wait behind it.
    pub fn is_quick(&self) -> bool {
        self.pace().cost_us().is_some()
    }

    /// How long it takes.
    pub(crate) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        &self.0.text
    }
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&*self.0.text, f)
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.hash == other.0.hash && self.0.text == other.0.text)
    }
}

impl Eq for Statement {}

impl Hash for Statement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

/// Passes on the hash that a [`Statement`] already has.
#[derive(Default)]
pub(crate) struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

struct Entry<S> {
    prepared: S,
    used: u64,
}

/// A bounded map from statements to the driver's handles (`S`, a type parameter for tests).
pub(crate) struct StatementCache<S> {
    entries: HashMap<Statement, Entry<S>, BuildHasherDefault<Ready>>,
    capacity: usize,
    clock: u64,
    /// Counts how often everything was forgotten.
    age: u64,
}

impl<S: Clone> StatementCache<S> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::default(),
            capacity: capacity.max(1),
            clock: 0,
            age: 0,
        }
    }

    pub(crate) fn get(&mut self, statement: &Statement) -> Option<S> {
        self.clock += 1;
        let entry = self.entries.get_mut(statement)?;
        entry.used = self.clock;
        Some(entry.prepared.clone())
    }

    pub(crate) fn insert(&mut self, statement: Statement, prepared: S) {
        if self.entries.len() >= self.capacity
            && !self.entries.contains_key(&statement)
            && let Some(oldest) = self.oldest()
        {
            self.entries.remove(&oldest);
        }
        self.clock += 1;
        self.entries.insert(
            statement,
            Entry {
                prepared,
                used: self.clock,
            },
        );
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.age += 1;
    }

    /// How often everything was forgotten.
    pub(crate) fn age(&self) -> u64 {
        self.age
    }

    /// Forgets everything, unless somebody did so since the cache was of this age.
    pub(crate) fn clear_of(&mut self, age: u64) {
        if self.age == age {
            self.clear();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn oldest(&self) -> Option<Statement> {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        oldest.map(|(statement, _)| statement.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn the_least_recently_used_goes() {
        let mut cache = StatementCache::new(2);
        let [a, b, c] = ["a", "b", "c"].map(Statement::new);
        cache.insert(a.clone(), 1);
        cache.insert(b.clone(), 2);
        assert_eq!(cache.get(&a), Some(1));
        cache.insert(c.clone(), 3);
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.get(&b), None);
        assert_eq!(cache.get(&Statement::new("a")), Some(1));
        assert_eq!(cache.get(&c), Some(3));
    }
}
