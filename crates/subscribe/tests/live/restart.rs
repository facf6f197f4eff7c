//! Postgres goes away and comes back: whoever follows something goes on, with nothing wrong and nothing missed.

use graphloom_testkit::postgres::restart;
use serde_json::{Value, json};

use crate::world::{World, next, table, until};

const EVENTS: &str = "
    CREATE TABLE events (id int PRIMARY KEY, kind text NOT NULL);
    INSERT INTO events VALUES (1, 'first');
";

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_postgres_is_an_interruption() {
    let world = World::new(EVENTS, json!([table("events")]), json!([])).await;
    let query = "subscription { events_aggregate { aggregate { count } } }";
    let mut count = world.admin(query, json!({})).await;
    let stream =
        "subscription { events_stream(batch_size: 2, cursor: {initial_value: {id: 0}}) { id } }";
    let mut rows = world.admin(stream, json!({})).await;
    let counted = |count: i32| json!({"events_aggregate": {"aggregate": {"count": count}}});
    assert_eq!(next(&mut count).await, counted(1));
    let mut ids = vec![];
    for round in 1..=2 {
        // What happens right before is not missed, nor what happens after.
        let insert = |id: i32| format!("INSERT INTO events VALUES ({id}, 'more')");
        world.database.run(&insert(round * 10)).unwrap();
        restart().unwrap();
        world.database.run(&insert(round * 10 + 1)).unwrap();
        until(&mut count, counted(1 + round * 2)).await;
        while ids.last() != Some(&json!(round * 10 + 1)) {
            let batch = next(&mut rows).await;
            // Meanwhile it is told, once, that the database is gone.
            let batch = batch["events_stream"].as_array().cloned();
            ids.extend(batch.into_iter().flatten().map(|row| row["id"].clone()));
        }
    }
    assert_eq!(Value::from(ids), json!([1, 10, 11, 20, 21]));
}
