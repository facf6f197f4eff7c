//! What Postgres would do for a query, without doing it.
//!
//! Nothing of it is cached, and nothing is run but `EXPLAIN`. Read [`Engine::explain`].

use std::sync::Arc;

use graphloom_ir::{
    BoundOperation, OperationKind, RootField, RootValue, SourceQuery, TypedValue, Value,
};
use graphloom_pg::{Purpose, Statement};
use graphloom_plan::{Delivery, LiveInput};
use graphloom_vocab::{Error, ErrorCode, Json, JsonObject, Result, Session, SourceName};
use serde_json::json;

use crate::operation::text;
use crate::run::pool;
use crate::{Engine, GraphqlRequest, LivePlan, Snapshot, text_array};

/// How a root field is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Explained {
    /// Its response key, behind that of its namespace.
    field: String,
    /// The statement, with values in the places of its parameters; `None` if no database is asked.
    sql: Option<String>,
    /// Postgres' plan, line by line.
    plan: Option<Vec<String>>,
}

impl Explained {
    /// As v2 shows it.
    fn to_json(&self) -> Json {
        json!({ "field": self.field, "sql": self.sql, "plan": self.plan })
    }
}

impl Engine {
    /// How a query's root fields would be answered, or a subscription followed.
    ///
    /// Errors are those of the operation itself, `invalid-params` for a mutation and Postgres' own.
    pub async fn explain(&self, session: &Session, request: &GraphqlRequest) -> Result<Json> {
        let snapshot = self.snapshot();
        let (bound, rules) = self.bind(&snapshot, session, request, check_kind)?;
        let variables = rules.resolve(&request.variables)?;
        if bound.kind == OperationKind::Subscription {
            let values = Values {
                session,
                variables: &variables,
            };
            return explain_live(&snapshot, &bound, values).await;
        }
        let mut explained = Vec::new();
        for (field, value) in flat(&bound) {
            let RootValue::Source(source, query) = value else {
                let (sql, plan) = (None, None);
                explained.push(Explained { field, sql, plan });
                continue;
            };
            let values = Values {
                session,
                variables: &variables,
            };
            explained
                .push(explain(&snapshot, field, (source, query, self.delivery()), values).await?);
        }
        Ok(explained.iter().map(Explained::to_json).collect())
    }
}

fn check_kind(kind: OperationKind) -> Result<()> {
    match kind {
        OperationKind::Query | OperationKind::Subscription => Ok(()),
        OperationKind::Mutation => Err(Error::new(
            ErrorCode::InvalidParams,
            "only queries can be explained",
        )),
    }
}

/// The root fields, those of namespaces under both names.
fn flat(operation: &BoundOperation) -> Vec<(String, &RootValue)> {
    let mut found = Vec::new();
    for RootField { key, value, .. } in &operation.roots {
        match value {
            RootValue::Namespace(inner) => {
                let inner = inner.iter();
                found.extend(inner.map(|root| (format!("{key}.{}", root.key), &root.value)));
            }
            value => found.push((key.to_string(), value)),
        }
    }
    found
}

/// Where values come from.
#[derive(Clone, Copy)]
struct Values<'a> {
    session: &'a Session,
    variables: &'a JsonObject,
}

impl Values<'_> {
    fn texts(self, values: &[TypedValue]) -> Result<Vec<Option<String>>> {
        let values = values.iter();
        values
            .map(|value| text(value, self.session, self.variables))
            .collect()
    }
}

async fn explain(
    snapshot: &Arc<Snapshot>,
    field: String,
    (source, query, delivery): (&SourceName, &SourceQuery, Delivery),
    values: Values<'_>,
) -> Result<Explained> {
    let draft = graphloom_plan::draft_for(query, delivery);
    let shown = draft.show(&values.texts(&draft.values)?);
    let explaining = draft.explain();
    let parameters = values.texts(&explaining.parameters)?;
    let statement = Statement::new(explaining.sql.text());
    let plan = plan_lines(snapshot, source, &statement, &parameters).await?;
    Ok(Explained {
        field,
        sql: Some(shown),
        plan: Some(plan),
    })
}

/// `{"sql", "plan", "variables"}`: one statement for all subscribers, and what tells this one apart.
async fn explain_live(
    snapshot: &Snapshot,
    operation: &BoundOperation,
    values: Values<'_>,
) -> Result<Json> {
    let plan = LivePlan::new(&operation.roots)
        .ok_or_else(|| Error::unexpected("a subscription is of a source"))?;
    let texts = values.texts(&plan.values)?;
    let explaining = graphloom_plan::live(&operation.roots).explain();
    let cohort = |input: &LiveInput| match input {
        LiveInput::Seed => Some("0".to_owned()),
        LiveInput::Hashes => Some("{NULL}".to_owned()),
        LiveInput::Value(index) => Some(text_array(std::iter::once(texts[*index].as_deref()))),
    };
    let parameters: Vec<_> = explaining.inputs.iter().map(cohort).collect();
    let statement = Statement::new(explaining.sql.text());
    let lines = plan_lines(snapshot, &plan.source, &statement, &parameters).await?;
    let shown = plan.values.iter().zip(&texts);
    let mut session = JsonObject::new();
    let mut synthetic = Vec::new();
    for (value, text) in shown {
        match &value.value {
            Value::Session(name) => {
                session.insert(name.as_str().to_owned(), json!(text));
            }
            _ => synthetic.push(json!(text)),
        }
    }
    Ok(json!({
        "sql": &**plan.statement.text(),
        "plan": lines,
        "variables": { "session": session, "synthetic": synthetic },
    }))
}

async fn plan_lines(
    snapshot: &Snapshot,
    source: &SourceName,
    statement: &Statement,
    parameters: &[Option<String>],
) -> Result<Vec<String>> {
    let parameters: Vec<_> = parameters.iter().map(Option::as_deref).collect();
    let rows = async {
        let mut connection = pool(&snapshot.pools, source)?.get().await?;
        connection.query_text_rows(statement, &parameters).await
    };
    let rows = rows
        .await
        .map_err(|error| error.to_error(Purpose::Operation))?;
    Ok(rows
        .into_iter()
        .filter_map(|mut row| row.pop().flatten())
        .collect())
}
