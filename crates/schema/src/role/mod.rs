//! One role's GraphQL schema: types with meanings, made from the role's grants alone.
//!
//! Each table's types are made in `table.rs`, `condition.rs`, `order.rs` and `aggregate.rs`; here they
//! are put together and what no root field leads to is left out.

mod aggregate;
mod comparison;
mod condition;
mod extended;
mod function;
mod group;
mod introspection;
mod mutation;
mod native;
mod order;
mod predicate;
mod relay;
mod stream;
mod table;
mod update;
mod valid;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use graphloom_graphql::TypeRef;
use graphloom_ir::SelectGrant;
use graphloom_vocab::{BackendOnly, GraphqlName, QualifiedTable, RoleName, SourceName};
use indexmap::IndexMap;

use crate::cache::{SchemaCache, SourceInfo};
use crate::function::ExposedAs;
use crate::table::TableInfo;
use crate::types::{
    EnumType, FieldDefinition, FieldMeaning, InputMeaning, InputObjectType, InputValueDefinition,
    InterfaceType, NodeTable, ObjectType, ScalarType, TypeDefinition,
};
use crate::{Naming, NullOperands, Settings};

/// Which of the two schemas a role has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SchemaKind {
    /// Lists, single rows, aggregates.
    #[default]
    Standard,
    /// The Relay API: connections and global ids.
    Relay,
}

/// Which of a role's schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchemaVariant {
    /// Which of the two APIs.
    pub kind: SchemaKind,
    /// Whether what only backends may write is there.
    pub backend: BackendOnly,
}

impl Default for SchemaVariant {
    fn default() -> Self {
        Self {
            kind: SchemaKind::Standard,
            backend: BackendOnly::Hidden,
        }
    }
}

/// One role's GraphQL schema.
#[derive(Debug)]
pub struct RoleSchema {
    /// The role; empty for roles that no permission names.
    pub role: RoleName,
    /// Every type that a root field leads to, by name.
    pub types: IndexMap<GraphqlName, TypeDefinition>,
    /// The query root's name.
    pub query_type: GraphqlName,
    /// What a condition is whose operand is null.
    pub null_operands: NullOperands,
    /// The mutation root's name, if the role may write anything.
    pub mutation_type: Option<GraphqlName>,
    /// The subscription root's name, if the role may subscribe to anything.
    pub subscription_type: Option<GraphqlName>,
}

/// What a role without any query field is shown instead.
const NO_QUERIES: &str = "There are no queries available to the current role. Either there are no \
     sources or remote schemas configured, or the current role doesn't have the required permissions.";

impl RoleSchema {
    pub(crate) fn build(cache: &SchemaCache, role: &RoleName, variant: SchemaVariant) -> Self {
        let mut types = Types::default();
        let mut query = root_type("query_root", None);
        let mut mutation = root_type("mutation_root", Some("mutation root"));
        let mut subscription = root_type("subscription_root", None);
        let mut nodes = Vec::new();
        for source in cache.sources.values() {
            let mut builder = SourceTypes::new(cache, source, (role, variant), &mut types);
            let fields = builder.build();
            let mutations = builder.mutations();
            let subscriptions = builder.subscriptions();
            nodes.append(&mut builder.nodes);
            let suffix = match variant.backend {
                BackendOnly::Hidden => "mutation_frontend",
                BackendOnly::Allowed => "mutation_backend",
            };
            put(fields, source, ("query", &mut query), &mut types);
            put(mutations, source, (suffix, &mut mutation), &mut types);
            let root = ("subscription", &mut subscription);
            put(subscriptions, source, root, &mut types);
        }
        if variant.kind == SchemaKind::Relay {
            relay::add(&mut types, &mut query, nodes);
        }
        if query.fields.is_empty() {
            query.fields.insert(
                GraphqlName::new("no_queries_available"),
                valid::placeholder(NO_QUERIES),
            );
        }
        introspection::add(&mut types, &mut query);
        let query_type = query.name.clone();
        types.add(TypeDefinition::Object(query));
        let [mutation_type, subscription_type] = [mutation, subscription].map(|root| {
            let name = (!root.fields.is_empty()).then(|| root.name.clone())?;
            types.add(TypeDefinition::Object(root));
            Some(name)
        });
        types.drop_conflicted();
        valid::complete(&mut types);
        types.add_scalars();
        let further = [mutation_type.clone(), subscription_type.clone()];
        let roots = std::iter::once(query_type.clone()).chain(further.into_iter().flatten());
        let roots = valid::of_directives().chain(roots);
        let types = types.reachable_from(roots.collect());
        Self {
            role: role.clone(),
            types,
            query_type,
            null_operands: cache.settings.null_operands,
            mutation_type,
            subscription_type,
        }
    }

    /// A type by name.
    pub fn get(&self, name: &GraphqlName) -> Option<&TypeDefinition> {
        self.types.get(name)
    }

    /// An object type by name.
    pub fn object(&self, name: &GraphqlName) -> Option<&ObjectType> {
        match self.types.get(name) {
            Some(TypeDefinition::Object(ty)) => Some(ty),
            _ => None,
        }
    }

    /// An interface type by name.
    pub fn interface(&self, name: &GraphqlName) -> Option<&InterfaceType> {
        match self.types.get(name) {
            Some(TypeDefinition::Interface(ty)) => Some(ty),
            _ => None,
        }
    }

    /// The interfaces that an object implements.
    pub fn interfaces_of(&self, object: &GraphqlName) -> impl Iterator<Item = &InterfaceType> {
        self.types.values().filter_map(move |ty| match ty {
            TypeDefinition::Interface(ty) if ty.possible_types.contains(object) => Some(ty),
            _ => None,
        })
    }

    /// An input object type by name.
    pub fn input_object(&self, name: &GraphqlName) -> Option<&InputObjectType> {
        match self.types.get(name) {
            Some(TypeDefinition::InputObject(ty)) => Some(ty),
            _ => None,
        }
    }

    /// An enum type by name.
    pub fn enumeration(&self, name: &GraphqlName) -> Option<&EnumType> {
        match self.types.get(name) {
            Some(TypeDefinition::Enum(ty)) => Some(ty),
            _ => None,
        }
    }
}

fn root_type(name: &str, description: Option<&str>) -> ObjectType {
    ObjectType {
        name: GraphqlName::new(name),
        description: description.map(Into::into),
        fields: IndexMap::new(),
    }
}

/// Puts a source's fields into a root type, under its namespace if it has one.
fn put(
    fields: IndexMap<GraphqlName, FieldDefinition>,
    source: &SourceInfo,
    (suffix, root): (&str, &mut ObjectType),
    types: &mut Types,
) {
    if fields.is_empty() {
        return;
    }
    match &source.namespace {
        None => root.fields.extend(fields),
        Some(namespace) => namespaced((namespace, suffix), fields, source, root, types),
    }
}

/// Puts a source's root fields under its namespace.
fn namespaced(
    (namespace, suffix): (&str, &str),
    fields: IndexMap<GraphqlName, FieldDefinition>,
    source: &SourceInfo,
    root: &mut ObjectType,
    types: &mut Types,
) {
    let identifier = crate::naming::Identifier::Generated(namespace.to_owned());
    let name = source.naming.type_name(&identifier, suffix);
    types.add_own(TypeDefinition::Object(ObjectType {
        name: name.clone(),
        description: None,
        fields,
    }));
    let field = FieldDefinition {
        description: None,
        arguments: IndexMap::new(),
        ty: TypeRef::Named(name).non_null(),
        meaning: FieldMeaning::Namespace,
    };
    root.fields.insert(GraphqlName::new(namespace), field);
}

/// The types made so far.
#[derive(Debug, Default)]
struct Types {
    by_name: HashMap<GraphqlName, TypeDefinition>,
    /// Names that two things made a type of: neither is shown.
    conflicted: HashSet<GraphqlName>,
    /// Whose tables the types of aggregate predicates are of.
    predicates: HashMap<GraphqlName, SourceName>,
}

impl Types {
    /// Adds a type that comes out the same whoever makes it.
    fn add(&mut self, ty: TypeDefinition) {
        self.by_name.entry(ty.name().clone()).or_insert(ty);
    }

    /// Adds a type that one table, function or namespace alone may make.
    ///
    /// Names of tables' types do not meet (`conflict.rs`); this is for all others, since a type
    /// with another table's columns would show what a role was not granted.
    fn add_own(&mut self, ty: TypeDefinition) {
        match self.by_name.entry(ty.name().clone()) {
            Entry::Vacant(free) => {
                free.insert(ty);
            }
            Entry::Occupied(taken) => {
                self.conflicted.insert(taken.key().clone());
            }
        }
    }

    /// Leaves out every field and argument whose type is not clear.
    fn drop_conflicted(&mut self) {
        if self.conflicted.is_empty() {
            return;
        }
        let clear = |ty: &TypeRef| !self.conflicted.contains(ty.name());
        for ty in self.by_name.values_mut() {
            match ty {
                TypeDefinition::Object(ty) => ty.fields.retain(|_, field| {
                    clear(&field.ty) && field.arguments.values().all(|argument| clear(&argument.ty))
                }),
                TypeDefinition::InputObject(ty) => ty.fields.retain(|_, field| clear(&field.ty)),
                TypeDefinition::Interface(ty) => ty
                    .possible_types
                    .retain(|name| !self.conflicted.contains(name)),
                TypeDefinition::Scalar(_) | TypeDefinition::Enum(_) => {}
            }
        }
    }

    /// Whether two different things have this name.
    fn is_conflicted(&self, name: &GraphqlName) -> bool {
        self.conflicted.contains(name)
    }

    fn contains(&self, name: &GraphqlName) -> bool {
        self.by_name.contains_key(name)
    }

    /// Every name that is mentioned and not made is a scalar: columns bring theirs along.
    fn add_scalars(&mut self) {
        let mentioned = self.by_name.values().flat_map(TypeDefinition::mentions);
        let mentioned = mentioned.cloned().chain(valid::of_directives());
        let mentioned: HashSet<_> = mentioned.collect();
        for name in mentioned {
            self.add(TypeDefinition::Scalar(ScalarType {
                name,
                description: None,
            }));
        }
    }

    /// The types that root types lead to, sorted by name.
    fn reachable_from(
        mut self,
        mut waiting: Vec<GraphqlName>,
    ) -> IndexMap<GraphqlName, TypeDefinition> {
        let mut found = IndexMap::new();
        while let Some(name) = waiting.pop() {
            if let Some(ty) = self.by_name.remove(&name) {
                waiting.extend(ty.mentions().into_iter().cloned());
                found.insert(name, ty);
            }
        }
        found.sort_unstable_keys();
        found
    }
}

/// A root type that tables have fields in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Query,
    Subscription,
}

/// Makes one source's types for one role.
struct SourceTypes<'a> {
    source: &'a SourceInfo,
    settings: Settings,
    role: &'a RoleName,
    variant: SchemaVariant,
    /// What `node` can find rows of.
    nodes: Vec<NodeTable>,
    /// Root fields of functions and native queries: queries and subscriptions have the same.
    computed_roots: IndexMap<GraphqlName, FieldDefinition>,
    grants: HashMap<&'a QualifiedTable, Arc<SelectGrant>>,
    types: &'a mut Types,
}

impl<'a> SourceTypes<'a> {
    fn new(
        cache: &SchemaCache,
        source: &'a SourceInfo,
        (role, variant): (&'a RoleName, SchemaVariant),
        types: &'a mut Types,
    ) -> Self {
        let mut grants = HashMap::new();
        for (name, info) in served(source) {
            let grant = if role.is_admin() {
                Some(Arc::new(SelectGrant::unrestricted(&info.table)))
            } else {
                info.select_permissions
                    .get(role)
                    .map(|permission| permission.grant.clone())
            };
            if let Some(grant) = grant {
                grants.insert(name, grant);
            }
        }
        Self {
            source,
            settings: cache.settings,
            role,
            variant,
            nodes: Vec::new(),
            computed_roots: IndexMap::new(),
            grants,
            types,
        }
    }

    fn build(&mut self) -> IndexMap<GraphqlName, FieldDefinition> {
        let mut roots = IndexMap::new();
        let source = self.source;
        for (name, info) in served(source) {
            self.enum_definition(info);
            let Some(grant) = self.grants.get(name).cloned() else {
                continue;
            };
            self.table_types(info, &grant);
            match self.variant.kind {
                SchemaKind::Standard => self.table_roots(info, &grant, Root::Query, &mut roots),
                SchemaKind::Relay => self.connection_root(info, &grant, &mut roots),
            }
            self.nodes.extend(self.node_table(info, &grant));
        }
        let mut computed = IndexMap::new();
        self.function_roots(ExposedAs::Query, &mut computed);
        if self.variant.kind == SchemaKind::Standard {
            self.native_roots(&mut computed);
        }
        roots.extend(computed.clone());
        self.computed_roots = computed;
        roots
    }

    /// The root fields of subscriptions; their types are those that [`Self::build`] made.
    fn subscriptions(&mut self) -> IndexMap<GraphqlName, FieldDefinition> {
        let mut roots = IndexMap::new();
        let source = self.source;
        for (name, info) in &source.tables {
            let Some(grant) = self.grants.get(name).cloned() else {
                continue;
            };
            match self.variant.kind {
                SchemaKind::Standard => {
                    self.table_roots(info, &grant, Root::Subscription, &mut roots);
                    self.stream_root(info, &grant, &mut roots);
                }
                SchemaKind::Relay => self.connection_root(info, &grant, &mut roots),
            }
        }
        roots.extend(std::mem::take(&mut self.computed_roots));
        roots
    }

    fn naming(&self) -> &'a Naming {
        &self.source.naming
    }

    fn type_name(&self, info: &TableInfo, suffix: &str) -> GraphqlName {
        self.naming().type_name(&info.identifier, suffix)
    }

    fn type_ref(&self, info: &TableInfo, suffix: &str) -> TypeRef {
        TypeRef::Named(self.type_name(info, suffix))
    }
}

/// The tables that schemas have.
fn served(source: &SourceInfo) -> impl Iterator<Item = (&QualifiedTable, &TableInfo)> {
    source.tables.iter().filter(|(_, info)| info.is_served())
}

/// An argument or input field without a default.
fn input(description: Option<&str>, ty: TypeRef, meaning: InputMeaning) -> InputValueDefinition {
    InputValueDefinition {
        description: description.map(Into::into),
        ty,
        default: None,
        meaning,
    }
}

/// A field without arguments.
fn plain_field(description: Option<&str>, ty: TypeRef, meaning: FieldMeaning) -> FieldDefinition {
    let description = description.map(Into::into);
    FieldDefinition {
        description,
        arguments: IndexMap::new(),
        ty,
        meaning,
    }
}
