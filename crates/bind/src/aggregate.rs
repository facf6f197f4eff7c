//! Aggregate selections: `aggregate {count max {…}} nodes {…}`.

use std::sync::Arc;

use graphloom_graphql::Selection;
use graphloom_ir::{
    AggregateField, AggregateFieldValue, AggregateOp, AggregateOpField, AggregateSelect,
    AggregatedField, AggregatedValue, Distinct, TableAccess,
};
use graphloom_schema::{FieldDefinition, FieldMeaning, InputMeaning, ObjectType};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// An aggregate over rows of a table.
    pub(crate) fn aggregate_select(
        &mut self,
        definition: &'a FieldDefinition,
        access: &TableAccess,
        collected: &Collected<'a>,
    ) -> Result<AggregateSelect> {
        let arguments = self.list_arguments(definition, collected)?;
        let fields = self.fields_of(
            definition.ty.name(),
            &collected.selection_sets,
            |binder, ty, key, collected| {
                let value = binder.aggregate_field(ty, collected)?;
                Ok(AggregateField { key, value })
            },
        )?;
        Ok(AggregateSelect {
            access: access.clone(),
            arguments,
            fields,
        })
    }

    /// Binds each field of an object type, in response order.
    pub(crate) fn fields_of<T>(
        &mut self,
        type_name: &GraphqlName,
        selection_sets: &[&'a [Selection]],
        mut bind: impl FnMut(&mut Self, &'a ObjectType, Arc<str>, &Collected<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let schema = self.schema;
        let ty = schema
            .object(type_name)
            .expect("what has fields is an object of the role's schema");
        self.nested(|binder| {
            let fields = binder.collect(type_name, selection_sets)?;
            let mut bound = Vec::with_capacity(fields.len());
            for (key, collected) in fields {
                let name = collected.field.name.as_str();
                let key = key.as_str().into();
                bound.push(binder.within(name, |binder| bind(binder, ty, key, &collected))?);
            }
            Ok(bound)
        })
    }

    fn aggregate_field(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<AggregateFieldValue> {
        if collected.field.name.as_str() == "__typename" {
            return self
                .typename(parent, collected)
                .map(AggregateFieldValue::Typename);
        }
        let definition = self.definition(parent, collected)?;
        let sets = &collected.selection_sets;
        match &definition.meaning {
            FieldMeaning::Nodes => self
                .row_fields(definition.ty.name(), sets)
                .map(AggregateFieldValue::Nodes),
            FieldMeaning::Aggregate => self
                .fields_of(definition.ty.name(), sets, |binder, ty, key, collected| {
                    let value = binder.aggregate_op(ty, collected)?;
                    Ok(AggregateOpField { key, value })
                })
                .map(AggregateFieldValue::Aggregate),
            FieldMeaning::GroupBy => self
                .group_select(definition, collected)
                .map(|groups| AggregateFieldValue::Groups(Box::new(groups))),
            // Every other meaning is of fields of other types.
            _ => self.fail("this field cannot be selected here"),
        }
    }

    pub(crate) fn aggregate_op(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<AggregateOp> {
        if collected.field.name.as_str() == "__typename" {
            return self.typename(parent, collected).map(AggregateOp::Typename);
        }
        let definition = self.definition(parent, collected)?;
        match &definition.meaning {
            FieldMeaning::Count => {
                self.leaf(definition, collected)?;
                self.count(definition, collected)
            }
            FieldMeaning::AggregateFunction(function) => {
                let sets = &collected.selection_sets;
                let fields =
                    self.fields_of(definition.ty.name(), sets, |binder, ty, key, collected| {
                        let value = binder.aggregated(ty, collected)?;
                        Ok(AggregatedField { key, value })
                    })?;
                Ok(AggregateOp::Columns(*function, fields))
            }
            _ => self.fail("this field cannot be selected here"),
        }
    }

    pub(crate) fn aggregated(
        &mut self,
        parent: &'a ObjectType,
        collected: &Collected<'a>,
    ) -> Result<AggregatedValue> {
        if collected.field.name.as_str() == "__typename" {
            return self
                .typename(parent, collected)
                .map(AggregatedValue::Typename);
        }
        let definition = self.definition(parent, collected)?;
        self.leaf(definition, collected)?;
        match &definition.meaning {
            FieldMeaning::AggregateColumn(column, output) => {
                Ok(AggregatedValue::Column(column.clone(), *output))
            }
            _ => self.fail("this field cannot be selected here"),
        }
    }

    fn count(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<AggregateOp> {
        let mut columns = Vec::new();
        let mut distinct = Distinct::No;
        self.within("args", |binder| {
            for (name, argument) in &definition.arguments {
                let Some(value) = collected.argument(name.as_str()) else {
                    continue;
                };
                binder.within(name.as_str(), |binder| {
                    let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                    match &argument.meaning {
                        InputMeaning::CountColumns => columns = binder.columns(value, argument)?,
                        _ if binder.is_null(&value) => {}
                        _ if binder.boolean(value, &argument.ty)? => distinct = Distinct::Yes,
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(AggregateOp::Count { columns, distinct })
    }
}
