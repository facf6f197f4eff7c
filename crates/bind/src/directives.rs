//! Directives: which exist, where they may stand, and what `@include` and `@skip` say.

use graphloom_graphql::{Directive, TypeRef};
use graphloom_vocab::Result;
use indexmap::IndexSet;

use crate::binder::Binder;
use crate::input::InputRef;

/// Where a directive stands, as errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    Field,
    FragmentSpread,
    InlineFragment,
}

/// A directive that exists.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) locations: &'static [&'static str],
    /// Name, type, default.
    pub(crate) arguments: &'static [(&'static str, &'static str, Option<&'static str>)],
    places: &'static [Place],
}

/// Every directive of the schema, in the order introspection shows them.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "include",
        description: "whether this query should be included",
        locations: &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        arguments: &[("if", "Boolean!", None)],
        places: &[Place::Field, Place::FragmentSpread, Place::InlineFragment],
    },
    Known {
        name: "skip",
        description: "whether this query should be skipped",
        locations: &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        arguments: &[("if", "Boolean!", None)],
        places: &[Place::Field, Place::FragmentSpread, Place::InlineFragment],
    },
    Known {
        name: "cached",
        description: "whether this query should be cached (Hasura Cloud only)",
        locations: &["QUERY"],
        arguments: &[
            ("ttl", "Int!", Some("60")),
            ("refresh", "Boolean!", Some("false")),
        ],
        places: &[Place::Query],
    },
];

impl Place {
    fn described(self) -> &'static str {
        match self {
            Self::Query => "a query",
            Self::Field => "a field",
            Self::FragmentSpread => "a fragment spread",
            Self::InlineFragment => "an inline fragment",
        }
    }
}

impl<'a> Binder<'a> {
    /// Whether what carries these directives is part of the operation.
    pub(crate) fn included(&mut self, directives: &'a [Directive], place: Place) -> Result<bool> {
        self.check_directives(directives, place)?;
        let mut included = true;
        for directive in directives {
            let wanted = match directive.name.as_str() {
                "include" => true,
                "skip" => false,
                _ => continue,
            };
            included &= self.condition(directive)? == wanted;
        }
        Ok(included)
    }

    /// Refuses directives that do not exist, stand in the wrong place or stand twice.
    pub(crate) fn check_directives(
        &mut self,
        directives: &'a [Directive],
        place: Place,
    ) -> Result<()> {
        let mut seen = IndexSet::new();
        let mut repeated = IndexSet::new();
        for directive in directives {
            let name = directive.name.as_str();
            let Some(known) = KNOWN.iter().find(|known| known.name == name) else {
                return self.fail(format!("directive '{name}' is not defined in the schema"));
            };
            if !known.places.contains(&place) {
                let place = place.described();
                return self.fail(format!("directive '{name}' is not allowed on {place}"));
            }
            for (argument, _) in &directive.arguments {
                if !known
                    .arguments
                    .iter()
                    .any(|(name, ..)| *name == argument.as_str())
                {
                    return self.fail(format!("'{name}' has no argument named '{argument}'"));
                }
            }
            if !seen.insert(name) {
                repeated.insert(format!("'{name}'"));
            }
        }
        if !repeated.is_empty() {
            let names: Vec<_> = repeated.into_iter().collect();
            return self.fail(format!(
                "the following directives are used more than once: [{}]",
                names.join(", ")
            ));
        }
        Ok(())
    }

    fn condition(&mut self, directive: &'a Directive) -> Result<bool> {
        let argument = directive
            .arguments
            .iter()
            .find(|(name, _)| name.as_str() == "if");
        let Some((_, value)) = argument else {
            return self.fail("missing required field 'if'");
        };
        let location = TypeRef::named("Boolean").non_null();
        self.boolean(InputRef::Literal(value), &location)
    }
}
