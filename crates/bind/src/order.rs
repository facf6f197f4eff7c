//! `order_by`: sort keys, related tables under the role's grants.

use graphloom_ir::{AggregateFunction, GrantedColumn, Join, OrderBy, OrderTarget};
use graphloom_schema::{EnumMeaning, InputMeaning, InputValueDefinition, RelationshipMeaning};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// A list of `T_order_by`, or a single one.
    pub(crate) fn order_by(
        &mut self,
        value: InputRef<'a>,
        argument: &'a InputValueDefinition,
    ) -> Result<Vec<OrderBy>> {
        let items = self.list(value, &argument.ty)?;
        let mut order = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let type_name = argument.ty.name();
            order.extend(self.within_index(index, |binder| binder.order_object(item, type_name))?);
        }
        Ok(order)
    }

    fn order_object(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
    ) -> Result<Vec<OrderBy>> {
        self.order_entries(value, type_name, |binder, definition, value| {
            match &definition.meaning {
                InputMeaning::OrderColumn(column) => {
                    let target = OrderTarget::Column(column.clone());
                    Ok(binder
                        .direction(value, definition, target)?
                        .into_iter()
                        .collect())
                }
                InputMeaning::OrderComputed(call) => {
                    let target = OrderTarget::Computed(call.clone());
                    Ok(binder
                        .direction(value, definition, target)?
                        .into_iter()
                        .collect())
                }
                InputMeaning::OrderComputedAggregate(rows) => {
                    let join = rows.join(rows.call.implicit());
                    binder.order_aggregate(value, definition, &join)
                }
                InputMeaning::OrderRelationship(relationship) => {
                    let type_name = definition.ty.name();
                    let inner = binder.deeper(|binder| binder.order_object(value, type_name))?;
                    Ok(inner
                        .into_iter()
                        .map(|order| through(relationship, order))
                        .collect())
                }
                InputMeaning::OrderAggregate(relationship) => {
                    binder.order_aggregate(value, definition, &relationship.join())
                }
                // Every other meaning is of fields of other input types.
                _ => binder.fail("this field cannot be used here"),
            }
        })
    }

    fn order_aggregate(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        join: &Join,
    ) -> Result<Vec<OrderBy>> {
        let aggregate = |function, column| OrderTarget::Aggregate(join.clone(), function, column);
        self.order_entries(value, definition.ty.name(), |binder, definition, value| {
            match &definition.meaning {
                InputMeaning::OrderCount => {
                    let target = aggregate(AggregateFunction::Count, None);
                    Ok(binder
                        .direction(value, definition, target)?
                        .into_iter()
                        .collect())
                }
                InputMeaning::OrderFunction(function) => {
                    let of_column =
                        |column: &GrantedColumn| aggregate(*function, Some(column.clone()));
                    binder.order_function(value, definition, &of_column)
                }
                _ => binder.fail("this field cannot be used here"),
            }
        })
    }

    fn order_function(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        target: &dyn Fn(&GrantedColumn) -> OrderTarget,
    ) -> Result<Vec<OrderBy>> {
        self.order_entries(value, definition.ty.name(), |binder, definition, value| {
            match &definition.meaning {
                InputMeaning::OrderColumn(column) => {
                    let target = target(column);
                    Ok(binder
                        .direction(value, definition, target)?
                        .into_iter()
                        .collect())
                }
                _ => binder.fail("this field cannot be used here"),
            }
        })
    }

    /// Reads an object whose entries become sort keys, in the order they are given; nulls are skipped.
    fn order_entries(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        mut entry: impl FnMut(&mut Self, &'a InputValueDefinition, InputRef<'a>) -> Result<Vec<OrderBy>>,
    ) -> Result<Vec<OrderBy>> {
        let fields = self.object(value, type_name)?;
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("sort keys are in the role's schema");
        let mut order = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let Some(definition) = ty.fields.get(key.as_str()) else {
                continue;
            };
            self.count_field()?;
            order.extend(self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                if binder.is_null(&value) {
                    return Ok(Vec::new());
                }
                entry(binder, definition, value)
            })?);
        }
        Ok(order)
    }

    fn direction(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        target: OrderTarget,
    ) -> Result<Option<OrderBy>> {
        let schema = self.schema;
        let ty = schema
            .enumeration(definition.ty.name())
            .expect("order_by is in the schema");
        match self.enum_value(value, ty)? {
            EnumMeaning::Order(direction, nulls) => Ok(Some(OrderBy {
                target,
                direction: *direction,
                nulls: *nulls,
            })),
            _ => Ok(None),
        }
    }
}

/// A sort key of the row that a relationship leads to.
fn through(relationship: &RelationshipMeaning, order: OrderBy) -> OrderBy {
    let target = OrderTarget::Object(relationship.join(), Box::new(order.target));
    OrderBy { target, ..order }
}
