//! What subscribers see, compared with what whoever asks sees: after any number of writes of any kind, the last result
//! that was told is the one that a query gives. On the way nobody is told what never was.

use std::time::Duration;

use graphloom_execute::GraphqlRequest;
use graphloom_subscribe::ChangeSignals;
use graphloom_vocab::Session;
use serde_json::{Value, json};

use crate::world::{PATIENCE, Start, World, next, table};

const TABLES: &str = "
    CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, score int NOT NULL DEFAULT 0);
    CREATE TABLE notes (id serial PRIMARY KEY, person_id int REFERENCES people (id) ON DELETE CASCADE, text text);
    CREATE TABLE parts (id int, size int) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (5);
    CREATE TABLE high PARTITION OF parts FOR VALUES FROM (5) TO (1000);
    CREATE UNLOGGED TABLE loose (id int);
    CREATE SEQUENCE numbers;
    CREATE TABLE pair_a (number int NOT NULL);
    CREATE TABLE pair_b (number int NOT NULL);
    INSERT INTO people SELECT i, 'p' || i FROM generate_series(1, 8) i;
    INSERT INTO pair_a VALUES (0);
    INSERT INTO pair_b VALUES (0);
    CREATE VIEW writers AS SELECT p.id, upper(p.name) AS name, count(n.id) AS number
        FROM people p LEFT JOIN notes n ON n.person_id = p.id GROUP BY p.id;
    CREATE VIEW best AS SELECT id, number FROM writers WHERE number > 1;
    CREATE VIEW counted AS SELECT last_value::int AS id FROM numbers;
    CREATE MATERIALIZED VIEW kept AS SELECT id, name FROM people;
    CREATE FUNCTION longest(p people) RETURNS text LANGUAGE sql STABLE AS
        'SELECT text FROM notes WHERE person_id = p.id ORDER BY length(text) DESC, id LIMIT 1';
    CREATE FUNCTION score_above(bound int) RETURNS SETOF people LANGUAGE sql STABLE AS
        'SELECT * FROM people WHERE score > bound';
";

const QUERIES: &[&str] = &[
    "{ people(order_by: {id: asc}) { id name score notes(order_by: {id: asc}) { text } } }",
    "{ people_by_pk(id: 3) { name notes_aggregate { aggregate { count max { text } } } } }",
    "{ people(where: {notes: {text: {_like: \"%7%\"}}}, order_by: {id: asc}) { id } }",
    "{ people(order_by: {id: asc}) { id longest } }",
    "{ score_above(args: {bound: 3}, order_by: {id: asc}) { id } }",
    "{ writers(order_by: {id: asc}) { id name number } }",
    "{ best(order_by: {id: asc}) { id number } }",
    "{ counted { id } }",
    "{ kept(order_by: {id: asc}) { id name } }",
    "{ parts_aggregate { aggregate { count sum { size } } } }",
    "{ loose_aggregate { aggregate { count } } }",
];
const PAIR: &str =
    "subscription @_multiple_top_level_fields { pair_a { number } pair_b { number } }";

/// A small generator of numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// A write, or several in one transaction, which may come to nothing.
    fn statement(&mut self) -> String {
        let (id, number) = (1 + self.below(8), self.below(100));
        let write = match self.below(12) {
            0 => format!("UPDATE people SET score = {number} % 7 WHERE id = {id}"),
            1 => format!("UPDATE people SET name = 'n{number}' WHERE id = {id}"),
            2..=3 => format!(
                "INSERT INTO notes (person_id, text) SELECT id, 't{number}' FROM people WHERE id = {id}"
            ),
            4 => format!("DELETE FROM notes WHERE person_id = {id} AND random() < 0.5"),
            5 => format!("DELETE FROM people WHERE id = {id}"),
            6 => format!("INSERT INTO people VALUES ({id}, 'again') ON CONFLICT DO NOTHING"),
            7 => format!("INSERT INTO parts VALUES ({number}, {id})"),
            8 => "INSERT INTO loose VALUES (1)".to_owned(),
            9 => "SELECT nextval('numbers')".to_owned(),
            10 => "REFRESH MATERIALIZED VIEW kept".to_owned(),
            _ => "TRUNCATE parts".to_owned(),
        };
        let pair = "UPDATE pair_a SET number = number + 1; UPDATE pair_b SET number = number + 1";
        match self.below(6) {
            0 => format!("BEGIN; {write}; {pair}; ROLLBACK"),
            1 => format!(
                "BEGIN; {pair}; SAVEPOINT s; {write}; ROLLBACK TO s; {}; COMMIT",
                self.statement_alone()
            ),
            2 => format!("BEGIN; {write}; {pair}; COMMIT"),
            _ => write,
        }
    }

    fn statement_alone(&mut self) -> String {
        let id = 1 + self.below(8);
        format!("UPDATE people SET score = score + 1 WHERE id = {id}")
    }
}

async fn world(change_signals: ChangeSignals) -> World {
    let mut tables: Vec<Value> = [
        "writers", "best", "counted", "kept", "parts", "loose", "pair_a", "pair_b",
    ]
    .map(table)
    .into();
    let function = |name: &str| json!({"schema": "public", "name": name});
    let reference = json!({"table": {"schema": "public", "name": "notes"}, "column": "person_id"});
    tables.push(json!({
        "table": {"schema": "public", "name": "people"},
        "array_relationships": [{"name": "notes", "using": {"foreign_key_constraint_on": reference}}],
        "computed_fields": [{"name": "longest", "definition": {"function": function("longest")}}],
    }));
    tables.push(table("notes"));
    let functions = json!([{"function": function("score_above")}]);
    let start = Start {
        interval: Duration::from_millis(100),
        change_signals,
        url: None,
    };
    World::start(TABLES, tables.into(), functions, start).await
}

async fn asked(world: &World, query: &str) -> Value {
    let request = GraphqlRequest::from_json(json!({ "query": query })).unwrap();
    let executed = world.engine.graphql(&Session::admin(), &request).await;
    serde_json::from_slice(&executed.unwrap().data).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_last_is_what_is_there() {
    follow(&world(ChangeSignals::Nowhere).await, 2024).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_last_is_what_is_there_with_change_signals() {
    let world = world(ChangeSignals::Everywhere).await;
    follow(&world, 2025).await;
    let statistics = world.hub.statistics();
    assert!(statistics.signalled > 0, "{statistics:?}");
}

/// Follows all queries while this game is played.
async fn follow(world: &World, seed: u64) {
    let mut followed = Vec::new();
    for query in QUERIES {
        let subscription = world
            .admin(&format!("subscription {query}"), json!({}))
            .await;
        followed.push((*query, subscription, Value::Null));
    }
    let mut pair = world.admin(PAIR, json!({})).await;
    let mut number = -1;
    let mut dice = Dice(seed);
    for _ in 0..15 {
        for _ in 0..=dice.below(12) {
            world.database.run(&dice.statement()).unwrap();
            if dice.below(3) == 0 {
                let pause = Duration::from_millis(dice.below(120));
                tokio::time::sleep(pause).await;
            }
        }
        for (query, subscription, last) in &mut followed {
            let expected = asked(world, query).await;
            let told = async {
                while *last != expected {
                    *last = next(subscription).await;
                }
            };
            let told = tokio::time::timeout(PATIENCE, told).await;
            assert!(
                told.is_ok(),
                "{query}: expected {expected}, last was {last}"
            );
        }
        // One statement sees one moment, and later ones see later ones.
        let there = asked(world, "{ pair_a { number } }").await["pair_a"][0]["number"].as_i64();
        while Some(number) != there {
            let told = next(&mut pair).await;
            assert_eq!(told["pair_a"], told["pair_b"]);
            let told = told["pair_a"][0]["number"].as_i64().unwrap();
            assert!(told > number, "{told} after {number}");
            number = told;
        }
    }
}
