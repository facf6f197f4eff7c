//! Fields that write: updates, deletes, and what is told about written rows. Inserts are in `insert.rs`.

use std::sync::Arc;

use graphloom_catalog::PgType;
use graphloom_graphql::TypeRef;
use graphloom_ir::{
    ArgumentsWebhook, BoolExp, Change, Coercion, Delete, Input, InputWebhook, Mutation,
    MutationOutput, NestedWrite, Pick, ResponseField, ResponseValue, RootMutation, TypedValue,
    Update, UpdateGrant, UpdateOperator,
};
use graphloom_schema::{
    FieldDefinition, FieldMeaning, InputMeaning, InputObjectType, InputValueDefinition,
    MutationForm,
};
use graphloom_vocab::{GraphqlName, Json, JsonObject, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::input::InputRef;
use crate::variables::input;

/// A field that writes, bound.
pub(crate) enum Bound {
    /// There is nothing to write; this is the answer, as JSON text.
    Nothing(Arc<str>),
    /// There is.
    Mutation(Box<RootMutation>),
}

/// What an update's arguments say.
pub(crate) struct BoundUpdate {
    pub(crate) filter: BoolExp,
    pub(crate) pick: Option<Pick>,
    pub(crate) changes: Vec<Change>,
    pub(crate) nested: Vec<NestedWrite>,
}

impl BoundUpdate {
    fn with(self, grant: &UpdateGrant, output: MutationOutput) -> Update {
        Update {
            target: grant.target().clone(),
            filter: self.filter,
            pick: self.pick,
            changes: self.changes,
            nested: self.nested,
            output,
        }
    }
}

impl Bound {
    /// A mutation whose arguments nobody is asked about.
    pub(crate) fn plain(mutation: Mutation) -> Self {
        Self::asked(mutation, None)
    }

    fn asked(mutation: Mutation, webhook: Option<ArgumentsWebhook>) -> Self {
        Self::Mutation(Box::new(RootMutation {
            mutation,
            webhook,
            expect: None,
        }))
    }
}

/// Arguments, or the fields of an input object, by name.
pub(crate) type Given<'a> = Vec<(String, InputRef<'a>)>;
/// What the schema says of them.
pub(crate) type Definitions = indexmap::IndexMap<GraphqlName, InputValueDefinition>;

impl<'a> Binder<'a> {
    /// Binds a root field that writes.
    pub(crate) fn mutation(
        &mut self,
        definition: &'a FieldDefinition,
        form: &'a MutationForm,
        collected: &Collected<'a>,
    ) -> Result<Bound> {
        let bound = self.written(definition, form, collected)?;
        let Some(expect) = self.expectation(definition, collected)? else {
            return Ok(bound);
        };
        let mut root = match bound {
            Bound::Mutation(root) => root,
            // Not even nothing is what was expected, perhaps.
            Bound::Nothing(answer) => Box::new(RootMutation {
                mutation: Mutation::Nothing(answer),
                webhook: None,
                expect: None,
            }),
        };
        root.expect = Some(expect);
        Ok(Bound::Mutation(root))
    }

    fn written(
        &mut self,
        definition: &'a FieldDefinition,
        form: &'a MutationForm,
        collected: &Collected<'a>,
    ) -> Result<Bound> {
        match form {
            MutationForm::Insert(meaning) | MutationForm::InsertOne(meaning) => {
                self.insert(definition, meaning, collected)
            }
            MutationForm::Update(grant) | MutationForm::UpdateByPk(grant) => {
                self.update(definition, grant, collected)
            }
            MutationForm::UpdateMany(grant) => self.update_many(definition, grant, collected),
            MutationForm::Delete(grant) => {
                let (filter, pick) = self.within("args", |binder| {
                    let mut given = arguments(definition, collected);
                    let pick = binder.pick(&definition.arguments, &mut given)?;
                    let filter = binder.required_filter(&definition.arguments, given)?;
                    Ok((filter, pick))
                })?;
                let webhook = webhook(grant.target().webhook(), || {
                    Input::List(vec![given_input(definition, collected)])
                });
                self.delete(definition, grant, (filter, pick, webhook), collected)
            }
            MutationForm::DeleteByPk(grant) => {
                let filter = self.key_condition(definition, collected)?;
                let webhook = webhook(grant.target().webhook(), || {
                    let key = given_input(definition, collected);
                    Input::List(vec![Input::Object(vec![("pk_columns".into(), key)])])
                });
                self.delete(definition, grant, (filter, None, webhook), collected)
            }
        }
    }

    fn delete(
        &mut self,
        definition: &'a FieldDefinition,
        grant: &graphloom_ir::DeleteGrant,
        (filter, pick, webhook): (BoolExp, Option<Pick>, Option<ArgumentsWebhook>),
        collected: &Collected<'a>,
    ) -> Result<Bound> {
        let output = self.mutation_output(definition.ty.name(), collected)?;
        let delete = Mutation::Delete(Delete {
            target: grant.target().clone(),
            filter,
            pick,
            output,
        });
        Ok(Bound::asked(delete, webhook))
    }

    fn update(
        &mut self,
        definition: &'a FieldDefinition,
        grant: &UpdateGrant,
        collected: &Collected<'a>,
    ) -> Result<Bound> {
        let bound = self.within("args", |binder| {
            let given = arguments(definition, collected);
            binder.update_arguments(&definition.arguments, given)
        })?;
        let output = self.mutation_output(definition.ty.name(), collected)?;
        let webhook = webhook(grant.target().webhook(), || {
            Input::List(vec![given_input(definition, collected)])
        });
        let update = bound.with(grant, output);
        if update.is_empty() {
            return Ok(Bound::Nothing(nothing(&update.output).to_string().into()));
        }
        Ok(Bound::asked(Mutation::Update(update), webhook))
    }

    fn update_many(
        &mut self,
        definition: &'a FieldDefinition,
        grant: &UpdateGrant,
        collected: &Collected<'a>,
    ) -> Result<Bound> {
        let updates = self.within("args", |binder| {
            let mut given = arguments(definition, collected);
            let updates = definition
                .arguments
                .iter()
                .find(|(_, argument)| matches!(argument.meaning, InputMeaning::Updates));
            let (name, argument) = updates.expect("update_T_many takes updates");
            binder.within(name.as_str(), |binder| {
                let Some(value) = take(&mut given, name) else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                binder.updates(argument, value)
            })
        })?;
        let output = self.mutation_output(definition.ty.name(), collected)?;
        if updates.is_empty() {
            return Ok(Bound::Nothing("[]".into()));
        }
        let update = |bound: BoundUpdate| bound.with(grant, output.clone());
        let updates = updates.into_iter().map(update).collect();
        let webhook = webhook(grant.target().webhook(), || {
            let updates = collected.argument("updates");
            updates.map_or(Input::Constant(Json::Null), input)
        });
        Ok(Bound::asked(Mutation::UpdateMany(updates), webhook))
    }

    fn updates(
        &mut self,
        argument: &'a InputValueDefinition,
        value: InputRef<'a>,
    ) -> Result<Vec<BoundUpdate>> {
        let schema = self.schema;
        let type_name = argument.ty.name();
        let ty = schema
            .input_object(type_name)
            .expect("input types are in the role's schema");
        let items = self.list(value, &argument.ty)?;
        self.count_items(items.len())?;
        let mut updates = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            updates.push(self.within_index(index, |binder| {
                let given = binder.object(item, type_name)?;
                binder.update_arguments(&ty.fields, given)
            })?);
        }
        Ok(updates)
    }

    /// Which rows and how they change: from arguments, or from an entry of `updates`.
    pub(crate) fn update_arguments(
        &mut self,
        definitions: &'a Definitions,
        mut given: Given<'a>,
    ) -> Result<BoundUpdate> {
        let mut changes: Vec<Change> = Vec::new();
        for (name, argument) in definitions {
            let InputMeaning::UpdateOperator(operator) = &argument.meaning else {
                continue;
            };
            if let Some(value) = take(&mut given, name) {
                let more = self.within(name.as_str(), |binder| {
                    let value = binder.peel(value, &argument.ty, false)?;
                    binder.changes(value, argument.ty.name(), *operator)
                })?;
                changes.extend(more);
            }
        }
        for (index, change) in changes.iter().enumerate() {
            if changes[..index]
                .iter()
                .any(|other| other.column == change.column)
            {
                let column = &change.column;
                return self.fail(format!("Column found in multiple operators: \"{column}\"."));
            }
        }
        let pick = self.pick(definitions, &mut given)?;
        let nested = self.nested_writes(definitions, &mut given)?;
        let filter = self.required_filter(definitions, given)?;
        Ok(BoundUpdate {
            filter,
            pick,
            changes,
            nested,
        })
    }

    /// `where` or `pk_columns`, whichever there is.
    pub(crate) fn required_filter(
        &mut self,
        definitions: &'a Definitions,
        mut given: Given<'a>,
    ) -> Result<BoolExp> {
        for (name, argument) in definitions {
            let is_key = match &argument.meaning {
                InputMeaning::Where => false,
                InputMeaning::KeyColumns => true,
                _ => continue,
            };
            let value = take(&mut given, name);
            return self.within(name.as_str(), |binder| {
                let Some(value) = value else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                let value = binder.peel(value, &argument.ty, false)?;
                match is_key {
                    false => binder.condition_on(value, argument.ty.name()),
                    true => binder.key_columns(value, argument.ty.name()),
                }
            });
        }
        self.fail("this field cannot be used here")
    }

    fn key_columns(&mut self, value: InputRef<'a>, type_name: &GraphqlName) -> Result<BoolExp> {
        let mut given = self.object(value, type_name)?;
        let ty = self.mutation_input(type_name);
        let mut parts = Vec::new();
        for (name, field) in &ty.fields {
            let InputMeaning::KeyColumn(column) = &field.meaning else {
                continue;
            };
            let value = take(&mut given, name);
            parts.push(self.within(name.as_str(), |binder| {
                binder.key_column(name, field, column, value)
            })?);
        }
        Ok(BoolExp::And(parts))
    }

    pub(crate) fn mutation_input(&self, name: &GraphqlName) -> &'a InputObjectType {
        let schema = self.schema;
        schema
            .input_object(name)
            .expect("input types are in the role's schema")
    }

    /// The columns inside `_set` and relatives.
    fn changes(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
        operator: UpdateOperator,
    ) -> Result<Vec<Change>> {
        let fields = self.object(value, type_name)?;
        let ty = self.mutation_input(type_name);
        let mut changes = Vec::with_capacity(fields.len());
        for (key, value) in fields {
            let Some(field) = ty.fields.get(key.as_str()) else {
                continue;
            };
            let InputMeaning::UpdateColumn(column) = &field.meaning else {
                continue;
            };
            let pg_type = match operator {
                UpdateOperator::DeleteKey => PgType::builtin("text"),
                UpdateOperator::DeleteElem => PgType::builtin("int4"),
                UpdateOperator::DeleteAtPath => PgType::array_of(PgType::builtin("text")),
                _ => column.ty().clone(),
            };
            let value = self.within(&key, |binder| {
                let value = binder.peel(value, &field.ty, false)?;
                binder.written_value(&value, &pg_type, &field.ty)
            })?;
            changes.push(Change {
                column: column.name().clone(),
                operator,
                value: Some(value),
            });
        }
        Ok(changes)
    }

    /// A value that is written; unlike one that is compared with, it may be null.
    fn written_value(
        &mut self,
        value: &InputRef<'a>,
        ty: &PgType,
        location: &TypeRef,
    ) -> Result<TypedValue> {
        let coercion = self.written_coercion(value, ty, location)?;
        self.parameter(value, ty.base().clone(), coercion)
    }

    /// How a value that is written becomes text.
    pub(crate) fn written_coercion(
        &mut self,
        value: &InputRef<'a>,
        ty: &PgType,
        location: &TypeRef,
    ) -> Result<Coercion> {
        let graphql_type: Arc<str> = location.name().as_str().into();
        Ok(match self.enum_values(&graphql_type) {
            Some(values) => {
                if !matches!(value, InputRef::Literal(graphloom_graphql::Value::Null)) {
                    self.refuse_enum_literal(value, &graphql_type)?;
                }
                Coercion::Enum {
                    graphql_type,
                    values,
                }
            }
            None => Coercion::Scalar {
                ty: ty.base().clone(),
                graphql_type,
            },
        })
    }

    /// What is told: `T_mutation_response`, or the row.
    pub(crate) fn mutation_output(
        &mut self,
        type_name: &GraphqlName,
        collected: &Collected<'a>,
    ) -> Result<MutationOutput> {
        let schema = self.schema;
        let ty = schema
            .object(type_name)
            .expect("mutations answer with objects of the role's schema");
        let is_response = ty
            .fields
            .values()
            .any(|field| matches!(field.meaning, FieldMeaning::AffectedRows));
        if !is_response {
            let fields = self.row_fields(type_name, &collected.selection_sets)?;
            return Ok(MutationOutput::Row(fields));
        }
        self.nested(|binder| {
            let fields = binder.collect(type_name, &collected.selection_sets)?;
            let mut response = Vec::with_capacity(fields.len());
            for (key, field) in fields {
                let name = field.field.name.as_str();
                let value = binder.within(name, |binder| {
                    if name == "__typename" {
                        return binder.typename(ty, &field).map(ResponseValue::Typename);
                    }
                    let definition = binder.definition(ty, &field)?;
                    match &definition.meaning {
                        FieldMeaning::Returning => binder
                            .row_fields(definition.ty.name(), &field.selection_sets)
                            .map(ResponseValue::Returning),
                        _ => {
                            binder.leaf(definition, &field)?;
                            Ok(ResponseValue::AffectedRows)
                        }
                    }
                })?;
                response.push(ResponseField {
                    key: key.as_str().into(),
                    value,
                });
            }
            Ok(MutationOutput::Response(response))
        })
    }
}

/// The webhook that is asked about arguments, and what it is asked about.
fn webhook(
    webhook: Option<&Arc<InputWebhook>>,
    input: impl FnOnce() -> Input,
) -> Option<ArgumentsWebhook> {
    webhook.map(|webhook| ArgumentsWebhook {
        webhook: webhook.clone(),
        input: input(),
    })
}

/// A field's arguments as one object, as they were given.
fn given_input(definition: &FieldDefinition, collected: &Collected<'_>) -> Input {
    let names = definition.arguments.keys();
    let given = names.filter_map(|name| {
        let value = collected.argument(name.as_str())?;
        Some((name.as_str().into(), input(value)))
    });
    Input::Object(given.collect())
}

/// A field's arguments.
pub(crate) fn arguments<'a>(
    definition: &'a FieldDefinition,
    collected: &Collected<'a>,
) -> Given<'a> {
    let names = definition.arguments.keys();
    names
        .filter_map(|name| {
            let value = collected.argument(name.as_str())?;
            Some((name.as_str().to_owned(), InputRef::Literal(value)))
        })
        .collect()
}

/// Takes one of them out.
pub(crate) fn take<'a>(given: &mut Given<'a>, name: &GraphqlName) -> Option<InputRef<'a>> {
    let position = given.iter().position(|(key, _)| key == name.as_str())?;
    Some(given.swap_remove(position).1)
}

/// What is told where nothing was written.
pub(crate) fn nothing(output: &MutationOutput) -> Json {
    let MutationOutput::Response(fields) = output else {
        return Json::Null;
    };
    let fields = fields.iter().map(|field| {
        let value = match &field.value {
            ResponseValue::Typename(name) => Json::from(&**name),
            ResponseValue::AffectedRows => Json::from(0),
            ResponseValue::Returning(_) => Json::Array(Vec::new()),
        };
        (field.key.to_string(), value)
    });
    Json::Object(fields.collect::<JsonObject>())
}
