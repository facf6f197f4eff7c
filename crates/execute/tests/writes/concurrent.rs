//! Many at once: one row of a thousand upserts, a thousand of a thousand increments.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use super::world::{World, table};

const SQL: &str = "
    CREATE TABLE visit (page text PRIMARY KEY, hits int NOT NULL DEFAULT 0, who int);
    CREATE TABLE log (id serial, visit text REFERENCES visit (page), n int);";

fn world_tables() -> serde_json::Value {
    json!([
        {"table": table("visit"), "array_relationships": [super::world::array("logs", "log", "visit")]},
        {"table": table("log")},
    ])
}

/// Runs one request a thousand times, all at once; each answer.
async fn thousand(world: &Arc<World>, query: &'static str) -> Vec<serde_json::Value> {
    let mut tasks = JoinSet::new();
    for n in 0..1_000 {
        let world = world.clone();
        tasks.spawn(async move { world.admin(query, json!({"n": n})).await });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn a_thousand_upserts_of_one_key_leave_one_row() {
    let world = Arc::new(World::new(SQL, world_tables()).await);
    let query = "mutation ($n: Int!) {
        insert_visit_one(object: {page: \"home\", who: $n},
            on_conflict: {constraint: visit_pkey, update_columns: [who]}) { who } }";
    let mut told: Vec<_> = thousand(&world, query)
        .await
        .into_iter()
        .map(|answer| answer["insert_visit_one"]["who"].as_i64())
        .collect();
    told.sort_unstable();
    let each: Vec<_> = (0..1_000).map(Some).collect();
    assert_eq!(told, each, "each was told of its own");
    assert_eq!(
        world.rows("SELECT count(*)::text FROM visit").await,
        [["1"]]
    );
}

#[tokio::test]
async fn the_same_with_rows_that_belong_to_it_loses_none_of_them() {
    let world = Arc::new(World::new(SQL, world_tables()).await);
    let query = "mutation ($n: Int!) {
        insert_visit_one(object: {page: \"home\", who: $n, logs: {data: [{n: $n}]}},
            on_conflict: {constraint: visit_pkey, update_columns: [who]}) { page } }";
    for answer in thousand(&world, query).await {
        assert_eq!(answer, json!({"insert_visit_one": {"page": "home"}}));
    }
    let rows = world
        .rows("SELECT (SELECT count(*) FROM visit)::text, count(*)::text, count(DISTINCT n)::text FROM log")
        .await;
    assert_eq!(rows, [["1", "1000", "1000"]]);
}

#[tokio::test]
async fn a_thousand_increments_count_a_thousand() {
    let world = Arc::new(World::new(SQL, world_tables()).await);
    world.run("INSERT INTO visit (page) VALUES ('home')").await;
    let query =
        "mutation ($n: Int!) {
        update_visit_by_pk(pk_columns: {page: \"home\"}, _inc: {hits: 1}, _set: {who: $n}) { hits } }";
    let mut told: Vec<_> = thousand(&world, query)
        .await
        .into_iter()
        .map(|answer| answer["update_visit_by_pk"]["hits"].as_i64())
        .collect();
    told.sort_unstable();
    let each: Vec<_> = (1..=1_000).map(Some).collect();
    assert_eq!(told, each);
    assert_eq!(world.rows("SELECT hits::text FROM visit").await, [["1000"]]);
}
