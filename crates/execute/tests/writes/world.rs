//! A database with its metadata and an engine over both.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use graphloom_execute::{Caller, Engine, GraphqlRequest, Outside, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, Statement, introspect};
use graphloom_schema::{Feature, Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{RoleName, Session, SessionVariableName, SourceName};
use serde_json::{Value, json};

pub(crate) struct World {
    engine: Engine,
    pool: Pool,
    _database: Database,
}

impl World {
    /// Tables of a source as metadata has them, but for their schema.
    pub(crate) async fn new(sql: &str, tables: Value) -> Self {
        Self::with_outside(sql, tables, None).await
    }

    /// The same with a way to webhooks.
    pub(crate) async fn with_outside(sql: &str, tables: Value, outside: Option<Outside>) -> Self {
        Self::with_settings(sql, tables, (outside, Settings::default())).await
    }

    /// The same with writes that do more than v2's.
    pub(crate) async fn extended(sql: &str, tables: Value) -> Self {
        let settings = Settings {
            features: [Feature::ExtendedMutations].into_iter().collect(),
            ..Settings::default()
        };
        Self::with_settings(sql, tables, (None, settings)).await
    }

    async fn with_settings(
        sql: &str,
        tables: Value,
        (outside, settings): (Option<Outside>, Settings),
    ) -> Self {
        let database = Database::create().unwrap();
        database.run(sql).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let document = json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres", "tables": tables,
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]});
        let metadata = Metadata::from_json(&document).unwrap();
        let source = SourceName::new("default");
        let catalog = introspect(&mut pool.get().await.unwrap()).await.unwrap();
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let schema = build(&metadata, &catalogs, settings);
        assert!(schema.is_consistent(), "{:?}", schema.inconsistencies);
        let mut engine = Engine::default();
        if let Some(outside) = outside {
            engine = engine.with_outside(outside);
        }
        engine.replace(Arc::new(Snapshot {
            routes: HashMap::new(),
            generation: 1,
            schema: schema.into(),
            pools: HashMap::from([(source, pool.clone())]),
        }));
        Self {
            engine,
            pool,
            _database: database,
        }
    }

    pub(crate) async fn ask(&self, session: &Session, query: &str, variables: Value) -> Value {
        self.ask_with_headers(session, query, variables, &[]).await
    }

    pub(crate) async fn ask_with_headers(
        &self,
        session: &Session,
        query: &str,
        variables: Value,
        headers: &[(&str, &str)],
    ) -> Value {
        let body = json!({"query": query, "variables": variables});
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(owned).collect();
        let request = GraphqlRequest::from_json(body).unwrap();
        let request = request.of_caller(Arc::new(Caller::new(headers)));
        match self.engine.graphql(session, &request).await {
            Ok(executed) => serde_json::from_slice(&executed.data).unwrap(),
            Err(error) => json!({
                "code": error.code().as_str(),
                "path": error.path().to_string(),
                "message": error.message(),
            }),
        }
    }

    pub(crate) async fn admin(&self, query: &str, variables: Value) -> Value {
        self.ask(&Session::admin(), query, variables).await
    }

    /// The connections to its database.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Runs statements that give nothing.
    pub(crate) async fn run(&self, sql: &'static str) {
        let mut connection = self.pool.get().await.unwrap();
        connection.script(sql).await.unwrap();
    }

    /// What a statement gives: its rows, each its columns as texts.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut connection = self.pool.get().await.unwrap();
        let rows = connection
            .query_text_rows(&Statement::new(sql), &[])
            .await
            .unwrap();
        let texts = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default);
        rows.into_iter().map(|row| texts(row).collect()).collect()
    }

    /// How many rows a table has, and how many statements wrote them.
    pub(crate) async fn written(&self, table: &str) -> (usize, usize) {
        let sql = format!(
            "SELECT count(*)::text, count(DISTINCT (xmin::text, cmin::text))::text FROM {table}"
        );
        let rows = self.rows(&sql).await;
        let number = |at: usize| rows[0][at].parse().unwrap();
        (number(0), number(1))
    }
}

/// A session of the role `user`.
pub(crate) fn user(id: &str) -> Session {
    let name = SessionVariableName::parse("x-hasura-user-id").unwrap();
    Session::new(
        RoleName::new("user"),
        BTreeMap::from([(name, id.to_owned())]),
    )
}

/// `{"schema": "public", "name": …}`
pub(crate) fn table(name: &str) -> Value {
    json!({"schema": "public", "name": name})
}

/// An array relationship along a foreign key of the other table.
pub(crate) fn array(name: &str, other: &str, column: &str) -> Value {
    let on = json!({"table": table(other), "column": column});
    json!({"name": name, "using": {"foreign_key_constraint_on": on}})
}

/// An object relationship along a foreign key.
pub(crate) fn object(name: &str, column: &str) -> Value {
    json!({"name": name, "using": {"foreign_key_constraint_on": column}})
}
