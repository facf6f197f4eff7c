//! `order_by`: sort keys, related tables under the role's grants.

use std::sync::Arc;

use graphloom_catalog::{PgType, ScalarKind};
use graphloom_ir::{AggregateFunction, CursorPath, GrantedColumn, Join, OrderBy, OrderTarget};
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
        let sorted = self.sorted(value, argument)?;
        Ok(sorted.into_iter().map(|sorted| sorted.order).collect())
    }

    /// The same, each sort key with its name and type.
    pub(crate) fn sorted(
        &mut self,
        value: InputRef<'a>,
        argument: &'a InputValueDefinition,
    ) -> Result<Vec<Sorted>> {
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
    ) -> Result<Vec<Sorted>> {
        self.order_entries(value, type_name, |binder, definition, value| {
            match &definition.meaning {
                InputMeaning::OrderColumn(column) => {
                    let target = OrderTarget::Column(column.clone());
                    binder.direction(value, definition, (target, column.ty()))
                }
                InputMeaning::OrderComputed(field) => {
                    let target = OrderTarget::Computed(field.clone());
                    binder.direction(value, definition, (target, &field.ty))
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
    ) -> Result<Vec<Sorted>> {
        let aggregate = |function, column| OrderTarget::Aggregate(join.clone(), function, column);
        self.order_entries(value, definition.ty.name(), |binder, definition, value| {
            match &definition.meaning {
                InputMeaning::OrderCount => {
                    let target = aggregate(AggregateFunction::Count, None);
                    binder.direction(value, definition, (target, &PgType::builtin("int8")))
                }
                InputMeaning::OrderFunction(function) => {
                    let of_column =
                        |column: &GrantedColumn| aggregate(*function, Some(column.clone()));
                    binder.order_function(value, definition, &|column| {
                        (of_column(column), aggregated_type(*function, column))
                    })
                }
                _ => binder.fail("this field cannot be used here"),
            }
        })
    }

    fn order_function(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        target: &dyn Fn(&GrantedColumn) -> (OrderTarget, PgType),
    ) -> Result<Vec<Sorted>> {
        self.order_entries(value, definition.ty.name(), |binder, definition, value| {
            match &definition.meaning {
                InputMeaning::OrderColumn(column) => {
                    let (target, ty) = target(column);
                    binder.direction(value, definition, (target, &ty))
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
        mut entry: impl FnMut(&mut Self, &'a InputValueDefinition, InputRef<'a>) -> Result<Vec<Sorted>>,
    ) -> Result<Vec<Sorted>> {
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
            let sorted = self.within(&key, |binder| {
                let value = binder.peel(value, &definition.ty, false)?;
                if binder.is_null(&value) {
                    return Ok(Vec::new());
                }
                entry(binder, definition, value)
            })?;
            // Cursors name a column as Postgres does, and everything else as the schema does.
            let name: Arc<str> = match &definition.meaning {
                InputMeaning::OrderColumn(column) => column.name().as_str().into(),
                _ => key.as_str().into(),
            };
            order.extend(sorted.into_iter().map(|sorted| sorted.below(&name)));
        }
        Ok(order)
    }

    fn direction(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        (target, ty): (OrderTarget, &PgType),
    ) -> Result<Vec<Sorted>> {
        let schema = self.schema;
        let directions = schema
            .enumeration(definition.ty.name())
            .expect("order_by is in the schema");
        match self.enum_value(value, directions)? {
            EnumMeaning::Order(direction, nulls) => Ok(vec![Sorted {
                order: OrderBy {
                    target,
                    direction: *direction,
                    nulls: *nulls,
                },
                path: Arc::new([]),
                ty: ty.base().clone(),
            }]),
            _ => Ok(Vec::new()),
        }
    }
}

/// A sort key with what cursors need of it.
pub(crate) struct Sorted {
    pub(crate) order: OrderBy,
    /// Its name, as a path of keys.
    pub(crate) path: CursorPath,
    /// The type of its values.
    pub(crate) ty: PgType,
}

impl Sorted {
    fn below(self, name: &Arc<str>) -> Self {
        let path = std::iter::once(name).chain(&*self.path).cloned().collect();
        Self { path, ..self }
    }
}

/// The type of an aggregate's values, as they are compared with.
fn aggregated_type(function: AggregateFunction, column: &GrantedColumn) -> PgType {
    match column.ty().scalar_kind() {
        ScalarKind::Money => column.ty().base().clone(),
        _ if function.is_comparison() => column.ty().base().clone(),
        _ => PgType::builtin("numeric"),
    }
}

/// A sort key of the row that a relationship leads to.
fn through(relationship: &RelationshipMeaning, sorted: Sorted) -> Sorted {
    let inner = Box::new(sorted.order.target);
    let order = OrderBy {
        target: OrderTarget::Object(relationship.join(), inner),
        ..sorted.order
    };
    Sorted { order, ..sorted }
}
