//! Plans a query, keeps its SQL, runs it.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use graphloom_ir::{Input, SourceQuery, TypedValue, Value};
use graphloom_plan::{
    Delivery, ResultShape, StatementDraft, StatementPlan, draft, draft_for, plan,
};
use graphloom_sql::{Layout, quote_literal};
use graphloom_testkit::postgres::Database;

/// Keeps the statement as a snapshot and compares Postgres' answer, key order and all, with `expected`.
pub(crate) fn check(name: &str, query: &SourceQuery, expected: &str) {
    check_sql(name, query);
    check_answer(query, expected);
}

/// Compares Postgres' answer, key order and all, with `expected`.
pub(crate) fn check_answer(query: &SourceQuery, expected: &str) {
    with_world(|world| compare(&plan(query), world, expected));
}

fn compare(plan: &StatementPlan, database: &Database, expected: &str) {
    let answer = execute(plan, database);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert_eq!(
        answer.to_string(),
        expected.to_string(),
        "{}",
        plan.sql.text()
    );
}

/// The same for types of extensions, in a world of their own. A Postgres that does not bring an
/// extension along cannot be asked; the statement is kept all the same.
pub(crate) fn check_with_extension(
    name: &str,
    query: &SourceQuery,
    (extensions, world): (&[&str], &str),
    expected: &str,
) {
    check_sql(name, query);
    let database = Database::create().unwrap();
    for extension in extensions {
        let available = format!("SELECT FROM pg_available_extensions WHERE name = '{extension}'");
        if database.query(&available).unwrap().is_empty() {
            return;
        }
        database
            .run(&format!("CREATE EXTENSION {extension}"))
            .unwrap();
    }
    database.run(world).unwrap();
    compare(&plan(query), &database, expected);
}

/// Keeps the statement as a snapshot only.
pub(crate) fn check_sql(name: &str, query: &SourceQuery) {
    check_draft(name, draft(query));
}

/// The same both ways: as JSON, and as rows.
pub(crate) fn check_both(name: &str, query: &SourceQuery) {
    check_sql(name, query);
    check_draft(&format!("{name}_rows"), draft_for(query, Delivery::Rows));
}

fn check_draft(name: &str, draft: StatementDraft) {
    let shown = draft.print(Layout::Indented);
    let mut snapshot = format!("{}\n\n", shown.sql.text());
    for (position, value) in shown.parameters.iter().enumerate() {
        writeln!(snapshot, "${} {}", position + 1, describe(value)).unwrap();
    }
    writeln!(snapshot, "{:?}", shown.result).unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, snapshot));
}

fn describe(value: &TypedValue) -> String {
    let of = &value.ty.name;
    match &value.value {
        Value::Literal(text) => format!("{of} literal {}", text.as_deref().unwrap_or("NULL")),
        Value::Variable(variable) => match &variable.input {
            Input::Variable { name, .. } => format!("{of} variable ${name}"),
            input => format!("{of} {input:?}"),
        },
        Value::Session(name) => format!("{of} session {name}"),
        Value::SessionObject => format!("{of} session"),
        Value::Run(value) => format!("{of} {value:?}"),
    }
}

/// What the values that a request would bring are in these tests.
fn text_of(value: &TypedValue) -> Option<String> {
    match &value.value {
        Value::Literal(text) => text.as_deref().map(str::to_owned),
        Value::Variable(variable) => match &variable.input {
            Input::Variable { name, .. } if name.as_str() == "two" => Some("2".to_owned()),
            Input::Variable { name, .. } if name.as_str() == "nothing" => None,
            Input::Variable { name, .. } if name.as_str() == "none" => Some("0".to_owned()),
            input => panic!("no value for {input:?}"),
        },
        Value::Session(name) if name.as_str() == "x-hasura-user-id" => Some("1".to_owned()),
        other => panic!("no value for {other:?}"),
    }
}

fn execute(plan: &StatementPlan, database: &Database) -> String {
    let arguments: Vec<String> = plan
        .parameters
        .iter()
        .map(|value| text_of(value).map_or("NULL".to_owned(), |text| quote_literal(&text)))
        .collect();
    let mut script = format!("PREPARE q AS {};\nEXECUTE q", plan.sql.text());
    if !arguments.is_empty() {
        write!(script, "({})", arguments.join(", ")).unwrap();
    }
    let rows = database.query(&script).unwrap();
    match (&plan.result, rows.as_slice()) {
        (ResultShape::JsonTextOrNoRow, []) => "null".to_owned(),
        (_, [row]) => row[0].clone().expect("the value is never NULL"),
        (_, rows) => panic!("{} rows", rows.len()),
    }
}

/// One database for all tests of a file: nothing here writes.
fn with_world<T>(use_it: impl FnOnce(&Database) -> T) -> T {
    static WORLD: Mutex<Option<Database>> = Mutex::new(None);
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let world = world.get_or_insert_with(|| {
        let database = Database::create().unwrap();
        database.run(include_str!("../world.sql")).unwrap();
        database
    });
    use_it(world)
}
