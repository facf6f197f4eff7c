//! What Postgres would do for a query, without doing it.
//!
//! Nothing of it is cached, and nothing is run but `EXPLAIN`. Read [`Engine::explain`].

use std::sync::Arc;

use graphloom_ir::{BoundOperation, OperationKind, RootField, RootValue, SourceQuery, TypedValue};
use graphloom_pg::{Purpose, Statement};
use graphloom_vocab::{Error, ErrorCode, Json, JsonObject, Result, Session, SourceName};
use serde_json::json;

use crate::operation::text;
use crate::{Engine, GraphqlRequest, Snapshot};

/// How a root field is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Its response key, behind that of its namespace.
    pub field: String,
    /// The statement, with values in the places of its parameters; `None` if no database is asked.
    pub sql: Option<String>,
    /// Postgres' plan, line by line.
    pub plan: Option<Vec<String>>,
}

impl Explained {
    /// As v2 shows it.
    pub fn to_json(&self) -> Json {
        json!({ "field": self.field, "sql": self.sql, "plan": self.plan })
    }
}

impl Engine {
    /// How a query's root fields would be answered.
    ///
    /// Errors are those of the query itself, `invalid-params` for a mutation and Postgres' own.
    pub async fn explain(
        &self,
        session: &Session,
        request: &GraphqlRequest,
    ) -> Result<Vec<Explained>> {
        let snapshot = self.snapshot();
        let (bound, rules) = self.bind(&snapshot, session, request, check_kind)?;
        let variables = rules.resolve(&request.variables)?;
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
            explained.push(explain(&snapshot, field, (source, query), values).await?);
        }
        Ok(explained)
    }
}

fn check_kind(kind: OperationKind) -> Result<()> {
    match kind {
        OperationKind::Query => Ok(()),
        OperationKind::Mutation => Err(Error::new(
            ErrorCode::InvalidParams,
            "only queries can be explained",
        )),
        OperationKind::Subscription => Err(Error::new(
            ErrorCode::NotSupported,
            "subscriptions are not built yet: live queries come with a later release",
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
    (source, query): (&SourceName, &SourceQuery),
    values: Values<'_>,
) -> Result<Explained> {
    let draft = graphloom_plan::draft(query);
    let shown = draft.show(&values.texts(&draft.values)?);
    let explaining = draft.explain();
    let parameters = values.texts(&explaining.parameters)?;
    let parameters: Vec<_> = parameters.iter().map(Option::as_deref).collect();
    let pool = snapshot.pools.get(source).ok_or_else(|| {
        let message = format!("source {source} has no connection pool");
        Error::unexpected(message)
    })?;
    let rows = async {
        let mut connection = pool.get().await?;
        let statement = Statement::new(explaining.sql.text());
        connection.query_text_rows(&statement, &parameters).await
    };
    let rows = rows
        .await
        .map_err(|error| error.to_error(Purpose::Operation))?;
    let lines = rows.into_iter().filter_map(|mut row| row.pop().flatten());
    Ok(Explained {
        field,
        sql: Some(shown),
        plan: Some(lines.collect()),
    })
}
