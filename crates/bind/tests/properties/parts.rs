//! A role's schema makes its types when they are asked for: what it then has is what making all of them at
//! once gives, whatever is asked for first.
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeSet;

use graphloom_schema::{RoleSchema, SchemaCache, TypeDefinition, WholeSchema};
use graphloom_vocab::{GraphqlName, RoleName};

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
