//! The register as text, JSON and a page of documentation.
//!
//! Paths are those of a document: `$.sources[].tables[].is_enum`, with `[]` for each of a list and `.*` for each of a
//! map. An object that can hold itself is followed once.

use std::fmt::Write;

use graphloom_vocab::Json;
use indexmap::{IndexMap, IndexSet};
use serde_json::json;

use super::{DOCUMENT, Holds, KINDS_REFUSED, Key, Object, Support};

/// What is done with a key at one place of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where: `$.sources[].kind`.
    pub path: String,
    /// The object that has it.
    object: &'static str,
    /// In a word.
    pub tag: Tag,
    /// Why it is not enforced, and what whoever uses it sees; `None` where it is, and of parts of a whole.
    pub reason: Option<&'static str>,
    /// The file that shows an enforced key at work.
    pub shown_by: Option<&'static str>,
}

/// What is done with a key, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// It is done.
    Enforced,
    /// It has no meaning here.
    Ignored,
    /// What has it is not served.
    Refused,
}

impl Tag {
    /// `enforced`, `ignored` or `refused`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }
}

/// Every key of a document of version 3, each at every place where it can stand.
pub fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut walk = Walk {
        entries: &mut entries,
        inside: Vec::new(),
    };
    walk.object(&DOCUMENT, "$", Tag::Enforced);
    entries
}

struct Walk<'a> {
    entries: &'a mut Vec<Entry>,
    /// The objects on the way here.
    inside: Vec<&'static str>,
}

impl Walk<'_> {
    fn object(&mut self, object: &'static Object, path: &str, whole: Tag) {
        if self.inside.contains(&object.name) {
            return;
        }
        self.inside.push(object.name);
        for key in object.keys {
            let path = format!("{path}.{}", key.name);
            let entry = entry(object, key, path.clone(), whole);
            let tag = entry.tag;
            self.entries.push(entry);
            match key.holds {
                Holds::Value => {}
                Holds::Object(below) => self.object(below, &path, tag),
                Holds::List(below) => self.object(below, &format!("{path}[]"), tag),
                Holds::Map(below) => self.object(below, &format!("{path}.*"), tag),
            }
        }
        self.inside.pop();
    }
}

fn entry(object: &'static Object, key: &'static Key, path: String, whole: Tag) -> Entry {
    let (tag, reason, shown_by) = match (whole, key.support) {
        (Tag::Enforced, Support::Enforced { shown_by: "" }) => {
            (Tag::Enforced, None, Some(object.shown_by))
        }
        (Tag::Enforced, Support::Enforced { shown_by }) => (Tag::Enforced, None, Some(shown_by)),
        (Tag::Enforced, Support::Ignored { why }) => (Tag::Ignored, Some(why), None),
        (Tag::Enforced, Support::Refused { why, .. }) => (Tag::Refused, Some(why), None),
        (whole, _) => (whole, None, None),
    };
    Entry {
        path,
        object: object.name,
        tag,
        reason,
        shown_by,
    }
}

/// `{"keys": [{"path", "support", "reason"?, "shown_by"?}], "kinds_refused": […]}`
pub fn to_json() -> Json {
    let keys = entries().into_iter().map(|entry| {
        let mut json = json!({"path": entry.path, "support": entry.tag.word()});
        if let Some(reason) = entry.reason {
            json["reason"] = Json::from(reason);
        }
        if let Some(file) = entry.shown_by {
            json["shown_by"] = Json::from(file);
        }
        json
    });
    json!({"keys": keys.collect::<Vec<_>>(), "kinds_refused": KINDS_REFUSED})
}

/// A line per key: what is done with it, where it stands, and why.
pub fn to_text() -> String {
    let mut text = String::new();
    for entry in entries() {
        let reason = entry.reason.map(|why| format!("  ({why})"));
        let reason = reason.unwrap_or_default();
        writeln!(text, "{:<9} {}{reason}", entry.tag.word(), entry.path).expect(WRITTEN);
    }
    let kinds = KINDS_REFUSED.join(", ");
    writeln!(
        text,
        "refused   $.sources[] of other kinds ({kinds}), with everything in them"
    )
    .expect(WRITTEN);
    text
}

const HEAD: &str = "# What becomes of each key of metadata

Made by `UPDATE_DOCS=1 cargo test -p graphloom-metadata --test support`; `graphloom metadata support` prints the same, and
with `--json` for programs.

Every key of v2's metadata format is one of these:

- **enforced**: what it says is done;
- **ignored**: it is stored and exported, and has no meaning for who may see or do what;
- **refused**: whatever has it is stored and exported, is listed by `get_inconsistent_metadata` with the reason below, and
  is not served. A permission that is refused gives nothing, also not to inherited roles; a table that is refused is in no
  role's schema. Nothing is ever served in a wider form for it.

A key that is not listed is treated as one that is refused: it is kept, and what has it is inconsistent with the reason
`the key \"…\" is not understood`. Keys with the value null, `[]` or `{}` say nothing and refuse nothing. Within an object
that is refused or ignored no key is looked at.

Below are the objects of the format, each with the places where it stands: `[]` is each of a list, `.*` each of a map. Where
a row says *and all in it*, every key below goes the same way, and is not listed again.
";

/// The page `docs/metadata-support.md`.
pub fn to_markdown() -> String {
    let entries = entries();
    let mut objects: IndexMap<&str, Section<'_>> = IndexMap::new();
    for (index, entry) in entries.iter().enumerate() {
        // Parts of a whole are told with it.
        if entry.tag != Tag::Enforced && entry.reason.is_none() {
            continue;
        }
        let (place, key) = entry
            .path
            .rsplit_once('.')
            .expect("a path starts with `$.`");
        let holds_more = entries
            .get(index + 1)
            .and_then(|next| next.path.strip_prefix(&entry.path))
            .is_some_and(|rest| rest.starts_with(['.', '[']));
        let remark = match entry.reason {
            None => entry.tag.word().to_owned(),
            Some(reason) if holds_more => {
                format!("**{}**, and all in it: {reason}", entry.tag.word())
            }
            Some(reason) => format!("**{}**: {reason}", entry.tag.word()),
        };
        let section = objects.entry(entry.object).or_default();
        section.places.insert(place);
        section.rows.insert(key, remark);
    }
    let mut page = HEAD.to_owned();
    for (object, section) in objects {
        let places: Vec<String> = { section.places.iter() }
            .map(|place| format!("`{place}`"))
            .collect();
        let places = places.join(", ");
        write!(page, "\n## {object}\n\n{places}\n\n| key | |\n|---|---|\n").expect(WRITTEN);
        for (key, remark) in section.rows {
            writeln!(page, "| `{key}` | {remark} |").expect(WRITTEN);
        }
    }
    let kinds: Vec<String> = KINDS_REFUSED
        .iter()
        .map(|kind| format!("`{kind}`"))
        .collect();
    let kinds = kinds.join(", ");
    write!(page, "\n## Other databases\n\nSources of other kinds ({kinds}) are **refused** with everything in them.\n")
        .expect(WRITTEN);
    page
}

/// An object of the format on the page.
#[derive(Default)]
struct Section<'a> {
    places: IndexSet<&'a str>,
    rows: IndexMap<&'a str, String>,
}

const WRITTEN: &str = "a string takes everything";
