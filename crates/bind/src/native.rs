//! Statements that an admin wrote, with the request's values in their places.

use graphloom_ir::{
    Coercion, FieldValue, NativePart, NativeStatement, SelectArguments, TableSelect, TypedValue,
    Value,
};
use graphloom_schema::{
    FieldDefinition, InputMeaning, InputObjectType, NativeArgumentInfo, NativeMeaning, NativePiece,
    NativeRowsMeaning,
};
use graphloom_vocab::Result;

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// The statement that a field runs.
    pub(crate) fn native_statement(
        &mut self,
        definition: &'a FieldDefinition,
        meaning: &'a NativeMeaning,
        collected: &Collected<'a>,
    ) -> Result<NativeStatement> {
        let values = self.native_values(definition, meaning, collected)?;
        let parts = meaning.parts.iter().map(|piece| match piece {
            NativePiece::Text(text) => NativePart::Text(text.clone()),
            NativePiece::Argument(position) => NativePart::Value(values[*position].clone()),
        });
        Ok(NativeStatement {
            parts: parts.collect(),
        })
    }

    /// The values of its arguments, in their order.
    fn native_values(
        &mut self,
        definition: &'a FieldDefinition,
        meaning: &'a NativeMeaning,
        collected: &Collected<'a>,
    ) -> Result<Vec<TypedValue>> {
        let argument = definition
            .arguments
            .iter()
            .find(|(_, argument)| matches!(argument.meaning, InputMeaning::FunctionArguments));
        let Some((name, argument)) = argument else {
            return Ok(Vec::new());
        };
        self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let Some(value) = collected.argument(name.as_str()) else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                let mut given = binder.object(value, argument.ty.name())?;
                let schema = binder.schema;
                let ty = schema
                    .input_object(argument.ty.name())
                    .expect("argument types are in the role's schema");
                let mut values = Vec::with_capacity(meaning.arguments.len());
                for argument in &*meaning.arguments {
                    let field = argument.field.as_str();
                    let position = given.iter().position(|(key, _)| key == field);
                    let value = position.map(|position| given.swap_remove(position).1);
                    values.push(
                        binder.within(field, |binder| binder.native_value(ty, argument, value))?,
                    );
                }
                Ok(values)
            })
        })
    }

    fn native_value(
        &mut self,
        ty: &'a InputObjectType,
        argument: &'a NativeArgumentInfo,
        value: Option<InputRef<'a>>,
    ) -> Result<TypedValue> {
        let null = TypedValue {
            value: Value::Literal(None),
            ty: argument.ty.base().clone(),
        };
        let definition = ty
            .fields
            .get(&argument.field)
            .expect("the type has every argument");
        let Some(value) = value else {
            if argument.nullable {
                return Ok(null);
            }
            return self.fail(format!("missing required field '{}'", argument.field));
        };
        let value = self.peel(value, &definition.ty, false)?;
        if !argument.nullable {
            return self.column_value(&value, &argument.ty, definition.ty.name());
        }
        if self.is_null(&value) {
            return Ok(null);
        }
        let graphql_type = definition.ty.name().as_str().into();
        let ty = argument.ty.base().clone();
        let coercion = Coercion::Scalar {
            ty: ty.clone(),
            graphql_type,
        };
        self.parameter(&value, ty, coercion)
    }

    /// A native query's rows that match ours.
    pub(crate) fn native_rows(
        &mut self,
        definition: &'a FieldDefinition,
        meaning: &'a NativeRowsMeaning,
        collected: &Collected<'a>,
    ) -> Result<FieldValue> {
        let statement = self.native_statement(definition, &meaning.statement, collected)?;
        let join = meaning.join(statement);
        let select = self.table_select(definition, &join.access, collected)?;
        Ok(FieldValue::Array(join, Box::new(select)))
    }

    /// A native query's row that matches ours.
    pub(crate) fn native_row(
        &mut self,
        definition: &'a FieldDefinition,
        meaning: &'a NativeRowsMeaning,
        collected: &Collected<'a>,
    ) -> Result<FieldValue> {
        let statement = self.native_statement(definition, &meaning.statement, collected)?;
        let join = meaning.join(statement);
        let select = TableSelect {
            access: join.access.clone(),
            arguments: SelectArguments::default(),
            fields: self.row_fields(definition.ty.name(), &collected.selection_sets)?,
        };
        Ok(FieldValue::Object(join, Box::new(select)))
    }
}
