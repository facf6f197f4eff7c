//! Variables: their declarations, a request's values, and values that depend on them.

use graphloom_graphql::{Operation, TypeRef, Value};
use graphloom_ir::coerce::coerce;
use graphloom_ir::{Input, VariableUse, lookup};
use graphloom_schema::UnboundVariables;
use graphloom_vocab::{Error, GraphqlName, Json, JsonObject, Result};
use indexmap::{IndexMap, IndexSet};

/// What an operation says about its variables; kept with a plan to check later requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VariableRules {
    pub(crate) declared: IndexMap<GraphqlName, Declaration>,
    used: IndexSet<GraphqlName>,
    unbound: UnboundVariables,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    pub(crate) ty: TypeRef,
    /// `None`: none was written.
    pub(crate) default: Option<Json>,
}

impl VariableRules {
    /// Reads an operation's declarations. `used` are the variables it and its fragments mention.
    pub(crate) fn new(
        operation: &Operation,
        used: IndexSet<GraphqlName>,
        unbound: UnboundVariables,
    ) -> Result<Self> {
        let mut declared = IndexMap::new();
        for definition in &operation.variables {
            let default = definition.default.as_ref().map(constant);
            let declaration = Declaration {
                ty: definition.ty.clone(),
                default,
            };
            if declared
                .insert(definition.name.clone(), declaration)
                .is_some()
            {
                let name = &definition.name;
                return Err(Error::parse_failed(format!(
                    "multiple definitions for variable \"{name}\""
                )));
            }
        }
        if let Some(name) = used.iter().find(|name| !declared.contains_key(*name)) {
            return Err(Error::validation(format!("unbound variable \"{name}\"")));
        }
        Ok(Self {
            declared,
            used,
            unbound,
        })
    }

    /// The variables that a request may leave out and that then are as if they were not written.
    pub(crate) fn optional(&self) -> impl Iterator<Item = &GraphqlName> {
        let is_absent = self.unbound == UnboundVariables::Absent;
        let declared = self.declared.iter().filter(move |_| is_absent);
        let optional = declared.filter(|(_, of)| of.default.is_none() && !of.ty.is_non_null());
        optional.map(|(name, _)| name)
    }

    /// A request's values with defaults filled in; a nullable variable without either is null, or not among them.
    pub fn resolve(&self, supplied: &JsonObject) -> Result<JsonObject> {
        let mut values = JsonObject::new();
        for (name, declaration) in &self.declared {
            let value = match supplied.get(name.as_str()) {
                Some(Json::Null) if declaration.ty.is_non_null() => {
                    return Err(Error::validation(format!(
                        "null value found for non-nullable type: \"{}\"",
                        declaration.ty
                    )));
                }
                Some(value) => value.clone(),
                None => match &declaration.default {
                    Some(default) => default.clone(),
                    None if !declaration.ty.is_non_null() => match self.unbound {
                        UnboundVariables::Null => Json::Null,
                        UnboundVariables::Absent => continue,
                    },
                    None => {
                        return Err(Error::validation(format!(
                            "expecting a value for non-nullable variable: \"{name}\""
                        )));
                    }
                },
            };
            values.insert(name.as_str().to_owned(), value);
        }
        let unexpected: Vec<_> = supplied
            .keys()
            .filter(|name| !self.used.contains(name.as_str()))
            .cloned()
            .collect();
        if !unexpected.is_empty() {
            return Err(Error::validation(format!(
                "unexpected variables in variableValues: {}",
                unexpected.join(", ")
            )));
        }
        Ok(values)
    }
}

/// A value that depends on variables, as Postgres text; `None` is NULL.
pub fn evaluate(variable_use: &VariableUse, variables: &JsonObject) -> Result<Option<String>> {
    let value = input_json(&variable_use.input, variables);
    coerce(&variable_use.coercion, &value).map_err(|error| error.below(&variable_use.path))
}

/// An input value with its variables filled in; parts that have no value are null.
pub fn input_json(input: &Input, variables: &JsonObject) -> Json {
    match input {
        Input::Constant(value) => value.clone(),
        Input::Variable { name, path } => variables
            .get(name.as_str())
            .and_then(|value| lookup(value, path))
            .cloned()
            .unwrap_or(Json::Null),
        Input::List(items) => items
            .iter()
            .map(|item| input_json(item, variables))
            .collect(),
        Input::Object(fields) => Json::Object(
            fields
                .iter()
                .map(|(key, value)| (key.to_string(), input_json(value, variables)))
                .collect(),
        ),
    }
}

/// A constant of the document as JSON; enum values become their names.
pub(crate) fn constant(value: &Value) -> Json {
    match input(value) {
        Input::Constant(json) => json,
        other => input_json(&other, &JsonObject::new()),
    }
}

/// A value of the document; constant where it has no variables.
pub(crate) fn input(value: &Value) -> Input {
    match value {
        Value::Variable(name) => Input::Variable {
            name: name.clone(),
            path: Vec::new(),
        },
        Value::Int(text) | Value::Float(text) => {
            // The language's numbers are JSON's, so their text parses; null would be an honest refusal.
            Input::Constant(serde_json::from_str(text).unwrap_or(Json::Null))
        }
        Value::String(text) => Input::Constant(Json::from(text.as_str())),
        Value::Boolean(flag) => Input::Constant(Json::from(*flag)),
        Value::Null => Input::Constant(Json::Null),
        Value::Enum(name) => Input::Constant(Json::from(name.as_str())),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(input).collect();
            if items.iter().all(|item| matches!(item, Input::Constant(_))) {
                return Input::Constant(input_json(&Input::List(items), &JsonObject::new()));
            }
            Input::List(items)
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| (key.as_str().into(), input(value)))
                .collect();
            let constant = fields
                .iter()
                .all(|(_, value)| matches!(value, Input::Constant(_)));
            let object = Input::Object(fields);
            if constant {
                Input::Constant(input_json(&object, &JsonObject::new()))
            } else {
                object
            }
        }
    }
}
