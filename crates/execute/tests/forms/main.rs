//! An answer is the same text, byte for byte, whoever writes its JSON: Postgres, or we from its rows.
//!
//! Random queries over every kind of type, with values at the edges of each and rows inside of rows, run both ways on
//! a real Postgres under settings that change how values look. `FORMS_SEED=7` looks at other values and queries,
//! `FORMS_QUERIES=10000` at more of them.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod queries;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use graphloom_execute::{Delivery, Engine, EngineOptions, Executed, GraphqlRequest, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect};
use graphloom_schema::{Settings, build};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::{Result, Session, SourceName};
use queries::Fields;
use serde_json::json;
use tokio::runtime::Runtime;
use values::Kind;

const QUERIES: u64 = 300;
const ROWS: usize = 48;

/// How values look, as an administrator may have it.
const SETTINGS: &[&str] = &[
    "",
    "extra_float_digits = 0; timezone = 'Asia/Kathmandu'; bytea_output = escape; DateStyle = 'German, DMY'; \
     IntervalStyle = iso_8601",
];

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn both_forms_are_the_same_text() {
    let runtime = Runtime::new().unwrap();
    let seed = number("FORMS_SEED").unwrap_or(0);
    for (at, settings) in (0..).zip(SETTINGS) {
        let mut dice = Dice(seed + at);
        let world = runtime.block_on(World::new(&mut dice, settings));
        let fields = runtime.block_on(world.fields());
        for _ in 0..number("FORMS_QUERIES").unwrap_or(QUERIES) / 2 {
            let query = queries::query(&mut dice, &fields);
            runtime.block_on(world.check(&query));
        }
    }
}

#[test]
fn what_has_no_rows_and_what_is_no_plain_list() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new(&mut Dice(1), ""));
    for query in [
        "{ t(where: {id: {_lt: 0}}) { id } }",
        "{ t_by_pk(id: -1) { id } }",
        "{ t_by_pk(id: 1) { children(where: {id: {_lt: 0}}) { id } parent { id } } }",
        "{ t(order_by: {id: asc}, limit: 3) { __typename } }",
        "{ t(order_by: {id: asc}, limit: 3) { children(order_by: {id: asc}, limit: 2) { __typename } } }",
        "{ a: t(limit: 1, order_by: {id: asc}) { id } __typename b: t_by_pk(id: 2) { id } \
         c: t_aggregate { aggregate { count } } }",
        "{ t(order_by: {id: asc}) { a_key_that_is_longer_than_the_sixty_three_bytes_that_postgres_keeps: id } }",
        "{ t(where: {boss: {id: {_lt: 20}}}, order_by: {id: asc}, limit: 5) { boss { id v_text boss { id parent { id } } } \
         children(where: {boss: {id: {_gt: 9}}, _or: [{id: {_gt: 3}}, {boss: {id: {_gt: 30}}}]}, order_by: {id: asc}) { \
         id a: boss { v_float8 computed } b: boss { __typename children(order_by: {id: asc}) { id } } } } }",
        "{ t(order_by: {id: desc}) { children(where: {boss: {id: {_gt: 9}}}, order_by: {id: asc}, limit: 2) { \
         id boss { computed boss { id } children_aggregate { aggregate { count } } } } } }",
        "{ t_aggregate(where: {id: {_lt: 0}}) { aggregate { count max { v_text v_numeric } avg { v_int4 } } } }",
        "{ t_aggregate { __typename aggregate { max { __typename } } } }",
        "{ t(order_by: {id: asc}) { children_aggregate { __typename aggregate { __typename } } } }",
        "{ t(order_by: {id: asc}) { parent { children_aggregate { aggregate { count } } parent { \
         children_aggregate(where: {parent: {id: {_gt: 3}}}) { aggregate { min { v_date v_int8 } } } } } } }",
        "{ t(distinct_on: v_bool, order_by: [{v_bool: asc}, {id: desc}], offset: 1) { v_bool id v_float8 } }",
    ] {
        runtime.block_on(world.check(query));
    }
}

#[test]
fn a_type_that_changed_is_never_read_as_the_old_one() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new(&mut Dice(2), ""));
    for (change, query) in [
        (
            "timestamp USING now()::timestamp",
            "{ t(limit: 2) { v_int4 } }",
        ),
        (
            "date USING v_int4::date",
            "{ t(limit: 2) { children { v_int4 } } }",
        ),
    ] {
        let change = format!("ALTER TABLE t ALTER v_int4 TYPE {change}");
        world.database.run(&change).unwrap();
        let error = runtime.block_on(world.ask(&world.rows, query));
        let internal = format!("{:?}", error.unwrap_err().internal());
        assert!(internal.contains("reload the metadata"), "{internal}");
    }
    let change = "ALTER TABLE t ALTER v_int4 TYPE text USING 'é\"'";
    world.database.run(change).unwrap();
    runtime.block_on(
        world.check("{ t(limit: 2, order_by: {id: asc}) { v_int4 children { v_int4 } } }"),
    );
}

/// A database with rows, served both ways.
struct World {
    json: Engine,
    rows: Engine,
    kinds: Vec<Kind>,
    database: Database,
}

/// Aggregate functions, and columns whose values are too large for them.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("max", &[]),
    ("min", &[]),
    ("sum", &["v_float4", "v_float8"]),
    ("avg", &["v_float8"]),
    ("stddev", &["v_float8"]),
    ("var_pop", &["v_float8"]),
];

impl World {
    async fn new(dice: &mut Dice, settings: &str) -> Self {
        let database = Database::create().unwrap();
        let kinds = values::kinds(&database);
        database.run(&values::table(dice, &kinds, ROWS)).unwrap();
        for setting in settings.split(';').filter(|setting| !setting.is_empty()) {
            let setting = format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$",
                setting.trim().replace('\'', "''")
            );
            database.run(&setting).unwrap();
        }
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let mapping = |ours: &str, theirs: &str| {
            json!({"manual_configuration": {
                "remote_table": "t", "column_mapping": {ours: theirs},
            }})
        };
        let metadata = Metadata::from_json(&json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres",
            "tables": [{
                "table": "t",
                "object_relationships": [
                    {"name": "parent", "using": mapping("parent_id", "id")},
                    {"name": "boss", "using": {"foreign_key_constraint_on": "boss_id"}},
                ],
                "array_relationships": [
                    {"name": "children", "using": mapping("id", "parent_id")},
                ],
                "computed_fields": [
                    {"name": "computed", "definition": {"function": "computed"}},
                ],
            }],
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]}));
        let source = SourceName::new("default");
        let catalog = introspect(&mut pool.get().await.unwrap()).await.unwrap();
        let catalogs = HashMap::from([(source.clone(), Ok(Arc::new(catalog)))]);
        let metadata = metadata.unwrap();
        let engine = |delivery| {
            let schema = build(&metadata, &catalogs, Settings::default());
            assert!(schema.is_consistent(), "{:?}", schema.inconsistencies);
            let engine = Engine::new(EngineOptions {
                delivery,
                ..EngineOptions::default()
            });
            engine.replace(Arc::new(Snapshot {
                generation: 1,
                schema: schema.into(),
                routes: HashMap::new(),
                pools: HashMap::from([(source.clone(), pool.clone())]),
            }));
            engine
        };
        Self {
            json: engine(Delivery::Json),
            rows: engine(Delivery::Rows),
            kinds,
            database,
        }
    }

    /// What can be asked for.
    async fn fields(&self) -> Fields {
        let mut functions = Vec::new();
        for (function, except) in FUNCTIONS {
            let query =
                format!("{{ __type(name: \"t_{function}_fields\") {{ fields {{ name }} }} }}");
            let answer = self.ask(&self.json, &query).await.unwrap();
            let answer: serde_json::Value = serde_json::from_slice(&answer.data).unwrap();
            let of = answer["__type"]["fields"].as_array().unwrap().iter();
            let of = of.map(|field| field["name"].as_str().unwrap().to_owned());
            let mut known = Vec::new();
            for name in of.filter(|name| !except.contains(&&**name)) {
                // There are columns of an order that Postgres has no `max` for.
                let query =
                    format!("{{ t_aggregate {{ aggregate {{ {function} {{ {name} }} }} }} }}");
                if self.ask(&self.json, &query).await.is_ok() {
                    known.push(name);
                }
            }
            assert!(known.contains(&"v_numeric".to_owned()), "{known:?}");
            functions.push((*function, known));
        }
        Fields {
            kinds: self.kinds.clone(),
            functions,
        }
    }

    async fn ask(&self, engine: &Engine, query: &str) -> Result<Executed> {
        let request = GraphqlRequest::from_json(json!({ "query": query })).unwrap();
        engine.graphql(&Session::admin(), &request).await
    }

    async fn check(&self, query: &str) {
        let text = |answer: Result<Executed>| match answer {
            Ok(executed) => String::from_utf8(executed.data.to_vec()).unwrap(),
            Err(error) => panic!("{query}\n{:?}", error.internal()),
        };
        let expected = text(self.ask(&self.json, query).await);
        let actual = text(self.ask(&self.rows, query).await);
        if expected != actual {
            let at = expected
                .bytes()
                .zip(actual.bytes())
                .take_while(|(one, other)| one == other)
                .count();
            let from = at.saturating_sub(80);
            let near = |text: &str| {
                String::from_utf8_lossy(&text.as_bytes()[from..(at + 80).min(text.len())])
                    .into_owned()
            };
            panic!(
                "{query}\nexpected: {}\nactual:   {}",
                near(&expected),
                near(&actual)
            );
        }
    }
}
