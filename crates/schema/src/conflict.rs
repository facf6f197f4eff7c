//! Names taken twice: two tables whose types or root fields would be called the same, or a table called
//! like something that every schema has.
//!
//! The first one in document order keeps the name; the other is inconsistent. So no role schema ever has
//! one name for two things: what is made of names elsewhere relies on it.

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_metadata::Metadata;
use graphloom_vocab::{GraphqlName, SourceName};

use crate::cache::CatalogResult;
use crate::naming::CURSOR_ORDERING;
use crate::scalar::scalar_name;
use crate::table::TableInfo;
use crate::{Feature, Naming, Reason, Settings};

/// Names taken so far, over all sources, with what has them.
#[derive(Debug, Default)]
pub(crate) struct TakenNames {
    types: HashMap<GraphqlName, Arc<str>>,
    /// By root type and namespace, since root fields of different ones do not meet.
    root_fields: HashMap<RootField, Arc<str>>,
    /// Whether tables have the types of [`GROUPS`].
    groups: bool,
}

/// A root type and namespace, and a field there.
type RootField = (Option<Arc<str>>, GraphqlName);

/// The root types by which v2 tells of root fields that meet: queries' are all in subscriptions too.
const MUTATIONS: &str = "mutation_root";
const SUBSCRIPTIONS: &str = "subscription_root";

/// Types that every schema has.
const SHARED: &[&str] = &[
    "Boolean",
    "Float",
    "ID",
    "Int",
    "String",
    "mutation_root",
    "order_by",
    "query_root",
    "st_d_within_geography_input",
    "st_d_within_input",
    "st_intersects_geom_nband_input",
    "st_intersects_nband_geom_input",
    "subscription_root",
];

/// Keys of `custom_root_fields` and the suffixes of generated names.
const ROOT_FIELDS: &[(&str, &str)] = &[
    ("select", ""),
    ("select_by_pk", "by_pk"),
    ("select_aggregate", "aggregate"),
];

/// Suffixes of the types made of every table.
const READ: &[&str] = &[
    "",
    "aggregate",
    "aggregate_fields",
    "aggregate_order_by",
    "bool_exp",
    "order_by",
    "select_column",
    "stream_cursor_input",
    "stream_cursor_value_input",
];

/// Suffixes of the types made of every table where aggregates have groups.
const GROUPS: &[&str] = &["group_by", "group_by_key", "group_by_key_fields"];

/// Functions of aggregates: each makes `T_f_fields` and `T_f_order_by`.
const FUNCTIONS: &[&str] = &[
    "avg",
    "max",
    "min",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// Suffixes of the types made of a table that takes rows.
const INSERT: &[&str] = &[
    "arr_rel_insert_input",
    "constraint",
    "insert_input",
    "mutation_response",
    "obj_rel_insert_input",
    "on_conflict",
    "update_column",
];

/// Suffixes of the types made of a table whose rows can be changed.
const UPDATE: &[&str] = &[
    "append_input",
    "delete_at_path_input",
    "delete_elem_input",
    "delete_key_input",
    "inc_input",
    "mutation_response",
    "pk_columns_input",
    "prepend_input",
    "set_input",
    "updates",
];

impl TakenNames {
    /// Nothing taken yet but what every schema of these sources has.
    pub(crate) fn new(
        metadata: &Metadata,
        catalogs: &HashMap<SourceName, CatalogResult>,
        settings: Settings,
    ) -> Self {
        let mut names = Self {
            groups: settings.features.has(Feature::GroupByAggregations),
            ..Self::default()
        };
        for name in SHARED {
            names.share(GraphqlName::new(*name));
        }
        for source in metadata.sources.values() {
            let Some(Ok(catalog)) = catalogs.get(&source.name) else {
                continue;
            };
            let naming = settings.naming(&source.customization);
            names.share(naming.source_type(CURSOR_ORDERING));
            for name in source.tables.keys() {
                if let Some(table) = catalog.tables.get(name) {
                    for column in &table.columns {
                        names.share_scalars(&column.ty, &naming);
                    }
                }
            }
            for ty in catalog.types.values() {
                names.share_scalars(ty, &naming);
            }
        }
        names
    }

    fn share(&mut self, name: GraphqlName) {
        self.types
            .entry(name)
            .or_insert_with(|| "every schema".into());
    }

    /// The scalar of a column's type, and what compares it.
    fn share_scalars(&mut self, ty: &PgType, naming: &Naming) {
        let Some(scalar) = scalar_name(ty.element().unwrap_or(ty)) else {
            return;
        };
        let suffixes = ["comparison_exp", "array_comparison_exp", "cast_exp"];
        for suffix in suffixes {
            self.share(naming.shared_type(scalar.as_str(), suffix));
        }
        self.share(scalar);
    }

    /// Takes a source's namespace: a root field and its type.
    pub(crate) fn take_namespace(
        &mut self,
        namespace: &str,
        ty: GraphqlName,
        owner: &str,
    ) -> Result<(), Reason> {
        let field = (None, GraphqlName::new(namespace));
        self.check_fields(SUBSCRIPTIONS, std::slice::from_ref(&field), owner)?;
        self.check_type(&ty, owner)?;
        self.root_fields.insert(field, owner.into());
        self.types.insert(ty, owner.into());
        Ok(())
    }

    /// Takes a table's names, or says which one somebody else has.
    pub(crate) fn take(
        &mut self,
        info: &TableInfo,
        naming: &Naming,
        namespace: Option<&str>,
        owner: &str,
    ) -> Result<(), Reason> {
        if !info.is_served() {
            return Ok(());
        }
        let writing: Vec<_> = mutation_fields(info, naming, namespace).collect();
        self.check_fields(MUTATIONS, &writing, owner)?;
        let reading: Vec<_> = reading_fields(info, naming, namespace).collect();
        self.check_fields(SUBSCRIPTIONS, &reading, owner)?;
        let mut types = type_names(info, naming);
        if self.groups {
            let groups = GROUPS.iter();
            types.extend(groups.map(|suffix| naming.type_name(&info.identifier, suffix)));
        }
        types
            .iter()
            .try_for_each(|name| self.check_type(name, owner))?;
        let owner: Arc<str> = owner.into();
        self.types
            .extend(types.into_iter().map(|name| (name, owner.clone())));
        let fields = reading.into_iter().chain(writing);
        self.root_fields
            .extend(fields.map(|field| (field, owner.clone())));
        Ok(())
    }

    /// Takes a logical model's types, or says which one somebody else has. Queries share a model, so the
    /// same owner may take them again.
    pub(crate) fn take_model(
        &mut self,
        names: [GraphqlName; 4],
        owner: &str,
    ) -> Result<(), Reason> {
        for name in &names {
            if self.types.get(name).is_none_or(|other| **other != *owner) {
                self.check_type(name, owner)?;
            }
        }
        let names = names.into_iter().map(|name| (name, Arc::from(owner)));
        self.types.extend(names);
        Ok(())
    }

    /// Takes a native query's root field and types of its own, or says which one somebody else has.
    pub(crate) fn take_query(
        &mut self,
        field: GraphqlName,
        types: Vec<GraphqlName>,
        namespace: Option<&str>,
        owner: &str,
    ) -> Result<(), Reason> {
        let field = (namespace.map(Arc::from), field);
        self.check_fields(SUBSCRIPTIONS, std::slice::from_ref(&field), owner)?;
        types
            .iter()
            .try_for_each(|name| self.check_type(name, owner))?;
        let types = types.into_iter().map(|name| (name, Arc::from(owner)));
        self.types.extend(types);
        self.root_fields.insert(field, owner.into());
        Ok(())
    }

    /// Takes a type that its owner can do without, if nobody else has it.
    pub(crate) fn take_if_free(&mut self, name: &GraphqlName, owner: &str) -> bool {
        if self.types.get(name).is_some_and(|other| **other == *owner) {
            return true;
        }
        let is_free = self.check_type(name, owner).is_ok();
        if is_free {
            self.types.insert(name.clone(), owner.into());
        }
        is_free
    }

    fn check_type(&self, name: &GraphqlName, owner: &str) -> Result<(), Reason> {
        let other = match self.types.get(name) {
            Some(other) => &**other,
            None if name.as_str().starts_with("__") => "introspection",
            None => return Ok(()),
        };
        Err(Reason::conflict(format!(
            "Found conflicting definitions for GraphQL type '{name}'. The definition at {owner} \
             differs from the definition at {other}. Both definitions must be equal."
        )))
    }

    /// Fails if somebody else has one of the fields, with v2's words about all of them.
    fn check_fields(&self, root: &str, fields: &[RootField], owner: &str) -> Result<(), Reason> {
        // From the last to the first, as v2 lists them.
        let fields = fields.iter().rev().filter_map(|field| {
            let other = self.root_fields.get(field)?;
            let mut owners = [&**other, owner];
            owners.sort_unstable_by_key(|owner| (owner.starts_with("native_query"), *owner));
            let [first, second] = owners;
            Some(format!("'{}' defined in [{first}, {second}]", field.1))
        });
        let fields: Vec<_> = fields.collect();
        let which = match fields.as_slice() {
            [] => return Ok(()),
            [one] => format!("field {one}"),
            many => format!("fields: [\n  {}\n]", many.join(",\n  ")),
        };
        Err(Reason::conflict(format!(
            "Encountered conflicting definitions in the selection set for '{root}' for {which}. \
             Fields must not be defined more than once across all sources."
        )))
    }
}

/// The fields that read a table.
fn reading_fields(
    info: &TableInfo,
    naming: &Naming,
    namespace: Option<&str>,
) -> impl Iterator<Item = RootField> {
    let has_key = info.table.primary_key.is_some();
    let fields = ROOT_FIELDS
        .iter()
        .filter(move |(key, _)| has_key || *key != "select_by_pk");
    fields.map(move |(key, suffix)| {
        let field = info.root_field(naming, key, suffix);
        (namespace.map(Arc::from), field)
    })
}

/// The same of mutations, with the verb in front.
const MUTATION_FIELDS: &[(&str, &str, &str)] = &[
    ("insert", "insert", ""),
    ("insert_one", "insert", "one"),
    ("update", "update", ""),
    ("update_by_pk", "update", "by_pk"),
    ("update_many", "update", "many"),
    ("delete", "delete", ""),
    ("delete_by_pk", "delete", "by_pk"),
];

/// The fields that write a table, apart from those of `query_root`.
fn mutation_fields(
    info: &TableInfo,
    naming: &Naming,
    namespace: Option<&str>,
) -> impl Iterator<Item = RootField> {
    let root: Arc<str> = format!("mutation {}", namespace.unwrap_or_default()).into();
    let has_key = info.table.primary_key.is_some();
    let mutability = info.table.mutability;
    let is_there = move |(key, verb, _): &&(&str, &str, &str)| {
        let able = match *verb {
            "insert" => mutability.insertable,
            "update" => mutability.updatable,
            _ => mutability.deletable,
        };
        able && (has_key || !key.ends_with("by_pk"))
    };
    let fields = MUTATION_FIELDS.iter().filter(is_there);
    fields.map(move |(key, verb, suffix)| {
        let name = info.mutation_field(naming, key, (verb, suffix));
        (Some(root.clone()), name)
    })
}

/// All names that a table's root fields may have, without namespace.
pub(crate) fn root_field_names(
    info: &TableInfo,
    naming: &Naming,
) -> impl Iterator<Item = GraphqlName> {
    let stream = &[("select_stream", "stream")];
    let reading = ROOT_FIELDS.iter().chain(stream);
    let reading = reading.map(|(key, suffix)| info.root_field(naming, key, suffix));
    let writing = MUTATION_FIELDS.iter();
    let writing =
        writing.map(|(key, verb, suffix)| info.mutation_field(naming, key, (verb, suffix)));
    reading.chain(writing)
}

/// The types that are made of a table, for whichever role.
fn type_names(info: &TableInfo, naming: &Naming) -> Vec<GraphqlName> {
    let of = |suffix: &str| naming.type_name(&info.identifier, suffix);
    let mut names: Vec<_> = READ.iter().map(|suffix| of(suffix)).collect();
    for function in FUNCTIONS {
        names.push(of(&format!("{function}_fields")));
        names.push(of(&format!("{function}_order_by")));
    }
    if info.enum_rows.is_some() {
        names.push(of("enum"));
    }
    let mutability = info.table.mutability;
    if mutability.insertable {
        names.extend(INSERT.iter().map(|suffix| of(suffix)));
    }
    if mutability.updatable {
        names.extend(UPDATE.iter().map(|suffix| of(suffix)));
    }
    names
}
