//! Every operator with values that do not fit, on a real Postgres: the client is told what is wrong with
//! its value, and the database's log has no error of the syntax class, which would be a mistake of ours.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use graphloom_execute::{Engine, GraphqlRequest, Snapshot};
use graphloom_metadata::Metadata;
use graphloom_pg::{ConnectionOptions, Pool, PoolOptions, introspect};
use graphloom_schema::{Settings, build};
use graphloom_testkit::postgres::{self, Database};
use graphloom_vocab::{Internal, Session, SourceName};
use serde_json::{Value, json};

/// A column of each; those of extensions that are not installed are left out.
const TYPES: &[&str] = &[
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "money",
    "bool",
    "text",
    "varchar(9)",
    "char(3)",
    "bytea",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "macaddr",
    "bit(3)",
    "varbit",
    "int4range",
    "tstzrange",
    "xml",
    "tsvector",
    "tsquery",
    "point",
    "circle",
    "oid",
    "name",
    "int4[]",
    "text[]",
    "jsonb[]",
    "mood",
    "email",
    "pair",
    "citext",
    "ltree",
    "hstore",
    "geometry",
    "geography",
];

/// The strings that break something: quotes, escapes, half a value of each syntax, and a value too much.
const TEXTS: &[&str] = &[
    "",
    " ",
    "'",
    "\"",
    "\\",
    "');--",
    "a b",
    "a..b",
    "a.b!",
    "*{",
    "!",
    "a & ",
    "(",
    "[",
    "{",
    "}",
    "{1,",
    "[1,2",
    "$.a[",
    "1 2",
    "1e999",
    "0x1",
    "nan",
    "2020/13/45",
    "25:61",
    "%",
    "[[1]]",
    "{\"a\":",
    "POINT(1",
    "é🙂",
    "a=>",
    "\u{1}",
];

/// One in so many values is tried with an operator of a column.
const EACH: usize = 3;

fn values() -> Vec<Value> {
    let texts = TEXTS.iter().map(|text| json!(text));
    let others = [
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        "1e400",
        "123456789012345678901234567890",
        "[]",
        "[null]",
        "[[1]]",
        "[\"'\"]",
        "{}",
        "{\"a\": 1}",
        "{\"type\": \"Point\"}",
        "{\"type\": \"Point\", \"coordinates\": [\"x\", 1]}",
        "{\"type\": \"Point\", \"coordinates\": []}",
        "{\"type\": \"Polygon\", \"coordinates\": [[[0, 0], [1, 1]]]}",
        "{\"type\": \"GeometryCollection\", \"geometries\": 1}",
        "{\"type\": \"Nothing\", \"coordinates\": [1, 2]}",
    ];
    let others = others
        .iter()
        .map(|text| serde_json::from_str(text).unwrap());
    texts.chain(others).collect()
}

/// An error: what a client goes by, and the database's message behind it.
#[derive(Debug)]
struct Failure {
    code: String,
    path: String,
    postgres: String,
}

struct World {
    engine: Engine,
    database: Database,
}

impl World {
    async fn new() -> Self {
        let database = Database::create().unwrap();
        let quiet = "DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET log_error_verbosity = verbose', current_database());
            EXECUTE format('ALTER DATABASE %I SET log_min_error_statement = panic', current_database());
        END $$";
        database.run(quiet).unwrap();
        for extension in ["citext", "ltree", "hstore", "postgis"] {
            // What is not installed on this machine is not tested on it.
            drop(database.run(&format!("CREATE EXTENSION {extension}")));
        }
        let own = "CREATE TYPE mood AS ENUM ('calm'); CREATE TYPE pair AS (a int, b text);
            CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%'); CREATE TABLE t (id int PRIMARY KEY);
            CREATE TABLE child (id int PRIMARY KEY, t_id int REFERENCES t (id), flag bool, number float8);";
        database.run(own).unwrap();
        for (number, ty) in TYPES.iter().enumerate() {
            drop(database.run(&format!("ALTER TABLE t ADD COLUMN c{number} {ty}")));
        }
        database.run("INSERT INTO t (id) VALUES (1)").unwrap();
        let table = |name: &str| json!({"schema": "public", "name": name});
        let on = json!({"table": table("child"), "column": "t_id"});
        let tables = json!([
            {"table": table("child")},
            {"table": table("t"), "array_relationships": [
                {"name": "children", "using": {"foreign_key_constraint_on": on}}]},
        ]);
        let metadata = Metadata::from_json(&json!({"version": 3, "sources": [{
            "name": "default", "kind": "postgres", "tables": tables,
            "configuration": {"connection_info": {"database_url": "unused"}},
        }]}));
        let options = ConnectionOptions::parse(database.url()).unwrap();
        let pool = Pool::new(options, PoolOptions::default());
        let catalog = introspect(&mut pool.get().await.unwrap()).await.unwrap();
        let source = SourceName::new("default");
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
        Self { engine, database }
    }

    async fn ask(&self, query: &str, variables: Value) -> Result<Value, Failure> {
        let body = json!({"query": query, "variables": variables});
        let request = GraphqlRequest::from_json(body).unwrap();
        match self.engine.graphql(&Session::admin(), &request).await {
            Ok(executed) => Ok(serde_json::from_slice(&executed.data).unwrap()),
            Err(error) => {
                let postgres = match error.internal() {
                    Some(Internal::Guarded(internal)) => internal["error"]["message"].as_str(),
                    _ => None,
                };
                Err(Failure {
                    code: error.code().as_str().to_owned(),
                    path: error.path().to_string(),
                    postgres: postgres.unwrap_or_default().to_owned(),
                })
            }
        }
    }

    /// Fields of an input object with the names of their types.
    async fn fields(&self, ty: &str) -> BTreeMap<String, String> {
        let query = "query ($t: String!) { __type(name: $t) { inputFields {
            name type { name ofType { name ofType { name ofType { name } } } } } } }";
        let answer = self.ask(query, json!({"t": ty})).await.unwrap();
        let fields = answer["__type"]["inputFields"].as_array().cloned();
        let named = fields.unwrap_or_default().into_iter().map(|field| {
            let mut ty = &field["type"];
            while ty["ofType"].is_object() {
                ty = &ty["ofType"];
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&field["name"]), text(&ty["name"]))
        });
        named.collect()
    }
}

/// What is Postgres' own to say, with a code that is not a client's, and v2 has it say: the comparison
/// type, how its message begins, and why.
const POSTGRES_SAYS: &[(&str, &str, &str)] = &[
    // Types without such an operator: nothing could be asked instead.
    (
        "json_",
        "operator does not exist",
        "json has no order and no equality",
    ),
    ("xml_", "operator does not exist", "xml has neither"),
    (
        "point_",
        "operator does not exist",
        "points are compared by other operators",
    ),
    ("hstore_", "operator does not exist", "hstore has no order"),
    ("geometry_", "operator is not unique", "PostGIS has no <>"),
    (
        "Int_array_",
        "operator does not exist",
        "`_in` compares with the elements of the lists",
    ),
    ("String_array_", "operator does not exist", "the same"),
    ("jsonb_array_", "operator does not exist", "the same"),
    // Values whose syntax their own types judge, by codes that are no client's.
    ("tsquery_", "", "parsed by the type"),
    ("tsvector_", "", "parsed by the type"),
    (
        "geometry_",
        "",
        "text is well-known text or binary, parsed by PostGIS",
    ),
    (
        "geography_",
        "",
        "text is well-known text or binary, parsed by PostGIS",
    ),
    ("hstore_", "", "parsed by the type"),
];

/// What a client may be told; anything else says that we made the mistake.
fn is_told(error: &Failure) -> bool {
    const KNOWN: [&str; 5] = [
        "validation-failed",
        "parse-failed",
        "data-exception",
        "bad-request",
        "constraint-error",
    ];
    KNOWN.contains(&error.code.as_str()) && error.path.starts_with('$')
}

/// What was asked, and what came of it.
struct Trial<'a> {
    world: &'a World,
    asked: u32,
    wrong: Vec<String>,
}

impl Trial<'_> {
    async fn ask(&mut self, query: &str, variables: Value, what: &str) {
        self.asked += 1;
        let text = variables.to_string();
        let Err(failure) = self.world.ask(query, variables).await else {
            return;
        };
        let is_postgres = POSTGRES_SAYS.iter().any(|(ty, message, _)| {
            what.starts_with(ty)
                && failure.code == "unexpected"
                && !failure.postgres.is_empty()
                && failure.postgres.starts_with(message)
        });
        if !is_told(&failure) && !is_postgres {
            self.wrong.push(format!("{what}, {text}: {failure:?}"));
        }
    }

    async fn conditions(&mut self) {
        for (column, ty) in self.world.fields("t_bool_exp").await {
            if column.starts_with('_') {
                continue;
            }
            let mut operators: Vec<String> = self.world.fields(&ty).await.into_keys().collect();
            operators.push("_nope".to_owned());
            for (number, operator) in operators.into_iter().enumerate() {
                // Each type meets every value with one of its operators or another, and each
                // operator with another type; all with all would take minutes.
                for value in values().into_iter().skip(number % EACH).step_by(EACH) {
                    let variables = json!({"w": {&column: {&operator: value}}});
                    let query = "query ($w: t_bool_exp) { t(where: $w) { id } }";
                    self.ask(query, variables, &format!("{ty}.{operator}"))
                        .await;
                }
            }
        }
    }

    async fn arguments(&mut self) {
        let arguments = [
            ("limit", "Int"),
            ("offset", "Int"),
            ("order_by", "[t_order_by!]"),
            ("distinct_on", "[t_select_column!]"),
        ];
        for (argument, ty) in arguments {
            let query = format!("query ($v: {ty}) {{ t({argument}: $v) {{ id }} }}");
            for value in values() {
                self.ask(&query, json!({"v": value}), argument).await;
            }
        }
        for (number, ty) in TYPES.iter().enumerate() {
            if matches!(*ty, "json" | "jsonb") {
                let query = format!("query ($p: String) {{ t {{ c{number}(path: $p) }} }}");
                for value in values() {
                    self.ask(&query, json!({"p": value}), "path").await;
                }
            }
        }
    }

    /// What may stand inside a condition on an aggregate.
    async fn predicates(&mut self) {
        let query = "query ($w: t_bool_exp) { t(where: $w) { id } }";
        for value in values() {
            for predicate in [
                json!({"count": {"predicate": value}}),
                json!({"count": {"predicate": {"_eq": value}}}),
                json!({"count": {"arguments": value, "predicate": {"_eq": 1}}}),
                json!({"count": {"distinct": value, "predicate": {"_eq": 1}}}),
                json!({"count": {"filter": value, "predicate": {"_eq": 1}}}),
                json!({"sum": {"arguments": "number", "predicate": {"_gt": value}}}),
                json!({"bool_and": {"arguments": "flag", "predicate": {"_eq": value}}}),
            ] {
                let variables = json!({"w": {"children_aggregate": predicate}});
                self.ask(query, variables, "children_aggregate").await;
            }
        }
    }
}

/// Marks the place in the database's log where the trial starts.
const START: &str = "DO $$ BEGIN RAISE LOG 'the trial of bad values starts'; END $$";

/// What the database has logged since the last mark; the log may have begun a new file in between.
fn log_since_start() -> String {
    let log = postgres::log().unwrap();
    let (_, since) = log.rsplit_once("the trial of bad values starts").unwrap();
    since.to_owned()
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused_with_their_reason() {
    let world = World::new().await;
    world.database.run(START).unwrap();
    let mut trial = Trial {
        world: &world,
        asked: 0,
        wrong: Vec::new(),
    };
    trial.conditions().await;
    trial.arguments().await;
    trial.predicates().await;
    let (asked, wrong) = (trial.asked, trial.wrong);
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );

    let log = log_since_start();
    let is_ours = |line: &&str| {
        let message = line
            .split_once("ERROR:  42")
            .map(|(_, rest)| rest.get(5..).unwrap_or(rest));
        // The types of full-text search judge their own syntax, and say so.
        let of_types = [
            "syntax error in ts",
            "no operand in tsquery",
            "there is no escaped character",
        ];
        let is_known = |message: &str| {
            let known = POSTGRES_SAYS.iter().map(|(_, message, _)| *message);
            let mut known = known.filter(|message| !message.is_empty()).chain(of_types);
            known.any(|known| message.starts_with(known))
        };
        message.is_some_and(|message| !is_known(message))
    };
    let ours: Vec<_> = log.lines().filter(is_ours).collect();
    assert!(
        ours.is_empty(),
        "{} of {asked}:\n{}",
        ours.len(),
        ours.join("\n")
    );
    // The log is where it is looked for: a mistake on purpose is found.
    drop(world.database.run("SELEC"));
    assert!(log_since_start().contains("ERROR:  42601"));
}
