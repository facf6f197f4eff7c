//! A role's operation against what metadata forbids beside permissions: the allow list, introspection,
//! depth and nodes. Fragments count where they are spread.
//!
//! Looks at the document alone, so that a cached plan needs no second look. What is per request (rate,
//! batch, time) is `rate.rs`'s and the engine's.

use std::collections::HashMap;
use std::time::Duration;

use graphloom_graphql::{Document, Operation, Selection};
use graphloom_schema::Guards;
use graphloom_vocab::{Error, ErrorCode, GraphqlName, Result, RoleName, Session};

use crate::engine::{AllowListMode, Snapshot};

/// Refuses what is forbidden to a role. Errors: `validation-failed`, `depth-limit-exceeded`,
/// `node-limit-exceeded`.
pub(crate) fn check(
    guards: &Guards,
    mode: AllowListMode,
    role: &RoleName,
    document: &Document,
    operation: &Operation,
) -> Result<()> {
    if role.is_admin() {
        return Ok(());
    }
    if let Some(section) = guards.unreadable() {
        let message = format!("{section} of the metadata cannot be read, so no role is served");
        return Err(Error::unexpected(message));
    }
    if mode == AllowListMode::Enforced && !guards.allow_list.allows(role, document) {
        return Err(Error::validation("query is not allowed"));
    }
    let mut measure = Measure::new(document);
    let size = measure.root(&operation.selection_set);
    if size.asks_for_schema && !guards.shows_schema(role) {
        let message = format!("introspection is disabled for role: \"{role}\"");
        return Err(Error::validation(message));
    }
    let limits = &guards.limits;
    let depth_max = limits.depth.as_ref().map(|limit| *limit.of(role));
    if let Some(most) = depth_max.filter(|most| size.depth > *most) {
        let message = format!(
            "the operation has a depth of {}, more than {most}",
            size.depth
        );
        return Err(exceeded("depth-limit-exceeded", message));
    }
    let nodes_max = limits.nodes.as_ref().map(|limit| *limit.of(role));
    if let Some(most) = nodes_max.filter(|most| size.nodes > *most) {
        let message = format!("the operation has {} nodes, more than {most}", size.nodes);
        return Err(exceeded("node-limit-exceeded", message));
    }
    Ok(())
}

/// An error of a limit that metadata sets.
pub(crate) fn exceeded(code: &str, message: String) -> Error {
    Error::new(ErrorCode::Custom(code.to_owned()), message)
}

/// How long an operation of a role's may take, and each answer of a subscription of its.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeLimit {
    seconds: f64,
}

impl TimeLimit {
    /// The limit of a session's role, if there is one.
    pub(crate) fn of(snapshot: &Snapshot, session: &Session) -> Option<Self> {
        let limit = snapshot.schema.guards.limits.time_s.as_ref();
        let limit = limit.filter(|_| !session.role.is_admin())?;
        Some(Self {
            seconds: *limit.of(&session.role),
        })
    }

    /// The limit itself.
    pub fn duration(self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// What a client is told that has come up against it.
    pub fn error(self) -> Error {
        let message = format!("the operation took more than {} seconds", self.seconds);
        exceeded("time-limit-exceeded", message)
    }
}

/// What a selection set amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Fields with a selection set inside of each other.
    depth: u64,
    /// Fields with a selection set.
    nodes: u64,
    asks_for_schema: bool,
}

impl Size {
    fn beside(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            nodes: self.nodes.saturating_add(other.nodes),
            asks_for_schema: self.asks_for_schema || other.asks_for_schema,
        }
    }
}

/// Measures each fragment once: spread in each other they would stand for more than anybody can count.
struct Measure<'a> {
    fragments: HashMap<&'a GraphqlName, &'a [Selection]>,
    known: HashMap<&'a GraphqlName, Size>,
}

impl<'a> Measure<'a> {
    fn new(document: &'a Document) -> Self {
        let fragments = document.fragments.iter();
        let fragments =
            fragments.map(|fragment| (&fragment.name, fragment.selection_set.as_slice()));
        Self {
            fragments: fragments.collect(),
            known: HashMap::new(),
        }
    }

    fn root(&mut self, selections: &'a [Selection]) -> Size {
        self.selections(selections)
    }

    fn selections(&mut self, selections: &'a [Selection]) -> Size {
        let sizes = selections.iter().map(|selection| self.selection(selection));
        sizes.fold(Size::default(), Size::beside)
    }

    fn selection(&mut self, selection: &'a Selection) -> Size {
        match selection {
            Selection::Field(field) => match field.name.as_str() {
                // Only a root type has fields of these names, and they count for no limit.
                "__schema" | "__type" => Size {
                    asks_for_schema: true,
                    ..Size::default()
                },
                _ if field.selection_set.is_empty() => Size::default(),
                _ => {
                    let inside = self.selections(&field.selection_set);
                    Size {
                        depth: inside.depth.saturating_add(1),
                        nodes: inside.nodes.saturating_add(1),
                        ..inside
                    }
                }
            },
            Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set),
            Selection::FragmentSpread(spread) => {
                if let Some(size) = self.known.get(&spread.name) {
                    return *size;
                }
                let Some((name, selections)) = self.fragments.remove_entry(&spread.name) else {
                    // Unknown, or in itself: binding refuses either.
                    return Size::default();
                };
                let size = self.selections(selections);
                self.known.insert(name, size);
                size
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use graphloom_graphql::{Limits, parse};

    use super::*;

    fn size(text: &str) -> (u64, u64, bool) {
        let document = parse(text, Limits::default()).unwrap();
        let size = Measure::new(&document).root(&document.operations[0].selection_set);
        (size.depth, size.nodes, size.asks_for_schema)
    }

    #[test]
    fn sizes_are_those_of_the_documentation() {
        for (text, expected) in [
            ("{ viewer { name } }", (1, 1, false)),
            ("{ viewer { ... on User { name } } }", (1, 1, false)),
            ("{ viewer { albums { title } } }", (2, 2, false)),
            (
                "{ viewer { albums { ...M songs { ...M } } } } fragment M on Music { id }",
                (3, 3, false),
            ),
            (
                "{ author { name articles { id } } homepage_entries { id } }",
                (2, 3, false),
            ),
            (
                "{ a { b } ...F ...F } fragment F on query_root { c { d { e } } }",
                (2, 5, false),
            ),
            (
                "{ __schema { types { fields { name } } } __typename }",
                (0, 0, true),
            ),
            (
                "{ ...F } fragment F on query_root { __type(name: \"a\") { name } }",
                (0, 0, true),
            ),
            (
                "{ ...F } fragment F on query_root { a { ...F } }",
                (1, 1, false),
            ),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn fragments_in_fragments_are_counted_and_not_expanded() {
        let fragments = (0..63).map(|number| {
            let next = number + 1;
            format!(" fragment F{number} on T {{ ...F{next} ...F{next} }}")
        });
        let fragments: String = fragments.collect();
        let text = format!("{{ ...F0 }}{fragments} fragment F63 on T {{ a {{ b }} }}");
        assert_eq!(size(&text), (1, 1 << 63, false));
    }
}
