//! The register of keys: it has every key of v2's own description of the format, what it says of enforced keys can be
//! looked up, and the page made from it is fresh. That its tags are true is shown where schemas are built
//! (`crates/bind/tests/register`).
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use graphloom_metadata::support::{
    self, DOCUMENT, Holds, KINDS_REFUSED, LEGACY_DOCUMENT, Object, REMOTE_SCHEMA_DEFINITION,
    Support, Tag, entries,
};
use graphloom_metadata::types::Dialect;
use graphloom_vocab::Json;
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_page_is_fresh() {
    let path = root().join("docs/metadata-support.md");
    let fresh = support::to_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == fresh,
        "docs/metadata-support.md is stale; its head says how to make it"
    );
}

#[test]
fn every_place_has_one_tag() {
    let entries = entries();
    let mut seen = HashSet::new();
    for entry in &entries {
        assert!(seen.insert(&entry.path), "{} is there twice", entry.path);
        if entry.tag == Tag::Enforced {
            let file = entry.shown_by.unwrap_or_default();
            assert!(!file.is_empty(), "{}: shown by nothing", entry.path);
        }
    }
    let tag = |path: &str| {
        let entry = entries.iter().find(|entry| entry.path == path);
        entry.unwrap_or_else(|| panic!("{path}")).tag
    };
    assert_eq!(tag("$.sources[].tables[].is_enum"), Tag::Enforced);
    assert_eq!(tag("$.actions[].definition.headers[].name"), Tag::Refused);
    assert_eq!(tag("$.opentelemetry.status"), Tag::Ignored);
    let text = support::to_text();
    assert_eq!(text.lines().count(), entries.len() + 1);
    let json = support::to_json();
    assert_eq!(json["keys"].as_array().unwrap().len(), entries.len());
}

/// A file that shows a key at work has the key in it.
#[test]
fn what_is_enforced_can_be_looked_up() {
    let mut wrong = Vec::new();
    for entry in entries() {
        let Some(file) = entry.shown_by else { continue };
        let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        let (_, key) = entry.path.rsplit_once('.').unwrap();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut words = text.split(|c| !is_word(c));
        if !words.any(|word| word == key) {
            wrong.push(format!("{} is not in {file:?}", entry.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_not_served_is_the_first_key_that_does_not_fit() {
    let reason = |json: Json, leave_out: &[&str]| {
        support::misfit(&support::TABLE, json.as_object().unwrap(), leave_out)
    };
    assert_eq!(reason(json!({"is_enum": true, "hue": null}), &[]), None);
    let hue = Some("the key \"hue\" is not understood".to_owned());
    assert_eq!(reason(json!({"hue": 1}), &[]), hue);
    assert_eq!(reason(json!({"hue": 1}), &["hue"]), None);
    let deep = json!({"configuration": {"column_config": {"id": {"hue": 1}}}});
    assert_eq!(reason(deep, &[]), hue);
    let listed = json!({"select_permissions": [{"permission": {"columns": "*", "hue": 1}}]});
    assert_eq!(reason(listed, &[]), hue);
    let by_name = json!({"select_permissions": {"user": {"permission": {"hue": false}}}});
    assert_eq!(reason(by_name, &[]), hue);
    // What is ignored is not looked into.
    let ignored = json!({"select_permissions": [{"comment": {"hue": 1}}]});
    assert_eq!(reason(ignored, &[]), None);
    let refused = reason(json!({"logical_model": "m"}), &[]);
    assert!(refused.unwrap().contains("logical_model"));
}

/// The description that v2 gives of the format, beside this checkout.
fn description() -> Option<Json> {
    // Whoever says where it is wants it to be compared.
    let named = std::env::var_os("METADATA_OPENAPI").map(PathBuf::from);
    let path = { named.clone() }
        .unwrap_or_else(|| root().join("../shared/reference/metadata.openapi.json"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(named.is_none(), "there is no {}", path.display());
        eprintln!("left out: there is no {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn every_key_of_v2_is_in_the_register() {
    let Some(description) = description() else {
        return;
    };
    let schemas = &description["components"]["schemas"];
    let mut comparison = Comparison {
        schemas,
        compared: HashSet::new(),
        reached: BTreeSet::new(),
        missing: Vec::new(),
    };
    for (name, object) in [
        ("MetadataV3", &DOCUMENT),
        ("MetadataV2", &LEGACY_DOCUMENT),
        ("MetadataV1", &LEGACY_DOCUMENT),
        // Nothing of the description leads to these.
        ("RemoteSchemaDef", &REMOTE_SCHEMA_DEFINITION),
    ] {
        comparison.reached.insert(name.to_owned());
        comparison.compare(&schemas[name], Some(object), name);
    }
    // Nothing leads to these either, and their keys are compared by hand.
    for (name, path) in [
        (
            "RemoteSchemaPermissionMetadata",
            "$.remote_schemas[].permissions[]",
        ),
        (
            "RemoteSchemaPermissionDefinition",
            "$.remote_schemas[].permissions[].definition",
        ),
        (
            "RemoteSchemaCustomization",
            "$.remote_schemas[].definition.customization",
        ),
        (
            "RemoteTypeCustomization",
            "$.remote_schemas[].definition.customization.type_names",
        ),
        (
            "RemoteFieldCustomization",
            "$.remote_schemas[].definition.customization.field_names[]",
        ),
    ] {
        comparison.reached.insert(name.to_owned());
        for key in schemas[name]["properties"].as_object().unwrap().keys() {
            let path = format!("{path}.{key}");
            if !entries().iter().any(|entry| entry.path == path) {
                comparison.missing.push(path);
            }
        }
    }
    for name in [
        // The whole, and types without keys of their own.
        "Metadata",
        "GraphQLSchema",
        // What `response` of a function's configuration is, which is refused as a whole.
        "FunctionReturnType",
        "InferredFunctionResponse",
        "TableFunctionResponse",
    ] {
        comparison.reached.insert(name.to_owned());
    }
    assert!(
        comparison.missing.is_empty(),
        "not in the register: {:#?}",
        comparison.missing
    );
    let all: BTreeSet<String> = schemas.as_object().unwrap().keys().cloned().collect();
    let unreached: Vec<_> = all.difference(&comparison.reached).collect();
    assert!(unreached.is_empty(), "not compared: {unreached:?}");
    assert!(
        comparison.compared.len() > 100,
        "the description is another one"
    );
}

/// The comparison of the description with the register, side by side from the top.
struct Comparison<'a> {
    schemas: &'a Json,
    compared: HashSet<(String, &'static str)>,
    reached: BTreeSet<String>,
    missing: Vec<String>,
}

impl Comparison<'_> {
    fn compare(&mut self, schema: &Json, object: Option<&'static Object>, at: &str) {
        if let Some(name) = referred(schema) {
            self.reached.insert(name.to_owned());
            if name == "SourceMetadata" {
                return self.sources(&self.schemas[name], at);
            }
            let pair = (name.to_owned(), object.map_or("", |object| object.name));
            if self.compared.insert(pair) {
                self.compare(&self.schemas[name], object, at);
            }
            return;
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            for one in schema[key].as_array().into_iter().flatten() {
                self.compare(one, object, at);
            }
        }
        if schema["items"].is_object() {
            self.compare(&schema["items"], object, &format!("{at}[]"));
        }
        if schema["additionalProperties"].is_object() {
            self.compare(&schema["additionalProperties"], object, &format!("{at}.*"));
        }
        for (name, below) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            let Some(object) = object else {
                self.missing.push(at);
                continue;
            };
            // The description has a type of the implementation here, not of the format.
            if name == "Left" || name == "Right" {
                self.compare(below, Some(object), &at);
                continue;
            }
            match object.key(name).or_else(|| legacy(object, name)) {
                Some(key) => self.compare(below, key.holds.object(), &at),
                None => self.missing.push(at),
            }
        }
    }

    /// Sources that do not speak Postgres are refused with all their keys, whatever those are.
    fn sources(&mut self, schema: &Json, at: &str) {
        for one in schema["oneOf"].as_array().unwrap() {
            let name = referred(one).unwrap();
            let kind = name.trim_end_matches("SourceMetadata").to_lowercase();
            if Dialect::parse(&kind).is_some() {
                self.compare(one, Some(&support::SOURCE), &format!("{at}({kind})"));
            } else {
                assert!(KINDS_REFUSED.contains(&kind.as_str()), "{kind}");
                self.reach(one);
            }
        }
    }

    fn reach(&mut self, schema: &Json) {
        if let Some(name) = referred(schema)
            && self.reached.insert(name.to_owned())
        {
            self.reach(&self.schemas[name]);
        }
        match schema {
            Json::Object(object) => object.values().for_each(|below| self.reach(below)),
            Json::Array(items) => items.iter().for_each(|below| self.reach(below)),
            _ => {}
        }
    }
}

fn referred(schema: &Json) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

/// A document of version 1 or 2 has the sections of version 3 beside its own keys.
fn legacy(object: &'static Object, name: &str) -> Option<&'static support::Key> {
    let is_legacy = object.name == LEGACY_DOCUMENT.name;
    is_legacy.then(|| DOCUMENT.key(name)).flatten()
}

#[test]
fn examples_of_refused_keys_are_json() {
    fn look(object: &'static Object, seen: &mut HashSet<&'static str>) {
        if !seen.insert(object.name) {
            return;
        }
        for key in object.keys {
            if let Support::Refused { example, why } = key.support {
                let example: Result<Json, _> = serde_json::from_str(example);
                assert!(example.is_ok(), "{}.{}: {example:?}", object.name, key.name);
                assert!(
                    why.contains(key.name),
                    "{}.{}: {why:?}",
                    object.name,
                    key.name
                );
            }
            if let Holds::Object(below) | Holds::List(below) | Holds::Map(below) = key.holds {
                look(below, seen);
            }
        }
    }
    look(&DOCUMENT, &mut HashSet::new());
}
