//! Random updates and deletes of a role: rows outside its filter and columns outside its grant stay as they are,
//! and what changes is what plain SQL with the same filter says.

use std::cell::Cell;
use std::collections::BTreeMap;

use graphloom_vocab::Session;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::world::{World, array, object, table, user};
use crate::tape::Tape;

const TABLES: &str = "
    CREATE TABLE owner (id int PRIMARY KEY, name text);
    CREATE TABLE item (id int PRIMARY KEY, name text, size int, hidden text, owner_id int REFERENCES owner (id));";

const ROWS: &str = "
    TRUNCATE owner, item;
    INSERT INTO owner SELECT n, 'o' || n % 2 FROM generate_series(1, 4) n;
    INSERT INTO item SELECT n, 'i' || n % 3, nullif(n % 5, 0), 'h' || n % 2, nullif(1 + n % 5, 5)
        FROM generate_series(1, 20) n;";

/// What the role may reach, over the row `i`; `metadata` says the same.
const UPDATABLE: &str =
    "(i.size > 1 OR EXISTS (SELECT FROM owner o WHERE o.id = i.owner_id AND o.id = 2))";
const DELETABLE: &str = "(i.owner_id = 2)";
const VISIBLE_OWNERS: &str = "(o.id < 3)";

fn metadata() -> Value {
    let role = |permission: Value| json!([{"role": "user", "permission": permission}]);
    json!([
        {"table": table("owner"), "array_relationships": [array("items", "item", "owner_id")],
         "select_permissions": role(json!({"columns": ["name"], "filter": {"id": {"_lt": 3}}}))},
        {"table": table("item"), "object_relationships": [object("owner", "owner_id")],
         "select_permissions": role(json!({"columns": ["id", "name", "size"], "filter": {"id": {"_lt": 0}}})),
         "update_permissions": role(json!({"columns": ["name", "size"], "set": {"hidden": "set"},
            "filter": {"_or": [{"size": {"_gt": 1}}, {"owner": {"id": {"_eq": "x-hasura-user-id"}}}]},
            "check": {"size": {"_is_null": false}}})),
         "delete_permissions": role(json!({"filter": {"owner_id": {"_eq": "x-hasura-user-id"}}}))},
    ])
}

/// A condition as GraphQL and as SQL.
fn condition(tape: &mut Tape<'_>, depth: usize) -> (String, String) {
    let number = tape.below(6);
    match tape.below(if depth == 0 { 4 } else { 7 }) {
        0 => ("{}".to_owned(), "true".to_owned()),
        1 => (
            format!("{{size: {{_gte: {number}}}}}"),
            format!("(i.size >= {number})"),
        ),
        2 => (
            format!("{{id: {{_in: [{number}, 7, 12]}}}}"),
            format!("(i.id IN ({number}, 7, 12))"),
        ),
        3 => (
            format!("{{owner: {{name: {{_eq: \"o{}\"}}}}}}", number % 2),
            format!(
                "EXISTS (SELECT FROM owner o WHERE o.id = i.owner_id AND {VISIBLE_OWNERS} AND o.name = 'o{}')",
                number % 2
            ),
        ),
        4 => {
            let (graphql, sql) = condition(tape, depth - 1);
            (format!("{{_not: {graphql}}}"), format!("(NOT {sql})"))
        }
        kind => {
            let ((a, x), (b, y)) = (condition(tape, depth - 1), condition(tape, depth - 1));
            match kind {
                5 => (format!("{{_and: [{a}, {b}]}}"), format!("({x} AND {y})")),
                _ => (format!("{{_or: [{a}, {b}]}}"), format!("({x} OR {y})")),
            }
        }
    }
}

async fn items(world: &World, condition: &str) -> BTreeMap<i64, Value> {
    let sql = format!("SELECT to_json(i)::text FROM item i WHERE {condition}");
    let rows = world.rows(&sql).await.into_iter();
    let rows = rows.map(|row| serde_json::from_str::<Value>(&row[0]).unwrap());
    rows.map(|row| (row["id"].as_i64().unwrap(), row)).collect()
}

/// Asks for a change and says what is wrong with what came of it, or whether any row changed.
async fn try_one(world: &World, session: &Session, tape: &mut Tape<'_>) -> Result<bool, String> {
    world.run(ROWS).await;
    let before = items(world, "true").await;
    let deletes = tape.once_in(3);
    let size = (!tape.once_in(8)).then(|| tape.below(9));
    let (graphql, sql) = condition(tape, 3);
    let reachable = if deletes { DELETABLE } else { UPDATABLE };
    let hit = items(world, &format!("{reachable} AND {sql}")).await;
    let size = size.map_or(json!(null), |size| json!(size));
    let query = match deletes {
        true => format!("mutation {{ delete_item(where: {graphql}) {{ affected_rows }} }}"),
        false => format!(
            "mutation {{ update_item(where: {graphql}, _set: {{size: {size}}}) {{ affected_rows }} }}"
        ),
    };
    let answer = world.ask(session, &query, json!({})).await;
    let mut expected = before;
    let refused = !deletes && size.is_null() && !hit.is_empty();
    let told = match (refused, deletes) {
        (true, _) => json!({"code": "permission-error", "path": "$",
            "message": "check constraint of an insert/update permission has failed"}),
        (false, true) => json!({"delete_item": {"affected_rows": hit.len()}}),
        (false, false) => json!({"update_item": {"affected_rows": hit.len()}}),
    };
    for id in hit.keys().filter(|_| !refused) {
        match deletes {
            true => drop(expected.remove(id)),
            false => {
                let row = expected.get_mut(id).unwrap();
                row["size"] = size.clone();
                row["hidden"] = json!("set");
            }
        }
    }
    let after = items(world, "true").await;
    match answer == told && after == expected {
        true => Ok(!refused && !hit.is_empty()),
        false => Err(format!(
            "{query}\n{answer}, not {told}\n{after:?}\nnot {expected:?}"
        )),
    }
}

#[test]
fn a_role_changes_what_its_filter_and_its_columns_let_it() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new(TABLES, metadata()));
    let session = user("2");
    let changed = Cell::new(0);
    let config = Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let choices = proptest::collection::vec(proptest::num::u16::ANY, 4..40);
    let result = runner.run(&choices, |choices| {
        let outcome = runtime.block_on(try_one(&world, &session, &mut Tape::new(&choices)));
        changed.set(changed.get() + u32::from(outcome.map_err(TestCaseError::fail)?));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        changed.get() > 50,
        "{} of 150 changed anything",
        changed.get()
    );
}
