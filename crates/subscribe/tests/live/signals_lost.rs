//! Change signals that cannot be had, that get lost, and that say nothing about what happened: the results are those
//! of polling.

use std::time::Duration;

use graphloom_subscribe::{ChangeSignals, Freshness, Subscription};
use serde_json::{Value, json};

use crate::signals::told;
use crate::world::{Start, World, table, until};

const OFTEN: Duration = Duration::from_millis(100);
const ITEMS: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TABLE items (id int PRIMARY KEY, mood mood);
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE low (id int);
    INSERT INTO low VALUES (1);
    CREATE VIEW shown AS SELECT id FROM items;
    INSERT INTO items VALUES (1, 'sad');
";

async fn items() -> (World, Subscription) {
    let world = told(ITEMS, &["items", "parts", "shown"], OFTEN).await;
    let query = "subscription { items(order_by: {id: asc}) { id mood } }";
    let items = world.admin(query, json!({})).await;
    world.until_all_are(Freshness::Tables).await;
    (world, items)
}

fn sad(ids: &[i32]) -> Value {
    let rows: Value = ids
        .iter()
        .map(|id| json!({"id": id, "mood": "sad"}))
        .collect();
    json!({ "items": rows })
}

/// Whoever listens holds a lock for each table.
const KILL: &str = "SELECT pg_terminate_backend(pid)::text FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1";

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_listens_the_source_is_polled() {
    let (world, mut items) = items().await;
    until(&mut items, sad(&[1])).await;
    for id in 2..5 {
        let killed = world.database.query(KILL).unwrap();
        assert_eq!(killed, [[Some("true".to_owned())]]);
        // Nobody hears of this one.
        let write = format!("INSERT INTO items VALUES ({id}, 'sad')");
        world.database.run(&write).unwrap();
        until(&mut items, sad(&(1..=id).collect::<Vec<_>>())).await;
        let heard =
            |news: &Vec<String>| news.iter().filter(|news| *news == "default: heard").count();
        world
            .wait(|| heard(&world.news()) == usize::try_from(id).unwrap())
            .await;
        world.until_all_are(Freshness::Tables).await;
    }
    let lost = "default: unheard: the connection to Postgres was lost";
    assert!(
        world.news().iter().any(|news| news.starts_with(lost)),
        "{:?}",
        world.news()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_triggers_do_not_tell_is_noticed() {
    let (world, mut items) = items().await;
    until(&mut items, sad(&[1])).await;
    // Each of these writes a row that no trigger tells of.
    for (id, write) in [
        (2, "ALTER TABLE items DISABLE TRIGGER ALL; INSERT INTO items VALUES (2, 'sad'); ALTER TABLE items ENABLE TRIGGER ALL"),
        (3, "ALTER TABLE items DISABLE TRIGGER ALL; INSERT INTO items VALUES (3, 'sad')"),
        (4, "DROP TRIGGER graphloom_signal ON items; INSERT INTO items VALUES (4, 'sad')"),
        (5, "DROP SCHEMA graphloom_signals CASCADE; INSERT INTO items VALUES (5, 'sad')"),
        (6, "ALTER TABLE items RENAME TO olds; CREATE TABLE items (id int PRIMARY KEY, mood mood);
             INSERT INTO items SELECT * FROM olds; INSERT INTO items VALUES (6, 'sad')"),
        (7, "CREATE TABLE news (LIKE items); INSERT INTO news SELECT * FROM items; INSERT INTO news VALUES (7, 'sad');
             DROP TABLE items CASCADE; ALTER TABLE news RENAME TO items"),
    ] {
        world.database.run(write).unwrap();
        until(&mut items, sad(&(1..=id).collect::<Vec<_>>())).await;
    }
    // And these change what is shown without any row's being written.
    world
        .database
        .run("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")
        .unwrap();
    let blue: Value = (1..=7)
        .map(|id| json!({"id": id, "mood": "blue"}))
        .collect();
    until(&mut items, json!({ "items": blue })).await;
    world.database.run("DROP TABLE items").unwrap();
    until(&mut items, json!({"failed": "database query error"})).await;
    world
        .database
        .run("CREATE TABLE items (id int, mood mood); INSERT INTO items VALUES (1, 'blue')")
        .unwrap();
    until(&mut items, json!({"items": [{"id": 1, "mood": "blue"}]})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_come_along_are_noticed() {
    let (world, _) = items().await;
    let count = "subscription { parts_aggregate { aggregate { count } } }";
    let mut parts = world.admin(count, json!({})).await;
    let shown = "subscription { shown { id } }";
    let mut shown = world.admin(shown, json!({})).await;
    let counted = |count: i32| json!({"parts_aggregate": {"aggregate": {"count": count}}});
    until(&mut parts, counted(0)).await;
    until(&mut shown, json!({"shown": [{"id": 1}]})).await;
    world.until_all_are(Freshness::Tables).await;
    let attach = "ALTER TABLE parts ATTACH PARTITION low FOR VALUES FROM (0) TO (10)";
    world.database.run(attach).unwrap();
    until(&mut parts, counted(1)).await;
    world.database.run("INSERT INTO low VALUES (2)").unwrap();
    until(&mut parts, counted(2)).await;
    world.until_all_are(Freshness::Tables).await;
    world.database.run("INSERT INTO low VALUES (3)").unwrap();
    until(&mut parts, counted(3)).await;
    world
        .database
        .run("ALTER TABLE parts DETACH PARTITION low")
        .unwrap();
    until(&mut parts, counted(0)).await;
    let other = "CREATE OR REPLACE VIEW shown AS SELECT id FROM low";
    world.database.run(other).unwrap();
    until(
        &mut shown,
        json!({"shown": [{"id": 1}, {"id": 2}, {"id": 3}]}),
    )
    .await;
    world.until_all_are(Freshness::Tables).await;
    world.database.run("DELETE FROM low WHERE id < 3").unwrap();
    until(&mut shown, json!({"shown": [{"id": 3}]})).await;
}

/// A world that is reached as a user who may do little; the role is made by `sql`.
async fn humble(sql: &str) -> World {
    let start = Start {
        interval: OFTEN,
        change_signals: ChangeSignals::Everywhere,
        url: Some(|url| url.replacen("://postgres@", "://humble@", 1)),
    };
    World::start(sql, json!([table("items")]), json!([]), start).await
}

const HUMBLE: &str = "
    DO $$ BEGIN CREATE ROLE humble LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    CREATE TABLE items (id int);
    GRANT SELECT, INSERT ON items TO humble;
";

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rights_to_make_triggers_tables_are_polled() {
    for (sql, reason) in [
        ("", "default: unheard: permission denied for database"),
        (
            "GRANT TRIGGER ON items TO humble;
             DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO humble', current_database()); END $$",
            "default: untold: must be owner of table items",
        ),
    ] {
        let world = humble(&format!("{HUMBLE}{sql}")).await;
        let mut items = world.admin("subscription { items { id } }", json!({})).await;
        until(&mut items, json!({"items": []})).await;
        world
            .wait(|| world.news().iter().any(|news| news.starts_with(reason)))
            .await;
        world.database.run("INSERT INTO items VALUES (1)").unwrap();
        until(&mut items, json!({"items": [{"id": 1}]})).await;
        world.until_all_are(Freshness::Database).await;
        let triggers = "SELECT count(*)::text FROM pg_trigger WHERE tgname = 'graphloom_signal'";
        assert_eq!(world.database.query(triggers).unwrap(), [[Some("0".to_owned())]]);
    }
}
