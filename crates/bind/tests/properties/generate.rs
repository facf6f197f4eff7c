//! Documents along a role's schema: mostly sound, now and then wrong in one place, with variables in any
//! position and two sets of values for them.

use graphloom_graphql::{
    Directive, Document, Field, Fragment, FragmentSpread, InlineFragment, Operation, OperationType,
    Selection, TypeRef, Value, VariableDefinition,
};
use graphloom_schema::{ObjectType, TypeDefinition, WholeSchema};
use graphloom_vocab::{GraphqlName, Json, JsonObject};
use serde_json::json;

use crate::choices::Choices;

/// A document, and two requests for it.
pub(crate) struct Generated {
    pub(crate) document: Document,
    pub(crate) variables: JsonObject,
    /// The same, here and there something else.
    pub(crate) others: JsonObject,
}

/// Deepest selection set.
const SELECTIONS_MAX: usize = 4;
/// Deepest input value.
const VALUES_MAX: usize = 5;

/// Makes a document.
pub(crate) fn generate(schema: &WholeSchema, choices: &mut Choices<'_>) -> Generated {
    let mut generator = Generator {
        schema,
        choices,
        variables: Vec::new(),
        fragments: Vec::new(),
        values: JsonObject::new(),
        others: JsonObject::new(),
    };
    let mutation = schema.mutation_type.as_ref();
    let mutation = mutation.filter(|_| generator.choices.percent(30));
    let (operation_type, root) = match mutation {
        Some(root) => (OperationType::Mutation, root),
        None => (OperationType::Query, &schema.query_type),
    };
    let root = schema.object(root).expect("a root");
    let selection_set = generator.selections(root, 0);
    let operation = Operation {
        operation_type,
        name: None,
        variables: generator.variables,
        directives: Vec::new(),
        selection_set,
    };
    Generated {
        document: Document {
            operations: vec![operation],
            fragments: generator.fragments,
        },
        variables: generator.values,
        others: generator.others,
    }
}

struct Generator<'a, 'b, 'c> {
    schema: &'a WholeSchema,
    choices: &'b mut Choices<'c>,
    variables: Vec<VariableDefinition>,
    fragments: Vec<Fragment>,
    values: JsonObject,
    others: JsonObject,
}

impl<'a> Generator<'a, '_, '_> {
    fn selections(&mut self, ty: &'a ObjectType, depth: usize) -> Vec<Selection> {
        let count = 1 + self.choices.below(3);
        let mut selections = Vec::new();
        for _ in 0..count {
            let selection = self.selection(ty, depth);
            selections.push(selection);
        }
        selections
    }

    fn selection(&mut self, ty: &'a ObjectType, depth: usize) -> Selection {
        if depth < SELECTIONS_MAX && self.choices.percent(8) {
            let selection_set = self.selections(ty, depth + 1);
            let directives = self.directives();
            return Selection::InlineFragment(InlineFragment {
                type_condition: self.choices.percent(50).then(|| ty.name.clone()),
                directives,
                selection_set,
            });
        }
        if depth < SELECTIONS_MAX && self.choices.percent(8) {
            let selection_set = self.selections(ty, depth + 1);
            let name = GraphqlName::new(format!("F{}", self.fragments.len()));
            self.fragments.push(Fragment {
                name: name.clone(),
                type_condition: ty.name.clone(),
                directives: Vec::new(),
                selection_set,
            });
            let directives = self.directives();
            return Selection::FragmentSpread(FragmentSpread { name, directives });
        }
        Selection::Field(self.field(ty, depth))
    }

    fn field(&mut self, ty: &'a ObjectType, depth: usize) -> Field {
        let alias = match self.choices.below(12) {
            11 => Some(GraphqlName::new(format!("k{}", self.choices.below(3)))),
            10 => Some(GraphqlName::new(format!("k{}", self.choices.below(60_000)))),
            _ => None,
        };
        let plain = |name: &str| Field {
            alias: alias.clone(),
            name: GraphqlName::new(name),
            arguments: Vec::new(),
            directives: Vec::new(),
            selection_set: Vec::new(),
        };
        if self.choices.percent(4) {
            return plain("__typename");
        }
        if self.choices.percent(1) {
            return plain("nope");
        }
        // Leaves only where it is deep, so that documents end.
        let candidates: Vec<_> = ty
            .fields
            .iter()
            .filter(|(_, field)| {
                depth < SELECTIONS_MAX || self.schema.object(field.ty.name()).is_none()
            })
            .collect();
        let Some((name, definition)) = self.choices.one_of(&candidates).copied() else {
            return plain("__typename");
        };
        let mut field = plain(name.as_str());
        for (name, argument) in &definition.arguments {
            let wanted = if argument.ty.is_non_null() { 98 } else { 30 };
            if self.choices.percent(wanted) {
                let value = self.input(&argument.ty, 0);
                field.arguments.push((name.clone(), value));
            }
        }
        if self.choices.percent(1) {
            field
                .arguments
                .push((GraphqlName::new("nope"), Value::Null));
        }
        field.directives = self.directives();
        if let Some(inner) = self.schema.object(definition.ty.name())
            && !self.choices.percent(1)
        {
            field.selection_set = self.selections(inner, depth + 1);
        }
        field
    }

    fn directives(&mut self) -> Vec<Directive> {
        if !self.choices.percent(6) {
            return Vec::new();
        }
        let names = ["include", "skip", "cached", "nope"];
        let name = match self.choices.below(20) {
            18 => names[2],
            19 => names[3],
            n => names[n % 2],
        };
        let condition = self.input(&TypeRef::named("Boolean").non_null(), 0);
        vec![Directive {
            name: GraphqlName::new(name),
            arguments: vec![(GraphqlName::new("if"), condition)],
        }]
    }

    /// A value for a location; may be a new variable.
    fn input(&mut self, ty: &TypeRef, depth: usize) -> Value {
        if self.choices.percent(18) {
            return self.variable(ty);
        }
        if self.choices.percent(2) {
            return self.anything();
        }
        match ty {
            TypeRef::NonNull(inner) => self.input(inner, depth),
            TypeRef::List(inner) => {
                if self.choices.percent(10) {
                    return self.input(inner, depth);
                }
                let count = if depth < VALUES_MAX {
                    self.choices.below(3)
                } else {
                    0
                };
                Value::List((0..count).map(|_| self.input(inner, depth + 1)).collect())
            }
            TypeRef::Named(name) => match self.schema.types.get(name) {
                Some(TypeDefinition::InputObject(ty)) => {
                    let mut fields = Vec::new();
                    let names: Vec<_> = ty.fields.iter().collect();
                    let count = if depth < VALUES_MAX {
                        self.choices.below(3)
                    } else {
                        0
                    };
                    let required = names.iter().filter(|(_, field)| field.ty.is_non_null());
                    let mut chosen: Vec<_> = required.copied().collect();
                    for _ in 0..count {
                        chosen.extend(self.choices.one_of(&names).copied());
                    }
                    for (name, field) in chosen {
                        let value = self.input(&field.ty, depth + 1);
                        fields.push((name.clone(), value));
                    }
                    Value::Object(fields)
                }
                Some(TypeDefinition::Enum(ty)) => {
                    let names: Vec<_> = ty.values.keys().collect();
                    let name = self.choices.one_of(&names).expect("enums have values");
                    Value::Enum((*name).clone())
                }
                _ => self.scalar(name),
            },
        }
    }

    fn scalar(&mut self, name: &GraphqlName) -> Value {
        match (name.as_str(), self.choices.below(8)) {
            ("Boolean", n) => Value::Boolean(n.is_multiple_of(2)),
            ("Int" | "smallint" | "bigint", 7) => Value::String("12".to_owned()),
            ("Int" | "smallint" | "bigint", n) => Value::Int(n.to_string()),
            ("numeric" | "Float" | "float8", n) => Value::Float(format!("{n}.50")),
            ("jsonb", 0..4) => Value::Object(vec![(GraphqlName::new("a"), Value::Int("1".into()))]),
            ("String", n) => Value::String(format!("$.a[{n}]")),
            (_, n) => Value::String(format!("text {n}\" \\ ' {{")),
        }
    }

    fn anything(&mut self) -> Value {
        match self.choices.below(8) {
            0 => Value::Null,
            1 => Value::Int("99999999999999999999".to_owned()),
            2 => Value::Float("-1.5e3".to_owned()),
            3 => Value::String(String::new()),
            4 => Value::Enum(GraphqlName::new("E")),
            5 => Value::List(vec![Value::Null, Value::List(Vec::new())]),
            6 => Value::Object(vec![(GraphqlName::new("_eq"), Value::Null)]),
            _ => Value::Boolean(true),
        }
    }

    /// A new variable of the location's type, or nearly.
    fn variable(&mut self, ty: &TypeRef) -> Value {
        let name = GraphqlName::new(format!("v{}", self.variables.len()));
        let declared = match self.choices.below(10) {
            0 => ty.nullable().clone(),
            1 => TypeRef::named("String"),
            2..6 => ty.clone(),
            _ => ty.clone().non_null(),
        };
        let given = self.json(ty, 0);
        let other = if self.choices.percent(60) {
            self.changed(&given)
        } else {
            self.json(ty, 0)
        };
        let default = match self.choices.percent(15) {
            true => Some(self.constant(ty)),
            false => None,
        };
        if !self.choices.percent(5) {
            self.values.insert(name.as_str().to_owned(), given);
        }
        if !self.choices.percent(5) {
            self.others.insert(name.as_str().to_owned(), other);
        }
        self.variables.push(VariableDefinition {
            name: name.clone(),
            ty: declared,
            default,
        });
        Value::Variable(name)
    }

    fn constant(&mut self, ty: &TypeRef) -> Value {
        match ty {
            TypeRef::NonNull(inner) => self.constant(inner),
            TypeRef::List(inner) => Value::List(vec![self.constant(inner)]),
            TypeRef::Named(name) => match self.schema.types.get(name) {
                Some(TypeDefinition::InputObject(_)) => Value::Object(Vec::new()),
                Some(TypeDefinition::Enum(ty)) => {
                    Value::Enum(ty.values.keys().next().expect("enums have values").clone())
                }
                _ => self.scalar(name),
            },
        }
    }

    /// A variable's value of a type.
    fn json(&mut self, ty: &TypeRef, depth: usize) -> Json {
        if self.choices.percent(3) {
            return self.any_json();
        }
        match ty {
            TypeRef::NonNull(inner) => self.json(inner, depth),
            TypeRef::List(inner) => {
                if self.choices.percent(10) {
                    return self.json(inner, depth);
                }
                let count = if depth < VALUES_MAX {
                    self.choices.below(3)
                } else {
                    0
                };
                (0..count).map(|_| self.json(inner, depth + 1)).collect()
            }
            TypeRef::Named(name) => match self.schema.types.get(name) {
                Some(TypeDefinition::InputObject(ty)) => {
                    let names: Vec<_> = ty.fields.iter().collect();
                    let count = if depth < VALUES_MAX {
                        self.choices.below(3)
                    } else {
                        0
                    };
                    let required = names.iter().filter(|(_, field)| field.ty.is_non_null());
                    let mut chosen: Vec<_> = required.copied().collect();
                    for _ in 0..count {
                        chosen.extend(self.choices.one_of(&names).copied());
                    }
                    let mut object = JsonObject::new();
                    for (name, field) in chosen {
                        let value = self.json(&field.ty, depth + 1);
                        object.insert(name.as_str().to_owned(), value);
                    }
                    Json::Object(object)
                }
                Some(TypeDefinition::Enum(ty)) => {
                    let names: Vec<_> = ty.values.keys().collect();
                    Json::from(
                        self.choices
                            .one_of(&names)
                            .expect("enums have values")
                            .as_str(),
                    )
                }
                _ => self.scalar_json(name),
            },
        }
    }

    fn scalar_json(&mut self, name: &GraphqlName) -> Json {
        let n = self.choices.below(8);
        match name.as_str() {
            "Boolean" => Json::from(n.is_multiple_of(2)),
            "Int" | "smallint" | "bigint" => Json::from(n),
            "numeric" | "Float" | "float8" => json!(1.5),
            "jsonb" => json!({"a": [n]}),
            "String" => Json::from(format!("$.a[{n}]")),
            _ => Json::from(format!("text {n}")),
        }
    }

    fn any_json(&mut self) -> Json {
        match self.choices.below(8) {
            0 => Json::Null,
            1 => json!(1_000_000_000_000_i64),
            2 => json!(-1),
            3 => json!(""),
            4 => json!([]),
            5 => json!([null, [1]]),
            6 => json!({"no name": 1}),
            _ => json!({}),
        }
    }

    /// The same value with other leaves; seldom with another shape.
    fn changed(&mut self, json: &Json) -> Json {
        if self.choices.percent(4) {
            return self.any_json();
        }
        match json {
            Json::Number(_) => Json::from(self.choices.below(100)),
            // Words are left alone most of the time: they may be names of enum values.
            Json::String(text) if self.choices.percent(60) => Json::from(text.as_str()),
            Json::String(_) => Json::from(format!("other {}", self.choices.below(9))),
            Json::Array(items) => items.iter().map(|item| self.changed(item)).collect(),
            Json::Object(object) => {
                let fields = object.iter();
                Json::Object(
                    fields
                        .map(|(key, value)| (key.clone(), self.changed(value)))
                        .collect(),
                )
            }
            other => other.clone(),
        }
    }
}
