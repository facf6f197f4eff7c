//! Change signals: a change is told as soon as it is committed, however it came about, and only to those who look at
//! what has changed. The worlds of most tests have intervals of an hour: nothing would come by polling.

use std::time::Duration;

use graphloom_subscribe::{ChangeSignals, Freshness, remove_change_signals};
use serde_json::{Value, json};

use crate::world::{Start, World, next, table, until};

const HOUR: Duration = Duration::from_hours(1);

pub(crate) async fn told(sql: &str, tables: &[&str], interval: Duration) -> World {
    let start = Start {
        interval,
        change_signals: ChangeSignals::Everywhere,
        url: None,
    };
    let tables: Value = tables.iter().map(|name| table(name)).collect();
    World::start(sql, tables, json!([]), start).await
}

const ITEMS: &str = "
    CREATE TABLE items (id int PRIMARY KEY, name text);
    CREATE TABLE notes (id int PRIMARY KEY, item_id int REFERENCES items (id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE log (entry text);
    CREATE VIEW names AS SELECT id, upper(name) AS name FROM items;
    CREATE VIEW counts AS SELECT n.id, count(*) AS number FROM names n JOIN notes ON item_id = n.id GROUP BY n.id;
    CREATE FUNCTION write_down() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO log VALUES (NEW.name); RETURN NEW; END';
    CREATE TRIGGER write_down BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION write_down();
    INSERT INTO items VALUES (1, 'one'), (2, 'two');
    INSERT INTO notes VALUES (10, 1), (20, 2);
";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_however_it_came_about() {
    let world = told(ITEMS, &["items", "notes", "log", "names", "counts"], HOUR).await;
    let mut items = world
        .admin(
            "subscription { items(order_by: {id: asc}) { id } }",
            json!({}),
        )
        .await;
    let mut notes = world
        .admin(
            "subscription { notes(order_by: {id: asc}) { id } }",
            json!({}),
        )
        .await;
    let mut log = world
        .admin("subscription { log { entry } }", json!({}))
        .await;
    let mut counts = world
        .admin(
            "subscription { counts(order_by: {id: asc}) { id number } }",
            json!({}),
        )
        .await;
    world.until_all_are(Freshness::Tables).await;
    // By a trigger of another table; into a table that a view of a view looks at.
    world
        .database
        .run("INSERT INTO items VALUES (3, 'three')")
        .unwrap();
    until(
        &mut items,
        json!({"items": [{"id": 1}, {"id": 2}, {"id": 3}]}),
    )
    .await;
    until(
        &mut log,
        json!({"log": [{"entry": "one"}, {"entry": "two"}, {"entry": "three"}]}),
    )
    .await;
    world
        .database
        .run("INSERT INTO notes VALUES (30, 3)")
        .unwrap();
    let count = |ids: &[i32]| -> Value {
        let counts: Value = ids
            .iter()
            .map(|id| json!({"id": id, "number": 1}))
            .collect();
        json!({ "counts": counts })
    };
    until(&mut counts, count(&[1, 2, 3])).await;
    // By a foreign key.
    world
        .database
        .run("DELETE FROM items WHERE id = 2")
        .unwrap();
    until(&mut notes, json!({"notes": [{"id": 10}, {"id": 30}]})).await;
    until(&mut counts, count(&[1, 3])).await;
    world
        .database
        .run("UPDATE items SET id = 4 WHERE id = 3")
        .unwrap();
    until(&mut counts, count(&[1, 4])).await;
    // By no row at all.
    world.database.run("TRUNCATE items CASCADE").unwrap();
    until(&mut items, json!({"items": []})).await;
    until(&mut notes, json!({"notes": []})).await;
    until(&mut counts, count(&[])).await;
    // Through a view, by a transaction of several parts, one of which comes to nothing.
    world
        .database
        .run(
            "BEGIN; INSERT INTO items VALUES (5, 'five'); SAVEPOINT s; INSERT INTO items VALUES (6, 'six');
             ROLLBACK TO s; COMMIT; COPY notes FROM PROGRAM 'echo 50,5' (FORMAT csv)",
        )
        .unwrap();
    until(&mut items, json!({"items": [{"id": 5}]})).await;
    until(&mut counts, count(&[5])).await;
    assert_eq!(world.news(), ["default: heard"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_children_tell_of_each_other() {
    let sql = "
        CREATE TABLE parts (id int, size int) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (size);
        CREATE TABLE lowest PARTITION OF low FOR VALUES FROM (0) TO (10);
        CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (100);
        CREATE TABLE mothers (id int);
        CREATE TABLE daughters () INHERITS (mothers);
    ";
    let world = told(
        sql,
        &["parts", "lowest", "high", "mothers", "daughters"],
        HOUR,
    )
    .await;
    let mut followed = Vec::new();
    for name in ["parts", "lowest", "high", "mothers", "daughters"] {
        let query = format!("subscription {{ {name}_aggregate {{ aggregate {{ count }} }} }}");
        followed.push((name, world.admin(&query, json!({})).await, Value::Null));
    }
    world.until_all_are(Freshness::Tables).await;
    for (write, expected) in [
        ("INSERT INTO parts VALUES (1, 1)", [1, 1, 0, 0, 0]),
        ("INSERT INTO lowest VALUES (2, 2)", [2, 2, 0, 0, 0]),
        ("INSERT INTO low VALUES (3, 3)", [3, 3, 0, 0, 0]),
        ("UPDATE parts SET id = id + 9", [3, 0, 3, 0, 0]),
        ("TRUNCATE parts", [0, 0, 0, 0, 0]),
        ("INSERT INTO daughters VALUES (1)", [0, 0, 0, 1, 1]),
        ("INSERT INTO mothers VALUES (1)", [0, 0, 0, 2, 1]),
        ("DELETE FROM mothers", [0, 0, 0, 0, 0]),
    ] {
        world.database.run(write).unwrap();
        for ((name, subscription, last), count) in followed.iter_mut().zip(expected) {
            let expected = json!({ format!("{name}_aggregate"): {"aggregate": {"count": count}} });
            while *last != expected {
                *last = next(subscription).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_told_too() {
    let sql = "CREATE TABLE events (id int PRIMARY KEY, kind text NOT NULL)";
    let world = told(sql, &["events"], HOUR).await;
    let stream =
        "subscription { events_stream(batch_size: 2, cursor: {initial_value: {id: 0}}) { id } }";
    let mut rows = world.admin(stream, json!({})).await;
    world.until_all_are(Freshness::Tables).await;
    let mut ids = Vec::new();
    for (write, until) in [
        ("INSERT INTO events VALUES (1, 'a')", 1),
        (
            "INSERT INTO events SELECT i, 'b' FROM generate_series(2, 8) i",
            8,
        ),
        ("INSERT INTO events VALUES (9, 'c')", 9),
    ] {
        world.database.run(write).unwrap();
        while ids.last() != Some(&json!(until)) {
            let batch = next(&mut rows).await;
            let batch = batch["events_stream"].as_array().unwrap();
            ids.extend(batch.iter().map(|row| row["id"].clone()));
        }
    }
    assert_eq!(Value::from(ids), json!([1, 2, 3, 4, 5, 6, 7, 8, 9]));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_to_other_tables_ask_nothing() {
    let sql = "
        CREATE TABLE items (id int PRIMARY KEY);
        CREATE TABLE others (id int);
        CREATE MATERIALIZED VIEW kept AS SELECT id FROM items;
    ";
    let world = told(sql, &["items", "kept"], Duration::from_millis(100)).await;
    let mut items = world
        .admin("subscription { items { id } }", json!({}))
        .await;
    let mut kept = world.admin("subscription { kept { id } }", json!({})).await;
    next(&mut items).await;
    next(&mut kept).await;
    world
        .wait(|| {
            let pollers = world.hub.pollers();
            pollers
                .iter()
                .any(|poller| poller.freshness == Freshness::Tables)
        })
        .await;
    world.settled().await.unwrap();
    let (before, last) = (world.polls("items"), world.polls("kept") + 5);
    // No trigger tells of a materialized view: it is asked for whenever anything has changed.
    world
        .wait(|| {
            world.database.run("INSERT INTO others VALUES (1)").unwrap();
            world.polls("kept") >= last
        })
        .await;
    assert_eq!(world.polls("items"), before);
    let statistics = world.hub.statistics();
    world.database.run("INSERT INTO items VALUES (1)").unwrap();
    until(&mut items, json!({"items": [{"id": 1}]})).await;
    world.settled().await.unwrap();
    assert_eq!(world.polls("items"), before + 1);
    assert_eq!(world.hub.statistics().signalled, statistics.signalled + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_trigger_can_tell_is_polled() {
    let sql = "
        CREATE TABLE items (id int PRIMARY KEY, at timestamptz);
        CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE DOMAIN short AS varchar(9);
        CREATE TYPE pair AS (a int, b int);
        CREATE TABLE plain (id int, mood mood, moods mood[], short short, doc jsonb, list int[]);
        CREATE TABLE pairs (id int, pair pair);
        CREATE TABLE named (id int, class regclass);
        CREATE UNLOGGED TABLE loose (id int);
        CREATE TABLE guarded (id int);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
        CREATE FUNCTION twice(id int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
        CREATE VIEW timed AS SELECT id FROM items WHERE at < now();
        CREATE VIEW doubled AS SELECT twice(id) AS id FROM items;
        CREATE MATERIALIZED VIEW kept AS SELECT id FROM items;
    ";
    let names = [
        ("items", Freshness::Tables),
        ("plain", Freshness::Tables),
        ("pairs", Freshness::Database),
        ("named", Freshness::Database),
        ("doubled", Freshness::Database),
        ("kept", Freshness::Database),
        ("loose", Freshness::Interval),
        ("guarded", Freshness::Interval),
        ("timed", Freshness::Interval),
    ];
    let world = told(
        sql,
        &names.map(|(name, _)| name),
        Duration::from_millis(100),
    )
    .await;
    let mut followed = Vec::new();
    for (name, _) in names {
        let query = format!("subscription {{ {name} {{ id }} }}");
        followed.push(world.admin(&query, json!({})).await);
    }
    let are_so = || {
        let pollers = world.hub.pollers();
        names.iter().all(|(name, expected)| {
            let text = format!("\"{name}\"");
            let mut pollers = pollers.iter();
            let poller = pollers.find(|poller| poller.statement.contains(&text));
            poller.unwrap().freshness == *expected
        })
    };
    world.wait(are_so).await;
    // What has a signal gets it in the end; what has none cannot be waited for, and has not got it meanwhile.
    world.database.run("INSERT INTO items VALUES (1)").unwrap();
    until(&mut followed[0], json!({"items": [{"id": 1}]})).await;
    assert!(are_so());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_removed() {
    let world = told(
        "CREATE TABLE items (id int)",
        &["items"],
        Duration::from_millis(100),
    )
    .await;
    let items = world
        .admin("subscription { items { id } }", json!({}))
        .await;
    world.until_all_are(Freshness::Tables).await;
    let made = || {
        let rows = world.database.query(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname = 'graphloom_signal')::text,
                    (SELECT count(*) FROM pg_namespace WHERE nspname = 'graphloom_signals')::text",
        );
        rows.unwrap()[0]
            .iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(made(), ["1", "1"]);
    let pool = world.pool();
    // Somebody needs it.
    remove_change_signals(&pool).await.unwrap();
    assert_eq!(made(), ["1", "1"]);
    drop(items);
    let removed = async {
        while made() != ["0", "0"] {
            remove_change_signals(&pool).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, removed)
        .await
        .unwrap();
    // A schema of somebody else's stays, and there are no signals then.
    let theirs = "CREATE SCHEMA graphloom_signals CREATE TABLE precious (id int)";
    world.database.run(theirs).unwrap();
    remove_change_signals(&pool).await.unwrap();
    let _items = world
        .admin("subscription { items { id } }", json!({}))
        .await;
    let reason = "default: unheard: a schema graphloom_signals is there that is not ours";
    world
        .wait(|| world.news().contains(&reason.to_owned()))
        .await;
    assert_eq!(made(), ["0", "1"]);
}
