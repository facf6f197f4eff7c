//! Introspection: the role's schema as the answer to a selection on the introspection types.
//!
//! Lists are sorted by name, as v2 sorts them. The answer is written as JSON text at once; its size has
//! a ceiling, since selections on `ofType` and `fields` multiply.

use std::sync::Arc;

use graphloom_graphql::{Selection, TypeRef};
use graphloom_schema::{
    FieldDefinition, FieldMeaning, InputMeaning, InputValueDefinition, TypeDefinition, WholeSchema,
};
use graphloom_vocab::{GraphqlName, Json, Result};

use crate::binder::Binder;
use crate::collect::Collected;
use crate::directives::{KNOWN, Known, KnownArgument};
use crate::input::InputRef;

/// Lists that lead from a type to its parts.
const LISTS: &[&str] = &["fields", "inputFields", "interfaces", "possibleTypes"];

/// What an introspection field is asked of.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Schema,
    /// A named type.
    Named(&'a TypeDefinition),
    /// A list or non-null type.
    Wrapped(&'a TypeRef),
    Field(&'a GraphqlName, &'a FieldDefinition),
    Input(&'a GraphqlName, &'a InputValueDefinition),
    EnumValue(&'a GraphqlName, Option<&'a Arc<str>>),
    Directive(&'static Known),
    DirectiveArgument(&'static KnownArgument),
    /// A type written in a directive's table.
    Builtin(&'static str),
}

/// Where an answer is written to, and what it is about.
struct Writer<'s> {
    schema: &'s WholeSchema,
    out: String,
}

/// What a field of an introspection type is.
enum Answer<'a> {
    Null,
    Text(String),
    Flag(bool),
    Names(&'static [&'static str]),
    One(Subject<'a>),
    Many(Vec<Subject<'a>>),
}

impl<'a> Binder<'a> {
    /// `__schema` or `__type`, as JSON text.
    pub(crate) fn introspection(
        &mut self,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
    ) -> Result<Arc<str>> {
        let schema = self.schema.whole();
        let subject = match definition.arguments.first() {
            None => Some(Subject::Schema),
            Some((name, argument)) => {
                let wanted = self.type_argument(name, argument, collected)?;
                schema.types.get(wanted.as_str()).map(Subject::Named)
            }
        };
        let mut writer = Writer {
            schema: &schema,
            out: String::new(),
        };
        // The selection is checked even where there is nothing to answer.
        let type_name = definition.ty.name();
        match subject {
            Some(subject) => {
                self.write_object(subject, type_name, &collected.selection_sets, &mut writer)?;
            }
            None => {
                self.collect(type_name, &collected.selection_sets)?;
                writer.out.push_str("null");
            }
        }
        Ok(writer.out.into())
    }

    fn type_argument(
        &mut self,
        name: &GraphqlName,
        argument: &'a InputValueDefinition,
        collected: &Collected<'a>,
    ) -> Result<String> {
        self.within("args", |binder| {
            binder.within(name.as_str(), |binder| {
                let Some(value) = collected.argument(name.as_str()) else {
                    return binder.fail(format!("missing required field '{name}'"));
                };
                let value = binder.peel(InputRef::Literal(value), &argument.ty, false)?;
                binder.assume_exactly(&value);
                let text = match &value {
                    InputRef::Variable {
                        value: Json::String(text),
                        ..
                    } => Some(text.clone()),
                    InputRef::Literal(graphloom_graphql::Value::String(text)) => Some(text.clone()),
                    _ => None,
                };
                let found = value.describe();
                match (text, &argument.meaning) {
                    (Some(text), InputMeaning::TypeName) => Ok(text),
                    _ => binder.fail(format!(
                        "expected a string for type 'String', but found {found}"
                    )),
                }
            })
        })
    }

    fn write_object<'s>(
        &mut self,
        subject: Subject<'s>,
        type_name: &GraphqlName,
        selection_sets: &[&'a [Selection]],
        writer: &mut Writer<'s>,
    ) -> Result<()> {
        let ty = self
            .schema
            .object(type_name)
            .expect("introspection types are in every schema");
        self.nested(|binder| {
            // Collecting counts each field for each object; only what is written counts here.
            let seen = binder.seen;
            let fields = binder.collect(type_name, selection_sets)?;
            binder.seen = seen;
            writer.out.push('{');
            for (position, (key, collected)) in fields.iter().enumerate() {
                if position > 0 {
                    writer.out.push(',');
                }
                push_text(&mut writer.out, key.as_str());
                writer.out.push(':');
                let name = collected.field.name.as_str();
                binder.within(name, |binder| {
                    if name == "__typename" {
                        push_text(&mut writer.out, &binder.typename(ty, collected)?);
                        return Ok(());
                    }
                    let definition = binder.definition(ty, collected)?;
                    let answer = answer(writer.schema, subject, name);
                    binder.in_list(name, |binder| {
                        binder.write_answer(answer, definition, collected, writer)
                    })
                })?;
                if writer.out.len() > binder.limits.introspection_bytes {
                    let most = binder.limits.introspection_bytes;
                    return binder.fail(format!("the introspection answer exceeds {most} bytes"));
                }
            }
            writer.out.push('}');
            Ok(())
        })
    }

    /// Runs a step inside one of the lists that lead from a type to its parts, which may lead on to
    /// types: nested, they multiply.
    fn in_list(&mut self, name: &str, step: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if !LISTS.contains(&name) {
            return step(self);
        }
        if self.lists_open >= self.limits.introspection_lists {
            let most = self.limits.introspection_lists;
            return self.fail(format!(
                "introspection lists nest deeper than {most} levels"
            ));
        }
        self.lists_open += 1;
        let result = step(self);
        self.lists_open -= 1;
        result
    }

    fn write_answer<'s>(
        &mut self,
        answer: Answer<'s>,
        definition: &'a FieldDefinition,
        collected: &Collected<'a>,
        writer: &mut Writer<'s>,
    ) -> Result<()> {
        let type_name = definition.ty.name();
        let is_object = self.schema.object(type_name).is_some();
        if is_object && !collected.has_selections() {
            return self.within("selectionSet", |binder| {
                binder.fail(format!("missing selection set for '{type_name}'"))
            });
        }
        if !is_object {
            self.leaf(definition, collected)?;
        }
        match answer {
            Answer::Null => writer.out.push_str("null"),
            Answer::Text(text) => push_text(&mut writer.out, &text),
            Answer::Flag(flag) => writer.out.push_str(if flag { "true" } else { "false" }),
            Answer::Names(names) => {
                let names: Vec<_> = names.iter().map(|name| Json::from(*name)).collect();
                writer.out.push_str(&Json::Array(names).to_string());
            }
            Answer::One(subject) => {
                self.write_object(subject, type_name, &collected.selection_sets, writer)?;
            }
            Answer::Many(subjects) => {
                writer.out.push('[');
                for (position, subject) in subjects.into_iter().enumerate() {
                    if position > 0 {
                        writer.out.push(',');
                    }
                    self.write_object(subject, type_name, &collected.selection_sets, writer)?;
                }
                writer.out.push(']');
            }
        }
        Ok(())
    }
}

fn push_text(out: &mut String, text: &str) {
    out.push_str(&Json::from(text).to_string());
}

fn text(text: Option<&Arc<str>>) -> Answer<'static> {
    text.map_or(Answer::Null, |text| Answer::Text(text.to_string()))
}

fn answer<'a>(schema: &'a WholeSchema, subject: Subject<'a>, field: &str) -> Answer<'a> {
    match subject {
        Subject::Schema => schema_field(schema, field),
        Subject::Named(ty) => named_field(schema, ty, field),
        Subject::Wrapped(ty) => wrapped_field(schema, ty, field),
        Subject::Field(name, definition) => field_field(schema, name, definition, field),
        Subject::Input(name, definition) => input_field(schema, name, definition, field),
        Subject::EnumValue(name, description) => match field {
            "name" => Answer::Text(name.to_string()),
            "description" => text(description),
            "isDeprecated" => Answer::Flag(false),
            _ => Answer::Null,
        },
        Subject::Directive(directive) => match field {
            "name" => Answer::Text(directive.name.to_owned()),
            "description" => Answer::Text(directive.description.to_owned()),
            "locations" => Answer::Names(directive.locations),
            "args" => Answer::Many(
                directive
                    .arguments
                    .iter()
                    .map(Subject::DirectiveArgument)
                    .collect(),
            ),
            "isRepeatable" => Answer::Flag(false),
            _ => Answer::Null,
        },
        Subject::DirectiveArgument(argument) => match field {
            "name" => Answer::Text(argument.name.to_owned()),
            "description" => argument
                .description
                .map_or(Answer::Null, |text| Answer::Text(text.to_owned())),
            "type" => Answer::One(Subject::Builtin(argument.ty)),
            "defaultValue" => argument
                .default
                .map_or(Answer::Null, |text| Answer::Text(text.to_owned())),
            _ => Answer::Null,
        },
        Subject::Builtin(ty) => match (field, ty.strip_suffix('!')) {
            ("kind", Some(_)) => Answer::Text("NON_NULL".to_owned()),
            ("ofType", Some(inner)) => Answer::One(Subject::Builtin(inner)),
            ("kind", None) => Answer::Text("SCALAR".to_owned()),
            ("name", None) => Answer::Text(ty.to_owned()),
            _ => Answer::Null,
        },
    }
}

fn schema_field<'a>(schema: &'a WholeSchema, field: &str) -> Answer<'a> {
    match field {
        "types" => Answer::Many(schema.types.values().map(Subject::Named).collect()),
        "queryType" => schema
            .types
            .get(&schema.query_type)
            .map_or(Answer::Null, |ty| Answer::One(Subject::Named(ty))),
        "mutationType" => root_type(schema, schema.mutation_type.as_ref()),
        "subscriptionType" => root_type(schema, schema.subscription_type.as_ref()),
        "directives" => {
            let shown = KNOWN.iter().filter(|directive| directive.is_shown);
            Answer::Many(shown.map(Subject::Directive).collect())
        }
        _ => Answer::Null,
    }
}

fn root_type<'a>(schema: &'a WholeSchema, name: Option<&GraphqlName>) -> Answer<'a> {
    name.and_then(|name| schema.types.get(name))
        .map_or(Answer::Null, |ty| Answer::One(Subject::Named(ty)))
}

fn named_field<'a>(schema: &'a WholeSchema, ty: &'a TypeDefinition, field: &str) -> Answer<'a> {
    match (field, ty) {
        ("kind", ty) => Answer::Text(
            match ty {
                TypeDefinition::Scalar(_) => "SCALAR",
                TypeDefinition::Enum(_) => "ENUM",
                TypeDefinition::InputObject(_) => "INPUT_OBJECT",
                TypeDefinition::Object(_) => "OBJECT",
                TypeDefinition::Interface(_) => "INTERFACE",
            }
            .to_owned(),
        ),
        ("name", ty) => Answer::Text(ty.name().to_string()),
        ("description", ty) => text(ty.description()),
        ("fields", TypeDefinition::Object(ty)) => fields(ty.fields.iter()),
        ("fields", TypeDefinition::Interface(ty)) => fields(ty.fields.iter()),
        ("interfaces", TypeDefinition::Object(ty)) => {
            let interfaces = schema.interfaces_of(&ty.name);
            named(schema, interfaces.map(|interface| &interface.name))
        }
        ("interfaces", TypeDefinition::Interface(_)) => Answer::Many(Vec::new()),
        ("possibleTypes", TypeDefinition::Interface(ty)) => named(schema, ty.possible_types.iter()),
        ("enumValues", TypeDefinition::Enum(ty)) => {
            let mut values: Vec<_> = ty.values.iter().collect();
            values.sort_by_key(|(name, _)| *name);
            let values = values.into_iter();
            Answer::Many(
                values
                    .map(|(name, value)| Subject::EnumValue(name, value.description.as_ref()))
                    .collect(),
            )
        }
        ("inputFields", TypeDefinition::InputObject(ty)) => inputs(ty.fields.iter()),
        _ => Answer::Null,
    }
}

fn fields<'a>(fields: impl Iterator<Item = (&'a GraphqlName, &'a FieldDefinition)>) -> Answer<'a> {
    // The root's own introspection fields are implicit.
    let mut fields: Vec<_> = fields
        .filter(|(name, field)| {
            !(matches!(field.meaning, FieldMeaning::Introspection)
                && name.as_str().starts_with("__"))
        })
        .collect();
    fields.sort_by_key(|(name, _)| *name);
    Answer::Many(
        fields
            .into_iter()
            .map(|(name, field)| Subject::Field(name, field))
            .collect(),
    )
}

/// Types by name, sorted.
fn named<'a>(schema: &'a WholeSchema, names: impl Iterator<Item = &'a GraphqlName>) -> Answer<'a> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    let types = names.into_iter().filter_map(|name| schema.types.get(name));
    Answer::Many(types.map(Subject::Named).collect())
}

fn inputs<'a>(
    inputs: impl Iterator<Item = (&'a GraphqlName, &'a InputValueDefinition)>,
) -> Answer<'a> {
    let mut inputs: Vec<_> = inputs.collect();
    inputs.sort_by_key(|(name, _)| *name);
    Answer::Many(
        inputs
            .into_iter()
            .map(|(name, input)| Subject::Input(name, input))
            .collect(),
    )
}

fn type_subject<'a>(schema: &'a WholeSchema, ty: &'a TypeRef) -> Answer<'a> {
    match ty {
        TypeRef::Named(name) => {
            let ty = schema
                .types
                .get(name)
                .expect("every mentioned type is in the schema");
            Answer::One(Subject::Named(ty))
        }
        wrapped => Answer::One(Subject::Wrapped(wrapped)),
    }
}

fn wrapped_field<'a>(schema: &'a WholeSchema, ty: &'a TypeRef, field: &str) -> Answer<'a> {
    let (kind, inner) = match ty {
        TypeRef::NonNull(inner) => ("NON_NULL", inner),
        TypeRef::List(inner) => ("LIST", inner),
        TypeRef::Named(_) => return Answer::Null,
    };
    match field {
        "kind" => Answer::Text(kind.to_owned()),
        "ofType" => type_subject(schema, inner),
        _ => Answer::Null,
    }
}

fn field_field<'a>(
    schema: &'a WholeSchema,
    name: &'a GraphqlName,
    definition: &'a FieldDefinition,
    field: &str,
) -> Answer<'a> {
    match field {
        "name" => Answer::Text(name.to_string()),
        "description" => text(definition.description.as_ref()),
        "args" => inputs(definition.arguments.iter()),
        "type" => type_subject(schema, &definition.ty),
        "isDeprecated" => Answer::Flag(false),
        _ => Answer::Null,
    }
}

fn input_field<'a>(
    schema: &'a WholeSchema,
    name: &'a GraphqlName,
    definition: &'a InputValueDefinition,
    field: &str,
) -> Answer<'a> {
    match field {
        "name" => Answer::Text(name.to_string()),
        "description" => text(definition.description.as_ref()),
        "type" => type_subject(schema, &definition.ty),
        "defaultValue" => text(definition.default.as_ref()),
        _ => Answer::Null,
    }
}
