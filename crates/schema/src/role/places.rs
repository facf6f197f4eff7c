//! Which tables a type's or a root field's name may lead to, without making any type.
//!
//! All types that one table alone has begin with the table's name, so a name leads to few tables. Roles
//! share this; whether a role has such a type is seen when the table's types are made (`parts.rs`).

use std::collections::{HashMap, HashSet};

use graphloom_vocab::{GraphqlName, SourceName};

use super::served;
use crate::cache::{SourceInfo, Sources};
use crate::conflict::root_field_names;
use crate::function::FunctionInfo;
use crate::naming::Identifier;
use crate::native::arguments_type;
use crate::scalar::scalar_name;
use crate::table::TableInfo;
use crate::{Feature, Settings};

/// A table's position among all that schemas have.
pub(super) type Position = usize;

/// Which tables names may lead to.
#[derive(Debug)]
pub(crate) struct Places {
    /// Positions of source and table, by position.
    pub(super) tables: Vec<(usize, usize)>,
    /// By how the names of their types begin.
    beginnings: HashMap<GraphqlName, Vec<Position>>,
    /// What may come right behind a beginning, besides `_` and capitals.
    ends: HashSet<u8>,
    roots: HashMap<GraphqlName, Vec<Position>>,
    /// The scalars of all columns and arguments: no other type has such a name.
    scalars: HashSet<GraphqlName>,
    /// Enum tables.
    pub(super) enums: Vec<Position>,
    /// Whether no name stands for two things in any role's schema. Otherwise only all types together show what
    /// is to be left out.
    pub(super) is_clear: bool,
}

impl Places {
    pub(crate) fn of(sources: &Sources, settings: Settings) -> Self {
        let mut places = Self {
            tables: Vec::new(),
            beginnings: HashMap::new(),
            ends: HashSet::new(),
            roots: HashMap::new(),
            scalars: HashSet::new(),
            enums: Vec::new(),
            is_clear: !settings.features.has(Feature::ExtendedMutations),
        };
        for (source_at, source) in sources.values().enumerate() {
            for (table_at, info) in source.tables.values().enumerate() {
                places.add_scalars(info);
                if info.is_served() {
                    places.tables.push((source_at, table_at));
                    places.add_table(info, source);
                }
            }
            let functions = source.functions.values();
            for argument in functions.flat_map(|function| function.arguments.iter()) {
                places.add_scalar(&argument.ty);
            }
            let suffix = source.naming.type_suffix();
            places
                .ends
                .extend(suffix.and_then(|suffix| suffix.bytes().next()));
        }
        places.is_clear = places.is_clear && places.has_no_conflicts(sources);
        places
    }

    fn add_table(&mut self, info: &TableInfo, source: &SourceInfo) {
        let at = self.tables.len() - 1;
        let naming = &source.naming;
        let names = [
            naming.type_beginning(&info.identifier),
            naming.predicate_type(&info.identifier, ""),
        ];
        for name in names {
            push(self.beginnings.entry(name).or_default(), at);
        }
        for name in root_field_names(info, naming) {
            push(self.roots.entry(name).or_default(), at);
        }
        if info.enum_rows.is_some() {
            self.enums.push(at);
        }
    }

    fn add_scalars(&mut self, info: &TableInfo) {
        for column in &info.table.columns {
            self.add_scalar(&column.ty);
        }
        for argument in info
            .computed_fields
            .values()
            .flat_map(|field| field.arguments.iter())
        {
            self.add_scalar(&argument.ty);
        }
    }

    fn add_scalar(&mut self, ty: &graphloom_catalog::PgType) {
        let element = ty.element().unwrap_or(ty);
        if self.scalars.contains(&*element.name) {
            return;
        }
        self.scalars.extend(scalar_name(element));
    }

    pub(super) fn is_scalar(&self, name: &GraphqlName) -> bool {
        self.scalars.contains(name)
    }

    /// The tables whose types may have this name.
    pub(super) fn of_type(&self, name: &GraphqlName) -> impl Iterator<Item = Position> {
        let text = name.as_str();
        let ends = (1..=text.len()).filter(move |end| match text.as_bytes().get(*end) {
            None => true,
            Some(next) => *next == b'_' || next.is_ascii_uppercase() || self.ends.contains(next),
        });
        let beginnings = ends.filter_map(move |end| self.beginnings.get(text.get(..end)?));
        beginnings.flatten().copied()
    }

    /// The tables whose root fields may have this name.
    pub(super) fn of_root_field(&self, name: &GraphqlName) -> &[Position] {
        self.roots.get(name).map_or(&[], Vec::as_slice)
    }

    /// Names of tables' types do not meet (`conflict.rs`); these are the others.
    fn has_no_conflicts(&self, sources: &Sources) -> bool {
        let mut predicates: HashMap<GraphqlName, &SourceName> = HashMap::new();
        let mut arguments = HashSet::new();
        for source in sources.values() {
            let naming = &source.naming;
            for (_, info) in served(source) {
                let predicate = naming.predicate_type(&info.identifier, "");
                let owner = predicates.entry(predicate).or_insert(&source.name);
                let aggregate = naming.predicate_type(&info.identifier, "aggregate");
                if *owner != &source.name
                    || (naming.has_type_affixes() && self.beginnings.contains_key(&aggregate))
                {
                    return false;
                }
                let computed = info.computed_fields.values().map(|field| {
                    let text = format!("{}_{}", field.field, info.identifier.text());
                    naming.type_name(&Identifier::Generated(text), "args")
                });
                if !computed.into_iter().all(|name| arguments.insert(name)) {
                    return false;
                }
            }
            let functions = source.functions.values();
            let mut functions = functions.map(|info| naming.type_name(&info.identifier, "args"));
            if !functions.all(|name| arguments.insert(name)) {
                return false;
            }
            let queries = source.native_queries.values();
            let mut natives = queries.flat_map(|query| {
                let arguments = arguments_type(query.name.as_str());
                [query.type_name().clone(), arguments]
            });
            if natives.any(|name| arguments.contains(&name)) || self.meets_others(source, sources) {
                return false;
            }
        }
        let mut beginnings = self.beginnings.keys();
        !beginnings.any(|name| {
            let name = name.as_str();
            let predicates = ["_aggregate_bool_exp", "AggregateBoolExp"];
            predicates.iter().any(|text| name.contains(text))
        }) && !arguments
            .iter()
            .any(|name| self.beginnings.contains_key(name))
    }

    /// Whether a namespace's type is called as a table's, or a function's root field as another source's table's.
    fn meets_others(&self, source: &SourceInfo, sources: &Sources) -> bool {
        if let Some(namespace) = &source.namespace {
            let identifier = Identifier::Generated(namespace.clone());
            let suffixes = [
                "query",
                "mutation_frontend",
                "mutation_backend",
                "subscription",
            ];
            let mut names = suffixes
                .iter()
                .map(|s| source.naming.type_name(&identifier, s));
            return names.any(|name| self.of_type(&name).next().is_some());
        }
        let own = sources.get_index_of(&source.name);
        let is_others = |name: &GraphqlName| {
            let mut tables = self.of_root_field(name).iter();
            tables.any(|at| Some(self.tables[*at].0) != own)
        };
        let functions = source.functions.values();
        let mut functions = functions.flat_map(|function| root_names(function, source));
        functions.any(|name| is_others(&name)) || source.native_queries.keys().any(is_others)
    }
}

fn push(positions: &mut Vec<Position>, at: Position) {
    if positions.last() != Some(&at) {
        positions.push(at);
    }
}

/// What a function's root fields may be called.
fn root_names(function: &FunctionInfo, source: &SourceInfo) -> Vec<GraphqlName> {
    let naming = &source.naming;
    let custom = [&function.custom_field, &function.custom_aggregate];
    let custom = custom.into_iter().flatten();
    let custom = custom.map(|name| naming.affixed_root_field(name));
    let generated = [
        naming.root_field(&function.identifier, ""),
        naming.function_aggregate(&function.identifier),
    ];
    custom.chain(generated).collect()
}
