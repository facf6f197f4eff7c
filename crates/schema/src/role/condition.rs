//! `T_bool_exp`: what a role may filter by.

use graphloom_graphql::TypeRef;
use graphloom_ir::{Aggregations, SelectGrant};
use graphloom_vocab::GraphqlName;
use indexmap::IndexMap;

use super::table::visible_columns;
use super::{SourceTypes, input};
use crate::Feature;
use crate::function::ComputedReturn;
use crate::relationship::RelationshipKind;
use crate::table::TableInfo;
use crate::types::{InputMeaning, InputObjectType, TypeDefinition};

impl SourceTypes<'_> {
    pub(super) fn bool_exp(&mut self, info: &TableInfo, grant: &SelectGrant) {
        let own = self.type_ref(info, "bool_exp");
        let list = own.clone().non_null().list();
        let mut fields = IndexMap::new();
        fields.insert(
            GraphqlName::new("_and"),
            input(None, list.clone(), InputMeaning::And),
        );
        fields.insert(
            GraphqlName::new("_not"),
            input(None, own, InputMeaning::Not),
        );
        fields.insert(GraphqlName::new("_or"), input(None, list, InputMeaning::Or));
        for (column, granted) in visible_columns(info, grant) {
            let ty = match self.enum_type(info, granted.name()) {
                Some(name) => Some(self.enum_comparison_type(&name)),
                None => self.comparison_type(granted.ty()),
            };
            let Some(ty) = ty else { continue };
            let meaning = InputMeaning::ConditionColumn(granted.clone());
            fields.insert(column.field.clone(), input(None, ty, meaning));
        }
        let hidden = self
            .settings
            .features
            .has(Feature::HideAggregationPredicates);
        for relationship in info.relationships.values() {
            let target = self.source.tables.get(&relationship.target);
            if let (Some(meaning), Some(target), Some(field)) = (
                self.meaning(relationship),
                target,
                relationship.field.clone(),
            ) {
                let ty = self.type_ref(target, "bool_exp");
                if relationship.kind == RelationshipKind::Array
                    && !hidden
                    && meaning.grant.aggregations() == Aggregations::Allowed
                {
                    let ty = TypeRef::Named(self.predicate_type(target, ""));
                    let name = self.naming().suffixed_field(field.as_str(), "aggregate");
                    let meaning = InputMeaning::ConditionAggregate(meaning.clone());
                    fields.insert(name, input(None, ty, meaning));
                }
                let meaning = InputMeaning::ConditionRelationship(meaning);
                fields.insert(field, input(None, ty, meaning));
            }
        }
        for computed in self.visible_computed(info) {
            if !computed.takes_no_arguments() {
                continue;
            }
            let field = match &computed.returns {
                ComputedReturn::Scalar(ty) => self.comparison_type(ty).map(|comparison| {
                    let value = self.computed_value(info, computed, ty.base());
                    let meaning = InputMeaning::ConditionComputed(value);
                    input(None, comparison, meaning)
                }),
                ComputedReturn::Rows(target) => {
                    let rows = self.rows_meaning(info, computed);
                    let target = self.source.tables.get(target);
                    rows.zip(target).map(|(rows, target)| {
                        let meaning = InputMeaning::ConditionComputedRows(rows);
                        input(None, self.type_ref(target, "bool_exp"), meaning)
                    })
                }
            };
            fields.extend(field.map(|field| (computed.field.clone(), field)));
        }
        let table = info.table.name.display_name();
        self.types
            .add_own(TypeDefinition::InputObject(InputObjectType {
            name: self.type_name(info, "bool_exp"),
            description: Some(
                format!(
                    "Boolean expression to filter rows from the table \"{table}\". All fields are \
                     combined with a logical 'AND'."
                )
                .into(),
            ),
            fields,
        }));
    }
}
