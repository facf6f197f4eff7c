//! The whole document: its keys in v2's order, `default` before other sources, unknown sections last.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_vocab::{Json, RoleName};

use super::{Writer, sorted_values};
use crate::decode::SECTIONS;
use crate::types::{InheritedRole, Metadata, Source, Table};

/// The texts of a document's tables, so that the next document is written with those of the tables that it shares.
#[derive(Debug, Default)]
pub struct TableTexts {
    /// By address, at which the table stays as long as it is held here.
    by_address: HashMap<usize, (Arc<Table>, Box<str>)>,
}

impl TableTexts {
    fn of(&mut self, table: &Arc<Table>) -> Box<str> {
        match self.by_address.remove(&Arc::as_ptr(table).addr()) {
            Some((_, text)) => text,
            None => table.to_json().to_string().into(),
        }
    }

    fn keep(&mut self, table: &Arc<Table>, text: Box<str>) {
        let address = Arc::as_ptr(table).addr();
        self.by_address.insert(address, (table.clone(), text));
    }
}

impl Metadata {
    /// The document of version 3, as an export gives it.
    pub fn to_json(&self) -> Json {
        let sources = self.sorted_sources().into_iter();
        self.with_sources(sources.map(Source::to_json).collect())
    }

    /// The same as text, with the texts of tables that were written before; those of this document are kept in
    /// their place.
    pub fn to_text(&self, texts: &mut TableTexts) -> String {
        let mut known = TableTexts::default();
        let mut out = String::new();
        write_object(&mut out, &self.with_sources(Json::Null), |key, out| {
            if key != "sources" {
                return false;
            }
            write_list(out, self.sorted_sources(), |source, out| {
                write_source(out, source, texts, &mut known);
            });
            true
        });
        *texts = known;
        out
    }

    fn sorted_sources(&self) -> Vec<&Source> {
        let mut sources: Vec<&Source> = self.sources.values().collect();
        // `default` is not a name like any other for v2, and comes before all of them.
        sources.sort_by_key(|source| (source.name.as_str() != "default", &source.name));
        sources
    }

    fn with_sources(&self, sources: Json) -> Json {
        let mut document = Writer::default();
        document.put("version", 3);
        document.put("sources", sources);
        for section in &SECTIONS {
            if section.kept.key == "graphql_schema_introspection" {
                let roles = sorted_values(&self.inherited_roles).into_iter();
                document.put_non_empty(
                    "inherited_roles",
                    roles.map(InheritedRole::to_json).collect(),
                );
            }
            document.put_kept(&section.kept, &self.sections);
        }
        document.finish(&self.sections)
    }
}

impl InheritedRole {
    /// An item of `inherited_roles`.
    pub fn to_json(&self) -> Json {
        let mut role = Writer::default();
        role.put("role_name", self.role_name.as_str());
        let parents = self.role_set.iter().map(RoleName::as_str);
        role.put("role_set", parents.collect::<Vec<_>>());
        role.finish(&self.extra)
    }
}

fn write_source(out: &mut String, source: &Source, texts: &mut TableTexts, known: &mut TableTexts) {
    let json = source.with_tables(Json::Null);
    write_object(out, &json, |key, out| {
        if key != "tables" || !source.is_postgres() {
            return false;
        }
        write_list(out, sorted_values(&source.tables), |table, out| {
            let text = texts.of(table);
            out.push_str(&text);
            known.keep(table, text);
        });
        true
    });
}

/// An object; `write` writes the values of those keys that it knows.
fn write_object(out: &mut String, json: &Json, mut write: impl FnMut(&str, &mut String) -> bool) {
    let entries = json.as_object().into_iter().flatten();
    out.push('{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&Json::from(key.as_str()).to_string());
        out.push(':');
        if !write(key, out) {
            out.push_str(&value.to_string());
        }
    }
    out.push('}');
}

fn write_list<T>(out: &mut String, items: Vec<T>, mut write: impl FnMut(T, &mut String)) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}
