//! What introspection answers about: types, fields, arguments, directives, and each one's facts.
//!
//! Lists are sorted by name, as v2 sorts them.

use std::sync::Arc;

use graphloom_graphql::TypeRef;
use graphloom_schema::{
    FieldDefinition, FieldMeaning, InputValueDefinition, ListedTypes, TypeDefinition,
};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::node::Fact;
use crate::directives::{KNOWN, Known, KnownArgument};

/// The names of a schema's root types.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    pub(super) query: GraphqlName,
    pub(super) mutation: Option<GraphqlName>,
    pub(super) subscription: Option<GraphqlName>,
}

/// What an introspection field is asked of.
#[derive(Clone)]
pub(super) enum Subject {
    Schema,
    /// A named type, made when its parts are asked for.
    Type(GraphqlName),
    /// A list or non-null type: where it is written, inside of how many others.
    Wrapped(Spot, usize),
    /// A field by its position in its type.
    Field(Arc<TypeDefinition>, usize),
    Input(Spot),
    EnumValue(Arc<TypeDefinition>, usize),
    Directive(&'static Known),
    DirectiveArgument(&'static KnownArgument),
    /// A type written in a directive's table.
    Builtin(&'static str),
}

/// A field of an object or input object, or an argument of a field.
#[derive(Clone)]
pub(super) struct Spot {
    ty: Arc<TypeDefinition>,
    field: usize,
    argument: Option<usize>,
}

/// What a field of an introspection type is.
pub(super) enum Answer<'a> {
    Null,
    Text(&'a str),
    Flag(bool),
    Names(&'static [&'static str]),
    One(Subject),
    Many(Vec<Subject>),
    /// All types of the schema.
    Types,
}

impl Subject {
    /// A fact about it.
    pub(super) fn answer<'a>(
        &'a self,
        fact: &'a Fact,
        types: &'a mut ListedTypes,
        roots: &Roots,
    ) -> Answer<'a> {
        if let Fact::TypeName(name) = fact {
            return Answer::Text(name);
        }
        let answer = match self {
            Self::Schema => Some(schema(fact, roots)),
            Self::Type(name) => named(name, fact, types),
            Self::Wrapped(spot, depth) => wrapped(spot, *depth, fact),
            Self::Field(ty, position) => field(ty, *position, fact),
            Self::Input(spot) => input(spot, fact),
            Self::EnumValue(ty, position) => enum_value(ty, *position, fact),
            Self::Directive(known) => Some(directive(known, fact)),
            Self::DirectiveArgument(known) => directive_argument(known, fact),
            Self::Builtin(ty) => Some(builtin(ty, fact)),
        };
        answer.unwrap_or(Answer::Null)
    }
}

impl Spot {
    fn field(&self) -> Option<(&GraphqlName, &FieldDefinition)> {
        fields_of(&self.ty)?.get_index(self.field)
    }

    fn input(&self) -> Option<(&GraphqlName, &InputValueDefinition)> {
        match (&*self.ty, self.argument) {
            (TypeDefinition::InputObject(ty), _) => ty.fields.get_index(self.field),
            (_, Some(argument)) => self.field()?.1.arguments.get_index(argument),
            _ => None,
        }
    }

    /// The type written there, inside of so many lists and non-nulls.
    fn reference(&self, depth: usize) -> Option<&TypeRef> {
        let mut ty = match self.input() {
            Some((_, input)) => &input.ty,
            None => &self.field()?.1.ty,
        };
        for _ in 0..depth {
            ty = match ty {
                TypeRef::List(inner) | TypeRef::NonNull(inner) => inner,
                TypeRef::Named(_) => return None,
            };
        }
        Some(ty)
    }

    fn type_subject(&self, depth: usize) -> Option<Answer<'static>> {
        Some(Answer::One(match self.reference(depth)? {
            TypeRef::Named(name) => Subject::Type(name.clone()),
            TypeRef::List(_) | TypeRef::NonNull(_) => Subject::Wrapped(self.clone(), depth),
        }))
    }
}

fn text(text: Option<&Arc<str>>) -> Answer<'_> {
    text.map_or(Answer::Null, |text| Answer::Text(text))
}

fn schema(fact: &Fact, roots: &Roots) -> Answer<'static> {
    let root = |name: Option<&GraphqlName>| {
        name.map_or(Answer::Null, |name| {
            Answer::One(Subject::Type(name.clone()))
        })
    };
    match fact {
        Fact::Types => Answer::Types,
        Fact::QueryType => root(Some(&roots.query)),
        Fact::MutationType => root(roots.mutation.as_ref()),
        Fact::SubscriptionType => root(roots.subscription.as_ref()),
        Fact::Directives => {
            let shown = KNOWN.iter().filter(|directive| directive.is_shown);
            Answer::Many(shown.map(Subject::Directive).collect())
        }
        _ => Answer::Null,
    }
}

fn named<'a>(name: &'a GraphqlName, fact: &Fact, types: &'a mut ListedTypes) -> Option<Answer<'a>> {
    match fact {
        Fact::Name => return Some(Answer::Text(name.as_str())),
        Fact::Kind => return Some(Answer::Text(types.facts(name.as_str())?.kind)),
        Fact::Description => return Some(text(types.facts(name.as_str())?.description.as_ref())),
        Fact::Fields
        | Fact::Interfaces
        | Fact::PossibleTypes
        | Fact::EnumValues
        | Fact::InputFields => {}
        _ => return None,
    }
    let ty = types.get(name)?;
    let all = match (fact, &*ty) {
        (Fact::Fields, TypeDefinition::Object(object)) => fields(&ty, &object.fields),
        (Fact::Fields, TypeDefinition::Interface(object)) => fields(&ty, &object.fields),
        (Fact::Interfaces, TypeDefinition::Object(_)) => {
            sorted_types(types, types.interfaces_of(name))
        }
        (Fact::Interfaces, TypeDefinition::Interface(_)) => Vec::new(),
        (Fact::PossibleTypes, TypeDefinition::Interface(interface)) => {
            sorted_types(types, interface.possible_types.clone())
        }
        (Fact::EnumValues, TypeDefinition::Enum(values)) => sorted(values.values.keys())
            .into_iter()
            .map(|position| Subject::EnumValue(ty.clone(), position))
            .collect(),
        (Fact::InputFields, TypeDefinition::InputObject(object)) => sorted(object.fields.keys())
            .into_iter()
            .map(|field| {
                Subject::Input(Spot {
                    ty: ty.clone(),
                    field,
                    argument: None,
                })
            })
            .collect(),
        _ => return None,
    };
    Some(Answer::Many(all))
}

/// Positions in the order of names.
fn sorted<'a>(names: impl Iterator<Item = &'a GraphqlName>) -> Vec<usize> {
    let mut names: Vec<_> = names.enumerate().collect();
    names.sort_by_key(|(_, name)| *name);
    names.into_iter().map(|(position, _)| position).collect()
}

fn fields(ty: &Arc<TypeDefinition>, all: &IndexMap<GraphqlName, FieldDefinition>) -> Vec<Subject> {
    // The root's own introspection fields are implicit.
    let is_shown = |position: &usize| {
        all.get_index(*position).is_some_and(|(name, field)| {
            !(matches!(field.meaning, FieldMeaning::Introspection)
                && name.as_str().starts_with("__"))
        })
    };
    let positions = sorted(all.keys()).into_iter().filter(is_shown);
    positions
        .map(|position| Subject::Field(ty.clone(), position))
        .collect()
}

/// Those of these types that there are, by name.
fn sorted_types(types: &ListedTypes, mut names: Vec<GraphqlName>) -> Vec<Subject> {
    names.retain(|name| types.facts(name.as_str()).is_some());
    names.sort();
    names.into_iter().map(Subject::Type).collect()
}

fn fields_of(ty: &TypeDefinition) -> Option<&IndexMap<GraphqlName, FieldDefinition>> {
    match ty {
        TypeDefinition::Object(ty) => Some(&ty.fields),
        TypeDefinition::Interface(ty) => Some(&ty.fields),
        _ => None,
    }
}

fn wrapped(spot: &Spot, depth: usize, fact: &Fact) -> Option<Answer<'static>> {
    let kind = match spot.reference(depth)? {
        TypeRef::NonNull(_) => "NON_NULL",
        TypeRef::List(_) => "LIST",
        TypeRef::Named(_) => return None,
    };
    match fact {
        Fact::Kind => Some(Answer::Text(kind)),
        Fact::OfType => spot.type_subject(depth + 1),
        _ => None,
    }
}

fn field<'a>(ty: &'a Arc<TypeDefinition>, position: usize, fact: &Fact) -> Option<Answer<'a>> {
    let (name, definition) = fields_of(ty)?.get_index(position)?;
    let spot = |argument| Spot {
        ty: ty.clone(),
        field: position,
        argument,
    };
    Some(match fact {
        Fact::Name => Answer::Text(name.as_str()),
        Fact::Description => text(definition.description.as_ref()),
        Fact::Args => {
            let arguments = sorted(definition.arguments.keys()).into_iter();
            let arguments = arguments.map(|argument| Subject::Input(spot(Some(argument))));
            Answer::Many(arguments.collect())
        }
        Fact::Type => return spot(None).type_subject(0),
        Fact::IsDeprecated => Answer::Flag(false),
        _ => return None,
    })
}

fn input<'a>(spot: &'a Spot, fact: &Fact) -> Option<Answer<'a>> {
    let (name, definition) = spot.input()?;
    Some(match fact {
        Fact::Name => Answer::Text(name.as_str()),
        Fact::Description => text(definition.description.as_ref()),
        Fact::Type => return spot.type_subject(0),
        Fact::DefaultValue => text(definition.default.as_ref()),
        _ => return None,
    })
}

fn enum_value<'a>(ty: &'a TypeDefinition, position: usize, fact: &Fact) -> Option<Answer<'a>> {
    let TypeDefinition::Enum(ty) = ty else {
        return None;
    };
    let (name, value) = ty.values.get_index(position)?;
    Some(match fact {
        Fact::Name => Answer::Text(name.as_str()),
        Fact::Description => text(value.description.as_ref()),
        Fact::IsDeprecated => Answer::Flag(false),
        _ => return None,
    })
}

fn directive(known: &'static Known, fact: &Fact) -> Answer<'static> {
    match fact {
        Fact::Name => Answer::Text(known.name),
        Fact::Description => Answer::Text(known.description),
        Fact::Locations => Answer::Names(known.locations),
        Fact::Args => {
            let arguments = known.arguments.iter();
            Answer::Many(arguments.map(Subject::DirectiveArgument).collect())
        }
        Fact::IsRepeatable => Answer::Flag(false),
        _ => Answer::Null,
    }
}

fn directive_argument(known: &'static KnownArgument, fact: &Fact) -> Option<Answer<'static>> {
    Some(match fact {
        Fact::Name => Answer::Text(known.name),
        Fact::Description => Answer::Text(known.description?),
        Fact::Type => Answer::One(Subject::Builtin(known.ty)),
        Fact::DefaultValue => Answer::Text(known.default?),
        _ => return None,
    })
}

fn builtin(ty: &'static str, fact: &Fact) -> Answer<'static> {
    match (fact, ty.strip_suffix('!')) {
        (Fact::Kind, Some(_)) => Answer::Text("NON_NULL"),
        (Fact::OfType, Some(inner)) => Answer::One(Subject::Builtin(inner)),
        (Fact::Kind, None) => Answer::Text("SCALAR"),
        (Fact::Name, None) => Answer::Text(ty),
        _ => Answer::Null,
    }
}
