//! Names taken twice: two tables whose types or root fields would be called the same, or a table called
//! like something that every schema has.
//!
//! The first one in document order keeps the name; the other is inconsistent. So no role schema ever has
//! one name for two things: what is made of names elsewhere relies on it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
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
    /// Whether it is known that no name is taken twice.
    is_distinct: bool,
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
            let tables = source.tables.keys();
            let tables = tables.filter_map(|name| catalog.tables.get(name));
            let columns = tables.flat_map(|table| &table.columns);
            let types = columns.map(|column| &column.ty);
            // Many columns have few types.
            let mut seen = HashSet::new();
            for ty in types.chain(catalog.types.values()) {
                if seen.insert((ty.oid, &ty.name)) {
                    names.share_scalars(ty, &naming);
                }
            }
        }
        names
    }

    /// Makes everything of a name that is asked for: [`Distinct`] has seen that none is taken twice.
    pub(crate) fn trust(&mut self) {
        self.is_distinct = true;
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
        if self.is_distinct {
            return Ok(());
        }
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
        if self.is_distinct || !info.is_served() {
            return Ok(());
        }
        let writing: Vec<_> = mutation_fields(info, naming, namespace).collect();
        self.check_fields(MUTATIONS, &writing, owner)?;
        let reading: Vec<_> = reading_fields(info, naming, namespace).collect();
        self.check_fields(SUBSCRIPTIONS, &reading, owner)?;
        let types = type_names(info, naming, self.groups);
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
fn type_names(info: &TableInfo, naming: &Naming, groups: bool) -> Vec<GraphqlName> {
    let of = |suffix: &str| naming.type_name(&info.identifier, suffix);
    let mut names: Vec<_> = READ.iter().map(|suffix| of(suffix)).collect();
    for function in FUNCTIONS {
        names.push(of(&format!("{function}_fields")));
        names.push(of(&format!("{function}_order_by")));
    }
    if info.enum_rows.is_some() {
        names.push(of("enum"));
    }
    if groups {
        names.extend(GROUPS.iter().map(|suffix| of(suffix)));
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

/// Stands for every name that nobody may take.
const FORBIDDEN: u64 = 0;

/// The names that a table takes, as numbers: equal names have equal numbers, and other names hardly ever.
pub(crate) fn names(
    info: &TableInfo,
    naming: &Naming,
    namespace: Option<&str>,
    settings: Settings,
) -> Vec<u64> {
    if !info.is_served() {
        return Vec::new();
    }
    let groups = settings.features.has(Feature::GroupByAggregations);
    let fields =
        reading_fields(info, naming, namespace).chain(mutation_fields(info, naming, namespace));
    let mut names: Vec<u64> = fields.map(|field| field_number(&field)).collect();
    // A table may have two reasons for one type.
    let types: HashSet<_> = type_names(info, naming, groups).into_iter().collect();
    names.extend(types.iter().map(type_number));
    names.sort_unstable();
    names
}

fn field_number(field: &RootField) -> u64 {
    number(&(true, field))
}

fn type_number(name: &GraphqlName) -> u64 {
    match name.as_str().starts_with("__") {
        true => FORBIDDEN,
        false => number(&(false, name)),
    }
}

fn number(name: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Whether names as numbers are all different. Costs a fraction of comparing the names themselves, which is for
/// those who find that two may be the same.
pub(crate) struct Distinct(HashSet<u64, BuildHasherDefault<Same>>);

impl Distinct {
    /// With what every schema has.
    pub(crate) fn new(shared: &TakenNames) -> Self {
        let shared = shared.types.keys().map(type_number);
        Self(shared.chain([FORBIDDEN]).collect())
    }

    /// Whether these are all new.
    pub(crate) fn add(&mut self, names: &[u64]) -> bool {
        names.iter().all(|name| self.0.insert(*name))
    }

    /// Whether a source's namespace is new.
    pub(crate) fn add_namespace(&mut self, namespace: Option<&str>, naming: &Naming) -> bool {
        let Some(namespace) = namespace else {
            return true;
        };
        let field = (None, GraphqlName::new(namespace));
        let ty = naming.namespace_type(namespace);
        self.add(&[field_number(&field), type_number(&ty)])
    }
}

/// Numbers that are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
