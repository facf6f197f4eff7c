//! Many subscribers: all are told of a change, and while nothing changes none of them costs the database anything.

use std::time::Duration;

use graphloom_subscribe::Subscription;
use serde_json::{Value, json};

use crate::world::{PATIENCE, World, next, table, until};

const ITEMS: &str = "
    CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO items SELECT i, 'old' FROM generate_series(1, 60) i;
";

/// How often Postgres has looked at the table, as far as its sessions have said so.
const SCANS: &str = "SELECT (seq_scan + coalesce(idx_scan, 0))::text FROM pg_stat_user_tables WHERE relname = 'items'";

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_told_and_nobody_is_asked_for_in_between() {
    let world = World::new(ITEMS, json!([table("items")]), json!([])).await;
    let equal = "subscription { items(where: {id: {_lte: 2}}, order_by: {id: asc}) { name } }";
    let distinct = "subscription ($id: Int!) { items_by_pk(id: $id) { id name } }";
    let mut followed: Vec<(Subscription, Value)> = Vec::new();
    for _ in 0..500 {
        let subscription = world.admin(equal, json!({})).await;
        followed.push((
            subscription,
            json!({"items": [{"name": "new"}, {"name": "new"}]}),
        ));
    }
    for id in 1..=50 {
        let subscription = world.admin(distinct, json!({ "id": id })).await;
        followed.push((
            subscription,
            json!({"items_by_pk": {"id": id, "name": "new"}}),
        ));
    }
    for (subscription, _) in &mut followed {
        next(subscription).await;
    }
    let statistics = world.hub.statistics();
    assert_eq!(
        (
            statistics.pollers,
            statistics.cohorts,
            statistics.subscribers
        ),
        (2, 51, 550)
    );
    world.database.run("UPDATE items SET name = 'new'").unwrap();
    for (subscription, expected) in &mut followed {
        until(subscription, expected.clone()).await;
    }
    // Somewhere from here on is a time of thirty intervals in which nobody looks at the table.
    world.settled().await.unwrap();
    let quiet = async {
        loop {
            let before = world.database.query(SCANS).unwrap();
            tokio::time::sleep(Duration::from_secs(3)).await;
            if world.database.query(SCANS).unwrap() == before {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, quiet)
        .await
        .expect("an idle database is asked nothing");
}
