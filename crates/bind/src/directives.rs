//! Directives: which exist, where they may stand, and what `@include` and `@skip` say.

use graphloom_graphql::{Directive, TypeRef, Value as Literal};
use graphloom_vocab::Result;
use indexmap::IndexSet;

use crate::binder::Binder;
use crate::input::InputRef;

/// Where a directive stands, as errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Query,
    Subscription,
    Field,
    FragmentSpread,
    InlineFragment,
}

/// A directive that exists.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) locations: &'static [&'static str],
    pub(crate) arguments: &'static [KnownArgument],
    /// Whether introspection tells of it.
    pub(crate) is_shown: bool,
    places: &'static [Place],
}

/// An argument of a directive.
pub(crate) struct KnownArgument {
    pub(crate) name: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) ty: &'static str,
    pub(crate) default: Option<&'static str>,
}

const IF: KnownArgument = KnownArgument {
    name: "if",
    description: None,
    ty: "Boolean!",
    default: None,
};

/// Every directive of the schema, in the order introspection shows them.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "include",
        description: "whether this query should be included",
        locations: &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        arguments: &[IF],
        is_shown: true,
        places: &[Place::Field, Place::FragmentSpread, Place::InlineFragment],
    },
    Known {
        name: "skip",
        description: "whether this query should be skipped",
        locations: &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
        arguments: &[IF],
        is_shown: true,
        places: &[Place::Field, Place::FragmentSpread, Place::InlineFragment],
    },
    Known {
        name: "cached",
        description: "whether this query should be cached (Hasura Cloud only)",
        locations: &["QUERY"],
        arguments: &[
            KnownArgument {
                name: "ttl",
                description: Some("measured in seconds"),
                ty: "Int!",
                default: Some("60"),
            },
            KnownArgument {
                name: "refresh",
                description: Some("refresh the cache entry"),
                ty: "Boolean!",
                default: Some("false"),
            },
        ],
        is_shown: true,
        places: &[Place::Query],
    },
    Known {
        name: MULTIPLE_TOP_LEVEL_FIELDS,
        description: "several root fields in one subscription",
        locations: &["SUBSCRIPTION"],
        arguments: &[],
        is_shown: false,
        places: &[Place::Subscription],
    },
];

/// Lifts the rule that a subscription has one root field.
const MULTIPLE_TOP_LEVEL_FIELDS: &str = "_multiple_top_level_fields";

/// How many root fields a subscription may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RootFields {
    One,
    Many,
}

impl Place {
    fn described(self) -> &'static str {
        match self {
            Self::Query => "a query",
            Self::Subscription => "a subscription",
            Self::Field => "a field",
            Self::FragmentSpread => "a fragment spread",
            Self::InlineFragment => "an inline fragment",
        }
    }
}

impl<'a> Binder<'a> {
    /// Whether what carries these directives is part of the operation.
    pub(crate) fn included(&mut self, directives: &'a [Directive], place: Place) -> Result<bool> {
        self.count_directives(directives.len())?;
        let mut included = true;
        for (directive, known) in self.known(directives, place)? {
            let wanted = known.name == "include";
            let flag = self.within(known.name, |binder| {
                binder.within("args", |binder| binder.condition(directive))
            })?;
            included &= flag == wanted;
        }
        Ok(included)
    }

    /// Checks the directives of a query. `@cached` is accepted and has no effect.
    pub(crate) fn query_directives(&mut self, directives: &'a [Directive]) -> Result<()> {
        for (directive, known) in self.known(directives, Place::Query)? {
            self.within(known.name, |binder| {
                binder.within("args", |binder| binder.cached(directive))
            })?;
        }
        Ok(())
    }

    /// Checks the directives of a subscription.
    pub(crate) fn subscription_directives(
        &mut self,
        directives: &'a [Directive],
    ) -> Result<RootFields> {
        let known = self.known(directives, Place::Subscription)?;
        let many = known
            .iter()
            .any(|(_, known)| known.name == MULTIPLE_TOP_LEVEL_FIELDS);
        Ok(if many {
            RootFields::Many
        } else {
            RootFields::One
        })
    }

    /// Refuses directives that do not exist, stand in the wrong place or stand twice.
    fn known(
        &mut self,
        directives: &'a [Directive],
        place: Place,
    ) -> Result<Vec<(&'a Directive, &'static Known)>> {
        let mut found = Vec::with_capacity(directives.len());
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
                if !known.arguments.iter().any(|a| a.name == argument.as_str()) {
                    return self.within(name, |binder| {
                        binder.fail(format!("'{name}' has no argument named '{argument}'"))
                    });
                }
            }
            if !seen.insert(name) {
                repeated.insert(format!("'{name}'"));
            }
            found.push((directive, known));
        }
        if !repeated.is_empty() {
            let names: Vec<_> = repeated.into_iter().collect();
            return self.fail(format!(
                "the following directives are used more than once: [{}]",
                names.join(", ")
            ));
        }
        Ok(found)
    }

    /// `if` of `@include` and `@skip`.
    fn condition(&mut self, directive: &'a Directive) -> Result<bool> {
        let argument = directive
            .arguments
            .iter()
            .find(|(name, _)| name.as_str() == "if");
        self.within("if", |binder| {
            let Some((_, value)) = argument else {
                return binder.fail("missing required field 'if'");
            };
            let location = TypeRef::named("Boolean").non_null();
            binder.boolean(InputRef::Literal(value), &location)
        })
    }

    /// The arguments of `@cached`: a number and a flag.
    fn cached(&mut self, directive: &'a Directive) -> Result<()> {
        for (name, value) in &directive.arguments {
            self.within(name.as_str(), |binder| {
                let ty = match name.as_str() {
                    "ttl" => "Int",
                    _ => "Boolean",
                };
                let location = TypeRef::named(ty).non_null();
                let value = binder.peel(InputRef::Literal(value), &location, true)?;
                let fits = match &value {
                    InputRef::Literal(Literal::Int(_)) => ty == "Int",
                    InputRef::Literal(Literal::Boolean(_)) => ty == "Boolean",
                    InputRef::Variable { value, .. } if ty == "Int" => value.is_number(),
                    InputRef::Variable { value, .. } => value.is_boolean(),
                    InputRef::Literal(_) => false,
                };
                if fits {
                    return Ok(());
                }
                let wanted = match ty {
                    "Int" => "a 32-bit integer",
                    _ => "a boolean",
                };
                let found = value.describe();
                binder.fail(format!(
                    "expected {wanted} for type '{ty}', but found {found}"
                ))
            })?;
        }
        Ok(())
    }
}
