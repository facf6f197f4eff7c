//! Bound operations, errors and inconsistencies as people read them.

use std::fmt::Write;

use graphloom_bind::evaluate;
use graphloom_ir::{
    Assumption, BoundOperation, CursorPath, Observed, OperationKind, RootField, RootValue,
    TypedValue, Value,
};
use graphloom_plan::draft;
use graphloom_schema::Inconsistency;
use graphloom_sql::Layout;
use graphloom_vocab::{
    Error, ErrorCode, ErrorPath, Json, JsonObject, PathSegment, Result, Session,
};

/// `code at path`, then the message.
pub(crate) fn error(error: &Error) -> String {
    let (code, path, message) = (error.code().as_str(), error.path(), error.message());
    format!("! {code} at {path}\n! {message}\n")
}

/// Every root field with its SQL and the values sent along, then what was assumed of variables.
pub(crate) fn operation(
    operation: &BoundOperation,
    session: &Session,
    variables: &JsonObject,
) -> Result<String> {
    let mut out = String::new();
    if operation.kind != OperationKind::Query {
        writeln!(out, "{:?}", operation.kind).unwrap();
    }
    roots(&operation.roots, session, variables, &mut out)?;
    for assumption in &operation.premise.0 {
        writeln!(out, "if {}", premise(assumption)).unwrap();
    }
    Ok(out)
}

fn roots(
    fields: &[RootField],
    session: &Session,
    variables: &JsonObject,
    out: &mut String,
) -> Result<()> {
    for root in fields {
        match &root.value {
            RootValue::Constant(json) => writeln!(out, "{} = {json}", root.key).unwrap(),
            RootValue::Written(text) => {
                let json = String::from_utf8(text.whole()?).unwrap();
                writeln!(out, "{} = {json}", root.key).unwrap();
            }
            RootValue::Namespace(inner) => {
                writeln!(out, "{} {{", root.key).unwrap();
                roots(inner, session, variables, out)?;
                writeln!(out, "}}").unwrap();
            }
            RootValue::Mutation(source, mutation) => {
                writeln!(
                    out,
                    "{} writes to {source}: {:#?}",
                    root.key, mutation.mutation
                )
                .unwrap();
                if let Some(webhook) = &mutation.webhook {
                    writeln!(out, "after asking {webhook:#?}").unwrap();
                }
            }
            RootValue::Source(source, query) => {
                let plan = draft(query).print(Layout::Indented);
                writeln!(out, "{} of {source}:", root.key).unwrap();
                writeln!(out, "{}", plan.sql.text()).unwrap();
                for (index, value) in plan.parameters.iter().enumerate() {
                    let text = text(value, session, variables)?;
                    let text = text.map_or("NULL".to_owned(), |text| Json::from(text).to_string());
                    let from = origin(&value.value);
                    writeln!(out, "  ${} = {text} {}{from}", index + 1, value.ty.name).unwrap();
                }
            }
        }
    }
    Ok(())
}

fn origin(value: &Value) -> &'static str {
    match value {
        Value::Literal(_) => "",
        Value::Variable(_) => " (variable)",
        Value::Session(_) | Value::SessionObject => " (session)",
        Value::Run(_) => " (run)",
    }
}

/// A parameter's text for one request, as execution makes it.
pub(crate) fn text(
    value: &TypedValue,
    session: &Session,
    variables: &JsonObject,
) -> Result<Option<String>> {
    match &value.value {
        Value::Literal(text) => Ok(text.as_deref().map(str::to_owned)),
        Value::Variable(variable_use) => evaluate(variable_use, variables),
        Value::Session(name) => match session.variable(name) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(Error::new(
                ErrorCode::NotFound,
                format!("missing session variable: \"{name}\""),
            )),
        },
        Value::SessionObject => Ok(Some(session.variables_json().to_string())),
        Value::Run(value) => Ok(Some(format!("{value:?}"))),
    }
}

fn premise(assumption: &Assumption) -> String {
    let mut path = ErrorPath::root();
    path.push(PathSegment::Key(assumption.variable.as_str().to_owned()));
    for segment in &assumption.path {
        path.push(segment.clone());
    }
    let path = path.to_string().replacen("$.", "$", 1);
    match &assumption.observed {
        Observed::Absent => format!("{path} is absent"),
        Observed::Present => format!("{path} is present"),
        Observed::Null => format!("{path} is null"),
        Observed::NotNull => format!("{path} is not null"),
        Observed::Keys(keys) => format!("{path} has the keys {keys:?}"),
        Observed::Length(length) => format!("{path} has {length} items"),
        Observed::Single => format!("{path} is a single value"),
        Observed::Exact(json) => format!("{path} is {json}"),
        Observed::Rows(shape) => format!("{path} is rows of {:?}", shape.0),
        Observed::Unrepeatable => "never again".to_owned(),
        Observed::Cursor(parts) => {
            let part = |(keys, null): &(CursorPath, bool)| {
                let null = if *null { "null" } else { "a value" };
                format!("{null} at {}", keys.join("."))
            };
            let parts: Vec<_> = parts.iter().map(part).collect();
            format!("{path} is a cursor with {}", parts.join(" and "))
        }
        Observed::NodeId(table, values) => {
            let table = table.display_name();
            format!("{path} is the id of a row of {table} with {values} values")
        }
    }
}

/// One object a paragraph: name, reason, definition.
pub(crate) fn inconsistencies(found: &[Inconsistency]) -> String {
    let mut out = String::new();
    for inconsistency in found {
        let json = inconsistency.to_json();
        let text = |key: &str| json[key].as_str().unwrap_or_default();
        writeln!(out, "{}: {}", text("type"), text("name")).unwrap();
        writeln!(out, "  {}", text("reason")).unwrap();
        writeln!(out, "  {}\n", json["definition"]).unwrap();
    }
    if out.is_empty() {
        out.push_str("none\n");
    }
    out
}
