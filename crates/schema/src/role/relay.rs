//! The Relay API's types: connections, edges, global ids and the `Node` interface.
//!
//! Tables without a primary key have none of it: neither can a row of theirs be named, nor a page be
//! started in the middle. Nor have those of databases that v2 does not serve so.

use std::sync::Arc;

use graphloom_graphql::TypeRef;
use graphloom_ir::{NodeIdSelect, PageFact, SelectGrant};
use graphloom_metadata::types::SourceFeature;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::{SchemaKind, SourceTypes, Types, input, plain_field};
use crate::relationship::RelationshipInfo;
use crate::table::TableInfo;
use crate::types::{
    FieldDefinition, FieldMeaning, InputMeaning, InputValueDefinition, InterfaceType, NodeTable,
    ObjectType, RelationshipMeaning, RootKind, TypeDefinition,
};

const ID: &str = "id";
const NODE: &str = "Node";
const PAGE_INFO: &str = "PageInfo";

type Fields = IndexMap<GraphqlName, FieldDefinition>;

/// Adds `node` to the query root, the interface it returns, and `PageInfo`.
pub(super) fn add(types: &mut Types, root: &mut ObjectType, mut nodes: Vec<NodeTable>) {
    // Which table's columns a type of two tables has is not clear.
    nodes.retain(|node| !types.is_conflicted(&node.type_name));
    let id = plain_field(
        Some("A globally unique identifier"),
        TypeRef::named("ID").non_null(),
        FieldMeaning::InterfaceField,
    );
    types.add_own(TypeDefinition::Interface(InterfaceType {
        name: GraphqlName::new(NODE),
        description: Some("An object with globally unique ID".into()),
        fields: IndexMap::from([(GraphqlName::new(ID), id)]),
        possible_types: nodes.iter().map(|node| node.type_name.clone()).collect(),
    }));
    let mut node = plain_field(
        None,
        TypeRef::named(NODE),
        FieldMeaning::NodeById(nodes.into()),
    );
    let id = input(
        Some("A globally unique id"),
        TypeRef::named("ID").non_null(),
        InputMeaning::NodeId,
    );
    node.arguments.insert(GraphqlName::new(ID), id);
    root.fields.insert(GraphqlName::new("node"), node);
    types.add_own(TypeDefinition::Object(page_info()));
}

fn page_info() -> ObjectType {
    let facts = [
        ("startCursor", "String", PageFact::StartCursor),
        ("endCursor", "String", PageFact::EndCursor),
        ("hasNextPage", "Boolean", PageFact::HasNextPage),
        ("hasPreviousPage", "Boolean", PageFact::HasPreviousPage),
    ];
    let fields = facts.map(|(name, ty, fact)| {
        let ty = TypeRef::named(ty).non_null();
        let field = plain_field(None, ty, FieldMeaning::PageFact(fact));
        (GraphqlName::new(name), field)
    });
    ObjectType {
        name: GraphqlName::new(PAGE_INFO),
        description: None,
        fields: fields.into(),
    }
}

impl SourceTypes<'_> {
    /// Whether rows of the table have global ids here.
    pub(super) fn has_nodes(&self, grant: &SelectGrant) -> bool {
        self.variant.kind == SchemaKind::Relay
            && self.source.dialect.has(SourceFeature::Relay)
            && !grant.key().is_empty()
    }

    /// A table that `node` can find rows of.
    pub(super) fn node_table(
        &self,
        info: &TableInfo,
        grant: &Arc<SelectGrant>,
    ) -> Option<NodeTable> {
        self.has_nodes(grant).then(|| NodeTable {
            source: self.source.name.clone(),
            type_name: self.type_name(info, ""),
            grant: grant.clone(),
        })
    }

    /// `id` of a row, in place of a column of that name.
    pub(super) fn node_id_field(&self, grant: &SelectGrant, fields: &mut Fields) {
        if !self.has_nodes(grant) {
            return;
        }
        let meaning = FieldMeaning::NodeId(NodeIdSelect {
            table: grant.table().clone(),
            key: grant.key().to_vec(),
        });
        let field = plain_field(None, TypeRef::named("ID").non_null(), meaning);
        fields.insert(GraphqlName::new(ID), field);
    }

    /// `TConnection` and `TEdge`.
    pub(super) fn connection_types(&mut self, info: &TableInfo, grant: &SelectGrant) {
        if !self.has_nodes(grant) {
            return;
        }
        let edge = self.relay_type(info, "Edge");
        let row = self.type_ref(info, "").non_null();
        let cursor = TypeRef::named("String").non_null();
        let fields = [
            (
                "cursor",
                plain_field(None, cursor, FieldMeaning::EdgeCursor),
            ),
            ("node", plain_field(None, row, FieldMeaning::EdgeNode)),
        ];
        self.types
            .add_own(TypeDefinition::Object(object(edge.clone(), None, fields)));
        let edges = TypeRef::Named(edge).non_null().list().non_null();
        let page_info = TypeRef::named(PAGE_INFO).non_null();
        let fields = [
            (
                "pageInfo",
                plain_field(None, page_info, FieldMeaning::PageInfo),
            ),
            ("edges", plain_field(None, edges, FieldMeaning::Edges)),
        ];
        let table = info.table.name.display_name();
        let description = format!("A Relay connection object on \"{table}\"");
        let name = self.relay_type(info, "Connection");
        self.types.add_own(TypeDefinition::Object(object(
            name,
            Some(description.into()),
            fields,
        )));
    }

    fn relay_type(&self, info: &TableInfo, suffix: &str) -> GraphqlName {
        self.naming().relay_type(&info.identifier, suffix)
    }

    pub(super) fn connection_ref(&self, info: &TableInfo) -> TypeRef {
        TypeRef::Named(self.relay_type(info, "Connection")).non_null()
    }

    /// The table's root field.
    pub(super) fn connection_root(
        &self,
        info: &TableInfo,
        grant: &Arc<SelectGrant>,
        roots: &mut Fields,
    ) {
        if !self.has_nodes(grant) {
            return;
        }
        let table = info.table.name.display_name();
        let field = FieldDefinition {
            description: Some(format!("fetch data from the table: \"{table}\"").into()),
            arguments: self.connection_arguments(info, grant),
            ty: self.connection_ref(info),
            meaning: self.root(RootKind::Connection, grant),
        };
        let name = self.naming().root_field(&info.identifier, "connection");
        roots.insert(name, field);
    }

    /// An array relationship as a connection.
    pub(super) fn connection_field(
        &self,
        relationship: &RelationshipInfo,
        target: &TableInfo,
        meaning: &Arc<RelationshipMeaning>,
        fields: &mut Fields,
    ) {
        if !self.has_nodes(&meaning.grant) {
            return;
        }
        // v2 forms this name in the same way under every convention.
        let name = format!("{}_connection", relationship.name);
        let Some(name) = GraphqlName::parse(&name) else {
            return;
        };
        let field = FieldDefinition {
            description: Some("An array relationship connection".into()),
            arguments: self.connection_arguments(target, &meaning.grant),
            ty: self.connection_ref(target),
            meaning: FieldMeaning::ArrayConnection(meaning.clone()),
        };
        fields.entry(name).or_insert(field);
    }

    /// The same as a list's, with `first`, `last`, `after` and `before` in place of `limit` and `offset`.
    pub(super) fn connection_arguments(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
    ) -> IndexMap<GraphqlName, InputValueDefinition> {
        let mut arguments = self.list_arguments(info, grant);
        arguments.retain(|_, argument| {
            !matches!(argument.meaning, InputMeaning::Limit | InputMeaning::Offset)
        });
        for (name, ty, meaning) in [
            ("first", "Int", InputMeaning::First),
            ("last", "Int", InputMeaning::Last),
            ("after", "String", InputMeaning::After),
            ("before", "String", InputMeaning::Before),
        ] {
            let argument = input(None, TypeRef::named(ty), meaning);
            arguments.insert(GraphqlName::new(name), argument);
        }
        arguments
    }

    /// Whether the column has a field: a global id takes its place if the column's field is `id`.
    pub(super) fn is_hidden_by_node_id(&self, grant: &SelectGrant, field: &GraphqlName) -> bool {
        self.has_nodes(grant) && field.as_str() == ID
    }
}

fn object(
    name: GraphqlName,
    description: Option<Arc<str>>,
    fields: [(&'static str, FieldDefinition); 2],
) -> ObjectType {
    let fields = fields.map(|(name, field)| (GraphqlName::new(name), field));
    ObjectType {
        name,
        description,
        fields: fields.into(),
    }
}
