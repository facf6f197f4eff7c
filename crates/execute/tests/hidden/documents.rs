//! Documents along a role's schema, whatever it offers: sound ones, with values that rows have.
//!
//! Nothing here knows tables or permissions, so that what is added to schemas is asked for too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graphloom_graphql::{
    self as graphql, Document, Field, InlineFragment, Operation, OperationType, Selection, TypeRef,
    Value, VariableDefinition,
};
use graphloom_schema::{
    FieldDefinition, InputValueDefinition, ObjectType, RoleSchema, TypeDefinition,
};
use graphloom_vocab::{GraphqlName, Json};
use serde_json::json;

use crate::tape::Tape;

/// Deepest selection set.
const SELECTIONS_MAX: usize = 3;
/// Deepest input value.
const VALUES_MAX: usize = 5;
/// Rows that are inserted mostly have new ids, from here on.
const NEW_IDS: usize = 1_000;
/// Ids of rows that are there are below; some are of no row.
const IDS: usize = 12;

const TEXTS: [&str; 8] = ["a", "", "b", "ab", "ba", "abc", "a%", "%b"];

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) query: String,
    pub(crate) variables: Json,
}

/// One of a kind of operations; `None` if the role has nothing of it. `number` tells requests apart.
pub(crate) fn request(
    tape: &mut Tape<'_>,
    schema: &RoleSchema,
    kind: OperationType,
    number: usize,
) -> Option<Request> {
    let root = match kind {
        OperationType::Query => Some(&schema.query_type),
        OperationType::Mutation => schema.mutation_type.as_ref(),
        OperationType::Subscription => schema.subscription_type.as_ref(),
    };
    let root = schema.object(root?)?;
    let mut maker = Maker {
        tape,
        schema,
        declared: Vec::new(),
        variables: serde_json::Map::new(),
        keys: 0,
        new_ids: NEW_IDS + number * 20,
    };
    let is_data = |name: &str| !name.starts_with("__") && name != "no_queries_available";
    let fields = root
        .fields
        .iter()
        .filter(|(name, _)| is_data(name.as_str()));
    let fields: Vec<_> = fields.collect();
    let count = match kind {
        OperationType::Subscription => 1,
        _ => 1 + usize::from(maker.tape.once_in(4)),
    };
    let mut selection_set = Vec::new();
    for _ in 0..count {
        let (name, field) = *maker.tape.pick(&fields)?;
        selection_set.push(maker.field(name, field, 0));
    }
    let operation = Operation {
        operation_type: kind,
        name: None,
        variables: maker.declared,
        directives: Vec::new(),
        selection_set,
    };
    let variables = maker.variables.into();
    let document = Document {
        operations: vec![operation],
        fragments: Vec::new(),
    };
    let query = graphql::print(&document);
    Some(Request { query, variables })
}

struct Maker<'a, 'b> {
    tape: &'a mut Tape<'b>,
    schema: &'a RoleSchema,
    declared: Vec<VariableDefinition>,
    variables: serde_json::Map<String, Json>,
    keys: usize,
    new_ids: usize,
}

impl<'a> Maker<'a, '_> {
    fn key(&mut self) -> GraphqlName {
        self.keys += 1;
        GraphqlName::new(format!("k{}", self.keys))
    }

    fn field(&mut self, name: &GraphqlName, field: &'a FieldDefinition, depth: usize) -> Selection {
        let arguments = self.arguments(field);
        let of = field.ty.name();
        let selection_set = match self.schema.get(of) {
            Some(TypeDefinition::Object(ty)) => self.selections(ty, depth + 1),
            Some(TypeDefinition::Interface(ty)) => {
                let objects = ty.possible_types.clone();
                let objects = objects.iter().filter_map(|name| self.schema.object(name));
                let fragments = objects.map(|object| {
                    Selection::InlineFragment(InlineFragment {
                        type_condition: Some(object.name.clone()),
                        directives: Vec::new(),
                        selection_set: self.selections(object, depth + 1),
                    })
                });
                fragments.collect()
            }
            _ => Vec::new(),
        };
        Selection::Field(Field {
            alias: Some(self.key()),
            name: name.clone(),
            arguments,
            directives: Vec::new(),
            selection_set,
        })
    }

    fn selections(&mut self, ty: &'a ObjectType, depth: usize) -> Vec<Selection> {
        let is_leaf = |field: &FieldDefinition| {
            let of = self.schema.get(field.ty.name());
            !matches!(
                of,
                Some(TypeDefinition::Object(_) | TypeDefinition::Interface(_))
            )
        };
        let all = ty.fields.iter();
        let fields: Vec<_> = all
            .filter(|(_, field)| depth <= SELECTIONS_MAX || is_leaf(field))
            .collect();
        let mut selections = Vec::new();
        for _ in 0..=self.tape.below(4) {
            if let Some((name, field)) = self.tape.pick(&fields).copied() {
                selections.push(self.field(name, field, depth));
            }
        }
        if selections.is_empty() {
            selections.push(Selection::Field(Field {
                alias: Some(self.key()),
                name: GraphqlName::new("__typename"),
                arguments: Vec::new(),
                directives: Vec::new(),
                selection_set: Vec::new(),
            }));
        }
        selections
    }

    fn arguments(&mut self, field: &'a FieldDefinition) -> Vec<(GraphqlName, Value)> {
        let mut arguments: Vec<(GraphqlName, Value)> = Vec::new();
        for (name, argument) in &field.arguments {
            let is_wanted = match name.as_str() {
                "where" => !self.tape.once_in(3),
                "limit" | "path" | "first" | "last" => self.tape.once_in(4),
                "keys" => true,
                "offset" | "distinct_on" => self.tape.once_in(6),
                "after" | "before" => self.tape.once_in(12),
                "expect" => self.tape.once_in(10),
                _ => self.tape.once_in(2),
            };
            let excludes = |one: &str, other: &str| {
                name.as_str() == one && arguments.iter().any(|(name, _)| name.as_str() == other)
            };
            let pairs = [
                ("last", "first"),
                ("before", "after"),
                ("order_by", "distinct_on"),
            ];
            let mut others = arguments.iter();
            let excluded = pairs.iter().any(|(a, b)| excludes(a, b) || excludes(b, a))
                || is_change(name.as_str()) && others.any(|(name, _)| is_change(name.as_str()));
            if argument.ty.is_non_null() || is_wanted && !excluded {
                let value = self.argument(name, argument);
                arguments.push((name.clone(), value));
            }
        }
        arguments
    }

    /// A value, or now and then a variable with it.
    fn argument(&mut self, name: &GraphqlName, argument: &InputValueDefinition) -> Value {
        let value = self.value(&argument.ty, name.as_str(), 0);
        if !self.tape.once_in(4) {
            return value;
        }
        let name = GraphqlName::new(format!("v{}", self.declared.len()));
        self.variables
            .insert(name.as_str().to_owned(), to_json(&value));
        self.declared.push(VariableDefinition {
            name: name.clone(),
            ty: argument.ty.clone(),
            default: None,
        });
        Value::Variable(name)
    }

    fn value(&mut self, ty: &TypeRef, of: &str, depth: usize) -> Value {
        match ty {
            TypeRef::NonNull(inner) => self.value(inner, of, depth),
            TypeRef::List(inner) => {
                if of == "keys" && !self.tape.once_in(8) {
                    return self.all_keys(inner);
                }
                let count = match depth < VALUES_MAX {
                    true => 1 + self.tape.below(2),
                    false => 0,
                };
                Value::List(
                    (0..count)
                        .map(|_| self.value(inner, of, depth + 1))
                        .collect(),
                )
            }
            TypeRef::Named(name) => match self.schema.get(name) {
                Some(TypeDefinition::InputObject(ty)) => {
                    let fields = ty.fields.iter().collect::<Vec<_>>();
                    Value::Object(self.object(name.as_str(), &fields, of, depth + 1))
                }
                Some(TypeDefinition::Enum(ty)) => {
                    let names: Vec<_> = ty.values.keys().collect();
                    Value::Enum((*self.tape.pick(&names).expect("enums have values")).clone())
                }
                _ => self.scalar(name.as_str(), of),
            },
        }
    }

    /// Every key that groups can have.
    fn all_keys(&self, ty: &TypeRef) -> Value {
        let fields = self.schema.input_object(ty.name()).map(|ty| &ty.fields);
        let column = fields.and_then(|fields| fields.first());
        let columns = column.and_then(|(_, column)| self.schema.enumeration(column.ty.name()));
        let columns = columns
            .into_iter()
            .flat_map(|columns| columns.values.keys());
        let key = |column: &GraphqlName| {
            let column = Value::Enum(column.clone());
            Value::Object(vec![(GraphqlName::new("column"), column)])
        };
        Value::List(columns.map(key).collect())
    }

    fn object(
        &mut self,
        ty: &str,
        fields: &[(&GraphqlName, &InputValueDefinition)],
        of: &str,
        depth: usize,
    ) -> Vec<(GraphqlName, Value)> {
        let is_input = |field: &InputValueDefinition| {
            matches!(
                self.schema.get(field.ty.name()),
                Some(TypeDefinition::InputObject(_))
            )
        };
        let is_condition = ty.ends_with("_bool_exp") && !ty.contains("comparison");
        let (mut chosen, mut optional): (Vec<_>, Vec<_>) = fields
            .iter()
            .copied()
            .partition(|(_, field)| field.ty.is_non_null());
        if depth > VALUES_MAX {
            // Some have nothing else: the order of rows of which a role sees no column.
            optional.retain(|(_, field)| !is_input(field));
        }
        if ty.ends_with("_insert_input") {
            for one in optional {
                let is_wanted = match is_input(one.1) {
                    true => depth < 4 && self.tape.once_in(6),
                    false => one.0.as_str() == "id" || !self.tape.once_in(3),
                };
                chosen.extend(is_wanted.then_some(one));
            }
        } else if ty.ends_with("_updates") {
            let changes = optional.iter().filter(|(name, _)| is_change(name.as_str()));
            let changes: Vec<_> = changes.copied().collect();
            chosen.extend(self.tape.pick(&changes).copied());
        } else if ty.ends_with("_aggregate_bool_exp") || ty.ends_with("_stream_cursor_value_input")
        {
            chosen.extend(self.tape.pick(&optional).copied());
        } else if depth <= VALUES_MAX || !is_condition {
            let most = if is_condition || ty.ends_with("_set_input") {
                2
            } else {
                1
            };
            let wanted = match chosen.is_empty() {
                true => 1 + self.tape.below(most),
                false => self.tape.below(3),
            };
            for _ in 0..wanted {
                let one = self.tape.pick(&optional).copied();
                let is_new =
                    |one: &(&GraphqlName, _)| chosen.iter().all(|(name, _)| *name != one.0);
                chosen.extend(one.filter(is_new));
            }
        }
        let is_insert = ty.ends_with("_insert_input");
        let of_field = |name: &'_ str| match name.starts_with('_') {
            true => of.to_owned(),
            false => name.to_owned(),
        };
        let fields = chosen.into_iter().map(|(name, field)| {
            let value = match is_insert && name.as_str() == "id" && !self.tape.once_in(5) {
                true => {
                    self.new_ids += 1;
                    Value::Int(self.new_ids.to_string())
                }
                false => self.value(&field.ty, &of_field(name.as_str()), depth),
            };
            (name.clone(), value)
        });
        fields.collect()
    }

    fn scalar(&mut self, name: &str, of: &str) -> Value {
        let small = self.tape.below(7);
        let is_id = of == "id" || of.starts_with('f') || of == "low" || of == "which";
        match (name, of) {
            ("Boolean", _) => Value::Boolean(small.is_multiple_of(2)),
            ("Int", _) if is_id => Value::Int(self.tape.below(IDS).to_string()),
            ("Int", "limit" | "offset" | "first" | "last" | "batch_size") => {
                Value::Int(small.to_string())
            }
            ("Int", _) => Value::Int(format!("{}", i64::try_from(small).unwrap() - 1)),
            ("float8" | "Float", _) => {
                Value::Float(["-0.5", "0.0", "0.5", "1.0", "1.5", "2.0", "2.5"][small].to_owned())
            }
            ("bigint", _) => Value::Int(small.to_string()),
            ("numeric", _) => {
                Value::Float(["-0.25", "0", "0.25", "0.5", "0.75", "1.00", "9"][small].to_owned())
            }
            ("ID", _) => {
                let table = ["t0", "t1", "t2", "v0"][self.tape.below(4)];
                Value::String(STANDARD.encode(json!([1, "public", table, small]).to_string()))
            }
            ("String", "after" | "before") => {
                Value::String(STANDARD.encode(json!({"id": small}).to_string()))
            }
            ("String", "path") => Value::String(["a", "$.b.c[0]", "b", "x"][small % 4].to_owned()),
            ("jsonb", _) => self.json(small),
            (_, _) => Value::String(TEXTS[small].to_owned()),
        }
    }

    fn json(&mut self, small: usize) -> Value {
        let number = Value::Int((i64::try_from(small).unwrap() - 1).to_string());
        let object = |key: &str, value| Value::Object(vec![(GraphqlName::new(key), value)]);
        match self.tape.below(5) {
            0 => object("a", number),
            1 => object("b", object("c", Value::List(vec![number]))),
            2 => number,
            3 => Value::String(TEXTS[small].to_owned()),
            _ => Value::Object(Vec::new()),
        }
    }
}

/// What an update does to columns; of those, one column may be in one only.
fn is_change(name: &str) -> bool {
    let all = [
        "_set",
        "_inc",
        "_append",
        "_prepend",
        "_delete_key",
        "_delete_elem",
        "_delete_at_path",
    ];
    all.contains(&name)
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Int(text) | Value::Float(text) => serde_json::from_str(text).unwrap(),
        Value::String(text) => text.as_str().into(),
        Value::Boolean(value) => (*value).into(),
        Value::Enum(name) => name.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.as_str().to_owned(), to_json(value)));
            Json::Object(fields.collect())
        }
        Value::Null | Value::Variable(_) => Json::Null,
    }
}
