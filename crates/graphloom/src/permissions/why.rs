//! `permissions why`: the first reason why a role may not do something to a row.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use graphloom_permissions::{Action, Judgement, Question, Refusal, why};
use graphloom_server::options::Kind::{Choice, Switch, Text};
use graphloom_server::options::{CommandLine, Opt, SERVE, Values};
use graphloom_vocab::{BackendOnly, ColumnName, Json, JsonObject, QualifiedTable, SourceName};

use super::{COMMON, finish, open};

/// Options of `why` alone.
#[rustfmt::skip]
const WHY: &[Opt] = &[
    Opt::new("role", &[], Text, "The role"),
    Opt::new("session", &[], Text, "Session variables, as a JSON object: {\"x-hasura-user-id\": 1}").or("{}"),
    Opt::new("backend", &[], Switch, "Ask as a backend, to which backend_only permissions apply").or("false"),
    Opt::new("source", &[], Text, "The source the table is in").or("default"),
    Opt::new("table", &[], Text, "The table: `name`, or `schema.name`"),
    Opt::new("action", &[], Choice(&["select", "insert", "update", "delete"]), "What the role wants to do")
        .or("select"),
    Opt::new("key", &[], Text, "The row, by the columns of a key, as a JSON object: {\"id\": 1}"),
    Opt::new("row", &[], Text, "A row to be made for the occasion, as a JSON object of its columns"),
    Opt::new("columns", &[], Text, "Columns that are to be selected, separated by commas"),
    Opt::new("set", &[], Text, "New values of columns in an update, as a JSON object").or("{}"),
];

/// Every option: those of `serve` too, which name the databases.
pub(crate) const OPTIONS: &[&[Opt]] = &[WHY, COMMON, SERVE];

/// Prints the first reason, or that there is none.
pub(crate) fn run(
    line: &CommandLine,
    environment: HashMap<String, String>,
) -> Result<ExitCode, String> {
    finish(async {
        let values = Values::resolve(line, &environment, OPTIONS);
        let values = values.map_err(|error| error.to_string())?;
        let question = question(&values)?;
        let opened = open(line, &values, environment).await?;
        let judged = why(&opened.world, &question).await;
        let judged = judged.map_err(|error| error.message().to_owned())?;
        let is_allowed = matches!(judged, Judgement::Allowed { .. });
        let text = match values.boolean("json") {
            true => format!("{:#}\n", judged.to_json()),
            false => as_text(&judged),
        };
        Ok((text, is_allowed))
    })
}

fn question(values: &Values) -> Result<Question, String> {
    let needed = |flag: &str| {
        let value = values.text(flag);
        value.ok_or_else(|| format!("--{flag} is missing; see --help"))
    };
    let backend = match values.boolean("backend") {
        true => BackendOnly::Allowed,
        false => BackendOnly::Hidden,
    };
    let variables = object(values, "session")?.unwrap_or_default();
    let session = Question::session(needed("role")?, &variables, backend);
    let action = match values.required("action") {
        "insert" => Action::Insert,
        "update" => Action::Update(object(values, "set")?.unwrap_or_default()),
        "delete" => Action::Delete,
        _ => Action::Select(columns(values)),
    };
    let (row, is_new) = match (object(values, "key")?, object(values, "row")?) {
        (Some(_), None) if action == Action::Insert => {
            return Err("an insert is asked about with --row".to_owned());
        }
        (Some(key), None) => (key, false),
        (None, Some(row)) => (row, true),
        _ => return Err("either --key or --row says which row is meant".to_owned()),
    };
    let table = needed("table")?;
    let table = match table.split_once('.') {
        Some((schema, name)) => QualifiedTable::new(schema, name),
        None => QualifiedTable::new("public", table),
    };
    Ok(Question {
        session: session.map_err(|error| error.message().to_owned())?,
        source: SourceName::new(values.required("source")),
        table,
        action,
        row,
        is_new,
    })
}

fn columns(values: &Values) -> Vec<ColumnName> {
    let names = values.text("columns").unwrap_or_default().split(',');
    let names = names.map(str::trim).filter(|name| !name.is_empty());
    names.map(ColumnName::new).collect()
}

fn object(values: &Values, flag: &str) -> Result<Option<JsonObject>, String> {
    let Some(text) = values.text(flag) else {
        return Ok(None);
    };
    match serde_json::from_str(text) {
        Ok(Json::Object(object)) => Ok(Some(object)),
        _ => Err(format!("--{flag} is no JSON object")),
    }
}

fn as_text(judged: &Judgement) -> String {
    match judged {
        Judgement::Allowed { note } => match note {
            Some(note) => format!("allowed\n  note: {note}\n"),
            None => "allowed\n".to_owned(),
        },
        Judgement::Refused(refusal) => refused(refusal),
    }
}

fn refused(refusal: &Refusal) -> String {
    let mut text = match (refusal.rule, &refusal.path) {
        (Some(rule), Some(path)) => format!("refused by {rule} at {path}\n"),
        _ => "refused\n".to_owned(),
    };
    let _ = writeln!(text, "  {}", refusal.message);
    let _ = writeln!(text, "  role: {}", refusal.role);
    if let Some((name, value)) = &refusal.variable {
        let value = value.as_deref().unwrap_or("not set");
        let _ = writeln!(text, "  {name}: {value}");
    }
    text
}
