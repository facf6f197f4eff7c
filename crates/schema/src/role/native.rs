//! Fields that run native queries: root fields and relationships, with the types of their rows.
//!
//! Types are called as the logical model or the query is, without the source's affixes, as v2 has them.
//! Conditions and sort keys know a model's values only.

use graphloom_graphql::TypeRef;
use graphloom_ir::{JoinFacts, SelectGrant};
use graphloom_metadata::types::NativeTarget;
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;
use std::sync::Arc;

use super::table::visible_columns;
use super::{SourceTypes, input, plain_field};
use crate::native::{LogicalModelInfo, NativeQueryInfo, NativeRelationshipInfo, arguments_type};
use crate::relationship::RelationshipKind;
use crate::scalar;
use crate::types::{
    EnumMeaning, EnumType, EnumValue, FieldDefinition, FieldMeaning, InputMeaning, InputObjectType,
    InputValueDefinition, NativeRowsMeaning, ObjectType, RelationshipMeaning, TypeDefinition,
};

type Arguments = IndexMap<GraphqlName, InputValueDefinition>;
type Fields = IndexMap<GraphqlName, FieldDefinition>;

impl SourceTypes<'_> {
    /// The root fields of native queries whose rows the role may read.
    pub(super) fn native_roots(&mut self, roots: &mut Fields) {
        let source = self.source;
        for query in source.native_queries.values() {
            let Some(grant) = self.native_grant(query) else {
                continue;
            };
            let mut arguments =
                self.native_arguments(&query.name, arguments_type(query.name.as_str()), query);
            arguments.extend(self.native_list_arguments(&query.model, &grant));
            let field = FieldDefinition {
                description: query.description.as_deref().map(Into::into),
                arguments,
                ty: native_type(query).non_null().list().non_null(),
                meaning: FieldMeaning::NativeRoot {
                    source: source.name.clone(),
                    grant,
                    statement: query.statement.clone(),
                },
            };
            roots.insert(query.name.clone(), field);
        }
        for query in source.native_queries.values() {
            if let Some(grant) = self.native_grant(query) {
                self.native_types(query, &grant);
            }
        }
    }

    /// What the role may read of a query's rows, if there is anything.
    fn native_grant(&self, query: &NativeQueryInfo) -> Option<Arc<SelectGrant>> {
        let grant = query.model.grant(self.role)?;
        let is_empty = visible_columns(&query.model.rows, &grant).is_empty();
        (!is_empty).then_some(grant)
    }

    fn native_types(&mut self, query: &NativeQueryInfo, grant: &SelectGrant) {
        let model = &*query.model;
        let mut fields = Fields::new();
        for (column, granted) in visible_columns(&model.rows, grant) {
            if let Some(field) = self.column_field(&model.rows, column, granted) {
                fields.insert(column.field.clone(), field);
            }
        }
        self.native_relationship_fields(query.relationships.values(), &mut fields);
        self.types.add(TypeDefinition::Object(ObjectType {
            name: query.type_name().clone(),
            description: model.description.as_deref().map(Into::into),
            fields,
        }));
        self.model_bool_exp(model, grant);
        self.model_order_by(model, grant);
        self.model_columns(model, grant);
    }

    fn model_bool_exp(&mut self, model: &LogicalModelInfo, grant: &SelectGrant) {
        let own = self.type_ref(&model.rows, "bool_exp");
        let list = own.clone().non_null().list();
        let mut fields = IndexMap::from([
            (
                GraphqlName::new("_and"),
                input(None, list.clone(), InputMeaning::And),
            ),
            (
                GraphqlName::new("_not"),
                input(None, own, InputMeaning::Not),
            ),
            (GraphqlName::new("_or"), input(None, list, InputMeaning::Or)),
        ]);
        for (column, granted) in visible_columns(&model.rows, grant) {
            if let Some(ty) = self.comparison_type(granted.ty()) {
                let meaning = InputMeaning::ConditionColumn(granted.clone());
                fields.insert(column.field.clone(), input(None, ty, meaning));
            }
        }
        let description = format!(
            "Boolean expression to filter rows from the logical model for \"{}\". All fields are \
             combined with a logical 'AND'.",
            model.name
        );
        self.types.add(TypeDefinition::InputObject(InputObjectType {
            name: self.type_name(&model.rows, "bool_exp"),
            description: Some(description.into()),
            fields,
        }));
    }

    fn model_order_by(&mut self, model: &LogicalModelInfo, grant: &SelectGrant) {
        let direction = self.order_by_enum();
        let columns = visible_columns(&model.rows, grant).into_iter();
        let fields = columns.map(|(column, granted)| {
            let meaning = InputMeaning::OrderColumn(granted.clone());
            (
                column.field.clone(),
                input(None, direction.clone(), meaning),
            )
        });
        let fields = fields.collect();
        let description = format!(
            "Ordering options when selecting data from \"{}\".",
            model.name
        );
        self.types.add(TypeDefinition::InputObject(InputObjectType {
            name: self.type_name(&model.rows, "order_by"),
            description: Some(description.into()),
            fields,
        }));
    }

    /// `M_enum_name`: the columns of `distinct_on`.
    fn model_columns(&mut self, model: &LogicalModelInfo, grant: &SelectGrant) {
        let columns = visible_columns(&model.rows, grant).into_iter();
        let values = columns.map(|(column, granted)| {
            let value = EnumValue {
                description: Some("column name".into()),
                meaning: EnumMeaning::Column(granted.clone()),
            };
            (column.field.clone(), value)
        });
        let values = values.collect();
        self.types.add(TypeDefinition::Enum(EnumType {
            name: model.columns_type(),
            description: None,
            values,
        }));
    }

    fn native_list_arguments(&self, model: &LogicalModelInfo, grant: &SelectGrant) -> Arguments {
        let mut arguments = self.list_arguments(&model.rows, grant);
        if let Some(distinct) = arguments.get_mut(&self.naming().field("distinct_on")) {
            distinct.ty = TypeRef::Named(model.columns_type()).non_null().list();
        }
        arguments
    }

    /// `args: f_arguments!` of a field, if the query takes any.
    fn native_arguments(
        &mut self,
        field: &GraphqlName,
        type_name: GraphqlName,
        query: &NativeQueryInfo,
    ) -> Arguments {
        let arguments = &query.statement.arguments;
        if arguments.is_empty() {
            return Arguments::new();
        }
        let fields = arguments.iter().enumerate();
        let fields = fields.filter_map(|(position, argument)| {
            let element = argument.ty.element();
            let scalar = scalar::scalar_name(element.unwrap_or(&argument.ty))?;
            let ty = TypeRef::Named(scalar);
            let ty = match element {
                Some(_) => ty.non_null().list(),
                None => ty,
            };
            let ty = if argument.nullable { ty } else { ty.non_null() };
            let generated = format!("Native Query argument {}", argument.field);
            let description = argument.description.as_deref().unwrap_or(&generated);
            let meaning = InputMeaning::FunctionArgument(position);
            Some((
                argument.field.clone(),
                input(Some(description), ty, meaning),
            ))
        });
        let fields: Arguments = fields.collect();
        // The words run together in v2 too.
        let description = format!("{field}Native Query Arguments");
        let ty = TypeRef::Named(type_name.clone()).non_null();
        let args = input(Some(&description), ty, InputMeaning::FunctionArguments);
        self.types.add(TypeDefinition::InputObject(InputObjectType {
            name: type_name,
            description: Some(description.into()),
            fields,
        }));
        Arguments::from([(GraphqlName::new("args"), args)])
    }

    /// Fields that lead to native queries' rows, or from them to a table's.
    pub(super) fn native_relationship_fields<'r>(
        &mut self,
        relationships: impl Iterator<Item = &'r NativeRelationshipInfo>,
        fields: &mut Fields,
    ) {
        for relationship in relationships {
            let field = match &relationship.target {
                NativeTarget::Table(_) => self.field_to_table(relationship),
                NativeTarget::Query(name) => match self.source.native_queries.get(name) {
                    Some(query) => self.field_to_query(relationship, query),
                    None => None,
                },
            };
            fields.extend(field.map(|field| (relationship.field.clone(), field)));
        }
    }

    fn field_to_query(
        &mut self,
        relationship: &NativeRelationshipInfo,
        query: &NativeQueryInfo,
    ) -> Option<FieldDefinition> {
        let grant = self.native_grant(query)?;
        let rows = Arc::new(NativeRowsMeaning {
            grant: grant.clone(),
            statement: query.statement.clone(),
            mapping: relationship.mapping.clone(),
        });
        let mut arguments =
            self.native_arguments(&relationship.field, relationship.arguments.clone(), query);
        let (description, ty, meaning) = match relationship.kind {
            RelationshipKind::Object => (
                "An object relationship",
                native_type(query),
                FieldMeaning::NativeObject(rows),
            ),
            RelationshipKind::Array => {
                arguments.extend(self.native_list_arguments(&query.model, &grant));
                (
                    "An array relationship",
                    native_type(query).non_null().list(),
                    FieldMeaning::NativeArray(rows),
                )
            }
        };
        let mut field = plain_field(Some(description), ty, meaning);
        field.arguments = arguments;
        Some(field)
    }

    fn field_to_table(&self, relationship: &NativeRelationshipInfo) -> Option<FieldDefinition> {
        let NativeTarget::Table(table) = &relationship.target else {
            return None;
        };
        let target = self.source.tables.get(table)?;
        let grant = self.grants.get(table)?.clone();
        let meaning = Arc::new(RelationshipMeaning {
            grant: grant.clone(),
            mapping: relationship.mapping.clone(),
            facts: JoinFacts::default(),
        });
        let ty = self.type_ref(target, "");
        Some(match relationship.kind {
            RelationshipKind::Object => plain_field(
                Some("An object relationship"),
                ty,
                FieldMeaning::Object(meaning),
            ),
            RelationshipKind::Array => FieldDefinition {
                description: Some("An array relationship".into()),
                arguments: self.list_arguments(target, &grant),
                ty: ty.non_null().list().non_null(),
                meaning: FieldMeaning::Array(meaning),
            },
        })
    }
}

fn native_type(query: &NativeQueryInfo) -> TypeRef {
    TypeRef::Named(query.type_name().clone())
}
