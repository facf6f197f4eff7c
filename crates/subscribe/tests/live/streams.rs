//! Streams: every row once, in the order of the column, from the subscriber's own place on.

use graphloom_vocab::Session;
use serde_json::{Value, json};

use crate::world::{World, next, table, until, user};

const EVENTS: &str = "
    CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, kind text);
    INSERT INTO events SELECT i, '2024-01-01'::timestamptz + i / 2 * interval '1 hour', 'k' || i % 2
    FROM generate_series(1, 7) i;
";

async fn events() -> World {
    World::new(EVENTS, json!([table("events")]), json!([])).await
}

fn ids(ids: &[i32]) -> Value {
    let rows: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    json!({ "events_stream": rows })
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_in_batches_from_the_place_on() {
    let world = events().await;
    let query = "subscription ($after: Int!) {
        events_stream(batch_size: 3, cursor: {initial_value: {id: $after}}) { id } }";
    let mut first = world.admin(query, json!({"after": 0})).await;
    let mut second = world.admin(query, json!({"after": 5})).await;
    assert_eq!(next(&mut first).await, ids(&[1, 2, 3]));
    assert_eq!(next(&mut first).await, ids(&[4, 5, 6]));
    assert_eq!(next(&mut first).await, ids(&[7]));
    assert_eq!(next(&mut second).await, ids(&[6, 7]));
    // Nothing is sent while there is nothing, and nothing asked.
    world.settled().await.unwrap();
    world
        .database
        .run("INSERT INTO events VALUES (9, now(), 'new')")
        .unwrap();
    assert_eq!(next(&mut first).await, ids(&[9]));
    assert_eq!(next(&mut second).await, ids(&[9]));
    // A row behind the place is none of the stream's.
    world
        .database
        .run("INSERT INTO events VALUES (8, now(), 'late'), (10, now(), 'new')")
        .unwrap();
    assert_eq!(next(&mut first).await, ids(&[10]));
    drop((first, second));
    assert_eq!(world.hub.statistics().pollers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_equal_come_together() {
    let world = events().await;
    let query = "subscription { events_stream(
        batch_size: 2, cursor: {initial_value: {at: \"2023-01-01\"}}, where: {id: {_gt: 1}}) { id } }";
    let mut rows = world.admin(query, json!({})).await;
    assert_eq!(next(&mut rows).await, ids(&[2, 3]));
    assert_eq!(next(&mut rows).await, ids(&[4, 5]));
    let query = "subscription { events_stream(
        batch_size: 1, cursor: {initial_value: {at: \"2025-01-01\"}, ordering: DESC}) { id } }";
    let mut rows = world.admin(query, json!({})).await;
    let both = next(&mut rows).await;
    assert!(both == ids(&[6, 7]) || both == ids(&[7, 6]), "{both}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roles_limit_bounds_batches_and_loses_no_row() {
    let sql = "
        CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, kind text);
        INSERT INTO events SELECT i, CASE WHEN i <= 5 THEN '2024-01-01' ELSE '2024-01-02' END::timestamptz, 'k'
        FROM generate_series(1, 6) i;";
    let permission = json!({"columns": ["id", "at"], "filter": {}, "limit": 2});
    let tables = json!([{
        "table": {"schema": "public", "name": "events"},
        "select_permissions": [{"role": "user", "permission": permission}],
    }]);
    let world = World::new(sql, tables, json!([])).await;
    let subscribe = async |cursor: &str| {
        let query = format!(
            "subscription {{ events_stream(batch_size: 4, cursor: {{initial_value: {{{cursor}}}}}) {{ id }} }}"
        );
        let subscribed = world.subscribe(&user("1"), &query, json!({})).await;
        subscribed.unwrap()
    };
    let mut rows = subscribe("id: 0").await;
    assert_eq!(next(&mut rows).await, ids(&[1, 2]));
    assert_eq!(next(&mut rows).await, ids(&[3, 4]));
    assert_eq!(next(&mut rows).await, ids(&[5, 6]));
    // Those equal to the last one come along: there is no place between them to go on from.
    let mut rows = subscribe("at: \"2023-01-01\"").await;
    let batch = next(&mut rows).await;
    let batch = batch["events_stream"].as_array().unwrap();
    assert_eq!(batch.len(), 5);
    assert_eq!(next(&mut rows).await, ids(&[6]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_misses_nothing() {
    let world = events().await;
    let query =
        "subscription { events_stream(batch_size: 1, cursor: {initial_value: {id: 0}}) { id } }";
    let mut slow = world.admin(query, json!({})).await;
    let mut fast = world.admin(query, json!({})).await;
    until(&mut fast, ids(&[7])).await;
    for id in 1..=7 {
        assert_eq!(next(&mut slow).await, ids(&[id]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_one_cursor_along_one_column() {
    let world = events().await;
    for (arguments, message) in [
        ("cursor: []", "one streaming column field is expected"),
        ("cursor: [null]", "one streaming column field is expected"),
        (
            "cursor: {initial_value: {}}",
            "one streaming column field is expected",
        ),
        (
            "cursor: {initial_value: {id: 1, kind: \"a\"}}",
            "multiple column cursors are not supported yet",
        ),
        (
            "cursor: [{initial_value: {id: 1}}, {initial_value: {id: 2}}]",
            "multiple column cursors are not supported yet",
        ),
        (
            "cursor: {initial_value: {id: null}}",
            "unexpected null value for type 'Int'",
        ),
    ] {
        let query =
            format!("subscription {{ events_stream(batch_size: 1, {arguments}) {{ id }} }}");
        let refused = world.subscribe(&Session::admin(), &query, json!({})).await;
        assert_eq!(refused.err().unwrap().message(), message, "{arguments}");
    }
    let query = "subscription @_multiple_top_level_fields {
        events_stream(batch_size: 1, cursor: {initial_value: {id: 1}}) { id } events { id } }";
    let refused = world.subscribe(&Session::admin(), query, json!({})).await;
    assert_eq!(
        refused.err().unwrap().message(),
        "streaming and livequery subscriptions cannot be executed in the same subscription"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_along_any_column_that_has_an_order() {
    let sql = "
        CREATE TABLE flags (id int PRIMARY KEY, key uuid NOT NULL, done bool NOT NULL, doc jsonb NOT NULL);
        INSERT INTO flags SELECT i, md5(i::text)::uuid, i > 2, to_jsonb(i) FROM generate_series(1, 4) i;
    ";
    let world = World::new(sql, json!([table("flags")]), json!([])).await;
    for (cursor, expected) in [
        ("done: false", [[3, 4].as_slice(), &[]]),
        ("doc: 1", [&[2], &[3]]),
        // In the order of the texts: eccb…, c81e…, c4ca…, a87f….
        (
            "key: \"c5000000-0000-0000-0000-000000000000\"",
            [&[2], &[3]],
        ),
    ] {
        let query = format!(
            "subscription {{ flags_stream(batch_size: 1, cursor: {{initial_value: {{{cursor}}}}}) {{ id }} }}"
        );
        let mut stream = world.admin(&query, json!({})).await;
        for ids in expected.into_iter().filter(|ids| !ids.is_empty()) {
            let rows: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
            assert_eq!(
                next(&mut stream).await,
                json!({ "flags_stream": rows }),
                "{cursor}"
            );
        }
    }
}
