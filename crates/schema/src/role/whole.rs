//! All types of a role at once: for introspection, and for schemas that cannot be made in parts.
//!
//! Must not know how parts are kept. Read next: `parts.rs`.

use std::ops::Deref;
use std::sync::Arc;

use graphloom_vocab::{BackendOnly, GraphqlName};
use indexmap::IndexMap;

use super::{
    Ingredients, SchemaKind, SourceTypes, Types, grants_of, introspection, put, relay, root_type,
    valid,
};
use crate::types::{InterfaceType, ObjectType, TypeDefinition};

/// What a role without any query field is shown instead.
const NO_QUERIES: &str = "There are no queries available to the current role. Either there are no \
     sources or remote schemas configured, or the current role doesn't have the required permissions.";

/// All of a role's types.
#[derive(Debug)]
pub struct WholeSchema {
    /// Every type that a root field leads to, by name.
    pub types: IndexMap<GraphqlName, TypeDefinition>,
    /// The query root's name.
    pub query_type: GraphqlName,
    /// The mutation root's name, if the role may write anything.
    pub mutation_type: Option<GraphqlName>,
    /// The subscription root's name, if the role may subscribe to anything.
    pub subscription_type: Option<GraphqlName>,
}

/// All of a role's types, kept or made for whoever asked.
#[derive(Debug)]
pub enum Whole<'a> {
    /// The role's schema has them.
    Kept(&'a WholeSchema),
    /// They go with this value.
    Made(Box<WholeSchema>),
}

impl Deref for Whole<'_> {
    type Target = WholeSchema;

    fn deref(&self) -> &WholeSchema {
        match self {
            Self::Kept(whole) => whole,
            Self::Made(whole) => whole,
        }
    }
}

/// The three root types, empty.
pub(super) struct RootTypes {
    pub(super) query: ObjectType,
    pub(super) mutation: ObjectType,
    pub(super) subscription: ObjectType,
}

impl RootTypes {
    pub(super) fn new() -> Self {
        Self {
            query: root_type("query_root", None),
            mutation: root_type("mutation_root", Some("mutation root")),
            subscription: root_type("subscription_root", None),
        }
    }

    /// What the query root has besides fields of sources; `sources` tells whether there are any of those.
    pub(super) fn complete_query(&mut self, types: &mut Types, has_queries: bool) {
        if !has_queries {
            let name = GraphqlName::new("no_queries_available");
            let field = valid::placeholder(NO_QUERIES);
            self.query.fields.insert(name, field);
        }
        introspection::add(types, &mut self.query);
    }
}

/// The end of the name of the type that a namespace has in the mutation root.
pub(super) fn mutation_suffix(backend: BackendOnly) -> &'static str {
    match backend {
        BackendOnly::Hidden => "mutation_frontend",
        BackendOnly::Allowed => "mutation_backend",
    }
}

impl WholeSchema {
    pub(super) fn build(of: &Ingredients) -> Self {
        let mut types = Types::default();
        let mut root = RootTypes::new();
        let mut nodes = Vec::new();
        for source in of.sources.values() {
            let grants = Arc::new(grants_of(source, &of.role));
            let mut builder = SourceTypes::new(of, source, grants, &mut types);
            let fields = builder.build();
            let mutations = builder.mutations();
            let subscriptions = builder.subscriptions();
            nodes.append(&mut builder.nodes);
            let suffix = mutation_suffix(of.variant.backend);
            let roots = [
                (fields, "query", &mut root.query),
                (mutations, suffix, &mut root.mutation),
                (subscriptions, "subscription", &mut root.subscription),
            ];
            for (fields, suffix, object) in roots {
                if !fields.is_empty() {
                    put(fields, source, (suffix, object), &mut types);
                }
            }
        }
        if of.variant.kind == SchemaKind::Relay {
            relay::add(&mut types, &mut root.query, nodes);
        }
        let has_queries = !root.query.fields.is_empty();
        root.complete_query(&mut types, has_queries);
        let query_type = root.query.name.clone();
        types.add(TypeDefinition::Object(root.query));
        let [mutation_type, subscription_type] = [root.mutation, root.subscription].map(|root| {
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
        Self {
            types: types.reachable_from(roots.collect()),
            query_type,
            mutation_type,
            subscription_type,
        }
    }

    /// The names of the roots: query, mutation, subscription.
    pub(super) fn roots(&self) -> [Option<GraphqlName>; 3] {
        [
            Some(self.query_type.clone()),
            self.mutation_type.clone(),
            self.subscription_type.clone(),
        ]
    }

    /// An object type by name, with all its fields.
    pub fn object(&self, name: &GraphqlName) -> Option<&ObjectType> {
        match self.types.get(name) {
            Some(TypeDefinition::Object(ty)) => Some(ty),
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
}
