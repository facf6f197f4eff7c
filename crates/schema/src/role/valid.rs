//! What keeps a role's types a valid GraphQL schema: no type without fields, no type that is missing.
//!
//! A role may be given rows without any column, to count them or to go on to related ones. v2 then shows
//! types without fields, which the specification forbids and clients refuse with the whole schema. Here
//! such an object has a placeholder, so that every document that v2 accepts stays valid, and such an input
//! object is left out together with the arguments of its type, to which no value could be given.

use std::collections::HashSet;

use graphloom_graphql::TypeRef;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::Types;
use crate::types::{FieldDefinition, FieldMeaning, InputValueDefinition, TypeDefinition};

const PLACEHOLDER: &str = "no_fields_available";
const NO_FIELDS: &str = "The current role has no permission for any field of this type.";

/// Types of the arguments of directives, which are introspected like any others.
const OF_DIRECTIVES: &[&str] = &["Boolean", "Int"];

/// Makes the types valid. To be called when all are there.
pub(super) fn complete(types: &mut Types) {
    drop_all_empty_inputs(types);
    fill_empty_objects(types);
}

/// Gives every object without fields a placeholder.
pub(super) fn fill_empty_objects(types: &mut Types) {
    for ty in types.by_name.values_mut() {
        if let TypeDefinition::Object(object) = ty
            && object.fields.is_empty()
        {
            object
                .fields
                .insert(GraphqlName::new(PLACEHOLDER), placeholder(NO_FIELDS));
        }
    }
}

/// The types that directives mention, which no field may lead to.
pub(super) fn of_directives() -> impl Iterator<Item = GraphqlName> {
    OF_DIRECTIVES.iter().map(|name| GraphqlName::new(*name))
}

/// A field that answers with a text.
pub(super) fn placeholder(text: &'static str) -> FieldDefinition {
    FieldDefinition {
        description: Some(text.into()),
        arguments: IndexMap::new(),
        ty: TypeRef::named("String").non_null(),
        meaning: FieldMeaning::Placeholder(text),
    }
}

/// Drops input objects without fields and what is of their type, as long as there are any; their names.
pub(super) fn drop_all_empty_inputs(types: &mut Types) -> HashSet<GraphqlName> {
    let mut dropped = HashSet::new();
    loop {
        let empty = empty_inputs(types);
        if empty.is_empty() {
            return dropped;
        }
        drop_inputs(types, &empty);
        dropped.extend(empty);
    }
}

fn empty_inputs(types: &Types) -> HashSet<GraphqlName> {
    let is_empty = |ty: &TypeDefinition| matches!(ty, TypeDefinition::InputObject(input) if input.fields.is_empty());
    let empty = types.by_name.values().filter(|ty| is_empty(ty));
    empty.map(|ty| ty.name().clone()).collect()
}

/// Drops input objects and what is of their type.
pub(super) fn drop_inputs(types: &mut Types, dropped: &HashSet<GraphqlName>) {
    let stays = |value: &InputValueDefinition| !dropped.contains(value.ty.name());
    types.by_name.retain(|name, _| !dropped.contains(name));
    for ty in types.by_name.values_mut() {
        match ty {
            TypeDefinition::InputObject(input) => input.fields.retain(|_, field| stays(field)),
            TypeDefinition::Object(object) => drop_arguments(&mut object.fields, dropped),
            // Interfaces have fields without arguments.
            TypeDefinition::Scalar(_) | TypeDefinition::Enum(_) | TypeDefinition::Interface(_) => {}
        }
    }
}

/// Drops arguments of types that were dropped.
pub(super) fn drop_arguments(
    fields: &mut IndexMap<GraphqlName, FieldDefinition>,
    dropped: &HashSet<GraphqlName>,
) {
    let stays = |value: &InputValueDefinition| !dropped.contains(value.ty.name());
    for field in fields.values_mut() {
        field.arguments.retain(|_, argument| stays(argument));
    }
}
