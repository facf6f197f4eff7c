//! What each stage of a request costs: parse, bind, plan, print, and a warm request through the engine.
//!
//! `cargo bench -p graphloom-execute --bench stages`: a line per stage, the least time of many rounds in
//! microseconds, for a document of 1 kB on a schema of twenty tables. The figures of one machine compare with each
//! other; `docs/performance.md` has them.

#![allow(clippy::unwrap_used, reason = "a benchmark fails loudly")]
#![allow(clippy::print_stdout, reason = "its results")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use graphloom_bind as bind;
use graphloom_execute::{Engine, GraphqlRequest, Snapshot};
use graphloom_graphql as graphql;
use graphloom_ir::{RootValue, SourceQuery};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect};
use graphloom_schema::{Settings, build};
use graphloom_sql::Layout;
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{JsonObject, RoleName, Session, SessionVariableName, SourceName};
use serde_json::{Value, json};

const TABLES: usize = 20;
const ROUNDS: usize = 40;
const CALLS: usize = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let world = runtime.block_on(World::new());
    let text = document();
    println!("document: {} bytes, schema: {TABLES} tables", text.len());
    let variables = json!({"after": 0, "name": "a"});
    let variables = variables.as_object().unwrap().clone();

    let limits = graphql::Limits::default();
    stage("parse", || graphql::parse(&text, limits).unwrap());
    let parsed = graphql::parse(&text, limits).unwrap();
    let operation = bind::select_operation(&parsed, None).unwrap();
    let role = world.snapshot.schema.role(&world.session.role);
    let bound = |variables: &JsonObject| {
        let limits = bind::Limits::default();
        bind::bind(&role, &parsed, operation, variables, limits).unwrap()
    };
    stage("bind", || bound(&variables));
    let (operation, _) = bound(&variables);
    let queries: Vec<&SourceQuery> = operation
        .roots
        .iter()
        .filter_map(|root| match &root.value {
            RootValue::Source(_, query) => Some(&**query),
            _ => None,
        })
        .collect();
    let draft = |query: &&SourceQuery| graphloom_plan::draft(query);
    stage("plan", || queries.iter().map(draft).collect::<Vec<_>>());
    let print = |query: &&SourceQuery| graphloom_plan::draft(query).print(Layout::Line);
    stage("plan and print", || {
        queries.iter().map(print).collect::<Vec<_>>()
    });

    let by_key = "query ($id: Int!) { t0_by_pk(id: $id) { id name } }";
    let body = json!({"query": by_key, "variables": {"id": 7}}).to_string();
    stage("request from its JSON", || request(&body));
    let warm = request(&body);
    let ask = || {
        runtime
            .block_on(world.engine.graphql(&world.session, &warm))
            .unwrap()
    };
    stage("a warm request by key, Postgres included", ask);
}

fn request(body: &str) -> GraphqlRequest {
    GraphqlRequest::from_json(serde_json::from_str(body).unwrap()).unwrap()
}

/// Prints the least time of a call.
fn stage<T>(name: &str, mut call: impl FnMut() -> T) {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        least = least.min(microseconds / f64::from(u32::try_from(CALLS).unwrap()));
    }
    println!("{name:<42} {least:>8.1} µs");
}

/// Nested three levels deep, with conditions, orders and limits: 1 kB.
fn document() -> String {
    let mut text = "query ($after: Int!, $name: String) {".to_owned();
    for table in 0..4 {
        let next = table + 1;
        write!(
            text,
            " a{table}: t{table}(where: {{id: {{_gt: $after}}, name: {{_ilike: $name}}}}, order_by: {{id: asc}}, limit: 10) \
             {{ id name children(order_by: {{name: desc}}, limit: 5) {{ id name parent {{ id name }} }} \
             children_aggregate(where: {{id: {{_gt: {next}}}}}) {{ aggregate {{ count max {{ id }} }} }} }}",
        )
        .unwrap();
    }
    text.push_str(" }");
    text
}

struct World {
    engine: Engine,
    snapshot: Arc<Snapshot>,
    session: Session,
    _database: Database,
}

impl World {
    async fn new() -> Self {
        let database = Database::create().unwrap();
        let mut sql = String::new();
        for table in 0..TABLES {
            let parent = table.saturating_sub(1);
            writeln!(
                sql,
                "CREATE TABLE t{table} (id int PRIMARY KEY, name text, owner text, parent_id int REFERENCES t{parent} (id)); \
                 CREATE INDEX ON t{table} (parent_id); \
                 INSERT INTO t{table} SELECT n, 'name ' || n, 'ada', n FROM generate_series(1, 100) AS n;",
            )
            .unwrap();
        }
        database.run(&sql).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let document = json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres", "tables": (0..TABLES).map(tracked).collect::<Value>(),
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]});
        let metadata = Metadata::from_json(&document).unwrap();
        let source = SourceName::new("default");
        let mut connection = pool.get().await.unwrap();
        let catalog = introspect(&mut connection).await.unwrap();
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let schema = build(&metadata, &catalogs, Settings::default());
        assert!(schema.is_consistent(), "{:?}", schema.inconsistencies);
        let snapshot = Arc::new(Snapshot {
            routes: HashMap::new(),
            generation: 1,
            schema: schema.into(),
            pools: HashMap::from([(source, pool)]),
        });
        let engine = Engine::default();
        engine.replace(snapshot.clone());
        let owner = SessionVariableName::parse("x-hasura-owner").unwrap();
        Self {
            engine,
            snapshot,
            session: Session::new(
                RoleName::new("user"),
                BTreeMap::from([(owner, "ada".to_owned())]),
            ),
            _database: database,
        }
    }
}

/// A table with its parent, its children and what a user may read of it.
fn tracked(table: usize) -> Value {
    let child = (table + 1).min(TABLES - 1);
    json!({
        "table": {"schema": "public", "name": format!("t{table}")},
        "object_relationships": [{"name": "parent", "using": {"foreign_key_constraint_on": "parent_id"}}],
        "array_relationships": [{"name": "children", "using": {"manual_configuration": {
            "remote_table": {"schema": "public", "name": format!("t{child}")}, "column_mapping": {"id": "parent_id"}}}}],
        "select_permissions": [{"role": "user", "permission": {
            "columns": ["id", "name"], "filter": {"owner": {"_eq": "X-Hasura-Owner"}}, "allow_aggregations": true}}],
    })
}
