//! A role's types, made table by table when somebody asks for one of them.
//!
//! A [`Part`] is what one table brings: types of its own, root fields, and types that any table may bring
//! (`String_comparison_exp`), which stay in the part that was made first. One more part holds the root types,
//! functions and native queries. Parts are never dropped, so that what was lent stays good.
//! Which table to look at is asked of `places.rs`; all types at once are made in `whole.rs`,
//! one after another in `listed.rs`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock, RwLock};

use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::places::{Places, Position};
use super::whole::{RootTypes, mutation_suffix};
use super::{
    Grants, Ingredients, SourceTypes, Types, grants_of, namespaced_type, put, table, valid,
};
use crate::cache::SourceInfo;
use crate::table::TableInfo;
use crate::types::{FieldDefinition, ObjectType, ScalarType, TypeDefinition};

type Fields = IndexMap<GraphqlName, FieldDefinition>;

/// Where a type is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Common,
    Table(Position),
}

/// What a table brings, or what is no table's.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) types: HashMap<GraphqlName, TypeDefinition>,
    /// Of the roots of queries, mutations and subscriptions.
    pub(super) roots: [Fields; 3],
}

/// The root types, in the order of [`Part::roots`].
const QUERY: usize = 0;
const MUTATION: usize = 1;
const SUBSCRIPTION: usize = 2;

/// A role's types, as far as they were asked for.
#[derive(Debug)]
pub(super) struct Parts {
    of: Ingredients,
    pub(super) places: Arc<Places>,
    /// By source.
    grants: Vec<Arc<Grants>>,
    /// Input types that would have no fields.
    dropped: HashSet<GraphqlName>,
    pub(super) common: Part,
    /// The types that tables have root fields in: which root, and which source if it is a namespace.
    pub(super) root_types: HashMap<GraphqlName, (usize, Option<usize>)>,
    tables: Vec<OnceLock<Part>>,
    /// Where the types are that were made.
    made: RwLock<HashMap<GraphqlName, Place>>,
    /// Scalars that the role meets in columns.
    scalars: OnceLock<HashMap<GraphqlName, TypeDefinition>>,
    /// Types that are not where their names lead to, found by making everything once.
    rest: OnceLock<HashMap<GraphqlName, Position>>,
}

impl Parts {
    /// `None` if only all types together show what is to be left out.
    pub(super) fn new(of: &Ingredients, places: &Arc<Places>) -> Option<Self> {
        if !places.is_clear {
            return None;
        }
        let sources = of.sources.values();
        let grants = sources.map(|source| Arc::new(grants_of(source, &of.role)));
        let mut parts = Self {
            of: of.clone(),
            places: places.clone(),
            grants: grants.collect(),
            dropped: HashSet::new(),
            common: Part::default(),
            root_types: HashMap::new(),
            tables: Vec::new(),
            made: RwLock::default(),
            scalars: OnceLock::new(),
            rest: OnceLock::new(),
        };
        parts.dropped = parts.empty_inputs();
        parts.common = parts.make_common();
        parts.tables.resize_with(places.tables.len(), OnceLock::new);
        let made = parts.common.types.keys();
        let made = made.map(|name| (name.clone(), Place::Common)).collect();
        parts.made = RwLock::new(made);
        Some(parts)
    }

    pub(super) fn ingredients(&self) -> &Ingredients {
        &self.of
    }

    /// The names of the roots that the role has: query, mutation, subscription.
    pub(super) fn roots(&self) -> [Option<GraphqlName>; 3] {
        let names = ["query_root", "mutation_root", "subscription_root"];
        names.map(|name| {
            let name = GraphqlName::new(name);
            self.common.types.contains_key(&name).then_some(name)
        })
    }

    pub(super) fn get(&self, name: &GraphqlName) -> Option<&TypeDefinition> {
        if let Some(found) = self.find_made(name) {
            return Some(found);
        }
        for at in self.places.of_type(name) {
            self.table(at);
        }
        let scalars = || self.scalars.get_or_init(|| self.scalars()).get(name);
        self.find_made(name).or_else(scalars).or_else(|| {
            let at = self.rest.get_or_init(|| self.rest()).get(name)?;
            self.table(*at);
            self.find_made(name)
        })
    }

    /// A field that a table has in a root type.
    pub(super) fn root_field(
        &self,
        parent: &ObjectType,
        name: &GraphqlName,
    ) -> Option<&FieldDefinition> {
        let (root, namespace) = self.root_types.get(&parent.name)?;
        // Of two sources the later one has the field, as in the whole schema.
        let tables = self.places.of_root_field(name).iter().rev();
        let mut tables = tables.filter(|at| {
            let (source_at, _) = self.places.tables[**at];
            match namespace {
                Some(namespace) => source_at == *namespace,
                None => self.source(source_at).namespace.is_none(),
            }
        });
        tables.find_map(|at| self.table(*at).roots[*root].get(name))
    }

    fn find_made(&self, name: &GraphqlName) -> Option<&TypeDefinition> {
        let place = {
            let made = self.made.read().expect("no panic while this lock is held");
            *made.get(name)?
        };
        match place {
            Place::Common => self.common.types.get(name),
            Place::Table(at) => self.table(at).types.get(name),
        }
    }

    fn table(&self, at: Position) -> &Part {
        self.tables[at].get_or_init(|| {
            let mut part = self.make_table(at);
            let mut made = self.made.write().expect("no panic while this lock is held");
            part.types.retain(|name, _| match made.contains_key(name) {
                true => false,
                false => made.insert(name.clone(), Place::Table(at)).is_none(),
            });
            part
        })
    }

    pub(super) fn source(&self, at: usize) -> &SourceInfo {
        &self.of.sources[at]
    }

    fn info(&self, at: Position) -> &TableInfo {
        let (source_at, table_at) = self.places.tables[at];
        &self.source(source_at).tables[table_at]
    }

    /// What a table brings, made anew.
    pub(super) fn make_table(&self, at: Position) -> Part {
        let (mut types, mut roots) = self.bare_table(at);
        let (source_at, _) = self.places.tables[at];
        self.complete(source_at, &mut types, &mut roots);
        Part {
            types: types.by_name,
            roots,
        }
    }

    /// A table's types before anything is left out.
    fn bare_table(&self, at: Position) -> (Types, [Fields; 3]) {
        let (source_at, _) = self.places.tables[at];
        let info = self.info(at);
        let mut types = Types::default();
        let mut roots = [Fields::new(), Fields::new(), Fields::new()];
        let mut builder = self.builder(source_at, &mut types);
        builder.table_queries(info, &mut roots[QUERY]);
        builder.table_mutations(info, &mut roots[MUTATION]);
        builder.table_subscriptions(info, &mut roots[SUBSCRIPTION]);
        (types, roots)
    }

    fn builder<'a>(&'a self, source_at: usize, types: &'a mut Types) -> SourceTypes<'a> {
        let grants = self.grants[source_at].clone();
        SourceTypes::new(&self.of, self.source(source_at), grants, types)
    }

    /// Adds the enums and scalars that are mentioned, and sees to it that no type is without fields.
    fn complete(&self, source_at: usize, types: &mut Types, roots: &mut [Fields; 3]) {
        self.add_enums(source_at, types, roots);
        valid::drop_inputs(types, &self.dropped);
        for fields in roots.iter_mut() {
            valid::drop_arguments(fields, &self.dropped);
        }
        valid::fill_empty_objects(types);
        for name in mentions(types, roots) {
            let is_scalar =
                self.places.is_scalar(&name) || self.places.of_type(&name).next().is_none();
            if is_scalar && !self.common.types.contains_key(&name) {
                types.add(scalar(name));
            }
        }
    }

    fn add_enums(&self, source_at: usize, types: &mut Types, roots: &[Fields; 3]) {
        let own = |at: &&Position| self.places.tables[**at].0 == source_at;
        if !self.places.enums.iter().any(|at| own(&at)) {
            return;
        }
        let mentioned = mentions(types, roots);
        let mut builder = self.builder(source_at, types);
        for at in self.places.enums.iter().filter(own) {
            let info = self.info(*at);
            if mentioned.contains(&builder.type_name(info, "enum")) {
                builder.enum_definition(info);
            }
        }
    }

    /// Root types, functions, native queries and the types of introspection.
    fn make_common(&mut self) -> Part {
        let mut types = Types::default();
        let mut root = RootTypes::new();
        let mut has_queries = false;
        for (at, source) in self.of.sources.clone().values().enumerate() {
            let mut builder = self.builder(at, &mut types);
            let queries = builder.computed_queries();
            let mut mutations = Fields::new();
            builder.function_roots(crate::function::ExposedAs::Mutation, &mut mutations);
            let mut roots = [queries.clone(), mutations, queries];
            self.complete(at, &mut types, &mut roots);
            let is_there = [QUERY, MUTATION, SUBSCRIPTION]
                .map(|kind| !roots[kind].is_empty() || self.tables_have(at, kind));
            has_queries |= is_there[QUERY];
            let suffixes = [
                "query",
                mutation_suffix(self.of.variant.backend),
                "subscription",
            ];
            let objects = [&mut root.query, &mut root.mutation, &mut root.subscription];
            for (kind, object) in objects.into_iter().enumerate() {
                if is_there[kind] {
                    let of_tables = match &source.namespace {
                        Some(namespace) => {
                            (namespaced_type(source, namespace, suffixes[kind]), Some(at))
                        }
                        None => (object.name.clone(), None),
                    };
                    self.root_types.insert(of_tables.0, (kind, of_tables.1));
                    let fields = std::mem::take(&mut roots[kind]);
                    put(fields, source, (suffixes[kind], object), &mut types);
                }
            }
        }
        root.complete_query(&mut types, has_queries);
        for object in [root.query, root.mutation, root.subscription] {
            if !object.fields.is_empty() || self.root_types.contains_key(&object.name) {
                types.add(TypeDefinition::Object(object));
            }
        }
        let none = [Fields::new(), Fields::new(), Fields::new()];
        let mentioned = mentions(&types, &none).into_iter();
        let unknown = mentioned.filter(|name| self.places.of_type(name).next().is_none());
        for name in unknown.chain(valid::of_directives()).collect::<Vec<_>>() {
            types.add(scalar(name));
        }
        Part {
            types: types.by_name,
            ..Part::default()
        }
    }

    /// Whether any table of a source has a field in a root type.
    fn tables_have(&self, source_at: usize, kind: usize) -> bool {
        let tables = self.places.tables.iter().enumerate();
        let mut tables = tables.filter(|(_, table)| table.0 == source_at);
        tables.any(|(at, _)| {
            self.may_have(source_at, self.info(at), kind) && !self.bare_table(at).1[kind].is_empty()
        })
    }

    fn may_have(&self, source_at: usize, info: &TableInfo, kind: usize) -> bool {
        let (role, backend) = (&self.of.role, self.of.variant.backend);
        match kind {
            MUTATION => {
                info.insert_grant(role, backend).is_some()
                    || info.update_grant(role, backend).is_some()
                    || info.delete_grant(role, backend).is_some()
            }
            _ => self.grants[source_at].contains_key(&info.table.name),
        }
    }

    /// Input types without fields: only a table none of whose columns the role sees has such.
    fn empty_inputs(&self) -> HashSet<GraphqlName> {
        let mut types = Types::default();
        for (at, (source_at, _)) in self.places.tables.iter().enumerate() {
            let info = self.info(at);
            let grant = self.grants[*source_at].get(&info.table.name);
            if grant.is_some_and(|grant| !table::sees_columns(info, grant)) {
                for (name, ty) in self.bare_table(at).0.by_name {
                    types.by_name.entry(name).or_insert(ty);
                }
            }
        }
        valid::drop_all_empty_inputs(&mut types)
    }

    /// The scalars of columns that the role reads or writes.
    fn scalars(&self) -> HashMap<GraphqlName, TypeDefinition> {
        let (role, backend) = (&self.of.role, self.of.variant.backend);
        let mut names = HashSet::new();
        for (at, (source_at, _)) in self.places.tables.iter().enumerate() {
            let info = self.info(at);
            let grant = self.grants[*source_at].get(&info.table.name);
            for column in grant.iter().flat_map(|grant| grant.columns()) {
                add_scalar(&mut names, column.ty());
            }
            if !role.is_admin() {
                let insert = info.insert_grant(role, backend);
                let update = info.update_grant(role, backend);
                let insert = insert.iter().flat_map(|grant| grant.columns());
                let columns = insert.chain(update.iter().flat_map(|grant| grant.columns()));
                columns.for_each(|column| add_scalar(&mut names, column.ty()));
            }
        }
        let names = names.into_iter();
        names.map(|name| (name.clone(), scalar(name))).collect()
    }

    /// Makes every table's types once, to find those that their names do not lead to.
    fn rest(&self) -> HashMap<GraphqlName, Position> {
        let mut rest = HashMap::new();
        for at in 0..self.tables.len() {
            for name in self.make_table(at).types.into_keys() {
                if !self.places.of_type(&name).any(|place| place == at) {
                    rest.entry(name).or_insert(at);
                }
            }
        }
        rest
    }
}

fn add_scalar(names: &mut HashSet<GraphqlName>, ty: &graphloom_catalog::PgType) {
    let element = ty.element().unwrap_or(ty);
    if !names.contains(&*element.name) {
        names.extend(crate::scalar::scalar_name(element));
    }
}

fn scalar(name: GraphqlName) -> TypeDefinition {
    TypeDefinition::Scalar(ScalarType {
        name,
        description: None,
    })
}

/// Names that are mentioned and not made.
fn mentions(types: &Types, roots: &[Fields; 3]) -> HashSet<GraphqlName> {
    let in_types = types.by_name.values().flat_map(TypeDefinition::mentions);
    let in_roots = roots.iter().flat_map(crate::types::mentioned);
    let mentioned = in_types.chain(in_roots);
    let missing = mentioned.filter(|name| !types.contains(name));
    missing.cloned().collect()
}
