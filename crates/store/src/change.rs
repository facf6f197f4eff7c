//! What those who save tell the others: which databases may have changed, and what of them.
//!
//! The engine we replace names whole sources, in one row that each save overwrites. We name tables and functions
//! where that is all, under a key that it does not read, and repeat what was told before: whoever was busy while
//! others saved need not read everything. Read next: `store.rs`.

use std::collections::{BTreeMap, BTreeSet};

use graphloom_vocab::{QualifiedFunction, QualifiedTable};
use serde::{Deserialize, Serialize};

use crate::store::ResourceVersion;

/// So many saves are repeated at most, and no more when they name so many things.
const REPEATED_MAX: usize = 32;
const NAMES_MAX: usize = 1_000;

/// Of so many tables and functions of one source, everything is read again.
const PARTS_MAX: usize = 100;

/// What other instances must read anew besides the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Sources whose database may have changed.
    pub sources: BTreeMap<String, Extent>,
    /// Remote schemas that may have changed.
    pub remote_schemas: BTreeSet<String>,
}

/// What of a source's database may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Anything.
    Everything,
    /// These and nothing else.
    Parts(Parts),
}

/// Tables and functions of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Tables.
    pub tables: BTreeSet<QualifiedTable>,
    /// Functions.
    pub functions: BTreeSet<QualifiedFunction>,
}

impl Change {
    /// The sources of those names, of which anything may have changed.
    pub fn of_sources<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter();
        let sources = names.map(|name| (name.to_owned(), Extent::Everything));
        Self {
            sources: sources.collect(),
            ..Self::default()
        }
    }

    fn merge(&mut self, other: Self) {
        for (name, extent) in other.sources {
            match (self.sources.get_mut(&name), extent) {
                (Some(Extent::Parts(ours)), Extent::Parts(theirs)) => {
                    ours.tables.extend(theirs.tables);
                    ours.functions.extend(theirs.functions);
                }
                (Some(Extent::Everything), _) => {}
                (_, extent) => {
                    self.sources.insert(name, extent);
                }
            }
        }
        self.remote_schemas.extend(other.remote_schemas);
    }

    /// The same, with everything in place of a long list.
    fn bounded(mut self) -> Self {
        for extent in self.sources.values_mut() {
            if extent.names() > PARTS_MAX {
                *extent = Extent::Everything;
            }
        }
        self
    }

    fn names(&self) -> usize {
        self.sources.values().map(Extent::names).sum()
    }
}

impl Extent {
    fn names(&self) -> usize {
        match self {
            Self::Everything => 1,
            Self::Parts(parts) => parts.tables.len() + parts.functions.len(),
        }
    }
}

/// What is known of the last saves, whoever made them.
#[derive(Debug, Default)]
pub(crate) struct History {
    saves: BTreeMap<i32, Change>,
}

impl History {
    /// What all saves after `known` up to `now` changed; `None` if one of them is not known, or `now` is
    /// no later version.
    pub(crate) fn between(
        &mut self,
        known: ResourceVersion,
        now: ResourceVersion,
    ) -> Option<Change> {
        if now < known {
            // The database is another one, or an older state of it: what it counts next is something else.
            self.saves.clear();
            return None;
        }
        let mut all = Change::default();
        for version in known.number()..now.number() {
            all.merge(self.saves.get(&(version + 1))?.clone());
        }
        Some(all)
    }

    /// Notes a save of our own.
    pub(crate) fn note(&mut self, version: ResourceVersion, change: &Change) {
        self.saves
            .insert(version.number(), change.clone().bounded());
        while self.saves.len() > REPEATED_MAX {
            self.saves.pop_first();
        }
    }

    /// Notes what somebody told with the save of that version; what cannot be understood is not known.
    pub(crate) fn learn(&mut self, version: ResourceVersion, text: &str) {
        let Ok(told) = serde_json::from_str::<Told>(text) else {
            return;
        };
        let saves = told.graphloom.into_iter();
        let saves: BTreeMap<i32, Change> = saves
            .map(|save| (save.version, Change::from(save)))
            .collect();
        if !saves.contains_key(&version.number()) {
            let mut change = Change::of_sources(told.sources.iter().map(String::as_str));
            change.remote_schemas = told.remote_schemas;
            self.note(version, &change);
        }
        for (version, change) in saves {
            self.note(ResourceVersion::new(version), &change);
        }
    }

    /// What is told with the save of that version.
    pub(crate) fn told(&self, version: ResourceVersion, change: &Change) -> String {
        let own = change.clone().bounded();
        let mut names = own.names();
        let mut graphloom = vec![Save::of(version.number(), &own)];
        let mut before = version.number() - 1;
        while let Some(earlier) = self.saves.get(&before) {
            names += earlier.names();
            if names > NAMES_MAX || graphloom.len() == REPEATED_MAX {
                break;
            }
            graphloom.push(Save::of(before, earlier));
            before -= 1;
        }
        let told = Told {
            metadata: true,
            remote_schemas: own.remote_schemas,
            sources: own.sources.into_keys().collect(),
            data_connectors: BTreeSet::new(),
            graphloom,
        };
        serde_json::to_string(&told).expect("keys are text, values are lists and text")
    }
}

/// As it is stored; all but the last key are the other engine's.
#[derive(Serialize, Deserialize)]
struct Told {
    #[serde(default)]
    metadata: bool,
    #[serde(default)]
    remote_schemas: BTreeSet<String>,
    sources: BTreeSet<String>,
    #[serde(default)]
    data_connectors: BTreeSet<String>,
    /// This save, and those before it without a gap.
    #[serde(default)]
    graphloom: Vec<Save>,
}

#[derive(Serialize, Deserialize)]
struct Save {
    version: i32,
    /// By source, null for everything.
    #[serde(default)]
    sources: BTreeMap<String, Option<Named>>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    remote_schemas: BTreeSet<String>,
}

/// Schemas and names.
#[derive(Default, Serialize, Deserialize)]
struct Named {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tables: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    functions: Vec<(String, String)>,
}

impl Save {
    fn of(version: i32, change: &Change) -> Self {
        let named = |parts: &Parts| Named {
            tables: (parts.tables.iter())
                .map(|table| (table.schema.to_string(), table.name.to_string()))
                .collect(),
            functions: (parts.functions.iter())
                .map(|function| (function.schema.to_string(), function.name.to_string()))
                .collect(),
        };
        let sources = change.sources.iter().map(|(name, extent)| {
            let named = match extent {
                Extent::Everything => None,
                Extent::Parts(parts) => Some(named(parts)),
            };
            (name.clone(), named)
        });
        Self {
            version,
            sources: sources.collect(),
            remote_schemas: change.remote_schemas.clone(),
        }
    }
}

impl From<Save> for Change {
    fn from(save: Save) -> Self {
        let extent = |named: Option<Named>| match named {
            None => Extent::Everything,
            Some(named) => Extent::Parts(Parts {
                tables: (named.tables.into_iter())
                    .map(|(schema, name)| QualifiedTable::new(schema, name))
                    .collect(),
                functions: (named.functions.into_iter())
                    .map(|(schema, name)| QualifiedFunction::new(schema, name))
                    .collect(),
            }),
        };
        let sources = save.sources.into_iter();
        Self {
            sources: sources.map(|(name, named)| (name, extent(named))).collect(),
            remote_schemas: save.remote_schemas,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn version(number: i32) -> ResourceVersion {
        ResourceVersion::new(number)
    }

    fn of_tables(tables: &[&str]) -> Change {
        let tables = tables.iter();
        let parts = Parts {
            tables: tables
                .map(|table| QualifiedTable::new("public", *table))
                .collect(),
            ..Parts::default()
        };
        let sources = [("default".to_owned(), Extent::Parts(parts))];
        Change {
            sources: sources.into(),
            ..Change::default()
        }
    }

    #[test]
    fn a_change_is_written_as_other_engines_read_it() {
        let told = History::default().told(version(18), &of_tables(&["a"]));
        assert_eq!(
            told,
            r#"{"metadata":true,"remote_schemas":[],"sources":["default"],"data_connectors":[],"graphloom":[{"version":18,"sources":{"default":{"tables":[["public","a"]]}}}]}"#
        );
        let mut heard = History::default();
        heard.learn(version(18), &told);
        let known = heard.between(version(17), version(18));
        assert_eq!(known, Some(of_tables(&["a"])));
    }

    #[test]
    fn what_another_engine_tells_is_of_whole_sources() {
        let mut history = History::default();
        let told = r#"{"metadata":true,"remote_schemas":["r"],"sources":["s"],"data_connectors":[],"new":1}"#;
        history.learn(version(5), told);
        let mut change = Change::of_sources(["s"]);
        change.remote_schemas.insert("r".to_owned());
        assert_eq!(history.between(version(4), version(5)), Some(change));
        assert_eq!(history.between(version(3), version(5)), None);
        let nothing = Some(Change::default());
        assert_eq!(history.between(version(5), version(5)), nothing);
        assert_eq!(history.between(version(5), version(4)), None);
    }

    #[test]
    fn nothing_is_known_of_what_cannot_be_understood() {
        let mut history = History::default();
        for told in ["[]", "", r#"{"sources":7}"#, r#"{"graphloom":[{}]}"#] {
            history.learn(version(5), told);
            assert_eq!(history.between(version(4), version(5)), None, "{told}");
        }
    }

    #[test]
    fn saves_that_nobody_asked_about_are_told_again_until_there_are_too_many() {
        let mut writer = History::default();
        let mut told = String::new();
        for number in 1..=100 {
            let change = match number {
                99 => Change::of_sources(["other"]),
                _ => of_tables(&[&format!("t{number}")]),
            };
            told = writer.told(version(number), &change);
            writer.note(version(number), &change);
        }
        let mut reader = History::default();
        reader.learn(version(100), &told);
        let mut expected = of_tables(&["t98", "t100"]);
        expected.merge(Change::of_sources(["other"]));
        assert_eq!(reader.between(version(97), version(100)), Some(expected));
        assert!(reader.between(version(68), version(100)).is_some());
        assert_eq!(reader.between(version(67), version(100)), None);
    }

    #[test]
    fn a_long_list_is_everything() {
        let names: Vec<String> = (0..=PARTS_MAX).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let told = |names| History::default().told(version(2), &of_tables(names));
        let heard = |told: &str| {
            let mut heard = History::default();
            heard.learn(version(2), told);
            heard.between(version(1), version(2)).unwrap()
        };
        assert_eq!(heard(&told(&names)), Change::of_sources(["default"]));
        assert_eq!(heard(&told(&names[1..])), of_tables(&names[1..]));
    }
}
