//! What is known of a source at a moment, and what that says about a result that was read before.
//!
//! Two things can say that a result is still the one that is there. The *text* is what a statement sees of all
//! transactions: while it is the same, so is all that lies in steady objects. A *change signal* is what a trigger
//! tells when a table was written to: a result whose tables were all told of, and none of them since it was asked
//! for, is the same whatever else has happened. Knows no database; read `source.rs` for who finds it all out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use graphloom_plan::{Reads, Statements};

use crate::object::Object;

/// What is known of a source at a moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Signal {
    /// What has happened so far; `None` if that cannot be told.
    pub(crate) text: Option<Arc<str>>,
    /// What stays as it is while the text does.
    pub(crate) steady: Arc<HashSet<Object>>,
    /// The objects whose every change is told, with the number of the last one.
    pub(crate) changes: HashMap<Object, u64>,
    /// The number of the last change of all.
    pub(crate) number: u64,
}

/// What says whether a statement's results are still those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis<'s> {
    /// Nothing: they are read at every interval.
    Unknown,
    /// They are, while this text is the same.
    Text(&'s Arc<str>),
    /// They are, while no change has a higher number.
    Changes {
        /// Of the last change.
        last: u64,
        /// Which run of which server it is.
        server: &'s str,
    },
}

/// What had happened when a result was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// As the statement itself saw it; `None` if it could not tell.
    pub(crate) text: Option<Arc<str>>,
    /// The number of the last change that was told before the statement was sent.
    pub(crate) number: u64,
}

/// Whether a result is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Staleness {
    /// Not before something happens.
    Current,
    /// When an interval has passed since the last time: it may have changed.
    Slow,
    /// As soon as can be: its tables have changed.
    Quick,
}

impl Signal {
    /// What says whether the results of a statement that looks at these are still those that are there.
    pub(crate) fn basis(&self, reads: &Reads) -> Basis<'_> {
        let Some(text) = &self.text else {
            return Basis::Unknown;
        };
        let is_steady = reads.statements == Statements::None
            && Object::of(reads).all(|object| self.steady.contains(&object));
        if !is_steady {
            return Basis::Unknown;
        }
        let mut numbers = Object::of(reads).map(|object| self.changes.get(&object).copied());
        match numbers.try_fold(0, |last, next| Some(last.max(next?))) {
            Some(last) if !self.changes.is_empty() => Basis::Changes {
                last,
                server: server(text),
            },
            _ => Basis::Text(text),
        }
    }
}

impl Seen {
    /// What was seen by whoever knows that there is more.
    pub(crate) fn behind() -> Self {
        Self {
            text: None,
            number: 0,
        }
    }
}

impl Basis<'_> {
    /// Whether a result is to be read again that was read when this was seen; `None` if it could not be read.
    pub(crate) fn staleness(self, seen: Option<&Seen>) -> Staleness {
        let Some(seen) = seen else {
            return Staleness::Slow;
        };
        let is_current = match self {
            Self::Unknown => false,
            Self::Text(text) => seen.text.as_ref() == Some(text),
            Self::Changes { last, .. } if seen.number < last => return Staleness::Quick,
            // Read somewhere else, what was told here says nothing.
            Self::Changes {
                server: expected, ..
            } => seen
                .text
                .as_deref()
                .is_some_and(|text| server(text) == expected),
        };
        match is_current {
            true => Staleness::Current,
            false => Staleness::Slow,
        }
    }
}

/// The part of a text that says which run of which server it is of.
fn server(text: &str) -> &str {
    text.rsplit_once('/').map_or("", |(_, server)| server)
}

#[cfg(test)]
mod tests {
    use graphloom_vocab::QualifiedTable;

    use super::*;

    fn table(name: &str) -> QualifiedTable {
        QualifiedTable::new("public", name)
    }

    fn reads(names: &[&str]) -> Reads {
        Reads {
            tables: names.iter().map(|name| table(name)).collect(),
            ..Reads::default()
        }
    }

    fn signal(text: &str, changes: &[(&str, u64)]) -> Signal {
        let object = |name: &str| Object::Table(table(name));
        Signal {
            text: Some(text.into()),
            steady: Arc::new(["a", "b", "c"].map(object).into()),
            changes: changes
                .iter()
                .map(|(name, number)| (object(name), *number))
                .collect(),
            number: 9,
        }
    }

    fn seen(text: &str, number: u64) -> Seen {
        let text = Some(text.into());
        Seen { text, number }
    }

    #[test]
    fn what_is_not_steady_has_no_basis() {
        let signal = signal("1/x", &[("d", 3)]);
        assert_eq!(signal.basis(&reads(&["a", "d"])), Basis::Unknown);
        assert_eq!(Signal::default().basis(&reads(&["a"])), Basis::Unknown);
        let basis = signal.basis(&reads(&["d"]));
        assert_eq!(basis.staleness(Some(&seen("1/x", 5))), Staleness::Slow);
    }

    #[test]
    fn without_signals_of_all_its_tables_a_result_is_as_old_as_the_text() {
        let signal = signal("2/x", &[("a", 3)]);
        let basis = signal.basis(&reads(&["a", "b"]));
        assert!(matches!(basis, Basis::Text(_)));
        assert_eq!(basis.staleness(Some(&seen("2/x", 0))), Staleness::Current);
        assert_eq!(basis.staleness(Some(&seen("1/x", 9))), Staleness::Slow);
        assert_eq!(basis.staleness(None), Staleness::Slow);
    }

    #[test]
    fn with_signals_only_changes_of_its_tables_count() {
        let signal = signal("7/x", &[("a", 3), ("b", 5), ("c", 9)]);
        let basis = signal.basis(&reads(&["a", "b"]));
        assert_eq!(basis.staleness(Some(&seen("2/x", 5))), Staleness::Current);
        assert_eq!(basis.staleness(Some(&seen("7/x", 4))), Staleness::Quick);
        assert_eq!(basis.staleness(Some(&Seen::behind())), Staleness::Quick);
        // Nobody knows what was seen, or it was another server that was asked.
        assert_eq!(basis.staleness(None), Staleness::Slow);
        assert_eq!(basis.staleness(Some(&seen("7/y", 5))), Staleness::Slow);
        let unknown = Seen {
            text: None,
            number: 5,
        };
        assert_eq!(basis.staleness(Some(&unknown)), Staleness::Slow);
    }
}
