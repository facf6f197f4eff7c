//! The register: what this build does with every key of the metadata format.
//!
//! A grammar of the document, object by object, in which each key is *enforced*, *safe to ignore* or *refused*.
//! Whoever builds a schema asks it about what it did not read ([`misfit`]); `graphloom metadata support` and
//! `docs/metadata-support.md` are made from it (`support/show.rs`); tests hold it against v2's description of the
//! format, and against what building a schema does with each key. Knows no database and no schema. The grammar is in
//! the files below, `support/document.rs` first.

mod document;
mod outward;
mod permission;
mod show;
mod source;
mod table;

use graphloom_vocab::{Json, JsonObject};

pub use document::{
    ALLOW_LIST_ENTRY, API_LIMITS, DOCUMENT, INHERITED_ROLE, LEGACY_DOCUMENT, QUERY_COLLECTION,
};
pub use outward::REMOTE_SCHEMA_DEFINITION;
pub use permission::{
    DELETE_GRANT, DELETE_PERMISSION, INSERT_GRANT, INSERT_PERMISSION, MODEL_GRANT,
    MODEL_PERMISSION, SELECT_GRANT, SELECT_PERMISSION, UPDATE_GRANT, UPDATE_PERMISSION,
    VALIDATE_INPUT,
};
pub use show::{Entry, Tag, entries, to_json, to_markdown, to_text};
pub use source::{
    CONFIGURATION, CONNECTION_INFO, CONNECTION_PARAMETERS, CUSTOMIZATION, DATABASE_URL, FUNCTION,
    FUNCTION_CONFIGURATION, INLINE_MODEL, KINDS_REFUSED, LOGICAL_MODEL, MODEL_FIELD,
    NATIVE_ARGUMENT, NATIVE_QUERY, NATIVE_RELATIONSHIP, POOL_SETTINGS, SOURCE, SSL_CONFIGURATION,
};
pub use table::{
    COLUMN_CONFIGURATION, COMPUTED_FIELD, RELATIONSHIP, ROOT_FIELD, TABLE, TABLE_CONFIGURATION,
};

/// An object of the format and the keys it can have.
#[derive(Debug)]
pub struct Object {
    /// What it is, for people.
    pub name: &'static str,
    /// The file that shows its enforced keys at work, unless a key names another.
    shown_by: &'static str,
    /// Every key.
    pub keys: &'static [Key],
}

/// One key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As the document has it.
    pub name: &'static str,
    /// What this build does with it.
    pub support: Support,
    /// What is below it.
    pub holds: Holds,
}

/// What this build does with a key.
#[derive(Clone, Copy, Debug)]
pub enum Support {
    /// What it says is done.
    Enforced {
        /// The case or test file that shows it; empty: the object's.
        shown_by: &'static str,
    },
    /// Stored and exported, and without any meaning for who may see or do what.
    Ignored {
        /// Why nothing is lost by it.
        why: &'static str,
    },
    /// What has it is inconsistent and not served, or not served as far as the key goes.
    Refused {
        /// What the inconsistency says.
        why: &'static str,
        /// A value that is refused, as JSON.
        example: &'static str,
    },
    /// As the key that the object stands under: it goes or stays with the whole.
    Whole,
}

/// What is below a key.
#[derive(Clone, Copy, Debug)]
pub enum Holds {
    /// A value without keys of the format's own: texts, rules, maps by the user's names.
    Value,
    /// One object. Where the format also takes a plain value, that is not looked at.
    Object(&'static Object),
    /// A list of such objects.
    List(&'static Object),
    /// Such objects by names of the user's.
    Map(&'static Object),
}

impl Object {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Holds {
    /// The object below.
    pub fn object(self) -> Option<&'static Object> {
        match self {
            Self::Value => None,
            Self::Object(object) | Self::List(object) | Self::Map(object) => Some(object),
        }
    }
}

/// Why an object is not served that has these keys: of the first one that is refused or not known, however deep.
///
/// Keys without a value (null, an empty list or object) say nothing. `leave_out` are keys of `object` itself that the
/// caller deals with. Below keys that are ignored nothing is looked at. The JSON may be the part of an object that
/// nobody read, with maps by name where the format has lists.
pub fn misfit(object: &'static Object, json: &JsonObject, leave_out: &[&str]) -> Option<String> {
    let mut keys = json
        .iter()
        .filter(|(key, value)| !leave_out.contains(&key.as_str()) && !says_nothing(value));
    keys.find_map(|(name, value)| {
        let Some(key) = object.key(name) else {
            return Some(not_understood(name));
        };
        match key.support {
            Support::Refused { why, .. } => Some(why.to_owned()),
            Support::Ignored { .. } => None,
            Support::Enforced { .. } | Support::Whole => below(key.holds, value),
        }
    })
}

fn below(holds: Holds, value: &Json) -> Option<String> {
    let object = holds.object()?;
    let one = |json: &Json| misfit(object, json.as_object()?, &[]);
    match (holds, value) {
        (Holds::List(_), Json::Array(items)) => items.iter().find_map(one),
        (Holds::List(_) | Holds::Map(_), Json::Object(by_name)) => by_name.values().find_map(one),
        _ => one(value),
    }
}

/// What is said of a refused key of an object; empty for any other.
pub fn refusal(object: &'static Object, key: &str) -> &'static str {
    match object.key(key).map(|key| key.support) {
        Some(Support::Refused { why, .. }) => why,
        _ => "",
    }
}

/// What is said of a key that the register does not have.
pub fn not_understood(key: &str) -> String {
    format!("the key {key:?} is not understood")
}

fn says_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(object) => object.is_empty(),
        _ => false,
    }
}

// The words that the grammar is written in.

const fn object(name: &'static str, shown_by: &'static str, keys: &'static [Key]) -> Object {
    Object {
        name,
        shown_by,
        keys,
    }
}

const fn key(name: &'static str, support: Support) -> Key {
    let holds = Holds::Value;
    Key {
        name,
        support,
        holds,
    }
}

const fn enforced(name: &'static str) -> Key {
    key(name, Support::Enforced { shown_by: "" })
}

const fn ignored(name: &'static str, why: &'static str) -> Key {
    key(name, Support::Ignored { why })
}

const fn refused(name: &'static str, why: &'static str, example: &'static str) -> Key {
    key(name, Support::Refused { why, example })
}

const fn whole(name: &'static str) -> Key {
    key(name, Support::Whole)
}

impl Key {
    /// An enforced key that another file shows than the object's.
    const fn by(self, shown_by: &'static str) -> Self {
        let support = Support::Enforced { shown_by };
        Self { support, ..self }
    }

    const fn object(self, object: &'static Object) -> Self {
        let holds = Holds::Object(object);
        Self { holds, ..self }
    }

    const fn list(self, object: &'static Object) -> Self {
        let holds = Holds::List(object);
        Self { holds, ..self }
    }

    const fn map(self, object: &'static Object) -> Self {
        let holds = Holds::Map(object);
        Self { holds, ..self }
    }
}
