//! Who is told what: the current result first, changes after that, errors to those concerned.

use graphloom_vocab::Session;
use serde_json::json;

use crate::world::{World, next, table, until, user};

const ITEMS: &str = "
    CREATE TABLE items (id int PRIMARY KEY, owner text NOT NULL, divisor int NOT NULL, price numeric, at timestamptz);
    INSERT INTO items VALUES (1, 'ada', 1, 1.50, '2024-01-01'), (2, 'bob', 1, NULL, NULL);
    CREATE FUNCTION share(item items) RETURNS int LANGUAGE sql STABLE AS 'SELECT 10 / item.divisor';
";

async fn items() -> World {
    let permission =
        json!({"columns": ["id", "owner"], "filter": {"owner": {"_eq": "X-Hasura-User-Id"}}});
    let tables = json!([{
        "table": {"schema": "public", "name": "items"},
        "computed_fields": [{"name": "share", "definition": {"function": {"schema": "public", "name": "share"}}}],
        "select_permissions": [{"role": "user", "permission": permission}],
    }]);
    World::new(ITEMS, tables, json!([])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_to_those_it_concerns() {
    let world = items().await;
    let query = "subscription ($id: Int!) { items_by_pk(id: $id) { id owner } }";
    let mut first = world.admin(query, json!({"id": 1})).await;
    let mut same = world.admin(query, json!({"id": 1})).await;
    let mut second = world.admin(query, json!({"id": 2})).await;
    let ada = json!({"items_by_pk": {"id": 1, "owner": "ada"}});
    assert_eq!(next(&mut first).await, ada);
    assert_eq!(next(&mut same).await, ada);
    let bob = json!({"items_by_pk": {"id": 2, "owner": "bob"}});
    assert_eq!(next(&mut second).await, bob);
    world
        .database
        .run("UPDATE items SET owner = 'eve' WHERE id = 1")
        .unwrap();
    let eve = json!({"items_by_pk": {"id": 1, "owner": "eve"}});
    assert_eq!(next(&mut first).await, eve);
    assert_eq!(next(&mut same).await, eve);
    // Somebody who joins is told the current result at once, without another statement.
    let before = world.settled().await.unwrap();
    let mut late = world.admin(query, json!({"id": 1})).await;
    assert_eq!(next(&mut late).await, eve);
    assert_eq!(world.hub.statistics().batches, before);
    // The other cohort had no news; deleting its row is the next it hears.
    world
        .database
        .run("DELETE FROM items WHERE id = 2")
        .unwrap();
    assert_eq!(next(&mut second).await, json!({"items_by_pk": null}));
    let statistics = world.hub.statistics();
    assert_eq!(
        (
            statistics.pollers,
            statistics.cohorts,
            statistics.subscribers
        ),
        (1, 2, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sees_what_the_role_and_session_may_see() {
    let world = items().await;
    let query = "subscription { items { id } }";
    let mut ada = world
        .subscribe(&user("ada"), query, json!({}))
        .await
        .unwrap();
    let mut bob = world
        .subscribe(&user("bob"), query, json!({}))
        .await
        .unwrap();
    let mut all = world.admin(query, json!({})).await;
    assert_eq!(next(&mut ada).await, json!({"items": [{"id": 1}]}));
    assert_eq!(next(&mut bob).await, json!({"items": [{"id": 2}]}));
    assert_eq!(
        next(&mut all).await,
        json!({"items": [{"id": 1}, {"id": 2}]})
    );
    world
        .database
        .run("UPDATE items SET owner = 'bob'")
        .unwrap();
    assert_eq!(next(&mut ada).await, json!({"items": []}));
    until(&mut bob, json!({"items": [{"id": 1}, {"id": 2}]})).await;
    // One statement for both users, one for the admin.
    let statistics = world.hub.statistics();
    assert_eq!((statistics.pollers, statistics.cohorts), (2, 3));
    let missing = Session::new(
        graphloom_vocab::RoleName::new("user"),
        std::collections::BTreeMap::new(),
    );
    let error = world
        .subscribe(&missing, query, json!({}))
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.message(),
        "missing session variable: \"x-hasura-user-id\""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_is_its_senders_error_alone() {
    let world = items().await;
    let query = "subscription ($at: timestamptz!) { items(where: {at: {_lt: $at}}) { id } }";
    let mut good = world.admin(query, json!({"at": "2024-06-01"})).await;
    assert_eq!(next(&mut good).await, json!({"items": [{"id": 1}]}));
    let bad = world
        .subscribe(&Session::admin(), query, json!({"at": "2024-06-32"}))
        .await;
    assert_eq!(bad.err().unwrap().code().as_str(), "data-exception");
    world
        .database
        .run("UPDATE items SET at = '2024-02-01' WHERE id = 2")
        .unwrap();
    assert_eq!(
        next(&mut good).await,
        json!({"items": [{"id": 1}, {"id": 2}]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_fails_is_the_error_of_those_who_ask_for_it() {
    let world = items().await;
    let query = "subscription ($id: Int!) { items(where: {id: {_eq: $id}}) { share } }";
    let mut first = world.admin(query, json!({"id": 1})).await;
    let mut second = world.admin(query, json!({"id": 2})).await;
    let share = |share: i32| json!({"items": [{"share": share}]});
    assert_eq!(next(&mut first).await, share(10));
    assert_eq!(next(&mut second).await, share(10));
    world
        .database
        .run("UPDATE items SET divisor = 2 - 2 * (id - 1)")
        .unwrap();
    assert_eq!(next(&mut first).await, share(5));
    assert_eq!(
        next(&mut second).await,
        json!({"failed": "division by zero"})
    );
    // It is told once, the others go on, and it ends with its cause.
    world.database.run("UPDATE items SET divisor = 5").unwrap();
    assert_eq!(next(&mut first).await, share(2));
    assert_eq!(next(&mut second).await, share(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_who_has_gone() {
    let world = items().await;
    let query = "subscription ($id: Int!) { items(where: {id: {_eq: $id}}) { id } }";
    let mut first = world.admin(query, json!({"id": 1})).await;
    let second = world.admin(query, json!({"id": 2})).await;
    next(&mut first).await;
    drop(second);
    assert_eq!(world.hub.statistics().cohorts, 1);
    drop(first);
    let statistics = world.hub.statistics();
    assert_eq!(
        (
            statistics.pollers,
            statistics.cohorts,
            statistics.subscribers
        ),
        (0, 0, 0)
    );
    // What was under way has ended by now.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let asked = world.hub.statistics().batches;
    world.database.run("UPDATE items SET divisor = 3").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(world.hub.statistics().batches, asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_any_type_travel_with_the_cohort() {
    let sql = "
        CREATE TYPE mood AS ENUM ('calm', 'tense');
        CREATE TABLE kinds (id int PRIMARY KEY, mood mood, tags text[], extra jsonb, one uuid, price numeric(10, 2));
        INSERT INTO kinds VALUES
            (1, 'calm', '{a,\"b c\",\"q\\\"\"}', '{\"k\": [1]}', 'd9428888-122b-11e1-b85c-61cd3cbb3210', 1.50),
            (2, 'tense', NULL, NULL, NULL, NULL);";
    let world = World::new(sql, json!([table("kinds")]), json!([])).await;
    let query = "subscription ($m: mood, $t: [String!], $e: jsonb, $u: uuid, $p: [numeric!]) { kinds(where: {_and: [
        {mood: {_eq: $m}}, {tags: {_contains: $t}}, {extra: {_contains: $e}}, {one: {_eq: $u}}, {price: {_in: $p}}]}) { id } }";
    let variables = json!({"m": "calm", "t": ["b c", "q\""], "e": {"k": [1]},
        "u": "d9428888-122b-11e1-b85c-61cd3cbb3210", "p": [1.5, 7]});
    let mut found = world.admin(query, variables).await;
    assert_eq!(next(&mut found).await, json!({"kinds": [{"id": 1}]}));
    // A limit, an offset and a null are values of the cohort too.
    let query = "subscription ($n: Int!, $s: Int) { kinds(order_by: {id: asc}, limit: $n, offset: $s) { id } }";
    let mut first = world.admin(query, json!({"n": 1, "s": 0})).await;
    let mut last = world.admin(query, json!({"n": 5, "s": 1})).await;
    assert_eq!(next(&mut first).await, json!({"kinds": [{"id": 1}]}));
    assert_eq!(next(&mut last).await, json!({"kinds": [{"id": 2}]}));
}
