//! A table's object type, its root fields and the arguments of its lists.

use std::sync::Arc;

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_graphql::TypeRef;
use graphloom_ir::{Aggregations, GrantedColumn, Output, SelectGrant};
use graphloom_vocab::{ColumnName, GraphqlName, QualifiedTable};
use indexmap::IndexMap;

use super::{Root, SourceTypes, input, plain_field};
use crate::relationship::{RelationshipInfo, RelationshipKind};
use crate::table::{ColumnInfo, TableInfo, described};
use crate::types::{
    EnumMeaning, EnumType, EnumValue, FieldDefinition, FieldMeaning, InputMeaning,
    InputValueDefinition, ObjectType, RelationshipMeaning, RootKind, TypeDefinition,
};
use crate::{NamingConvention, enumeration, scalar};

/// A column that the role may see, with its field.
pub(super) type Visible<'a> = (&'a ColumnInfo, &'a GrantedColumn);

/// The columns with a field that a grant shows, in table order.
pub(super) fn visible_columns<'a>(info: &'a TableInfo, grant: &'a SelectGrant) -> Vec<Visible<'a>> {
    let columns = info.columns.iter();
    columns
        .filter_map(|column| Some((column, grant.column(&column.column)?)))
        .collect()
}

/// Whether a grant shows any column with a field.
pub(super) fn sees_columns(info: &TableInfo, grant: &SelectGrant) -> bool {
    let mut columns = info.columns.iter();
    columns.any(|column| grant.column(&column.column).is_some())
}

/// `path`, which json and jsonb fields take.
pub(super) fn json_path_argument(ty: &PgType) -> Option<InputValueDefinition> {
    let is_json = matches!(ty.scalar_kind(), ScalarKind::Json | ScalarKind::Jsonb);
    let path = || {
        input(
            Some("JSON select path"),
            TypeRef::named("String"),
            InputMeaning::JsonPath,
        )
    };
    is_json.then(path)
}

impl SourceTypes<'_> {
    /// A column's type without nullability: an enum, a scalar, or a list of scalars.
    pub(super) fn column_type(&self, info: &TableInfo, column: &GrantedColumn) -> Option<TypeRef> {
        self.value_type(info, column.name(), column.ty())
    }

    /// The type of a column's values without nullability.
    pub(super) fn value_type(
        &self,
        info: &TableInfo,
        column: &ColumnName,
        ty: &PgType,
    ) -> Option<TypeRef> {
        if let Some(name) = self.enum_type(info, column) {
            return Some(TypeRef::Named(name));
        }
        let scalar = |ty| scalar::scalar_name(ty).map(TypeRef::Named);
        match ty.element() {
            None => scalar(ty),
            Some(element) => Some(scalar(element)?.non_null().list()),
        }
    }

    /// The enum type of a column that refers to an enum table.
    pub(super) fn enum_type(&self, info: &TableInfo, column: &ColumnName) -> Option<GraphqlName> {
        let tables = &self.source.tables;
        let is_enum = |name: &QualifiedTable| {
            tables
                .get(name)
                .is_some_and(|info| info.enum_rows.is_some() && info.is_served())
        };
        let table = enumeration::reference(&info.table, column, is_enum)?;
        Some(self.type_name(tables.get(table)?, "enum"))
    }

    /// `T_enum`, made for every enum table: other tables' columns lead to it.
    pub(super) fn enum_definition(&mut self, info: &TableInfo) {
        let Some(rows) = &info.enum_rows else { return };
        let values = rows.iter().map(|row| {
            let value = EnumValue {
                description: row.comment.as_deref().map(Into::into),
                meaning: EnumMeaning::Value(row.value.as_str().into()),
            };
            (self.naming().enum_value(&row.value), value)
        });
        let values = values.collect();
        let name = self.type_name(info, "enum");
        self.types.add(TypeDefinition::Enum(EnumType {
            name,
            description: None,
            values,
        }));
    }

    /// Everything named after one table.
    pub(super) fn table_types(&mut self, info: &TableInfo, grant: &Arc<SelectGrant>) {
        let object = self.object_type(info, grant);
        self.types.add_own(TypeDefinition::Object(object));
        self.select_column(info, grant);
        self.bool_exp(info, grant);
        self.order_by(info, grant);
        self.connection_types(info, grant);
        if grant.aggregations() == Aggregations::Allowed {
            self.aggregate_types(info, grant);
        }
    }

    fn object_type(&mut self, info: &TableInfo, grant: &SelectGrant) -> ObjectType {
        let mut fields = IndexMap::new();
        for (column, granted) in visible_columns(info, grant) {
            if self.is_hidden_by_node_id(grant, &column.field) {
                continue;
            }
            if let Some(field) = self.column_field(info, column, granted) {
                fields.insert(column.field.clone(), field);
            }
        }
        for relationship in info.relationships.values() {
            self.relationship_fields(relationship, &mut fields);
        }
        self.native_relationship_fields(info.native_relationships.values(), &mut fields);
        for computed in self.visible_computed(info) {
            if let Some(field) = self.computed_field(info, computed) {
                fields.insert(computed.field.clone(), field);
            }
        }
        self.node_id_field(grant, &mut fields);
        let generated = match &info.table.comment {
            Some(comment) => comment.clone(),
            None => format!(
                "columns and relationships of \"{}\"",
                info.table.name.display_name()
            ),
        };
        let description = described(&info.configuration.comment, Some(&generated));
        ObjectType {
            name: self.type_name(info, ""),
            description: description.map(Into::into),
            fields,
        }
    }

    pub(super) fn column_field(
        &self,
        info: &TableInfo,
        column: &ColumnInfo,
        granted: &GrantedColumn,
    ) -> Option<FieldDefinition> {
        let ty = self.column_type(info, granted)?;
        let ty = if granted.nullable() {
            ty
        } else {
            ty.non_null()
        };
        let output = match self.enum_type(info, granted.name()) {
            Some(_) if self.naming().convention == NamingConvention::GraphqlDefault => {
                Output::Upper
            }
            _ => scalar::output(granted.ty(), self.settings.numerics),
        };
        let meaning = FieldMeaning::Column(granted.clone(), output);
        let mut field = plain_field(column.description.as_deref(), ty, meaning);
        if let Some(path) = json_path_argument(granted.ty()) {
            field.arguments.insert(GraphqlName::new("path"), path);
        }
        Some(field)
    }

    /// The relationship as the role may follow it, if it may.
    pub(super) fn meaning(
        &self,
        relationship: &RelationshipInfo,
    ) -> Option<Arc<RelationshipMeaning>> {
        let grant = self.grants.get(&relationship.target)?.clone();
        Some(Arc::new(RelationshipMeaning {
            grant,
            mapping: relationship.mapping.clone(),
            facts: relationship.facts,
        }))
    }

    fn relationship_fields(
        &self,
        relationship: &RelationshipInfo,
        fields: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let Some(meaning) = self.meaning(relationship) else {
            return;
        };
        let (Some(target), Some(name)) = (
            self.source.tables.get(&relationship.target),
            relationship.field.clone(),
        ) else {
            return;
        };
        let ty = self.type_ref(target, "");
        match relationship.kind {
            RelationshipKind::Object => {
                let ty = if relationship.nullable {
                    ty
                } else {
                    ty.non_null()
                };
                let meaning = FieldMeaning::Object(meaning);
                let field = plain_field(Some("An object relationship"), ty, meaning);
                fields.insert(name, field);
            }
            RelationshipKind::Array => {
                let aggregations = meaning.grant.aggregations();
                let list = FieldDefinition {
                    description: Some("An array relationship".into()),
                    arguments: self.list_arguments(target, &meaning.grant),
                    ty: ty.non_null().list().non_null(),
                    meaning: FieldMeaning::Array(meaning.clone()),
                };
                fields.insert(name.clone(), list);
                self.connection_field(relationship, target, &meaning, fields);
                if aggregations == Aggregations::Allowed {
                    let aggregate = FieldDefinition {
                        description: Some("An aggregate relationship".into()),
                        arguments: self.list_arguments(target, &meaning.grant),
                        ty: self.type_ref(target, "aggregate").non_null(),
                        meaning: FieldMeaning::ArrayAggregate(meaning),
                    };
                    let name = self.naming().suffixed_field(name.as_str(), "aggregate");
                    fields.insert(name, aggregate);
                }
            }
        }
    }

    /// `distinct_on`, `limit`, `offset`, `order_by`, `where`.
    pub(super) fn list_arguments(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
    ) -> IndexMap<GraphqlName, InputValueDefinition> {
        let naming = self.naming();
        let mut arguments = IndexMap::new();
        if !visible_columns(info, grant).is_empty() {
            let columns = self.type_ref(info, "select_column").non_null().list();
            let distinct = input(
                Some("distinct select on columns"),
                columns,
                InputMeaning::DistinctOn,
            );
            arguments.insert(naming.field("distinct_on"), distinct);
        }
        let int = TypeRef::named("Int");
        let limit = input(
            Some("limit the number of rows returned"),
            int.clone(),
            InputMeaning::Limit,
        );
        arguments.insert(GraphqlName::new("limit"), limit);
        let offset = "skip the first n rows. Use only with order_by";
        arguments.insert(
            GraphqlName::new("offset"),
            input(Some(offset), int, InputMeaning::Offset),
        );
        let order = self.type_ref(info, "order_by").non_null().list();
        let order = input(
            Some("sort the rows by one or more columns"),
            order,
            InputMeaning::OrderBy,
        );
        arguments.insert(naming.field("order_by"), order);
        let filter = self.type_ref(info, "bool_exp");
        let filter = input(
            Some("filter the rows returned"),
            filter,
            InputMeaning::Where,
        );
        arguments.insert(GraphqlName::new("where"), filter);
        arguments
    }

    fn select_column(&mut self, info: &TableInfo, grant: &SelectGrant) {
        let columns = visible_columns(info, grant);
        if columns.is_empty() {
            return;
        }
        let values = columns
            .into_iter()
            .map(|(column, granted)| {
                let value = EnumValue {
                    description: Some("column name".into()),
                    meaning: EnumMeaning::Column(granted.clone()),
                };
                (column.field.clone(), value)
            })
            .collect();
        let table = info.table.name.display_name();
        self.types.add_own(TypeDefinition::Enum(EnumType {
            name: self.type_name(info, "select_column"),
            description: Some(format!("select columns of table \"{table}\"").into()),
            values,
        }));
    }

    /// The root fields that the role's permission shows.
    pub(super) fn table_roots(
        &mut self,
        info: &TableInfo,
        grant: &Arc<SelectGrant>,
        root: Root,
        roots: &mut IndexMap<GraphqlName, FieldDefinition>,
    ) {
        let shows = |field: &str| self.shows(info, root, field);
        let table = info.table.name.display_name();
        if shows("select") {
            let (name, description) = self.root_name(
                info,
                "select",
                "",
                format!("fetch data from the table: \"{table}\""),
            );
            let field = FieldDefinition {
                description,
                arguments: self.list_arguments(info, grant),
                ty: self.type_ref(info, "").non_null().list().non_null(),
                meaning: self.root(RootKind::List, grant),
            };
            roots.insert(name, field);
        }
        if shows("select_by_pk")
            && let Some(arguments) = self.key_arguments(info, grant)
        {
            let (name, description) = self.root_name(
                info,
                "select_by_pk",
                "by_pk",
                format!("fetch data from the table: \"{table}\" using primary key columns"),
            );
            let field = FieldDefinition {
                description,
                arguments,
                ty: self.type_ref(info, ""),
                meaning: self.root(RootKind::ByPk, grant),
            };
            roots.insert(name, field);
        }
        if shows("select_aggregate") && grant.aggregations() == Aggregations::Allowed {
            let (name, description) = self.root_name(
                info,
                "select_aggregate",
                "aggregate",
                format!("fetch aggregated fields from the table: \"{table}\""),
            );
            let field = FieldDefinition {
                description,
                arguments: self.list_arguments(info, grant),
                ty: self.type_ref(info, "aggregate").non_null(),
                meaning: self.root(RootKind::Aggregate, grant),
            };
            roots.insert(name, field);
        }
    }

    pub(super) fn shows(&self, info: &TableInfo, root: Root, field: &str) -> bool {
        let permission = info.select_permissions.get(self.role);
        let shown = permission.and_then(|permission| match root {
            Root::Query => permission.query_root_fields.as_ref(),
            Root::Subscription => permission.subscription_root_fields.as_ref(),
        });
        shown.is_none_or(|shown| shown.iter().any(|name| name == field))
    }

    pub(super) fn root(&self, kind: RootKind, grant: &Arc<SelectGrant>) -> FieldMeaning {
        FieldMeaning::Root {
            source: self.source.name.clone(),
            kind,
            grant: grant.clone(),
        }
    }

    /// A root field's name and description, by configuration or generated.
    pub(super) fn root_name(
        &self,
        info: &TableInfo,
        key: &str,
        suffix: &str,
        generated: String,
    ) -> (GraphqlName, Option<Arc<str>>) {
        let custom = info.configuration.custom_root_fields.get(key);
        let description = match custom {
            Some(custom) => described(&custom.comment, Some(&generated)),
            None => Some(generated),
        };
        let name = info.root_field(self.naming(), key, suffix);
        (name, description.map(Into::into))
    }

    /// One non-null argument per key column, if there is a key and the role sees all of it.
    pub(super) fn key_arguments(
        &self,
        info: &TableInfo,
        grant: &SelectGrant,
    ) -> Option<IndexMap<GraphqlName, InputValueDefinition>> {
        let key = info.table.primary_key.as_ref()?;
        let visible = visible_columns(info, grant);
        key.columns
            .iter()
            .map(|name| {
                let (column, granted) =
                    visible.iter().find(|(column, _)| &column.column == name)?;
                let ty = self.column_type(info, granted)?.non_null();
                let meaning = InputMeaning::KeyColumn((*granted).clone());
                Some((
                    column.field.clone(),
                    input(column.description.as_deref(), ty, meaning),
                ))
            })
            .collect()
    }
}
