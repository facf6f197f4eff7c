//! Asking webhooks about input: once for each table of an insert, once for an update or a delete, before any
//! transaction begins.

use std::sync::Arc;

use graphloom_bind::input_json;
use graphloom_ir::{ArgumentsWebhook, InputWebhook, InsertNode, Mutation};
use graphloom_vocab::{ColumnName, Error, ErrorCode, Json, JsonObject, QualifiedTable, Result};
use serde_json::json;

use super::plan::{MutationStep, Work};
use super::rows;
use super::run::Request;

/// What a webhook says is a sentence for a person.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The payload's form, which webhooks may look at.
const PAYLOAD_VERSION: u32 = 1;

/// A place in the tree of an insert, as webhooks know it: tables, columns and relationships by their own names.
#[derive(Debug)]
pub(crate) struct AskedPlace {
    table: QualifiedTable,
    webhook: Option<Arc<InputWebhook>>,
    /// The key in the input object, and the column.
    columns: Vec<(Arc<str>, ColumnName)>,
    /// The key in the input object, the relationship, and where it leads.
    relations: Vec<(Arc<str>, Arc<str>, AskedPlace)>,
}

/// A webhook and what it is asked about, which is of one table.
struct Question<'s> {
    table: Option<&'s QualifiedTable>,
    webhook: &'s Arc<InputWebhook>,
    input: Json,
}

impl AskedPlace {
    /// The places of an insert; `None`: nobody is asked.
    pub(crate) fn of(root: &InsertNode) -> Option<Self> {
        is_asked(root).then(|| Self::place(root))
    }

    fn place(node: &InsertNode) -> Self {
        let columns = node.columns.iter().filter_map(|column| {
            let given = column.given.as_ref()?;
            Some((given.key.clone(), column.column.name.clone()))
        });
        let relations = node.relations.iter();
        let relations = relations.map(|relation| {
            let place = Self::place(&relation.node);
            (relation.key.clone(), relation.name.clone(), place)
        });
        Self {
            table: node.target.table().clone(),
            webhook: node.target.webhook().cloned(),
            columns: columns.collect(),
            relations: relations.collect(),
        }
    }

    /// A row as webhooks see it: no conflicts, nothing that is left out.
    fn row(&self, row: &Json) -> Json {
        let mut seen = JsonObject::new();
        for (key, column) in &self.columns {
            if let Some(value) = row.get(&**key) {
                seen.insert(column.as_str().to_owned(), value.clone());
            }
        }
        for (key, name, place) in &self.relations {
            let data = row.get(&**key).and_then(|related| related.get("data"));
            if let Some(data) = data {
                let data = match data {
                    Json::Array(rows) => rows.iter().map(|row| place.row(row)).collect(),
                    one => place.row(one),
                };
                seen.insert(name.to_string(), json!({"data": data}));
            }
        }
        Json::Object(seen)
    }

    fn ask<'s>(&'s self, rows: &Json, questions: &mut Vec<Question<'s>>) {
        let rows = match rows {
            Json::Array(rows) => rows.as_slice(),
            one => std::slice::from_ref(one),
        };
        if let Some(webhook) = &self.webhook {
            let seen = rows.iter().map(|row| self.row(row));
            let known = questions
                .iter_mut()
                .find(|question| question.table == Some(&self.table));
            match known.map(|question| &mut question.input) {
                Some(Json::Array(known)) => known.extend(seen),
                _ => questions.push(Question {
                    table: Some(&self.table),
                    webhook,
                    input: seen.collect(),
                }),
            }
        }
        for row in rows {
            for (key, _, place) in &self.relations {
                let data = row.get(&**key).and_then(|related| related.get("data"));
                if let Some(data) = data {
                    place.ask(data, questions);
                }
            }
        }
    }
}

fn is_asked(node: &InsertNode) -> bool {
    let mut below = node.relations.iter();
    node.target.webhook().is_some() || below.any(|relation| is_asked(&relation.node))
}

/// Whether anybody is to be asked about a mutation's input.
pub(super) fn is_asked_about(mutation: &Mutation) -> bool {
    match mutation {
        Mutation::Insert(insert) => is_asked(&insert.node),
        Mutation::Update(update) => update.target.webhook().is_some(),
        Mutation::UpdateMany(updates) => updates
            .iter()
            .any(|update| update.target.webhook().is_some()),
        Mutation::Delete(delete) => delete.target.webhook().is_some(),
        Mutation::Call(_) | Mutation::Nothing(_) => false,
    }
}

/// Asks everybody who is to be asked about a step. Errors: what a webhook says against it; `unexpected` if it
/// says nothing that we understand.
pub(super) async fn ask(step: &MutationStep, request: Request<'_>) -> Result<()> {
    let mut questions = Vec::new();
    if let Some(ArgumentsWebhook { webhook, input }) = &step.webhook {
        questions.push(Question {
            table: None,
            webhook,
            input: input_json(input, request.variables),
        });
    }
    let rows;
    if let Work::Insert(insert) = &step.work
        && let Some(asked) = &insert.asked
    {
        rows = rows::input(&insert.rows, request.variables);
        asked.ask(&rows, &mut questions);
    }
    for question in questions {
        put(question, request).await?;
    }
    Ok(())
}

async fn put(question: Question<'_>, request: Request<'_>) -> Result<()> {
    let Some(outside) = request.outside else {
        let message = "this permission validates its input by a webhook, which is not done here";
        return Err(Error::new(ErrorCode::NotSupported, message));
    };
    let session = request.session;
    let body = json!({
        "version": PAYLOAD_VERSION,
        "session_variables": session.variables_json(),
        "role": session.role.as_str(),
        "data": {"input": question.input},
    });
    let body = (body.to_string(), ANSWER_BYTES_MAX);
    let call = outside.request(question.webhook, body, request.caller)?;
    let answer = outside.send(call).await.map_err(|error| {
        Error::unexpected("http exception when validating input data")
            .with_internal(Json::String(error.to_string()))
    })?;
    if answer.status.is_success() {
        return Ok(());
    }
    if answer.status.as_u16() != 400 {
        let status = answer.status.as_u16();
        let found = format!("expecting 200 or 400 status code, but found {status}");
        return Err(
            Error::unexpected("internal error when validating input data")
                .with_internal(Json::String(found)),
        );
    }
    let said = serde_json::from_slice::<Json>(&answer.body);
    match said
        .ok()
        .as_ref()
        .and_then(|said| said.get("message")?.as_str())
    {
        Some(message) => Err(Error::validation(message)),
        None => Err(
            Error::unexpected("received invalid response from input validation webhook")
                .with_internal(Json::from(
                    "invalid response: expected a JSON object with a text \"message\"",
                )),
        ),
    }
}
