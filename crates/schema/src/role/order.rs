//! `T_order_by` and relatives: what a role may sort by.

use graphloom_graphql::TypeRef;
use graphloom_ir::{AggregateFunction, Aggregations, Direction, Nulls, SelectGrant};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::table::visible_columns;
use super::{SourceTypes, input};
use crate::function::ComputedReturn;
use crate::relationship::RelationshipKind;
use crate::scalar;
use crate::table::TableInfo;
use crate::types::{
    EnumMeaning, EnumType, EnumValue, InputMeaning, InputObjectType, TypeDefinition,
};

impl SourceTypes<'_> {
    pub(super) fn order_by(&mut self, info: &TableInfo, grant: &SelectGrant) {
        let direction = self.order_by_enum();
        let mut fields = IndexMap::new();
        for (column, granted) in visible_columns(info, grant) {
            let meaning = InputMeaning::OrderColumn(granted.clone());
            fields.insert(
                column.field.clone(),
                input(None, direction.clone(), meaning),
            );
        }
        for relationship in info.relationships.values() {
            let target = self.source.tables.get(&relationship.target);
            let (Some(meaning), Some(target), Some(field)) = (
                self.meaning(relationship),
                target,
                relationship.field.clone(),
            ) else {
                continue;
            };
            match relationship.kind {
                RelationshipKind::Object => {
                    let ty = self.type_ref(target, "order_by");
                    let meaning = InputMeaning::OrderRelationship(meaning);
                    fields.insert(field, input(None, ty, meaning));
                }
                RelationshipKind::Array
                    if meaning.grant.aggregations() == Aggregations::Allowed =>
                {
                    let ty = self.type_ref(target, "aggregate_order_by");
                    let name = self.naming().suffixed_field(field.as_str(), "aggregate");
                    let meaning = InputMeaning::OrderAggregate(meaning);
                    fields.insert(name, input(None, ty, meaning));
                }
                RelationshipKind::Array => {}
            }
        }
        for computed in self.visible_computed(info) {
            if !computed.takes_no_arguments() {
                continue;
            }
            match &computed.returns {
                ComputedReturn::Scalar(ty) => {
                    let value = self.computed_value(info, computed, ty);
                    let meaning = InputMeaning::OrderComputed(value);
                    fields.insert(
                        computed.field.clone(),
                        input(None, direction.clone(), meaning),
                    );
                }
                ComputedReturn::Rows(target) => {
                    let rows = self.rows_meaning(info, computed);
                    let rows =
                        rows.filter(|rows| rows.grant.aggregations() == Aggregations::Allowed);
                    let Some((rows, target)) = rows.zip(self.source.tables.get(target)) else {
                        continue;
                    };
                    let ty = self.type_ref(target, "aggregate_order_by");
                    let name = self
                        .naming()
                        .suffixed_field(computed.field.as_str(), "aggregate");
                    let meaning = InputMeaning::OrderComputedAggregate(rows);
                    fields.insert(name, input(None, ty, meaning));
                }
            }
        }
        let table = info.table.name.display_name();
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: self.type_name(info, "order_by"),
                description: Some(
                    format!("Ordering options when selecting data from \"{table}\".").into(),
                ),
                fields,
            }));
    }

    /// `T_aggregate_order_by` and one `T_<op>_order_by` per function with columns.
    pub(super) fn aggregate_order_by(&mut self, info: &TableInfo, grant: &SelectGrant) {
        let direction = self.order_by_enum();
        let table = info.table.name.display_name();
        let mut fields = IndexMap::new();
        let count = input(None, direction.clone(), InputMeaning::OrderCount);
        fields.insert(GraphqlName::new("count"), count);
        for function in AggregateFunction::OVER_COLUMNS {
            let columns: IndexMap<_, _> = visible_columns(info, grant)
                .into_iter()
                .filter(|(_, granted)| match function.is_comparison() {
                    true => scalar::is_comparable(granted.ty()),
                    false => granted.ty().scalar_kind().is_numeric(),
                })
                .map(|(column, granted)| {
                    let meaning = InputMeaning::OrderColumn(granted.clone());
                    let description = column.description.as_deref();
                    (
                        column.field.clone(),
                        input(description, direction.clone(), meaning),
                    )
                })
                .collect();
            if columns.is_empty() {
                continue;
            }
            let name = self.type_name(info, &format!("{}_order_by", function.name()));
            self.types
                .add_own(TypeDefinition::InputObject(InputObjectType {
                    name: name.clone(),
                    description: Some(
                        format!(
                            "order by {}() on columns of table \"{table}\"",
                            function.name()
                        )
                        .into(),
                    ),
                    fields: columns,
                }));
            let meaning = InputMeaning::OrderFunction(*function);
            let field = self.naming().field(function.name());
            fields.insert(field, input(None, TypeRef::Named(name), meaning));
        }
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
                name: self.type_name(info, "aggregate_order_by"),
                description: Some(format!("order by aggregate values of table \"{table}\"").into()),
                fields,
            }));
    }

    /// The shared `order_by` enum: one per naming convention, since its values are written in it too.
    pub(super) fn order_by_enum(&mut self) -> TypeRef {
        use Direction::{Ascending, Descending};
        let name = self.naming().shared_type("order", "by");
        if !self.types.contains(&name) {
            let values = [
                (
                    "asc",
                    "in ascending order, nulls last",
                    Ascending,
                    Nulls::Last,
                ),
                (
                    "asc_nulls_first",
                    "in ascending order, nulls first",
                    Ascending,
                    Nulls::First,
                ),
                (
                    "asc_nulls_last",
                    "in ascending order, nulls last",
                    Ascending,
                    Nulls::Last,
                ),
                (
                    "desc",
                    "in descending order, nulls first",
                    Descending,
                    Nulls::First,
                ),
                (
                    "desc_nulls_first",
                    "in descending order, nulls first",
                    Descending,
                    Nulls::First,
                ),
                (
                    "desc_nulls_last",
                    "in descending order, nulls last",
                    Descending,
                    Nulls::Last,
                ),
            ];
            let values = values
                .into_iter()
                .map(|(name, description, direction, nulls)| {
                    let meaning = EnumMeaning::Order(direction, nulls);
                    let value = EnumValue {
                        description: Some(description.into()),
                        meaning,
                    };
                    (self.naming().enum_value(name), value)
                });
            let values = values.collect();
            self.types.add(TypeDefinition::Enum(EnumType {
                name: name.clone(),
                description: Some("column ordering options".into()),
                values,
            }));
        }
        TypeRef::Named(name)
    }
}
