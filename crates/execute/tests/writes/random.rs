//! Random nested inserts through the engine leave what plain SQL leaves that writes row by row, and tell the same:
//! ids, numbers of rows, or where and why they are refused.
//!
//! Relationships in both orders and to the same table, conflicts, presets (also of columns that rows determine),
//! checks that look at other tables; as admin and as a role. `WRITES_CASES=5000` looks at more of them.

mod generate;
mod reference;
mod schema;

use std::cell::Cell;
use std::collections::BTreeMap;

use generate::{Generator, Input, literal};
use graphloom_pg::AccessMode;
use graphloom_vocab::{RoleName, Session, SessionVariableName};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use reference::Reference;
use schema::Rights;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::tape::Tape;
use crate::world::World;

/// Inserts of each role.
const CASES: u32 = 150;

#[test]
fn nested_inserts_do_what_row_by_row_does() {
    let cases = std::env::var("WRITES_CASES").ok();
    let cases = cases.map_or(CASES, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let ours = runtime.block_on(World::new(schema::TABLES, schema::metadata()));
    let theirs = runtime.block_on(World::new(schema::TABLES, schema::metadata()));
    let score = SessionVariableName::parse("x-hasura-score").unwrap();
    let user = Session::new(
        RoleName::new("user"),
        BTreeMap::from([(score, "6".to_owned())]),
    );
    let roles = [
        (Session::admin(), schema::of_admin as fn(&str) -> Rights),
        (user, schema::of_user),
    ];
    for (session, rights) in roles {
        let written = Cell::new(0);
        let config = Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let choices = proptest::collection::vec(proptest::num::u16::ANY, 10..200);
        let result = runner.run(&choices, |choices| {
            let tape = Tape::new(&choices);
            let asked = Asked::new(tape, rights);
            let (expected, actual) = runtime.block_on(async {
                let expected = asked.by_reference(&theirs, rights).await;
                (expected, asked.by_engine(&ours, &session).await)
            });
            written.set(written.get() + u32::from(expected["told"].get("code").is_none()));
            if expected != actual {
                let (query, variables) = asked.document();
                return Err(TestCaseError::fail(format!(
                    "{query}\n{variables}\nexpected {expected:#}\nactual {actual:#}"
                )));
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{:?}: {error}", session.role));
        // A generator whose inserts are all refused would prove little.
        assert!(
            written.get() * 5 > cases,
            "{} of {cases} were written",
            written.get()
        );
    }
}

/// An insert.
struct Asked {
    table: &'static str,
    input: Input,
    is_single: bool,
    by_variable: bool,
}

impl Asked {
    fn new(tape: Tape<'_>, rights: fn(&str) -> Rights) -> Self {
        let mut generator = Generator {
            rights,
            tape,
            left: 24,
        };
        let table = schema::NAMES[generator.tape.below(schema::NAMES.len())];
        let is_single = generator.tape.once_in(4);
        let by_variable = generator.tape.once_in(2);
        let most = if is_single { 1 } else { 4 };
        Self {
            table,
            input: generator.input(table, &[], most, 3),
            is_single,
            by_variable,
        }
    }

    fn document(&self) -> (String, Value) {
        let table = self.table;
        let (field, argument, ty) = match self.is_single {
            true => (
                format!("insert_{table}_one"),
                "object",
                format!("{table}_insert_input!"),
            ),
            false => (
                format!("insert_{table}"),
                "objects",
                format!("[{table}_insert_input!]!"),
            ),
        };
        let rows = match self.is_single {
            true => self.input.rows[0].clone(),
            false => Value::Array(self.input.rows.clone()),
        };
        let told = match self.is_single {
            true => "{ id }",
            false => "{ affected_rows returning { id } }",
        };
        let conflict = self.input.conflict.as_ref();
        let conflict = conflict.map(|conflict| format!(", on_conflict: {}", literal(conflict)));
        let conflict = conflict.unwrap_or_default();
        match self.by_variable {
            true => (
                format!(
                    "mutation ($rows: {ty}) {{ told: {field}({argument}: $rows{conflict}) {told} }}"
                ),
                json!({"rows": rows}),
            ),
            false => (
                format!(
                    "mutation {{ told: {field}({argument}: {}{conflict}) {told} }}",
                    literal(&rows)
                ),
                json!({}),
            ),
        }
    }

    async fn by_engine(&self, world: &World, session: &Session) -> Value {
        world.run(schema::ROWS).await;
        let (query, variables) = self.document();
        let answer = world.ask(session, &query, variables).await;
        let told = answer.get("told").unwrap_or(&answer);
        json!({"told": told, "tables": tables(world).await})
    }

    async fn by_reference(&self, world: &World, rights: fn(&str) -> Rights) -> Value {
        world.run(schema::ROWS).await;
        let mut reference = Reference {
            transaction: world.pool().begin(AccessMode::ReadWrite).await.unwrap(),
            rights: &rights,
            affected: 0,
        };
        let (suffix, argument) = match self.is_single {
            true => ("_one", "object"),
            false => ("", "objects"),
        };
        let path = format!(
            "$.selectionSet.insert_{}{suffix}.args.{argument}",
            self.table
        );
        let rows = (self.input.rows.as_slice(), self.input.conflict.as_ref());
        let outcome = reference.list(self.table, rows, Vec::new(), path).await;
        let affected = reference.affected;
        let told = match outcome {
            Err(refusal) => refusal,
            Ok(written) => {
                reference.transaction.commit().await.unwrap();
                let id = |row: &BTreeMap<String, Option<String>>| json!({"id": row["id"].as_deref().unwrap().parse::<i64>().unwrap()});
                let ids: Vec<_> = written.iter().map(id).collect();
                match self.is_single {
                    true => ids.first().cloned().unwrap_or(Value::Null),
                    false => json!({"affected_rows": affected, "returning": ids}),
                }
            }
        };
        json!({"told": told, "tables": tables(world).await})
    }
}

async fn tables(world: &World) -> Value {
    let mut all = Vec::new();
    for table in schema::NAMES {
        all.push(
            world
                .rows(&format!(
                    "SELECT to_json(t)::text FROM {table} t ORDER BY id"
                ))
                .await,
        );
    }
    json!(all)
}
