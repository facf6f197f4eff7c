//! The introspection types of the specification (section 4), as any other types.

use graphloom_graphql::TypeRef;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::{Types, input, plain_field};
use crate::types::{
    EnumMeaning, EnumType, EnumValue, FieldDefinition, FieldMeaning, InputMeaning, ObjectType,
    TypeDefinition,
};

/// Fields of each introspection type: name and type in short form.
const TYPES: &[(&str, &[(&str, &str)])] = &[
    (
        "__Schema",
        &[
            ("description", "String"),
            ("types", "[__Type!]!"),
            ("queryType", "__Type!"),
            ("mutationType", "__Type"),
            ("subscriptionType", "__Type"),
            ("directives", "[__Directive!]!"),
        ],
    ),
    (
        "__Type",
        &[
            ("kind", "__TypeKind!"),
            ("name", "String"),
            ("description", "String"),
            ("fields", "[__Field!]"),
            ("interfaces", "[__Type!]"),
            ("possibleTypes", "[__Type!]"),
            ("enumValues", "[__EnumValue!]"),
            ("inputFields", "[__InputValue!]"),
            ("ofType", "__Type"),
        ],
    ),
    (
        "__Field",
        &[
            ("name", "String!"),
            ("description", "String"),
            ("args", "[__InputValue!]!"),
            ("type", "__Type!"),
            ("isDeprecated", "Boolean!"),
            ("deprecationReason", "String"),
        ],
    ),
    (
        "__InputValue",
        &[
            ("name", "String!"),
            ("description", "String"),
            ("type", "__Type!"),
            ("defaultValue", "String"),
        ],
    ),
    (
        "__EnumValue",
        &[
            ("name", "String!"),
            ("description", "String"),
            ("isDeprecated", "Boolean!"),
            ("deprecationReason", "String"),
        ],
    ),
    (
        "__Directive",
        &[
            ("name", "String!"),
            ("description", "String"),
            ("locations", "[__DirectiveLocation!]!"),
            ("args", "[__InputValue!]!"),
            ("isRepeatable", "Boolean!"),
        ],
    ),
];

const KINDS: &[&str] = &[
    "ENUM",
    "INPUT_OBJECT",
    "INTERFACE",
    "LIST",
    "NON_NULL",
    "OBJECT",
    "SCALAR",
    "UNION",
];

const LOCATIONS: &[&str] = &[
    "ARGUMENT_DEFINITION",
    "ENUM",
    "ENUM_VALUE",
    "FIELD",
    "FIELD_DEFINITION",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "INPUT_FIELD_DEFINITION",
    "INPUT_OBJECT",
    "INTERFACE",
    "MUTATION",
    "OBJECT",
    "QUERY",
    "SCALAR",
    "SCHEMA",
    "SUBSCRIPTION",
    "UNION",
    "VARIABLE_DEFINITION",
];

/// Adds the introspection types, and `__schema` and `__type` to the query root.
///
/// The two root fields are fields like others here; introspection itself leaves them out.
pub(super) fn add(types: &mut Types, root: &mut ObjectType) {
    for (name, fields) in TYPES {
        let fields = fields.iter().map(|(field, ty)| {
            let mut definition = plain_field(None, type_ref(ty), FieldMeaning::Introspection);
            if matches!(*field, "fields" | "enumValues") {
                with_include_deprecated(&mut definition);
            }
            (GraphqlName::new(*field), definition)
        });
        types.add(TypeDefinition::Object(ObjectType {
            name: GraphqlName::new(*name),
            description: None,
            fields: fields.collect(),
        }));
    }
    types.add(enumeration("__TypeKind", KINDS));
    types.add(enumeration("__DirectiveLocation", LOCATIONS));
    let schema = plain_field(None, type_ref("__Schema!"), FieldMeaning::Introspection);
    root.fields.insert(GraphqlName::new("__schema"), schema);
    let mut ty = plain_field(None, type_ref("__Type"), FieldMeaning::Introspection);
    let name = input(None, type_ref("String!"), InputMeaning::TypeName);
    ty.arguments.insert(GraphqlName::new("name"), name);
    root.fields.insert(GraphqlName::new("__type"), ty);
}

fn with_include_deprecated(definition: &mut FieldDefinition) {
    let mut argument = input(None, type_ref("Boolean"), InputMeaning::IncludeDeprecated);
    argument.default = Some("false".into());
    definition
        .arguments
        .insert(GraphqlName::new("includeDeprecated"), argument);
}

fn enumeration(name: &str, values: &[&str]) -> TypeDefinition {
    let value = || EnumValue {
        description: None,
        meaning: EnumMeaning::Name,
    };
    let values: IndexMap<_, _> = values
        .iter()
        .map(|name| (GraphqlName::new(*name), value()))
        .collect();
    TypeDefinition::Enum(EnumType {
        name: GraphqlName::new(name),
        description: None,
        values,
    })
}

/// Reads `[T!]!` and simpler forms of the table above.
fn type_ref(text: &str) -> TypeRef {
    if let Some(inner) = text.strip_suffix('!') {
        return type_ref(inner).non_null();
    }
    match text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        Some(inner) => type_ref(inner).list(),
        None => TypeRef::named(text),
    }
}
