//! Conditions on aggregates over an array relationship: `items_aggregate: {count: {predicate: …}}`.

use graphloom_catalog::PgType;
use graphloom_graphql::TypeRef;
use graphloom_ir::{AggregatePredicate, BoolExp, Distinct, GrantedColumn, Join};
use graphloom_schema::{EnumMeaning, InputMeaning, InputValueDefinition, RelationshipMeaning};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// A `T_aggregate_bool_exp`: exactly one aggregate.
    pub(crate) fn aggregate_condition(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        relationship: &'a RelationshipMeaning,
    ) -> Result<BoolExp> {
        let mut fields = self.object(value, type_name)?;
        let (Some((key, value)), true) = (fields.pop(), fields.is_empty()) else {
            return self.fail("exactly one predicate should be specified");
        };
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("predicates are in the role's schema");
        let definition = ty
            .fields
            .get(key.as_str())
            .expect("the object's keys have been checked");
        self.within(&key, |binder| {
            let InputMeaning::Predicate(function, ty) = &definition.meaning else {
                return binder.fail("this field cannot be used here");
            };
            let value = binder.peel(value, &definition.ty, false)?;
            let predicate = Predicate {
                function,
                ty,
                join: relationship.join(),
            };
            binder.predicate(value, definition, predicate)
        })
    }

    fn predicate(
        &mut self,
        value: InputRef<'a>,
        definition: &'a InputValueDefinition,
        predicate: Predicate<'a>,
    ) -> Result<BoolExp> {
        let type_name = definition.ty.name();
        let fields = self.object(value, type_name)?;
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("predicates are in the role's schema");
        let mut bound = AggregatePredicate {
            join: predicate.join,
            filter: None,
            function: predicate.function,
            arguments: Vec::new(),
            distinct: Distinct::No,
            ty: predicate.ty.clone(),
            tests: Vec::new(),
        };
        if let Some(missing) = ty.fields.iter().find(|(name, field)| {
            field.ty.is_non_null() && !fields.iter().any(|(key, _)| key == name.as_str())
        }) {
            let name = missing.0;
            return self.within(name.as_str(), |binder| {
                binder.fail(format!("missing required field '{name}'"))
            });
        }
        for (key, value) in fields {
            let Some(field) = ty.fields.get(key.as_str()) else {
                continue;
            };
            self.within(&key, |binder| {
                let value = binder.peel(value, &field.ty, false)?;
                binder.predicate_part(value, field, &mut bound)
            })?;
        }
        Ok(BoolExp::Aggregate(Box::new(bound)))
    }

    fn predicate_part(
        &mut self,
        value: InputRef<'a>,
        field: &'a InputValueDefinition,
        bound: &mut AggregatePredicate,
    ) -> Result<()> {
        match &field.meaning {
            InputMeaning::PredicateArguments => {
                bound.arguments = self.predicate_arguments(value, field)?;
            }
            InputMeaning::PredicateDistinct => {
                bound.distinct = match self.boolean(value, &field.ty)? {
                    true => Distinct::Yes,
                    false => Distinct::No,
                };
            }
            InputMeaning::PredicateFilter => {
                bound.filter = Some(self.condition_on(value, field.ty.name())?);
            }
            InputMeaning::PredicateTest => {
                bound.tests = self.tests(value, field.ty.name(), &bound.ty)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A list of columns, one column, or `{X, Y}`.
    fn predicate_arguments(
        &mut self,
        value: InputRef<'a>,
        field: &'a InputValueDefinition,
    ) -> Result<Vec<GrantedColumn>> {
        let schema = self.schema;
        let Some(pair) = schema.input_object(field.ty.name()) else {
            return match field.ty.nullable() {
                TypeRef::List(_) => self.columns(value, field),
                _ => self.one_column(value, field),
            };
        };
        let mut given = self.object(value, field.ty.name())?;
        let mut columns = Vec::new();
        for (name, side) in &pair.fields {
            let position = given.iter().position(|(key, _)| key == name.as_str());
            let value = position.map(|position| given.swap_remove(position).1);
            columns.extend(self.within(name.as_str(), |binder| {
                let Some(value) = value else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                binder.one_column(value, side)
            })?);
        }
        Ok(columns)
    }

    fn one_column(
        &mut self,
        value: InputRef<'a>,
        field: &'a InputValueDefinition,
    ) -> Result<Vec<GrantedColumn>> {
        let schema = self.schema;
        let ty = schema
            .enumeration(field.ty.name())
            .expect("column enums are in the role's schema");
        let value = self.peel(value, &field.ty, false)?;
        match self.enum_value(value, ty)? {
            EnumMeaning::Column(column) => Ok(vec![column.clone()]),
            _ => Ok(Vec::new()),
        }
    }
}

/// What the schema says of one aggregate.
struct Predicate<'a> {
    function: &'static str,
    ty: &'a PgType,
    join: Join,
}
