//! A stored document, read from its text table by table: only those are read whose text was not read before, and no
//! more than one is ever held as JSON.
//!
//! Says nothing about what is wrong: what cannot be read here is read whole (`document.rs`), and that says it. Read
//! next: `source.rs`.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use graphloom_vocab::{Json, JsonObject};
use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Decode;
use crate::types::{Dialect, Metadata, Source, Table};

/// The tables of the document that was read last, by what their texts come down to.
#[derive(Debug, Default)]
pub struct ReadTables {
    by_digest: HashMap<[u64; 2], Arc<Table>>,
}

impl ReadTables {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }
}

impl Metadata {
    /// Reads a document of version 3 as [`Self::from_json`] does, with the very tables of `known` whose text it has;
    /// those of this document take their place. `None` if it cannot be read: `from_json` says why.
    pub fn from_stored_text(text: &str, known: &mut ReadTables) -> Option<Self> {
        let Outline { mut rest, sources } = serde_json::from_str(text).ok()?;
        rest.insert("sources".to_owned(), Json::Array(Vec::new()));
        let mut metadata = Self::from_json(&Json::Object(rest)).ok()?;
        let mut read = ReadTables::default();
        for outline in sources? {
            let source = outline.decode(known, &mut read)?;
            // Of two sources with the same name the later one counts, as with v2.
            metadata.sources.insert(source.name.clone(), source);
        }
        *known = read;
        Some(metadata)
    }
}

/// A document without its sources, and those.
struct Outline<'a> {
    rest: JsonObject,
    sources: Option<Vec<SourceOutline<'a>>>,
}

/// A source without its tables, and those.
struct SourceOutline<'a> {
    rest: JsonObject,
    tables: Option<Vec<&'a RawValue>>,
}

impl SourceOutline<'_> {
    fn decode(mut self, known: &ReadTables, read: &mut ReadTables) -> Option<Source> {
        let tables = self.tables?;
        let kind = self.rest.get("kind").and_then(Json::as_str);
        let is_served = kind.is_none_or(|kind| Dialect::parse(kind).is_some());
        // Of a source that is not served, tables are kept unread.
        let unread = match is_served {
            true => Vec::new(),
            false => {
                let tables = tables.iter().map(|table| serde_json::from_str(table.get()));
                tables.collect::<Result<_, _>>().ok()?
            }
        };
        self.rest.insert("tables".to_owned(), Json::Array(unread));
        let mut source = Source::decode(&Json::Object(self.rest)).ok()?;
        if is_served {
            source.tables = IndexMap::with_capacity(tables.len());
            for text in tables {
                let table = read.table(text.get(), known)?;
                source.tables.insert(table.table.clone(), table);
            }
        }
        Some(source)
    }
}

impl ReadTables {
    fn table(&mut self, text: &str, known: &Self) -> Option<Arc<Table>> {
        let digest = digest(text);
        let table = match known.by_digest.get(&digest) {
            Some(table) => table.clone(),
            None => {
                let json: Json = serde_json::from_str(text).ok()?;
                Arc::new(Table::decode(&json).ok()?)
            }
        };
        self.by_digest.insert(digest, table.clone());
        Some(table)
    }
}

/// Two texts have the same only if they are the same, as far as anybody will ever see: it is of 128 bits.
fn digest(text: &str) -> [u64; 2] {
    [0, 1].map(|half| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(half);
        hasher.write(text.as_bytes());
        hasher.finish()
    })
}

/// An object of which one key is read as `T` and the others as JSON; of a key that is there twice the later one
/// counts, as in [`JsonObject`].
struct Apart<T> {
    key: &'static str,
    as_read: std::marker::PhantomData<T>,
}

impl<T> Apart<T> {
    fn new(key: &'static str) -> Self {
        let as_read = std::marker::PhantomData;
        Self { key, as_read }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Apart<T> {
    type Value = (JsonObject, Option<T>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut rest, mut apart) = (JsonObject::new(), None);
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                apart = Some(map.next_value()?);
            } else {
                rest.insert(key, map.next_value()?);
            }
        }
        Ok((rest, apart))
    }
}

impl<'de> Deserialize<'de> for Outline<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (rest, sources) = deserializer.deserialize_map(Apart::new("sources"))?;
        Ok(Self { rest, sources })
    }
}

impl<'de> Deserialize<'de> for SourceOutline<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (rest, tables) = deserializer.deserialize_map(Apart::new("tables"))?;
        Ok(Self { rest, tables })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    fn document() -> Json {
        let table = |name: &str, limit: u32| {
            json!({
                "table": {"schema": "public", "name": name},
                "select_permissions": [
                    {"role": "r", "permission": {"columns": ["id"], "filter": {}, "limit": limit}}
                ],
                "hue": 1,
            })
        };
        let connection = json!({"connection_info": {"database_url": "postgres://h/d"}});
        json!({
            "from_the_future": {"b": 1.5},
            "version": 3,
            "sources": [
                {"name": "default", "kind": "postgres", "configuration": connection, "shade": "x",
                 "tables": [table("a", 1), table("b", 2), table("a", 3)]},
                {"tables": [{"table": ["x"]}], "name": "other", "kind": "mssql", "configuration": {"k": 1}},
                {"name": "plain", "tables": [], "configuration": connection},
                {"name": "default", "kind": "citus", "configuration": connection, "tables": [table("b", 2), table("c", 4)]},
            ],
            "inherited_roles": [{"role_name": "i", "role_set": ["r", "s"]}],
        })
    }

    #[test]
    fn it_is_what_is_read_whole() {
        let mut json = document();
        let mut known = ReadTables::default();
        loop {
            let whole = Metadata::from_json(&json).unwrap();
            let text = json.to_string();
            let read = Metadata::from_stored_text(&text, &mut known).unwrap();
            assert_eq!(read, whole);
            assert_eq!(read.to_json().to_string(), whole.to_json().to_string());
            let pretty = serde_json::to_string_pretty(&json).unwrap();
            let read = Metadata::from_stored_text(&pretty, &mut ReadTables::default());
            assert_eq!(read, Some(whole));
            if json["sources"].as_array_mut().unwrap().pop().is_none() {
                break;
            }
        }
        assert!(known.is_empty());
    }

    #[test]
    fn tables_of_the_same_text_are_the_same() {
        let mut known = ReadTables::default();
        let mut read = |json: &Json| {
            let text = json.to_string();
            let metadata = Metadata::from_stored_text(&text, &mut known).unwrap();
            metadata.sources["default"].tables.clone()
        };
        let mut json = document();
        let before = read(&json);
        json["sources"][3]["tables"][0]["hue"] = json!(2);
        let after = read(&json);
        assert!(!Arc::ptr_eq(&before[0], &after[0]));
        assert!(Arc::ptr_eq(&before[1], &after[1]));
        assert_eq!(after[0].extra["hue"], 2);
        assert_eq!(known.len(), 5);
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_one_who_says_why() {
        let damage: [fn(&mut Json); 7] = [
            |json| json["version"] = json!(2),
            |json| json["sources"] = json!({}),
            |json| json["sources"][0] = json!([]),
            |json| json["sources"][0]["tables"] = Json::Null,
            |json| json["sources"][0]["tables"][1] = json!({"table": 1}),
            |json| json["inherited_roles"] = json!(7),
            |json| *json = json!([]),
        ];
        for damage in damage {
            let mut known = ReadTables::default();
            let mut json = document();
            Metadata::from_stored_text(&json.to_string(), &mut known).unwrap();
            let count = known.len();
            damage(&mut json);
            assert!(Metadata::from_json(&json).is_err(), "{json}");
            let read = Metadata::from_stored_text(&json.to_string(), &mut known);
            assert_eq!(read, None, "{json}");
            assert_eq!(known.len(), count);
        }
        let no_json = Metadata::from_stored_text("{", &mut ReadTables::default());
        assert_eq!(no_json, None);
    }
}
