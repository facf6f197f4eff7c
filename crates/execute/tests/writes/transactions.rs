//! What triggers see of a request, what is tried again, and what stays of a mutation that nobody waits for.

use std::time::Duration;

use graphloom_vocab::Session;
use serde_json::{Value, json};

use super::world::{World, table, user};

const COUNTER: &str =
    "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL DEFAULT 0, note text);
    INSERT INTO counter (id) VALUES (1), (2);";

fn counter() -> Value {
    let permission = |body: Value| json!([{"role": "user", "permission": body}]);
    json!([{"table": table("counter"),
        "select_permissions": permission(json!({"columns": "*", "filter": {}})),
        "update_permissions": permission(json!({"columns": ["value"], "filter": {}}))}])
}

const ADD: &str = "mutation ($id: Int!) {
    update_counter_by_pk(pk_columns: {id: $id}, _inc: {value: 1}) { value note } }";

#[tokio::test]
async fn triggers_see_who_writes_and_in_which_trace() {
    let sql = format!(
        "{COUNTER} CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.note := current_setting('hasura.user') || ' ' || current_setting('hasura.tracecontext');
            RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION f()"
    );
    let world = World::new(&sql, counter()).await;
    let headers = [
        ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("x-b3-sampled", "0"),
    ];
    let answer = world
        .ask_with_headers(&user("7"), ADD, json!({"id": 1}), &headers)
        .await;
    let note = answer["update_counter_by_pk"]["note"].as_str().unwrap();
    let (who, trace) = note.split_once(' ').unwrap();
    assert_eq!(who, r#"{"x-hasura-role":"user","x-hasura-user-id":"7"}"#);
    let trace: Value = serde_json::from_str(trace).unwrap();
    assert_eq!(trace["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(trace["sampling_state"], "0");
    assert_eq!(trace["span_id"].as_str().map(str::len), Some(16));
    // Nothing of it stays on the connection.
    let left = world
        .rows("SELECT coalesce(current_setting('hasura.user', true), '')")
        .await;
    assert_eq!(left, [[""]]);
}

#[tokio::test]
async fn deadlocks_are_tried_again() {
    let sql = format!(
        "{COUNTER} CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$;
        CREATE TRIGGER t AFTER UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION f();
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''20ms''', current_database()); END $$"
    );
    let world = World::new(&sql, counter()).await;
    let both = |first: u32, second: u32| {
        format!(
            "mutation {{
                a: update_counter_by_pk(pk_columns: {{id: {first}}}, _inc: {{value: 1}}) {{ value }}
                b: update_counter_by_pk(pk_columns: {{id: {second}}}, _inc: {{value: 1}}) {{ value }} }}"
        )
    };
    let (up, down) = (both(1, 2), both(2, 1));
    for _ in 0..10 {
        let (a, b) = tokio::join!(world.admin(&up, json!({})), world.admin(&down, json!({})));
        assert!(a["b"]["value"].is_number(), "{a}");
        assert!(b["b"]["value"].is_number(), "{b}");
    }
    let values = world
        .rows("SELECT value::text FROM counter ORDER BY id")
        .await;
    assert_eq!(values, [["20"], ["20"]]);
}

/// A trigger that fails so often, and counts by what no transaction takes back.
fn failing(sqlstate: &str, times: u32) -> String {
    format!(
        "{COUNTER} CREATE SEQUENCE attempts;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('attempts') <= {times} THEN
                RAISE EXCEPTION 'in the way' USING ERRCODE = '{sqlstate}';
            END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION f()"
    )
}

#[tokio::test]
async fn there_is_a_last_attempt() {
    for (sqlstate, times, attempts, expected) in [
        (
            "40001",
            4,
            5,
            json!({"update_counter_by_pk": {"value": 1, "note": null}}),
        ),
        (
            "40P01",
            4,
            5,
            json!({"update_counter_by_pk": {"value": 1, "note": null}}),
        ),
        (
            "40001",
            99,
            5,
            json!({"code": "concurrent-update", "path": "$",
            "message": "serialization failure due to concurrent update"}),
        ),
        (
            "40P01",
            99,
            5,
            json!({"code": "concurrent-update", "path": "$", "message": "in the way"}),
        ),
        // Nothing that would be better another time.
        (
            "23505",
            99,
            1,
            json!({"code": "constraint-violation", "path": "$",
            "message": "Uniqueness violation. in the way"}),
        ),
        (
            "P0001",
            99,
            1,
            json!({"code": "unexpected", "path": "$", "message": "database query error"}),
        ),
    ] {
        let world = World::new(&failing(sqlstate, times), counter()).await;
        let answer = world.admin(ADD, json!({"id": 1})).await;
        assert_eq!(answer, expected, "{sqlstate}");
        let made = world.rows("SELECT last_value::text FROM attempts").await;
        assert_eq!(made, [[attempts.to_string()]], "{sqlstate}");
    }
}

#[tokio::test]
async fn what_fails_at_the_end_leaves_nothing() {
    let sql = "CREATE TABLE node (id int PRIMARY KEY, next int REFERENCES node (id) DEFERRABLE INITIALLY DEFERRED)";
    let world = World::new(sql, json!([{"table": table("node")}])).await;
    let query = "mutation ($a: Int!, $b: Int!) {
        one: insert_node_one(object: {id: $a, next: $b}) { id }
        two: insert_node_one(object: {id: $b}) { id } }";
    let answer = world.admin(query, json!({"a": 1, "b": 2})).await;
    assert_eq!(answer, json!({"one": {"id": 1}, "two": {"id": 2}}));
    let query = "mutation { insert_node_one(object: {id: 3, next: 4}) { id } }";
    let answer = world.admin(query, json!({})).await;
    assert_eq!(
        answer,
        json!({"code": "postgres-error", "path": "$", "message": "postgres tx error"})
    );
    assert_eq!(world.written("node").await.0, 2);
}

#[tokio::test]
async fn a_mutation_that_nobody_waits_for_is_cancelled() {
    let sql = format!(
        "{COUNTER} CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
        CREATE TRIGGER t AFTER UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION f()"
    );
    let world = World::new(&sql, counter()).await;
    let session = Session::admin();
    let asked = world.ask(&session, ADD, json!({"id": 1}));
    let busy = "SELECT count(*)::text FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    let watch = async {
        while world.rows(busy).await == [["0"]] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = asked => panic!("{answer}"),
        () = watch => {}
    }
    // The future is gone with the select; its statement goes too, and long before it would have ended.
    while world.rows(busy).await != [["0"]] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        world
            .rows("SELECT value::text FROM counter WHERE id = 1")
            .await,
        [["0"]]
    );
}
