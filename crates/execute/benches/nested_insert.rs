//! Nested inserts on a real Postgres, against the best SQL we could write by hand for the same rows.
//!
//! `cargo bench -p graphloom-execute --bench nested_insert`: a line per workload with both times (median of
//! rounds taken in turn), how many statements wrote the rows, and how much memory the process ever had. Fails if
//! a table took more than one statement. Options: `--rows N` (how many articles at most).

#![allow(clippy::unwrap_used, reason = "a benchmark fails loudly")]
#![allow(clippy::print_stdout, reason = "its results")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use graphloom_execute::{Engine, GraphqlRequest, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, Statement, introspect};
use graphloom_schema::{Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{Session, SourceName};
use serde_json::{Value, json};

const ROUNDS: usize = 7;
const ARTICLES: usize = 10;

const TABLES: &str = "
    CREATE TABLE author (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE article (
        id serial PRIMARY KEY, title text NOT NULL, body text, author_id int NOT NULL REFERENCES author (id));
    CREATE INDEX ON article (author_id);
";

const MUTATION: &str = "mutation ($rows: [author_insert_input!]!) {
    insert_author(objects: $rows) { affected_rows returning { id } } }";

/// The same rows from the same JSON, and the same answer.
const BY_HAND: &str = "
    WITH input AS MATERIALIZED (
        SELECT nextval('author_id_seq')::int AS id, row.value, row.position
        FROM json_array_elements($1::text::json) WITH ORDINALITY AS row(value, position)
    ), authors AS (
        INSERT INTO author (id, name) SELECT id, value->>'name' FROM input ORDER BY position RETURNING id
    ), articles AS (
        INSERT INTO article (title, body, author_id)
        SELECT article.value->>'title', article.value->>'body', input.id
        FROM input, json_array_elements(input.value->'articles'->'data') AS article(value)
        RETURNING 1
    )
    SELECT json_build_object('insert_author', json_build_object(
        'affected_rows', (SELECT count(*) FROM authors) + (SELECT count(*) FROM articles),
        'returning', (SELECT json_agg(json_build_object('id', id)) FROM authors)))";

fn main() {
    let most: usize = std::env::args()
        .skip_while(|argument| argument != "--rows")
        .nth(1)
        .map_or(100_000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for authors in [1, 10, 100, 1_000, 10_000] {
            if authors * ARTICLES <= most {
                measure(authors).await;
            }
        }
    });
}

async fn measure(authors: usize) {
    let world = World::new().await;
    let articles: Vec<_> = (0..ARTICLES)
        .map(|n| json!({"title": format!("Title {n}"), "body": "Some words about it. ".repeat(5)}))
        .collect();
    let author = |n: usize| json!({"name": format!("Author {n}"), "articles": {"data": &articles}});
    let rows: Value = (0..authors).map(author).collect();
    let text = rows.to_string();
    let request = json!({"query": MUTATION, "variables": {"rows": rows}}).to_string();
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        world.clear().await;
        let start = Instant::now();
        world.graphql(&request).await;
        ours.push(start.elapsed());
        for table in ["author", "article"] {
            assert_eq!(
                world.statements(table).await,
                "1",
                "statements that wrote {table}"
            );
        }
        world.clear().await;
        let start = Instant::now();
        world.by_hand(&text).await;
        by_hand.push(start.elapsed());
    }
    let (ours, by_hand) = (median(ours), median(by_hand));
    println!(
        "{authors:>6} authors with {ARTICLES} articles each: {:>8.1} ms, by hand {:>8.1} ms, ratio {:.2}; \
         one statement per table; memory at most {} MB, for {} kB of input",
        milliseconds(ours),
        milliseconds(by_hand),
        ours.as_secs_f64() / by_hand.as_secs_f64(),
        memory_peak() / 1024,
        request.len() / 1_000,
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The most memory this process has ever had, in kB; 0 where the system does not tell.
fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    number.unwrap_or(0)
}

struct World {
    engine: Engine,
    pool: Pool,
    _database: Database,
}

impl World {
    async fn new() -> Self {
        let database = Database::create().unwrap();
        database.run(TABLES).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let table = |name: &str| json!({"schema": "public", "name": name});
        let on = json!({"table": table("article"), "column": "author_id"});
        let articles = json!({"name": "articles", "using": {"foreign_key_constraint_on": on}});
        let tables = json!([
            {"table": table("author"), "array_relationships": [articles]},
            {"table": table("article")},
        ]);
        let metadata = Metadata::from_json(&json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres", "tables": tables,
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]}));
        let source = SourceName::new("default");
        let catalog = introspect(&mut pool.get().await.unwrap()).await.unwrap();
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let schema = build(&metadata.unwrap(), &catalogs, Settings::default());
        assert!(schema.is_consistent(), "{:?}", schema.inconsistencies);
        let engine = Engine::default();
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

    async fn graphql(&self, request: &str) {
        let request = GraphqlRequest::from_json(serde_json::from_str(request).unwrap()).unwrap();
        let executed = self.engine.graphql(&Session::admin(), &request).await;
        assert!(executed.is_ok());
    }

    async fn by_hand(&self, rows: &str) {
        let mut connection = self.pool.get().await.unwrap();
        let statement = Statement::new(BY_HAND);
        let answer = connection.query_json(&statement, &[Some(rows)]).await;
        assert!(answer.is_ok());
    }

    async fn statements(&self, table: &str) -> String {
        let sql = format!("SELECT count(DISTINCT (xmin::text, cmin::text))::text FROM {table}");
        let mut connection = self.pool.get().await.unwrap();
        let rows = connection
            .query_text_rows(&Statement::new(sql.as_str()), &[])
            .await;
        rows.unwrap()[0][0].clone().unwrap_or_default()
    }

    async fn clear(&self) {
        let mut connection = self.pool.get().await.unwrap();
        let sql = "TRUNCATE author, article RESTART IDENTITY";
        connection.execute(&Statement::new(sql), &[]).await.unwrap();
    }
}
