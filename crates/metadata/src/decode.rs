//! Reading JSON by hand, with the path of what is wrong: the pieces that documents and commands share.
//!
//! A decoder sees a value only, never where it stands; whoever steps into a key or an item puts that
//! step in front of the error's path on the way out, so a document without errors pays nothing for
//! paths. Every error is `parse-failed`; the wording follows what clients of v2 know. Knows no types
//! of metadata: those are in the files below, `document.rs` first.

mod connection;
mod document;
mod names;
mod native;
mod permission;
mod query_tags;
mod relationship;
mod source;
mod stored;
mod table;

use std::hash::Hash;

use graphloom_vocab::{Error, ErrorPath, Json, JsonObject, Result};
use indexmap::IndexMap;

use crate::shape::shaped;

pub(crate) use connection::READ_COMMITTED;
pub(crate) use document::SECTIONS;
pub use document::{Document, LegacyMetadata};
pub use query_tags::query_tags;
pub use relationship::{ArrayRelationship, ObjectRelationship};
pub(crate) use source::KEPT as SOURCE_KEPT;
pub use source::function_configuration;
pub use stored::ReadTables;
pub(crate) use table::KEPT as TABLE_KEPT;

/// A value that can be read from JSON.
pub trait Decode: Sized {
    /// Reads the value; errors are `parse-failed` with a path that starts at this value.
    fn decode(json: &Json) -> Result<Self>;
}

/// The keys of one JSON object, taken one by one; what nobody took is left for `rest`.
///
/// ```
/// use graphloom_metadata::Fields;
/// let json = serde_json::json!({"name": "r", "comment": null, "hue": 7});
/// let mut fields = Fields::of(&json, "Example")?;
/// assert_eq!(fields.required::<String>("name")?, "r");
/// assert_eq!(fields.optional::<String>("comment")?, None);
/// assert_eq!(fields.required::<String>("kind").unwrap_err().path().to_string(), "$");
/// assert_eq!(fields.rest().keys().collect::<Vec<_>>(), ["hue"]);
/// # Ok::<(), graphloom_vocab::Error>(())
/// ```
pub struct Fields<'a> {
    object: &'a JsonObject,
    taken: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The keys of an object; any other value is an error that calls it `what`.
    pub fn of(json: &'a Json, what: &str) -> Result<Self> {
        let object = json
            .as_object()
            .ok_or_else(|| mismatch(what, "Object", json))?;
        let taken = Vec::with_capacity(object.len());
        Ok(Self { object, taken })
    }

    /// A key that must be there; null is decoded like any other value.
    pub fn required<T: Decode>(&mut self, key: &'static str) -> Result<T> {
        self.required_with(key, T::decode)
    }

    /// A key that must be there, read by a function.
    pub fn required_with<T>(
        &mut self,
        key: &'static str,
        decode: impl FnOnce(&'a Json) -> Result<T>,
    ) -> Result<T> {
        match self.raw(key) {
            Some(json) => decode(json).map_err(|error| below_key(error, key)),
            None => Err(missing(key)),
        }
    }

    /// A key that may be missing or null.
    pub fn optional<T: Decode>(&mut self, key: &'static str) -> Result<Option<T>> {
        self.optional_with(key, T::decode)
    }

    /// A key that may be missing or null, read by a function.
    pub fn optional_with<T>(
        &mut self,
        key: &'static str,
        decode: impl FnOnce(&'a Json) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.raw(key) {
            None | Some(Json::Null) => Ok(None),
            Some(json) => decode(json)
                .map(Some)
                .map_err(|error| below_key(error, key)),
        }
    }

    /// A key whose absence (or null) means the type's default.
    pub fn or_default<T: Decode + Default>(&mut self, key: &'static str) -> Result<T> {
        Ok(self.optional(key)?.unwrap_or_default())
    }

    /// A key's value as it is, null included.
    pub fn raw(&mut self, key: &'static str) -> Option<&'a Json> {
        let json = self.object.get(key)?;
        // Once only: `rest` compares counts.
        if !self.taken.contains(&key) {
            self.taken.push(key);
        }
        Some(json)
    }

    /// Copies a key's value into `into`, unless it is missing, null or an empty list or object.
    ///
    /// The order of a list of named things means nothing: it becomes that of their names, as exported.
    pub(crate) fn keep(&mut self, kept: &Kept, into: &mut JsonObject) {
        let json = self.raw(kept.key).map(|json| kept.canonical(json));
        if let Some(json) = json.filter(|json| !is_empty(json)) {
            into.insert(kept.key.to_owned(), json);
        }
    }

    /// Whether the object has the key, with any value.
    pub fn has(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// A list of objects as a map by what `key_of` gives; an error if two have the same key.
    ///
    /// `things` is the plural in *multiple declarations exist for the following …*. As with v2, that
    /// error stands at this object, not at the list.
    pub fn map_of<K, T>(
        &mut self,
        key: &'static str,
        things: &str,
        key_of: impl Fn(&T) -> K,
    ) -> Result<IndexMap<K, T>>
    where
        K: Hash + Eq + std::fmt::Display,
        T: Decode,
    {
        let items: Vec<T> = self.or_default(key)?;
        let mut map = IndexMap::with_capacity(items.len());
        let mut duplicates = Vec::new();
        for item in items {
            let name = key_of(&item);
            if map.contains_key(&name) {
                duplicates.push(name.to_string());
            }
            map.insert(name, item);
        }
        if duplicates.is_empty() {
            return Ok(map);
        }
        let duplicates = duplicates.join(", ");
        Err(Error::parse_failed(format!(
            "multiple declarations exist for the following {things}: {duplicates}"
        )))
    }

    /// An error if there are keys that nobody took, for objects that have no place to keep them.
    pub(crate) fn nothing_else(self, known: &[&str]) -> Result<()> {
        match self.rest().keys().next() {
            None => Ok(()),
            Some(unknown) => Err(Error::parse_failed(format!(
                "unknown key '{unknown}', expected one of {}",
                known.join(", ")
            ))),
        }
    }

    /// The keys that nobody took, in order.
    pub fn rest(self) -> JsonObject {
        if self.taken.len() == self.object.len() {
            return JsonObject::new();
        }
        let unknown = self
            .object
            .iter()
            .filter(|(key, _)| !self.taken.contains(&key.as_str()));
        unknown
            .map(|(key, json)| (key.clone(), json.clone()))
            .collect()
    }

    /// Puts the keys that nobody took under `key` of `extra`; nothing if there are none.
    pub(crate) fn rest_under(self, key: &str, extra: &mut JsonObject) {
        let rest = self.rest();
        if !rest.is_empty() {
            extra.insert(key.to_owned(), Json::Object(rest));
        }
    }
}

/// A key whose value is stored and exported unread.
pub(crate) struct Kept {
    /// The key.
    pub(crate) key: &'static str,
    /// For a list: the key that its items are told apart by.
    pub(crate) sort_key: Option<&'static str>,
}

impl Kept {
    /// A list of things told apart by `sort_key`.
    pub(crate) const fn list(key: &'static str, sort_key: &'static str) -> Self {
        let sort_key = Some(sort_key);
        Self { key, sort_key }
    }

    /// Anything else.
    pub(crate) const fn value(key: &'static str) -> Self {
        let sort_key = None;
        Self { key, sort_key }
    }

    /// The value as v2 writes it, null if it does not. Items come in order, unless one has no such key.
    pub(crate) fn canonical(&self, json: &Json) -> Json {
        let mut json = shaped(self.key, json);
        if let (Some(sort_key), Json::Array(items)) = (self.sort_key, &mut json) {
            let name = |item: &Json| item.get(sort_key).and_then(Json::as_str).map(str::to_owned);
            if items.iter().all(|item| name(item).is_some()) {
                items.sort_by_key(name);
            }
        }
        json
    }
}

/// Null, `[]` or `{}`.
pub(crate) fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// *the key 'k' was not present*.
pub fn missing(key: &str) -> Error {
    Error::parse_failed(format!("the key '{key}' was not present"))
}

/// *parsing `what` failed, expected `expected`, but encountered …*.
pub fn mismatch(what: &str, expected: &str, found: &Json) -> Error {
    let found = match found {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::String(_) => "String",
        Json::Array(_) => "Array",
        Json::Object(_) => "Object",
    };
    Error::parse_failed(format!(
        "parsing {what} failed, expected {expected}, but encountered {found}"
    ))
}

/// The error one key further out.
pub fn below_key(error: Error, key: &str) -> Error {
    error.below(&ErrorPath::root().key(key))
}

/// The error one list item further out.
pub fn below_index(error: Error, index: usize) -> Error {
    error.below(&ErrorPath::root().index(index))
}

/// An object as a map, its values read by `decode`, in order.
pub(crate) fn map_entries<K: Hash + Eq, T>(
    json: &Json,
    key: impl Fn(&str) -> K,
    decode: impl Fn(&Json) -> Result<T>,
) -> Result<IndexMap<K, T>> {
    let object = json
        .as_object()
        .ok_or_else(|| mismatch("HashMap", "Object", json))?;
    let entries = object.iter().map(|(name, value)| {
        let value = decode(value).map_err(|error| below_key(error, name))?;
        Ok((key(name), value))
    });
    entries.collect()
}

impl Decode for String {
    fn decode(json: &Json) -> Result<Self> {
        text(json).map(ToOwned::to_owned)
    }
}

impl Decode for bool {
    fn decode(json: &Json) -> Result<Self> {
        json.as_bool()
            .ok_or_else(|| mismatch("Bool", "Boolean", json))
    }
}

/// A 64-bit integer; `3.0` and `3e0` count as one, as with v2.
impl Decode for i64 {
    fn decode(json: &Json) -> Result<Self> {
        let Json::Number(number) = json else {
            return Err(mismatch("Int", "Number", json));
        };
        if let Some(integer) = number.as_i64() {
            return Ok(integer);
        }
        // Beyond 2^53 a float does not tell which integer was meant; nobody writes a limit like that.
        let float = number
            .as_f64()
            .filter(|f| f.fract() == 0.0 && f.abs() <= 9_007_199_254_740_992.0);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "an integer of at most 2^53"
        )]
        float.map(|f| f as Self).ok_or_else(|| {
            Error::parse_failed(format!(
                "parsing Int failed, {number} is not an integer or out of bounds"
            ))
        })
    }
}

impl Decode for Json {
    fn decode(json: &Json) -> Result<Self> {
        Ok(json.clone())
    }
}

impl Decode for JsonObject {
    fn decode(json: &Json) -> Result<Self> {
        let object = json.as_object();
        object
            .cloned()
            .ok_or_else(|| mismatch("Object", "Object", json))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(json: &Json) -> Result<Self> {
        let items = json
            .as_array()
            .ok_or_else(|| mismatch("[]", "Array", json))?;
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| T::decode(item).map_err(|error| below_index(error, index)))
            .collect()
    }
}

/// A string's text.
pub(crate) fn text(json: &Json) -> Result<&str> {
    json.as_str()
        .ok_or_else(|| mismatch("Text", "String", json))
}

/// A string that must not be empty.
pub(crate) fn non_empty_text(json: &Json) -> Result<&str> {
    let text = text(json)?;
    if text.is_empty() {
        return Err(Error::parse_failed("empty string not allowed"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;
    use serde_json::json;

    #[test]
    fn integers_are_read_from_every_spelling() {
        let read = |text: &str| i64::decode(&serde_json::from_str(text).unwrap());
        assert_eq!(read("3").unwrap(), 3);
        assert_eq!(read("3.0").unwrap(), 3);
        assert_eq!(read("2e2").unwrap(), 200);
        assert!(read("3.5").is_err());
        assert!(read("1e400").is_err());
        assert!(read("99999999999999999999").is_err());
    }

    #[test]
    fn a_list_says_which_item_is_wrong() {
        let error = Vec::<String>::decode(&json!(["a", 2])).unwrap_err();
        assert_eq!(error.path().to_string(), "$[1]");
        assert_eq!(
            error.message(),
            "parsing Text failed, expected String, but encountered Number"
        );
    }
}
