//! When nothing changes nothing is asked; when something may have changed, everything is.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::world::{World, next, table, until};

const ITEMS: &str = "
    CREATE TABLE items (id int PRIMARY KEY, name text, at timestamptz DEFAULT '2024-01-01');
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);
    CREATE UNLOGGED TABLE loose (id int);
    CREATE SEQUENCE numbers;
    CREATE VIEW upper_items AS SELECT id, upper(name) AS name, name LIKE 'a%' AS is_a, id::text AS text FROM items;
    CREATE VIEW outer_items AS SELECT * FROM upper_items WHERE id > 0;
    CREATE VIEW timed AS SELECT id FROM items WHERE at < now();
    CREATE VIEW dated AS SELECT id FROM items WHERE at::date <= current_date;
    CREATE VIEW over_timed AS SELECT * FROM timed;
    CREATE VIEW counted AS SELECT last_value AS id FROM numbers;
    CREATE VIEW cast_items AS SELECT id FROM items WHERE at < name::timestamptz;
    CREATE MATERIALIZED VIEW kept AS SELECT id, now() AS at FROM items;
    CREATE TABLE guarded (id int);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    INSERT INTO items VALUES (1, 'one');
";

async fn items() -> World {
    let names = [
        "items",
        "parts",
        "loose",
        "upper_items",
        "outer_items",
        "timed",
        "dated",
        "over_timed",
        "counted",
        "cast_items",
        "kept",
        "guarded",
    ];
    let tables = names.iter().map(|name| table(name)).collect();
    World::new(ITEMS, tables, json!([])).await
}

/// Whether the database is asked again although nothing happens in it.
async fn is_asked_again(world: &World, query: &str) -> bool {
    let mut subscription = world.admin(query, json!({})).await;
    next(&mut subscription).await;
    world.settled().await.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_database_is_asked_nothing() {
    let world = items().await;
    let mut followed = Vec::new();
    for name in ["items", "parts", "upper_items", "outer_items", "kept"] {
        let query = format!("subscription {{ {name} {{ id }} }}");
        let mut subscription = world.admin(&query, json!({})).await;
        next(&mut subscription).await;
        followed.push(subscription);
    }
    assert!(world.settled().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_by_itself_is_asked_at_every_interval() {
    let world = items().await;
    for name in [
        "loose",
        "timed",
        "dated",
        "over_timed",
        "counted",
        "guarded",
    ] {
        let query = format!("subscription {{ {name} {{ id }} }}");
        assert!(is_asked_again(&world, &query).await, "{name}");
    }
    for when in ["now", "tomorrow"] {
        let query =
            format!("subscription {{ items(where: {{at: {{_lt: \"{when}\"}}}}) {{ id }} }}");
        assert!(is_asked_again(&world, &query).await, "{when}");
    }
    let query = "subscription { items(where: {at: {_lt: \"2025-01-01T00:00:00Z\"}}) { id } }";
    assert!(!is_asked_again(&world, query).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_becomes_another_is_noticed() {
    let world = items().await;
    let mut subscription = world
        .admin("subscription { upper_items { name } }", json!({}))
        .await;
    until(&mut subscription, json!({"upper_items": [{"name": "ONE"}]})).await;
    world.settled().await;
    let other = "CREATE OR REPLACE VIEW upper_items AS
        SELECT id, clock_timestamp()::text AS name, true AS is_a, id::text AS text FROM items";
    world.database.run(other).unwrap();
    let first = next(&mut subscription).await;
    let second = next(&mut subscription).await;
    assert_ne!(first, second);
    assert_ne!(next(&mut subscription).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_counts_when_it_ends() {
    let world = items().await;
    let mut subscription = world
        .admin(
            "subscription { items(order_by: {id: desc}) { name } }",
            json!({}),
        )
        .await;
    until(&mut subscription, json!({"items": [{"name": "one"}]})).await;
    world.settled().await;
    let database = Arc::clone(&world.database);
    let write = tokio::task::spawn_blocking(move || {
        let long = "BEGIN; UPDATE items SET name = 'two'; SELECT pg_sleep(1.2); COMMIT";
        database.run(long).unwrap();
    });
    // A short one, begun later, ends first.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world
        .database
        .run("INSERT INTO items VALUES (2, 'three')")
        .unwrap();
    until(
        &mut subscription,
        json!({"items": [{"name": "three"}, {"name": "one"}]}),
    )
    .await;
    write.await.unwrap();
    until(
        &mut subscription,
        json!({"items": [{"name": "three"}, {"name": "two"}]}),
    )
    .await;
}
