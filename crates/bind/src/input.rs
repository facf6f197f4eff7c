//! Input values: written in the document or sent as variables, read the same way.
//!
//! Reading a variable's structure (keys, lengths, nullness) is noted as an assumption; a value that
//! only becomes a parameter is passed on symbolically.

use graphloom_catalog::PgType;
use graphloom_graphql::{TypeRef, Value as Literal};
use graphloom_ir::coerce::{coerce, describe};
use graphloom_ir::{Coercion, EnumValues, Input, Observed, TypedValue, Value, VariableUse};
use graphloom_schema::{EnumMeaning, EnumType};
use graphloom_vocab::{Absent, Error, GraphqlName, Json, PathSegment, Result, is_graphql_name};

use crate::binder::Binder;
use crate::variables::input;

/// An input value in place.
#[derive(Clone, Debug)]
pub(crate) enum InputRef<'a> {
    /// Written in the document; may be or hold variables.
    Literal(&'a Literal),
    /// A variable, or a part of one.
    Variable {
        name: GraphqlName,
        path: Vec<PathSegment>,
        value: &'a Json,
    },
}

/// An input value with its outermost structure read.
#[derive(Debug)]
pub(crate) enum Opened<'a> {
    Null,
    Object(Vec<(String, InputRef<'a>)>),
    List(Vec<InputRef<'a>>),
    /// Anything else.
    Single,
}

impl<'a> Binder<'a> {
    /// Looks through a variable, checking that its declared type fits the location's.
    pub(crate) fn peel(
        &self,
        value: InputRef<'a>,
        location: &TypeRef,
        location_has_default: bool,
    ) -> Result<InputRef<'a>> {
        let InputRef::Literal(Literal::Variable(name)) = &value else {
            return Ok(value);
        };
        let declaration = self.rules.declared.get(name);
        let Some(declaration) = declaration else {
            return Err(Error::validation(format!("unbound variable \"{name}\"")));
        };
        let default = declaration
            .default
            .as_ref()
            .is_some_and(|default| !default.is_null());
        if !usage_allowed(location, location_has_default, &declaration.ty, default) {
            return self.fail(format!(
                "variable '{name}' is declared as '{}', but used where '{location}' is expected",
                declaration.ty
            ));
        }
        let json = self.variables.get(name.as_str()).unwrap_or(&Json::Null);
        Ok(InputRef::Variable {
            name: name.clone(),
            path: Vec::new(),
            value: json,
        })
    }

    /// Reads the outermost structure, noting it if it comes from a variable.
    pub(crate) fn open(&mut self, value: InputRef<'a>) -> Opened<'a> {
        match value {
            InputRef::Literal(Literal::Null) => Opened::Null,
            InputRef::Literal(Literal::Object(fields)) => Opened::Object(
                fields
                    .iter()
                    .map(|(key, value)| (key.as_str().to_owned(), InputRef::Literal(value)))
                    .collect(),
            ),
            InputRef::Literal(Literal::List(items)) => {
                Opened::List(items.iter().map(InputRef::Literal).collect())
            }
            InputRef::Literal(_) => Opened::Single,
            InputRef::Variable { name, path, value } => self.open_variable(name, path, value),
        }
    }

    fn open_variable(
        &mut self,
        name: GraphqlName,
        path: Vec<PathSegment>,
        value: &'a Json,
    ) -> Opened<'a> {
        let part = |segment: PathSegment, value: &'a Json| {
            let mut path = path.clone();
            path.push(segment);
            InputRef::Variable {
                name: name.clone(),
                path,
                value,
            }
        };
        match value {
            Json::Null => {
                self.assume(&name, &path, Observed::Null);
                Opened::Null
            }
            Json::Object(object) => {
                self.assume(
                    &name,
                    &path,
                    Observed::Keys(object.keys().cloned().collect()),
                );
                let fields = object.iter();
                Opened::Object(
                    fields
                        .map(|(key, value)| {
                            (key.clone(), part(PathSegment::Key(key.clone()), value))
                        })
                        .collect(),
                )
            }
            Json::Array(items) => {
                self.assume(&name, &path, Observed::Length(items.len()));
                let items = items.iter().enumerate();
                Opened::List(
                    items
                        .map(|(index, value)| part(PathSegment::Index(index), value))
                        .collect(),
                )
            }
            _ => {
                self.assume(&name, &path, Observed::Single);
                Opened::Single
            }
        }
    }

    /// Reads the outermost structure without noting anything: whoever asks notes the whole shape.
    pub(crate) fn peek(value: InputRef<'a>) -> Opened<'a> {
        let InputRef::Variable { name, path, value } = value else {
            return match value {
                InputRef::Literal(Literal::Null) => Opened::Null,
                InputRef::Literal(Literal::Object(fields)) => {
                    let part = |(key, value): &'a (GraphqlName, Literal)| {
                        (key.as_str().to_owned(), InputRef::Literal(value))
                    };
                    Opened::Object(fields.iter().map(part).collect())
                }
                InputRef::Literal(Literal::List(items)) => {
                    Opened::List(items.iter().map(InputRef::Literal).collect())
                }
                _ => Opened::Single,
            };
        };
        let part = |segment: PathSegment, value: &'a Json| {
            let mut path = path.clone();
            path.push(segment);
            let name = name.clone();
            InputRef::Variable { name, path, value }
        };
        match value {
            Json::Null => Opened::Null,
            Json::Object(object) => {
                let fields = object.iter();
                let part = |(key, value): (&String, &'a Json)| {
                    (key.clone(), part(PathSegment::Key(key.clone()), value))
                };
                Opened::Object(fields.map(part).collect())
            }
            Json::Array(items) => {
                let items = items.iter().enumerate();
                let part = |(index, value)| part(PathSegment::Index(index), value);
                Opened::List(items.map(part).collect())
            }
            _ => Opened::Single,
        }
    }

    /// Reads an input object, refusing keys its type does not have.
    pub(crate) fn object(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
    ) -> Result<Vec<(String, InputRef<'a>)>> {
        let value = self.peel(value, &TypeRef::Named(type_name.clone()).non_null(), false)?;
        let found = value.describe();
        let Opened::Object(fields) = self.open(value) else {
            return self.fail(format!(
                "expected an object for type '{type_name}', but found {found}"
            ));
        };
        self.check_keys(&fields, type_name)?;
        Ok(fields)
    }

    /// The same without noting anything.
    pub(crate) fn peek_object(
        &mut self,
        value: InputRef<'a>,
        type_name: &GraphqlName,
    ) -> Result<Vec<(String, InputRef<'a>)>> {
        let found = value.describe();
        let Opened::Object(fields) = Self::peek(value) else {
            return self.fail(format!(
                "expected an object for type '{type_name}', but found {found}"
            ));
        };
        self.check_keys(&fields, type_name)?;
        Ok(fields)
    }

    fn check_keys(
        &mut self,
        fields: &[(String, InputRef<'a>)],
        type_name: &GraphqlName,
    ) -> Result<()> {
        let schema = self.schema;
        let ty = schema
            .input_object(type_name)
            .expect("input types are in the role's schema");
        for (key, _) in fields {
            if !is_graphql_name(key) {
                return self.fail(format!(
                    "variable value contains object with key \"{key}\", which is not a legal \
                     GraphQL name"
                ));
            }
            if !ty.fields.contains_key(key.as_str()) {
                return self.within(key, |binder| {
                    let absent = Absent::InputField {
                        ty: type_name.clone(),
                        name: key.clone(),
                    };
                    let message = format!("field '{key}' not found in type: '{type_name}'");
                    binder.absent(absent, message)
                });
            }
        }
        Ok(())
    }

    /// Reads a list; a single value is a list of one, null is refused.
    pub(crate) fn list(
        &mut self,
        value: InputRef<'a>,
        location: &TypeRef,
    ) -> Result<Vec<InputRef<'a>>> {
        let value = self.peel(value, location, false)?;
        let whole = value.clone();
        match self.open(value) {
            Opened::Null => self.fail("expected a list, but found null"),
            Opened::List(items) => {
                self.count_items(items.len())?;
                Ok(items)
            }
            Opened::Object(_) | Opened::Single => Ok(vec![whole]),
        }
    }

    /// Reads one value of an enum.
    pub(crate) fn enum_value(
        &mut self,
        value: InputRef<'a>,
        ty: &'a EnumType,
    ) -> Result<&'a EnumMeaning> {
        let value = self.peel(value, &TypeRef::Named(ty.name.clone()).non_null(), false)?;
        let name = match &value {
            InputRef::Literal(Literal::Enum(name)) => Some(name.as_str()),
            InputRef::Variable {
                value: Json::String(text),
                ..
            } if is_graphql_name(text) => Some(text.as_str()),
            _ => None,
        };
        let Some(name) = name else {
            let (ty, found) = (&ty.name, value.describe());
            return self.fail(format!(
                "expected an enum value for type '{ty}', but found {found}"
            ));
        };
        self.assume_exactly(&value);
        let Some(found) = ty.values.get(name) else {
            let values: Vec<_> = ty.values.keys().map(|value| format!("'{value}'")).collect();
            return self.fail(format!(
                "expected one of the values [{}] for type '{}', but found '{name}'",
                values.join(", "),
                ty.name
            ));
        };
        Ok(&found.meaning)
    }

    /// The values of an enum table's enum, if the type is one.
    pub(crate) fn enum_values(&self, type_name: &str) -> Option<EnumValues> {
        let schema = self.schema;
        let ty = schema.enumeration(&GraphqlName::new(type_name))?;
        let values = ty
            .values
            .iter()
            .filter_map(|(name, value)| match &value.meaning {
                EnumMeaning::Value(stored) => Some((name.clone(), stored.clone())),
                _ => None,
            });
        Some(values.collect())
    }

    /// In the document an enum's value is a bare name; text is text.
    pub(crate) fn refuse_enum_literal(&self, value: &InputRef<'a>, type_name: &str) -> Result<()> {
        match value {
            InputRef::Variable { .. }
            | InputRef::Literal(Literal::Variable(_) | Literal::Enum(_)) => Ok(()),
            other @ InputRef::Literal(_) => {
                let found = other.describe();
                self.fail(format!(
                    "expected an enum value for type '{type_name}', but found {found}"
                ))
            }
        }
    }

    /// The same for every element of a list.
    pub(crate) fn refuse_enum_literals(
        &mut self,
        value: &InputRef<'a>,
        type_name: &str,
    ) -> Result<()> {
        let InputRef::Literal(Literal::List(items)) = value else {
            return self.refuse_enum_literal(value, type_name);
        };
        for (index, item) in items.iter().enumerate() {
            self.within_index(index, |binder| {
                binder.refuse_enum_literal(&InputRef::Literal(item), type_name)
            })?;
        }
        Ok(())
    }

    /// Reads a boolean that changes the SQL.
    pub(crate) fn boolean(&mut self, value: InputRef<'a>, location: &TypeRef) -> Result<bool> {
        let value = self.peel(value, location, false)?;
        let flag = match &value {
            InputRef::Literal(Literal::Boolean(flag)) => *flag,
            InputRef::Variable {
                value: Json::Bool(flag),
                ..
            } => *flag,
            other => {
                let found = other.describe();
                return self.fail(format!(
                    "expected a boolean for type 'Boolean', but found {found}"
                ));
            }
        };
        self.assume_exactly(&value);
        Ok(flag)
    }

    /// Notes a variable's exact value.
    pub(crate) fn assume_exactly(&mut self, value: &InputRef<'a>) {
        if let InputRef::Variable { name, path, value } = value {
            self.assume(name, path, Observed::Exact((*value).clone()));
        }
    }

    /// Whether a value is null, noting the answer if it comes from a variable.
    pub(crate) fn is_null(&mut self, value: &InputRef<'a>) -> bool {
        match value {
            InputRef::Literal(literal) => matches!(literal, Literal::Null),
            InputRef::Variable { name, path, value } => {
                let observed = if value.is_null() {
                    Observed::Null
                } else {
                    Observed::NotNull
                };
                self.assume(name, path, observed);
                value.is_null()
            }
        }
    }

    /// A value that becomes one parameter. Constants are checked now, variables when they are known.
    pub(crate) fn parameter(
        &mut self,
        value: &InputRef<'a>,
        ty: PgType,
        coercion: Coercion,
    ) -> Result<TypedValue> {
        let input = value.to_input();
        if let Input::Constant(json) = &input {
            let text = coerce(&coercion, json).map_err(|error| error.below(&self.path))?;
            return Ok(TypedValue {
                value: Value::Literal(text.map(Into::into)),
                ty,
            });
        }
        let path = self.path.clone();
        let variable_use = VariableUse {
            input,
            coercion,
            path,
        };
        Ok(TypedValue {
            value: Value::Variable(variable_use.into()),
            ty,
        })
    }
}

impl InputRef<'_> {
    /// As errors name what they found.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Variable { value, .. } => match value {
                Json::Number(_) => "a number",
                value => describe(value),
            },
            Self::Literal(literal) => match literal {
                Literal::Variable(_) => "a variable",
                Literal::Int(_) => "an integer",
                Literal::Float(_) => "a float",
                Literal::String(_) => "a string",
                Literal::Boolean(_) => "a boolean",
                Literal::Null => "null",
                Literal::Enum(_) => "an enum value",
                Literal::List(_) => "a list",
                Literal::Object(_) => "an object",
            },
        }
    }

    pub(crate) fn to_input(&self) -> Input {
        match self {
            Self::Literal(literal) => input(literal),
            Self::Variable { name, path, .. } => Input::Variable {
                name: name.clone(),
                path: path.clone(),
            },
        }
    }
}

/// Whether a variable may stand at a location (specification, section 5.8.5).
fn usage_allowed(
    location: &TypeRef,
    location_has_default: bool,
    variable: &TypeRef,
    variable_has_default: bool,
) -> bool {
    let nullability_fits = !location.is_non_null()
        || variable.is_non_null()
        || location_has_default
        || variable_has_default;
    nullability_fits && compatible(location.nullable(), variable.nullable())
}

fn compatible(location: &TypeRef, variable: &TypeRef) -> bool {
    match (location, variable) {
        (TypeRef::Named(location), TypeRef::Named(variable)) => location == variable,
        (TypeRef::List(location), TypeRef::List(variable)) => {
            (!location.is_non_null() || variable.is_non_null())
                && compatible(location.nullable(), variable.nullable())
        }
        _ => false,
    }
}
