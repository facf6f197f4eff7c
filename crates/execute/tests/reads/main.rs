//! Random queries over random schemas and rows, on a real Postgres, against an independent evaluation.
//!
//! A world is a schema with rows and roles (`world.rs`); for each role, queries are generated
//! (`generate.rs`), run by the engine, and answered again by nested loops over the rows (`naive.rs`).
//! Worlds and queries are the same in every run; `READS_SEED=7` looks at others, and
//! `READS_WORLDS=100` at more of them.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod argument;
mod condition;
mod generate;
mod naive;
mod query;
mod tape;
mod world;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use graphloom_execute::{Engine, GraphqlRequest, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect};
use graphloom_schema::{Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{RoleName, Session, SessionVariableName, SourceName};
use naive::{Expected, Viewer};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};
use tape::Tape;
use tokio::runtime::Runtime;
use world::{Datum, Role, USER_ID, World};

/// Schemas to look at.
const WORLDS: u64 = 24;
/// Queries of each role over each schema.
const QUERIES: u32 = 32;

const NO_JIT: &str =
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END $$";

#[test]
fn every_query_answers_what_it_means() {
    let number = |name: &str| {
        let text = std::env::var(name).ok();
        text.map(|text| text.parse::<u64>().unwrap())
    };
    let seed = number("READS_SEED").unwrap_or(0);
    let runtime = Runtime::new().unwrap();
    let tally = Tally::default();
    for number in 0..number("READS_WORLDS").unwrap_or(WORLDS) {
        let seed = seed + number;
        let choices = tape::numbers(seed, 2_000);
        let world = World::generate(&mut Tape::new(&choices));
        let served = runtime.block_on(Served::new(&world));
        for role in &world.roles {
            let ask = |query: &str, variables: &Value| {
                runtime.block_on(served.ask(role, query, variables))
            };
            if let Err(error) = check(&world, role, seed, &tally, ask) {
                let (sql, metadata) = (world.sql(), world.metadata());
                let role = &role.name;
                panic!("READS_SEED={seed}, role {role}: {error}\n{sql}\n{metadata:#}");
            }
        }
    }
    // A generator whose queries find nothing would prove nothing.
    let (asked, found) = (tally.asked.get(), tally.found.get());
    assert!(found * 3 > asked, "{found} of {asked} found anything");
}

/// How much there was to compare.
#[derive(Default)]
struct Tally {
    asked: Cell<u32>,
    /// Answers with a row that is not empty.
    found: Cell<u32>,
}

fn check(
    world: &World,
    role: &Role,
    seed: u64,
    tally: &Tally,
    ask: impl Fn(&str, &Value) -> Value,
) -> Result<(), String> {
    let config = Config {
        cases: QUERIES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let viewer = Viewer::of_role(world, role);
    let choices = proptest::collection::vec(proptest::num::u16::ANY, 20..160);
    let result = runner.run(&choices, |choices| {
        let mut tape = Tape::new(&choices);
        let Some(selection) = generate::query(&mut tape, world, role) else {
            return Ok(());
        };
        let expected = viewer.select(&selection);
        let (text, variables) = query::write(world, &selection, tape.once_in(2));
        let actual = ask(&text, &variables);
        if !matches(&expected, &actual["root"]) {
            return Err(TestCaseError::fail(format!(
                "{text}\nvariables: {variables}\nexpected: {expected:?}\nactual: {actual}"
            )));
        }
        tally.asked.set(tally.asked.get() + 1);
        let found = actual["root"] != json!([]);
        tally.found.set(tally.found.get() + u32::from(found));
        Ok(())
    });
    result.map_err(|error| error.to_string())
}

/// A world that is served.
struct Served {
    engine: Engine,
    _database: Database,
}

impl Served {
    async fn new(world: &World) -> Self {
        let database = Database::create().unwrap();
        // Without statistics, nested queries look expensive enough to be compiled.
        database.run(NO_JIT).unwrap();
        database.run(&world.sql()).unwrap();
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let metadata = Metadata::from_json(
            &json!({"version": 3, "inherited_roles": world.inherited_roles(), "sources": [{
                "name": "default", "kind": "postgres", "tables": world.metadata(),
                "configuration": {"connection_info": {"database_url": "unused"}},
            }]}),
        );
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
            pools: HashMap::from([(source, pool)]),
        }));
        Self {
            engine,
            _database: database,
        }
    }

    async fn ask(&self, role: &Role, query: &str, variables: &Value) -> Value {
        let session = if role.name == "admin" {
            Session::admin()
        } else {
            let name = SessionVariableName::parse("x-hasura-user-id").unwrap();
            let variables = BTreeMap::from([(name, USER_ID.to_string())]);
            Session::new(RoleName::new(role.name.as_str()), variables)
        };
        let body = json!({"query": query, "variables": variables});
        let request = GraphqlRequest::from_json(body).unwrap();
        match self.engine.graphql(&session, &request).await {
            Ok(executed) => serde_json::from_slice(&executed.data).unwrap(),
            Err(error) => json!({"error": error.to_string()}),
        }
    }
}

fn matches(expected: &Expected, actual: &Value) -> bool {
    match (expected, actual) {
        (Expected::Value(datum), actual) => is_datum(datum, actual),
        (Expected::Object(fields), Value::Object(object)) => {
            let keys = fields.iter().map(|(key, _)| key).eq(object.keys());
            let mut values = fields.iter().zip(object.values());
            keys && values.all(|((_, expected), actual)| matches(expected, actual))
        }
        (Expected::List(items), Value::Array(array)) => {
            let mut pairs = items.iter().zip(array);
            items.len() == array.len() && pairs.all(|(expected, actual)| matches(expected, actual))
        }
        (Expected::Bag(items), Value::Array(array)) => {
            let mut left: Vec<&Value> = array.iter().collect();
            let found = items.iter().all(|expected| {
                let at = left.iter().position(|actual| matches(expected, actual));
                at.map(|at| left.swap_remove(at)).is_some()
            });
            found && left.is_empty()
        }
        _ => false,
    }
}

fn is_datum(datum: &Datum, actual: &Value) -> bool {
    let near = |value: f64| {
        let actual = actual.as_f64();
        actual.is_some_and(|actual| (actual - value).abs() <= 1e-9 * value.abs().max(1.0))
    };
    match datum {
        Datum::Null => actual.is_null(),
        Datum::Int(value) => actual.as_i64() == Some(*value),
        Datum::Number(value) => actual.is_number() && near(*value),
        Datum::Text(text) => actual.as_str() == Some(text),
        Datum::Bool(value) => actual.as_bool() == Some(*value),
    }
}
