//! Writing the document as v2 exports it: a fixed order of keys, lists sorted by name, defaults left out.
//!
//! Two documents with the same meaning come out with the same bytes, whatever order they came in, so
//! that exports can be compared and kept in version control. Keys this build does not know follow the
//! known ones of their object. Encoding cannot fail.

mod document;
mod native;
mod permission;
mod relationship;
mod source;
mod table;

use graphloom_vocab::{Json, JsonObject, QualifiedFunction, QualifiedTable, SchemaName};

pub use document::TableTexts;
pub use permission::Encode;

use crate::decode::Kept;
use crate::types::Comment;

/// An object in the making, keys in the order they are put.
#[derive(Default)]
struct Writer(JsonObject);

impl Writer {
    fn put(&mut self, key: &str, value: impl Into<Json>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn put_some(&mut self, key: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn put_if_true(&mut self, key: &str, value: bool) {
        if value {
            self.put(key, true);
        }
    }

    fn put_non_empty(&mut self, key: &str, items: Vec<Json>) {
        if !items.is_empty() {
            self.put(key, items);
        }
    }

    fn put_comment(&mut self, comment: &Comment) {
        match comment {
            Comment::Automatic => (),
            Comment::Explicit(text) => self.put("comment", text.as_str()),
        }
    }

    /// A key that is kept unread, at its place; items that commands appended come into order.
    fn put_kept(&mut self, kept: &Kept, extra: &JsonObject) {
        let json = extra.get(kept.key).map(|json| kept.canonical(json));
        self.put_some(kept.key, json.filter(|json| !json.is_null()));
    }

    /// The object, with what is unknown behind what is known.
    fn finish(mut self, unknown: &JsonObject) -> Json {
        merge(&mut self.0, unknown);
        Json::Object(self.0)
    }

    /// The object with its keys in alphabetical order, as v2 writes most of the smaller ones.
    fn finish_sorted(mut self, unknown: &JsonObject) -> Json {
        self.0.sort_keys();
        self.finish(unknown)
    }
}

/// Adds what `object` does not have; where both have an object, the same again one level down.
fn merge(object: &mut JsonObject, unknown: &JsonObject) {
    for (key, json) in unknown {
        match (object.get_mut(key), json) {
            (Some(Json::Object(inner)), Json::Object(unknown)) => merge(inner, unknown),
            (Some(_), _) => (),
            (None, _) => {
                object.insert(key.clone(), json.clone());
            }
        }
    }
}

/// The same value with every object's keys in alphabetical order.
pub(crate) fn canonical(json: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().map(canonical).collect(),
        Json::Object(object) => canonical_object(object),
        _ => json.clone(),
    }
}

fn canonical_object(object: &JsonObject) -> Json {
    let mut entries: Vec<(&String, &Json)> = object.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    let entries = entries.into_iter();
    let entries = entries.map(|(key, json)| (key.clone(), canonical(json)));
    Json::Object(entries.collect())
}

/// The values of a map in the order of its keys.
fn sorted_values<K: Ord, V>(map: &indexmap::IndexMap<K, V>) -> Vec<&V> {
    let mut entries: Vec<(&K, &V)> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter().map(|(_, value)| value).collect()
}

fn table_name(table: &QualifiedTable) -> Json {
    qualified(table.name.as_str(), &table.schema)
}

fn function_name(function: &QualifiedFunction) -> Json {
    qualified(function.name.as_str(), &function.schema)
}

fn qualified(name: &str, schema: &SchemaName) -> Json {
    let mut object = Writer::default();
    object.put("name", name);
    object.put("schema", schema.as_str());
    Json::Object(object.0)
}
