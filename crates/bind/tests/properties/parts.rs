//! A role's schema makes its types when they are asked for: what it then has is what making all of them at
//! once gives, whatever is asked for first.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use graphloom_bind::{Limits, bind};
use graphloom_graphql::Document;
use graphloom_ir::{Progress, RootValue, Written};
use graphloom_schema::{
    Reading, RoleSchema, SchemaCache, SchemaKind, SchemaVariant, TypeDefinition, WholeSchema,
};
use graphloom_vocab::{BackendOnly, GraphqlName, JsonObject, RoleName};
use serde_json::Value;

use crate::support::world;

fn worlds() -> Vec<String> {
    let files = std::fs::read_dir(world::folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".world").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn roles(cache: &SchemaCache) -> BTreeSet<RoleName> {
    let tables = cache
        .sources
        .values()
        .flat_map(|source| source.tables.values());
    let granted = tables.flat_map(|table| {
        let writing = &table.write_permissions;
        let reading = table.select_permissions.keys();
        reading
            .chain(writing.insert.keys())
            .chain(writing.update.keys())
    });
    let named = ["admin", "nobody at all"].map(RoleName::new);
    granted.cloned().chain(named).collect()
}

/// Every type of the whole schema is there with all that belongs to it.
fn check(schema: &RoleSchema, whole: &WholeSchema, names: &[&GraphqlName], context: &str) {
    let roots = (
        &schema.query_type,
        &schema.mutation_type,
        &schema.subscription_type,
    );
    let expected = (
        &whole.query_type,
        &whole.mutation_type,
        &whole.subscription_type,
    );
    assert_eq!(roots, expected, "{context}");
    for name in names {
        let expected = &whole.types[*name];
        let found = schema
            .get(name)
            .unwrap_or_else(|| panic!("{context}: no {name}"));
        let TypeDefinition::Object(object) = expected else {
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{context}");
            continue;
        };
        let found = schema.object(name).unwrap();
        assert_eq!(found.description, object.description, "{context}: {name}");
        for (field, definition) in &object.fields {
            let found = schema.field(found, field);
            let found = found.unwrap_or_else(|| panic!("{context}: no {name}.{field}"));
            assert_eq!(format!("{found:?}"), format!("{definition:?}"), "{context}");
        }
        for field in found.fields.keys() {
            assert!(
                object.fields.contains_key(field),
                "{context}: {name}.{field}"
            );
        }
    }
}

#[test]
fn types_are_the_same_in_any_order() {
    for world in worlds() {
        for role in roles(&world::load(&world).cache) {
            let context = format!("{world}, {role}");
            let cache = world::load(&world).cache;
            let schema = cache.role(&role);
            let whole = schema.whole();
            let mut names: Vec<_> = whole.types.keys().collect();
            check(&schema, &whole, &names, &context);
            names.reverse();
            let again = world::load(&world).cache;
            check(&again.role(&role), &whole, &names, &context);
            // Each one first, as a variable's type may be.
            for name in names.iter().step_by(17) {
                let fresh = world::load(&world).cache;
                check(&fresh.role(&role), &whole, &[name], &context);
            }
        }
    }
}

/// Types of a role's own rights that no root field leads to, so that introspection leaves them out; by name they
/// are there, and show nothing that the role does not see elsewhere.
const UNREACHED: &[&str] = &[
    "Int_comparison_exp",
    "generated_bool_exp",
    "order_by",
    "passport_bool_exp",
];

/// What the admin sees and a role does not is not there by name either.
#[test]
fn nothing_else_is_there() {
    for name in worlds() {
        let cache = world::load(&name).cache;
        let admin = cache.role(&RoleName::new("admin"));
        let all = admin.whole();
        for role in roles(&cache) {
            let schema = cache.role(&role);
            let whole = schema.whole();
            let others = all.types.keys().filter(|ty| !whole.types.contains_key(*ty));
            for ty in others.filter(|ty| !UNREACHED.contains(&ty.as_str())) {
                let found = schema.get(ty);
                let is_scalar = matches!(found, Some(TypeDefinition::Scalar(_)));
                assert!(found.is_none() || is_scalar, "{name}, {role}: {ty}");
            }
        }
    }
}

/// What is shown of a type, whatever the order of its fields.
fn shown(ty: &TypeDefinition) -> (String, BTreeSet<String>) {
    let name = format!("{:?} {:?}", ty.name(), ty.description());
    let parts = match ty {
        TypeDefinition::Object(ty) => {
            let fields = ty.fields.iter();
            fields.map(|field| format!("{field:?}")).collect()
        }
        other => BTreeSet::from([format!("{other:?}")]),
    };
    (name, parts)
}

fn variants() -> [SchemaVariant; 2] {
    [SchemaKind::Standard, SchemaKind::Relay].map(|kind| SchemaVariant {
        kind,
        backend: BackendOnly::Hidden,
    })
}

/// Types that are made one after another are those that are made all at once, and few are there at a time.
#[test]
fn listed_types_are_the_whole_schema() {
    for world in worlds() {
        let cache = world::load(&world).cache;
        for role in roles(&cache) {
            for variant in variants() {
                let context = format!("{world}, {role}, {variant:?}");
                let schema = cache.variant(&role, variant);
                let whole = schema.whole();
                let mut listed = schema.listing().types(Reading::InOrder);
                while !listed.step() {}
                let names: Vec<_> = (0..listed.len())
                    .map(|at| listed.name(at).unwrap().clone())
                    .collect();
                let expected: Vec<_> = whole.types.keys().cloned().collect();
                assert_eq!(names, expected, "{context}");
                for name in &names {
                    let (found, expected) = (listed.get(name).unwrap(), &whole.types[name]);
                    assert_eq!(shown(&found), shown(expected), "{context}");
                    let facts = listed.facts(name.as_str()).unwrap();
                    assert_eq!(facts.kind, expected.kind(), "{context}: {name}");
                    assert_eq!(facts.description.as_ref(), expected.description());
                    assert!(listed.held() <= 16);
                }
                assert!(listed.facts("no such type").is_none());
            }
        }
    }
}

const INTROSPECTION: &str = "query IntrospectionQuery { __schema { queryType { name kind } mutationType { name }
    subscriptionType { name } types { ...FullType } directives { name description locations args { ...InputValue } } } }
    fragment FullType on __Type { kind name description
      fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
      inputFields { ...InputValue } interfaces { ...TypeRef }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// In parts of so many bytes; and how many parts there were.
fn in_parts(text: &Written, bytes: usize) -> (String, usize) {
    let (mut all, mut part, mut count) = (Vec::new(), Vec::new(), 0);
    let mut writing = text.begin();
    loop {
        let progress = writing.write(&mut part, bytes).unwrap();
        if progress != Progress::Working {
            count += 1;
            all.append(&mut part);
        }
        if progress == Progress::Done {
            return (String::from_utf8(all).unwrap(), count);
        }
    }
}

/// More tables than an answer is kept of; names of one begin as those of others do.
const MANY: usize = 60;

fn many_tables() -> SchemaCache {
    let names: Vec<_> = (0..MANY)
        .map(|at| format!("t{}", "_u".repeat(at % 7)) + &format!("_{at}").repeat(at % 3))
        .collect();
    let mut catalog = String::from("source default\n");
    let mut metadata = String::from("metadata\nsources:\n- name: default\n  tables:\n");
    for name in names.iter().collect::<BTreeSet<_>>() {
        writeln!(
            catalog,
            "table {name}\n  id int4!\n  text text\n  at timestamptz\n  key id"
        )
        .unwrap();
        writeln!(
            metadata,
            "  - {{table: {name}, select_permissions: [{{role: user, permission: {{columns: [id], filter: {{}}}}}}]}}"
        )
        .unwrap();
    }
    world::parse(&format!("# Many tables.\n\n{catalog}\n{metadata}")).cache
}

/// Types are made twice, not once for each that is asked for, and what is held is no more with more tables.
#[test]
fn few_tables_are_there_at_a_time() {
    let cache = many_tables();
    let schema = cache.role(&RoleName::new("admin"));
    let mut listed = schema.listing().types(Reading::InOrder);
    while !listed.step() {}
    let tables = listed.made();
    assert_eq!(tables, schema.tables());
    for at in 0..listed.len() {
        let name = listed.name(at).unwrap().clone();
        assert!(listed.get(&name).is_some(), "{name}");
        assert!(listed.held() <= 16);
    }
    assert!(listed.made() <= 3 * tables, "{} of {tables}", listed.made());
}

/// An answer that is too large to be kept is the same in parts as in one piece, each time it is written, and what
/// is asked of a type in it is what is asked of it alone.
#[test]
fn a_large_answer_is_the_same_in_parts() {
    let limits = graphloom_graphql::Limits::default();
    let document = graphloom_graphql::parse(INTROSPECTION, limits).unwrap();
    let cache = many_tables();
    for (role, variant) in ["admin", "user"]
        .into_iter()
        .flat_map(|role| variants().map(|variant| (role, variant)))
    {
        let schema = cache.variant(&RoleName::new(role), variant);
        let bound = |document: &Document| {
            let none = JsonObject::new();
            let (bound, _) = bind(
                &schema,
                document,
                &document.operations[0],
                &none,
                Limits::default(),
            )
            .unwrap();
            bound.roots.into_iter().next().unwrap().value
        };
        let RootValue::Written(text) = bound(&document) else {
            panic!("{role}: the answer is small");
        };
        let whole = String::from_utf8(text.whole().unwrap()).unwrap();
        for bytes in [1, 10_000] {
            let (again, count) = in_parts(&text, bytes);
            assert!(again == whole, "{role}, {bytes}");
            assert!(count > whole.len() / 20_000, "{count}");
        }
        let shown: Value = serde_json::from_str(&whole).unwrap();
        let fragments = INTROSPECTION.split_once("fragment").unwrap().1;
        let mut names = Vec::new();
        for (at, ty) in shown["types"].as_array().unwrap().iter().enumerate() {
            let name = ty["name"].as_str().unwrap();
            names.push(name.to_owned());
            if at % 97 != 0 {
                continue;
            }
            let alone =
                format!("{{ __type(name: \"{name}\") {{ ...FullType }} }} fragment {fragments}");
            let alone = graphloom_graphql::parse(&alone, limits).unwrap();
            let RootValue::Constant(alone) = bound(&alone) else {
                panic!("{name} is large");
            };
            assert_eq!(serde_json::from_str::<Value>(&alone).unwrap(), *ty);
        }
        let expected: Vec<_> = schema
            .whole()
            .types
            .keys()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, expected);
    }
}
