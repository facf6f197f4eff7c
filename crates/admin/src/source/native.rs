//! What a document's native part needs of the database: types by their names, and whether statements hold.
//!
//! A statement is asked about once for its text, its arguments' types and its model's; readings of the whole
//! source ask again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use graphloom_catalog::{Catalog, PgType, StatementFacts, StatementFault};
use graphloom_ir::{NativePart, NativeStatement, TypedValue, Value};
use graphloom_metadata::types::{CodePart, Model, NativeQuery, Returns, Source};
use graphloom_pg::{Connection, PgError, Statement, introspect_named_types};
use graphloom_vocab::ColumnName;

use crate::options::NativeQueries;

/// The types that models and queries name.
pub(super) fn types(source: &Source) -> BTreeSet<String> {
    let queries = source.native_queries.values();
    let arguments = queries.clone().flat_map(|query| query.arguments.values());
    let arguments = arguments.map(|argument| argument.ty.clone());
    let inline = queries.filter_map(|query| match &query.returns {
        Returns::Inline(model) => Some(model),
        Returns::Named(_) => None,
    });
    let models = source.logical_models.values().map(|model| &model.model);
    let fields = models.chain(inline).flat_map(|model| model.fields.values());
    let fields = fields.filter_map(|field| field.ty.sql_type());
    arguments.chain(fields).collect()
}

/// The queries that can be asked about, with the shapes they return, by key.
fn statements(source: &Source) -> HashMap<String, (&NativeQuery, &Model)> {
    let queries = source.native_queries.values();
    let with_models = queries.filter_map(|query| {
        let model = match &query.returns {
            Returns::Inline(model) => model,
            Returns::Named(name) => &source.logical_models.get(name)?.model,
        };
        Some((query.statement_key(model), (query, model)))
    });
    with_models.collect()
}

/// Whether the catalog has everything that is needed.
pub(super) fn is_known(source: &Source, catalog: &Catalog, checks: NativeQueries) -> bool {
    let unknown_types = types(source)
        .iter()
        .any(|name| !catalog.types.contains_key(name));
    let unknown_statements = checks == NativeQueries::Checked
        && statements(source)
            .keys()
            .any(|key| !catalog.statements.contains_key(key));
    !unknown_types && !unknown_statements
}

/// Reads what the catalog lacks, and drops what nobody asks for any more.
pub(super) async fn read(
    connection: &mut Connection,
    source: &Source,
    checks: NativeQueries,
    catalog: &mut Catalog,
) -> Result<(), PgError> {
    let wanted = types(source);
    catalog.types.retain(|name, _| wanted.contains(name));
    let names: Vec<String> = wanted
        .into_iter()
        .filter(|name| !catalog.types.contains_key(name))
        .collect();
    if !names.is_empty() {
        let found = introspect_named_types(connection, &names).await?;
        catalog.types.extend(found);
    }
    let wanted = match checks {
        NativeQueries::Checked => statements(source),
        NativeQueries::Trusted => HashMap::new(),
    };
    let keys: HashSet<&String> = wanted.keys().collect();
    catalog.statements.retain(|key, _| keys.contains(key));
    for (key, (query, model)) in wanted {
        if catalog.statements.contains_key(&key) {
            continue;
        }
        if let Some(facts) = ask(connection, query, model, &catalog.types).await? {
            catalog.statements.insert(key, Arc::new(facts));
        }
    }
    Ok(())
}

/// What Postgres says of a query; `None` if the query names what does not exist, which is told elsewhere.
async fn ask(
    connection: &mut Connection,
    query: &NativeQuery,
    model: &Model,
    types: &HashMap<String, PgType>,
) -> Result<Option<StatementFacts>, PgError> {
    let Some(statement) = statement(query, types) else {
        return Ok(None);
    };
    let columns = model.fields.values();
    let columns = columns.filter(|field| field.ty.sql_type().is_some());
    let columns: Vec<ColumnName> = columns.map(|field| field.name.clone()).collect();
    let text = graphloom_plan::describe(&statement, &columns);
    match connection.describe(&Statement::new(text.text())).await {
        Ok(columns) => Ok(Some(Ok(columns))),
        Err(error) => match error.database() {
            Some(database) if !error.is_connection_error() => {
                let fault = StatementFault {
                    code: database.sqlstate.as_str().to_owned(),
                    message: database.message.clone(),
                };
                Ok(Some(Err(fault)))
            }
            _ => Err(error),
        },
    }
}

/// The query with some value for each argument.
fn statement(query: &NativeQuery, types: &HashMap<String, PgType>) -> Option<NativeStatement> {
    let parts = query.trimmed_parts().into_iter().map(|part| match part {
        CodePart::Text(text) => Some(NativePart::Text(text.into())),
        CodePart::Argument(name) => {
            let ty = types.get(&query.arguments.get(name)?.ty)?;
            Some(NativePart::Value(TypedValue {
                value: Value::Literal(Some(name.into())),
                ty: ty.base().clone(),
            }))
        }
    });
    Some(NativeStatement {
        parts: parts.collect::<Option<_>>()?,
    })
}
