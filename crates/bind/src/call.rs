//! Calls of functions: `args` of root fields and computed fields.

use graphloom_ir::{ArgumentValue, Coercion, FunctionArgument, FunctionCall, TypedValue, Value};
use graphloom_schema::{
    ArgumentInfo, CallMeaning, FieldDefinition, Giver, InputMeaning, InputObjectType,
};
use graphloom_vocab::{GraphqlName, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;

impl<'a> Binder<'a> {
    /// The call that a field makes, with the user's arguments.
    pub(crate) fn call(
        &mut self,
        definition: &'a FieldDefinition,
        meaning: &'a CallMeaning,
        collected: &Collected<'a>,
    ) -> Result<FunctionCall> {
        let argument = definition
            .arguments
            .iter()
            .find(|(_, argument)| matches!(argument.meaning, InputMeaning::FunctionArguments));
        let Some((name, argument)) = argument else {
            return Ok(meaning.implicit());
        };
        self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let given = match collected.argument(name.as_str()) {
                    Some(value) => {
                        let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                        binder.object(value, argument.ty.name())?
                    }
                    None if argument.ty.is_non_null() => {
                        return binder.fail(format!("missing required field '{name}'"));
                    }
                    None => Vec::new(),
                };
                binder.call_with(meaning, argument.ty.name(), given)
            })
        })
    }

    fn call_with(
        &mut self,
        meaning: &'a CallMeaning,
        type_name: &GraphqlName,
        mut given: Vec<(String, InputRef<'a>)>,
    ) -> Result<FunctionCall> {
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("argument types are in the role's schema");
        let mut arguments = Vec::with_capacity(meaning.arguments.len());
        // After an argument that was left out, the others must be named.
        let mut skipped = false;
        for argument in &*meaning.arguments {
            let value = match &argument.giver {
                Giver::Row => meaning.row.clone().map(ArgumentValue::Row),
                Giver::Session => Some(argument.session_value()),
                Giver::User(field) => {
                    let position = given.iter().position(|(key, _)| key == field.as_str());
                    match position.map(|position| given.swap_remove(position)) {
                        Some((key, value)) => Some(self.within(&key, |binder| {
                            binder.function_argument(ty, field, argument, value)
                        })?),
                        None if argument.has_default => None,
                        None => return self.fail("Non default arguments cannot be omitted"),
                    }
                }
            };
            match value {
                None => skipped = true,
                Some(_) if skipped && argument.name.is_none() => {
                    return self.fail("Non default arguments cannot be omitted");
                }
                Some(value) => {
                    arguments.push(FunctionArgument {
                        name: argument.name.clone(),
                        value,
                    });
                }
            }
        }
        Ok(FunctionCall {
            function: meaning.function.clone(),
            arguments,
        })
    }

    /// Unlike a column's value, an argument may be null.
    fn function_argument(
        &mut self,
        ty: &'a InputObjectType,
        field: &GraphqlName,
        argument: &'a ArgumentInfo,
        value: InputRef<'a>,
    ) -> Result<ArgumentValue> {
        let definition = ty
            .fields
            .get(field)
            .expect("the object's keys have been checked");
        let value = self.peel(value, &definition.ty, false)?;
        let pg_type = argument.ty.base().clone();
        if self.is_null(&value) {
            return Ok(ArgumentValue::Value(TypedValue {
                value: Value::Literal(None),
                ty: pg_type,
            }));
        }
        let graphql_type = definition.ty.name().as_str().into();
        let coercion = Coercion::Scalar {
            ty: pg_type.clone(),
            graphql_type,
        };
        self.parameter(&value, pg_type, coercion)
            .map(ArgumentValue::Value)
    }
}
