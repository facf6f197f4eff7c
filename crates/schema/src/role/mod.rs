//! One role's GraphQL schema: types with meanings, made from the role's grants alone.
//!
//! Each table's types are made in `table.rs`, `condition.rs`, `order.rs` and `aggregate.rs`. A role's schema
//! makes them when a document first asks for one of them (`parts.rs`). Introspection reads them one after another
//! (`listed.rs`); all of them at once (`whole.rs`) are made where parts cannot be, since they may be many.

mod aggregate;
mod comparison;
mod condition;
mod extended;
mod function;
mod group;
mod introspection;
mod listed;
mod mutation;
mod native;
mod order;
mod parts;
mod places;
mod predicate;
mod relay;
mod stream;
mod table;
mod update;
mod valid;
mod whole;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use graphloom_graphql::TypeRef;
use graphloom_ir::SelectGrant;
use graphloom_vocab::{BackendOnly, GraphqlName, QualifiedTable, RoleName, SourceName};
use indexmap::IndexMap;

pub use self::listed::{Listed, ListedTypes, Listing, Reading};
use self::parts::Parts;
pub(crate) use self::places::Places;
pub use self::whole::{Whole, WholeSchema};
use crate::cache::{SourceInfo, Sources};
use crate::function::ExposedAs;
use crate::table::TableInfo;
use crate::types::{
    EnumType, FieldDefinition, FieldMeaning, InputMeaning, InputObjectType, InputValueDefinition,
    InterfaceType, NodeTable, ObjectType, ScalarType, TypeDefinition,
};
use crate::{Naming, NullOperands, Settings, UnboundVariables};

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
    /// The query root's name.
    pub query_type: GraphqlName,
    /// What a condition is whose operand is null.
    pub null_operands: NullOperands,
    /// What a variable is that has no value.
    pub unbound_variables: UnboundVariables,
    /// The mutation root's name, if the role may write anything.
    pub mutation_type: Option<GraphqlName>,
    /// The subscription root's name, if the role may subscribe to anything.
    pub subscription_type: Option<GraphqlName>,
    types: Kept,
}

/// What a role's schema keeps of its types.
#[derive(Debug)]
enum Kept {
    /// All of them.
    Whole(Arc<WholeSchema>),
    /// Those that were asked for.
    Parts(Arc<Parts>),
}

/// What a role's schema is made of.
#[derive(Clone, Debug)]
pub(crate) struct Ingredients {
    pub(crate) sources: Arc<Sources>,
    pub(crate) settings: Settings,
    pub(crate) role: RoleName,
    pub(crate) variant: SchemaVariant,
}

impl RoleSchema {
    pub(crate) fn new(of: Ingredients, places: &Arc<Places>) -> Self {
        let role = of.role.clone();
        let null_operands = of.settings.null_operands;
        let unbound_variables = of.settings.unbound_variables();
        let parts = match of.variant.kind {
            // `node` leads to every table.
            SchemaKind::Relay => None,
            SchemaKind::Standard => Parts::new(&of, places),
        };
        let (roots, types) = match parts {
            Some(parts) => (parts.roots(), Kept::Parts(Arc::new(parts))),
            None => {
                let whole = WholeSchema::build(&of);
                (whole.roots(), Kept::Whole(Arc::new(whole)))
            }
        };
        let [query_type, mutation_type, subscription_type] = roots;
        Self {
            role,
            query_type: query_type.expect("every schema has a query root"),
            null_operands,
            unbound_variables,
            mutation_type,
            subscription_type,
            types,
        }
    }

    /// All types at once, those that nobody has asked for yet among them.
    pub fn whole(&self) -> Whole<'_> {
        match &self.types {
            Kept::Whole(whole) => Whole::Kept(whole),
            Kept::Parts(parts) => Whole::Made(Box::new(WholeSchema::build(parts.ingredients()))),
        }
    }

    /// A type by name.
    pub fn get(&self, name: &GraphqlName) -> Option<&TypeDefinition> {
        match &self.types {
            Kept::Whole(whole) => whole.types.get(name),
            Kept::Parts(parts) => parts.get(name),
        }
    }

    /// A field of an object type of this schema. The fields of root types are not all in `fields`: there
    /// are some for every table.
    pub fn field<'s>(
        &'s self,
        parent: &'s ObjectType,
        name: &GraphqlName,
    ) -> Option<&'s FieldDefinition> {
        let field = parent.fields.get(name);
        field.or_else(|| match &self.types {
            Kept::Whole(_) => None,
            Kept::Parts(parts) => parts.root_field(parent, name),
        })
    }

    /// An object type by name. For the fields of root types see [`Self::field`].
    pub fn object(&self, name: &GraphqlName) -> Option<&ObjectType> {
        match self.get(name) {
            Some(TypeDefinition::Object(ty)) => Some(ty),
            _ => None,
        }
    }

    /// An interface type by name.
    pub fn interface(&self, name: &GraphqlName) -> Option<&InterfaceType> {
        match &self.types {
            // Interfaces are the Relay API's.
            Kept::Parts(_) => None,
            Kept::Whole(whole) => match whole.types.get(name) {
                Some(TypeDefinition::Interface(ty)) => Some(ty),
                _ => None,
            },
        }
    }

    /// An input object type by name.
    pub fn input_object(&self, name: &GraphqlName) -> Option<&InputObjectType> {
        match self.get(name) {
            Some(TypeDefinition::InputObject(ty)) => Some(ty),
            _ => None,
        }
    }

    /// An enum type by name.
    pub fn enumeration(&self, name: &GraphqlName) -> Option<&EnumType> {
        match self.get(name) {
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

/// Puts a source's fields into a root type, under its namespace if it has one. Fields of tables may be
/// left out (`parts.rs`).
fn put(
    fields: IndexMap<GraphqlName, FieldDefinition>,
    source: &SourceInfo,
    (suffix, root): (&str, &mut ObjectType),
    types: &mut Types,
) {
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
    let name = namespaced_type(source, namespace, suffix);
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

/// The type that a source's namespace has in a root type.
fn namespaced_type(source: &SourceInfo, namespace: &str, suffix: &str) -> GraphqlName {
    let identifier = crate::naming::Identifier::Generated(namespace.to_owned());
    source.naming.type_name(&identifier, suffix)
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

/// What a role may read of each table of a source.
type Grants = HashMap<QualifiedTable, Arc<SelectGrant>>;

/// What a role may read of each of a source's tables.
fn grants_of(source: &SourceInfo, role: &RoleName) -> Grants {
    let grants = served(source).filter_map(|(name, info)| {
        let grant = match role.is_admin() {
            true => Arc::new(SelectGrant::unrestricted(&info.table)),
            false => info.select_permissions.get(role)?.grant.clone(),
        };
        Some((name.clone(), grant))
    });
    grants.collect()
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
    grants: Arc<Grants>,
    types: &'a mut Types,
}

impl<'a> SourceTypes<'a> {
    fn new(
        of: &'a Ingredients,
        source: &'a SourceInfo,
        grants: Arc<Grants>,
        types: &'a mut Types,
    ) -> Self {
        Self {
            source,
            settings: of.settings,
            role: &of.role,
            variant: of.variant,
            nodes: Vec::new(),
            computed_roots: IndexMap::new(),
            grants,
            types,
        }
    }

    fn build(&mut self) -> IndexMap<GraphqlName, FieldDefinition> {
        let mut roots = IndexMap::new();
        for (_, info) in served(self.source) {
            self.enum_definition(info);
            self.table_queries(info, &mut roots);
        }
        roots.extend(self.computed_queries());
        roots
    }

    /// A table's types and the root fields that read it.
    fn table_queries(
        &mut self,
        info: &TableInfo,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let Some(grant) = self.grants.get(&info.table.name).cloned() else {
            return;
        };
        self.table_types(info, &grant);
        match self.variant.kind {
            SchemaKind::Standard => self.table_roots(info, &grant, Root::Query, roots),
            SchemaKind::Relay => self.connection_root(info, &grant, roots),
        }
        let node = self.node_table(info, &grant);
        self.nodes.extend(node);
    }

    /// The root fields of queries that are no table's.
    fn computed_queries(&mut self) -> IndexMap<GraphqlName, FieldDefinition> {
        let mut computed = IndexMap::new();
        self.function_roots(ExposedAs::Query, &mut computed);
        if self.variant.kind == SchemaKind::Standard {
            self.native_roots(&mut computed);
        }
        self.computed_roots = computed.clone();
        computed
    }

    /// The root fields of subscriptions; their types are those that [`Self::build`] made.
    fn subscriptions(&mut self) -> IndexMap<GraphqlName, FieldDefinition> {
        let mut roots = IndexMap::new();
        for info in self.source.tables.values() {
            self.table_subscriptions(info, &mut roots);
        }
        roots.extend(std::mem::take(&mut self.computed_roots));
        roots
    }

    fn table_subscriptions(
        &mut self,
        info: &TableInfo,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let Some(grant) = self.grants.get(&info.table.name).cloned() else {
            return;
        };
        match self.variant.kind {
            SchemaKind::Standard => {
                self.table_roots(info, &grant, Root::Subscription, roots);
                self.stream_root(info, &grant, roots);
            }
            SchemaKind::Relay => self.connection_root(info, &grant, roots),
        }
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
    let tables = source.tables.iter().map(|(name, info)| (name, &**info));
    tables.filter(|(_, info)| info.is_served())
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
