//! The register of metadata keys is true: a document with a key that is refused, or with one that nobody knows, has an
//! inconsistency that says so, keeps the key, and serves no role anything that it did not serve without.
//!
//! The register is `crates/metadata/src/support.rs`; the document with every object is `everything.world`.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use graphloom_metadata::Metadata;
use graphloom_metadata::support::{self as register, Holds, Object, Support, Tag};
use graphloom_schema::{RoleSchema, TypeDefinition};
use graphloom_vocab::{Json, RoleName};

use support::world::{self, World};

const UNKNOWN: &str = "a_key_nobody_knows";

/// The document, and the catalogs' part of the world it stands in.
fn everything() -> (String, Json) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/register/everything.world");
    let text = std::fs::read_to_string(path).unwrap();
    let (facts, document) = text.split_once("\nmetadata\n").unwrap();
    let mut document: Json = serde_norway::from_str(document).unwrap();
    document["version"] = Json::from(3);
    (facts.to_owned(), document)
}

fn built(facts: &str, document: &Json) -> World {
    world::parse(&format!("{facts}\nmetadata\n{document}"))
}

/// An object of the document: where it is, as the register names the place, and what it is.
struct Place {
    path: String,
    pointer: String,
    object: &'static Object,
}

/// One of the document's objects for each place of the register that is served.
fn places(document: &Json) -> Vec<Place> {
    let mut found = Vec::new();
    let start = Place {
        path: "$".to_owned(),
        pointer: String::new(),
        object: &register::DOCUMENT,
    };
    let mut left = vec![(start, Vec::new())];
    let mut seen = BTreeSet::new();
    while let Some((place, inside)) = left.pop() {
        let json = document.pointer(&place.pointer).unwrap();
        if inside.contains(&place.object.name) || !json.is_object() {
            continue;
        }
        let mut inside = inside;
        inside.push(place.object.name);
        for key in place.object.keys {
            let (Support::Enforced { .. } | Support::Whole, Some(object)) =
                (key.support, key.holds.object())
            else {
                continue;
            };
            let path = format!("{}.{}", place.path, key.name);
            let pointer = format!("{}/{}", place.pointer, key.name);
            let (path, steps) = match (key.holds, document.pointer(&pointer)) {
                (Holds::List(_), Some(Json::Array(items))) => {
                    let steps = (0..items.len()).map(|index| format!("/{index}"));
                    (format!("{path}[]"), steps.collect())
                }
                (Holds::Map(_), Some(Json::Object(items))) => {
                    let steps = items.keys().map(|name| format!("/{name}"));
                    (format!("{path}.*"), steps.collect())
                }
                (Holds::Object(_), Some(_)) => (path, vec![String::new()]),
                _ => continue,
            };
            for step in steps {
                let (path, pointer) = (path.clone(), format!("{pointer}{step}"));
                let below = Place {
                    path,
                    pointer,
                    object,
                };
                left.push((below, inside.clone()));
            }
        }
        if seen.insert(place.path.clone()) {
            found.push(place);
        }
    }
    found
}

#[test]
fn the_document_has_every_object() {
    let (_, document) = everything();
    let there: BTreeSet<String> = places(&document).into_iter().map(|one| one.path).collect();
    let served = register::entries().into_iter();
    let served = served.filter(|entry| entry.tag == Tag::Enforced);
    let wanted: BTreeSet<String> = served
        .map(|entry| entry.path.rsplit_once('.').unwrap().0.to_owned())
        .collect();
    let missing: Vec<_> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whatever a role's schema shows, a line each.
fn shown(schema: &RoleSchema) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for (name, ty) in &schema.whole().types {
        match ty {
            TypeDefinition::Scalar(_) => {}
            TypeDefinition::Enum(ty) => {
                shown.extend(ty.values.keys().map(|value| format!("{name}.{value}")));
            }
            TypeDefinition::InputObject(ty) => {
                shown.extend(ty.fields.keys().map(|field| format!("{name}.{field}")));
            }
            TypeDefinition::Object(ty) => {
                // A root that shows nothing says so by a field.
                let fields = { ty.fields.iter() }
                    .filter(|(field, _)| field.as_str() != "no_queries_available");
                for (field, definition) in fields {
                    shown.insert(format!("{name}.{field}"));
                    let arguments = definition.arguments.keys();
                    shown.extend(arguments.map(|argument| format!("{name}.{field}({argument})")));
                }
            }
            TypeDefinition::Interface(ty) => {
                shown.extend(ty.fields.keys().map(|field| format!("{name}.{field}")));
            }
        }
    }
    shown
}

/// What a world tells and shows.
struct Sight {
    reasons: BTreeMap<String, usize>,
    shown: Vec<BTreeSet<String>>,
    unreadable: Option<&'static str>,
}

fn sight(world: &World) -> Sight {
    let mut reasons = BTreeMap::new();
    for found in &world.cache.inconsistencies {
        *reasons.entry(found.reason.clone()).or_default() += 1;
    }
    let roles = ["user", "editor", "both", "nobody", "admin"];
    let schemas = roles.map(|role| world.cache.role(&RoleName::new(role)));
    Sight {
        reasons,
        shown: schemas.iter().map(|schema| shown(schema)).collect(),
        unreadable: world.cache.guards.unreadable(),
    }
}

/// Looks at the document with one more key. The answer says what is wrong, nothing if nothing is.
fn look(facts: &str, base: &Sight, (place, key, value): (&Place, &str, &Json)) -> Option<String> {
    let (_, mut document) = everything();
    let object = document.pointer_mut(&place.pointer).unwrap();
    object[key] = value.clone();
    let reason = match place.object.key(key) {
        None => register::not_understood(key),
        Some(_) => register::refusal(place.object, key).to_owned(),
    };
    let at = format!("{}.{key}", place.path);
    let metadata = match Metadata::from_json(&document) {
        Ok(metadata) => metadata,
        // The document as a whole is refused, with the key's name.
        Err(error) if error.message().contains(key) => return None,
        Err(error) => return Some(format!("{at}: {}", error.message())),
    };
    let exported = metadata.to_json().to_string();
    if !exported.contains(&format!("\"{key}\":")) {
        return Some(format!("{at} is lost"));
    }
    let world = built(facts, &document);
    let sight = sight(&world);
    let told = sight.reasons.iter().find(|(told, count)| {
        told.contains(&reason) && base.reasons.get(*told).is_none_or(|before| before < count)
    });
    if told.is_none() {
        let told: Vec<_> = sight.reasons.keys().collect();
        return Some(format!("{at}: not told {reason:?} but {told:#?}"));
    }
    for (before, after) in base.shown.iter().zip(&sight.shown) {
        if let Some(more) = after.difference(before).next() {
            return Some(format!("{at}: {more} is shown, and was not before"));
        }
    }
    let guards = [
        "$.api_limits",
        "$.allowlist",
        "$.graphql_schema_introspection",
    ];
    let guards = guards.iter().any(|guard| place.path.starts_with(guard));
    if guards && sight.unreadable.is_none() {
        return Some(format!("{at}: roles are served without the guard"));
    }
    None
}

#[test]
fn the_base_is_sound() {
    let (facts, document) = everything();
    let world = built(&facts, &document);
    assert_eq!(world.cache.inconsistencies, []);
    let sight = sight(&world);
    for (index, least) in [(0, 100), (1, 50), (2, 100), (3, 0), (4, 100)] {
        assert!(sight.shown[index].len() > least, "role {index}");
    }
}

#[test]
fn an_unknown_key_is_kept_and_told_and_widens_nothing() {
    let (facts, document) = everything();
    let base = sight(&built(&facts, &document));
    let value = Json::from(7);
    let wrong: Vec<_> = places(&document)
        .iter()
        .filter_map(|place| look(&facts, &base, (place, UNKNOWN, &value)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refused_key_is_kept_and_told_and_widens_nothing() {
    let (facts, document) = everything();
    let base = sight(&built(&facts, &document));
    let mut wrong = Vec::new();
    let mut looked = 0;
    for place in places(&document) {
        for key in place.object.keys {
            let Support::Refused { example, .. } = key.support else {
                continue;
            };
            looked += 1;
            let example: Json = serde_json::from_str(example).unwrap();
            wrong.extend(look(&facts, &base, (&place, key.name, &example)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked > 10, "{looked}");
}
