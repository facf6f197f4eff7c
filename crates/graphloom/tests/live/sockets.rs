//! Live queries and streams over both sub-protocols.

use serde_json::{Value, json};

use crate::world::{PROTOCOLS, World};

const OWN: &str = "subscription { notes(order_by: {id: asc}) { id text } }";

fn notes(notes: &[(i32, &str)]) -> Value {
    let notes = notes
        .iter()
        .map(|(id, text)| json!({"id": id, "text": text}));
    json!({"data": {"notes": notes.collect::<Vec<_>>()}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_query_tells_what_changed_until_it_is_stopped() {
    let world = World::new(&[]);
    for protocol in PROTOCOLS {
        world.run("UPDATE notes SET text = 'one' WHERE id = 1");
        let mut client = world.socket(protocol, "user").await;
        client.start("a", OWN).await;
        client.until("a", &notes(&[(1, "one")])).await;
        // Somebody else's row changes nothing; what comes next is what comes next.
        world.run("UPDATE notes SET text = 'other' WHERE id = 2");
        world.run("UPDATE notes SET text = 'new' WHERE id = 1");
        assert_eq!(client.result("a").await, notes(&[(1, "new")]));
        // A second operation beside it, of which a mutation is one, and a query.
        client.start("q", "query { notes { id } }").await;
        assert_eq!(
            client.result("q").await,
            json!({"data": {"notes": [{"id": 1}]}})
        );
        assert_eq!(client.next().await, json!({"type": "complete", "id": "q"}));
        client.stop("a").await;
        world.wait_for_pollers((0, 0, 0));
        // Its name is free again.
        client.start("a", OWN).await;
        assert_eq!(client.result("a").await, notes(&[(1, "new")]));
        let mut admin = world.socket(protocol, "admin").await;
        let change = "mutation { update_notes_by_pk(pk_columns: {id: 1}, _set: {text: \"by socket\"}) { id } }";
        admin.start("m", change).await;
        assert_eq!(
            admin.result("m").await,
            json!({"data": {"update_notes_by_pk": {"id": 1}}})
        );
        assert_eq!(client.result("a").await, notes(&[(1, "by socket")]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_from_its_place() {
    let world = World::new(&[]);
    let query =
        "subscription { notes_stream(batch_size: 2, cursor: {initial_value: {id: 0}}) { id } }";
    let ids = |ids: &[i32]| {
        let ids = ids.iter().map(|id| json!({ "id": id }));
        json!({"data": {"notes_stream": ids.collect::<Vec<_>>()}})
    };
    for (round, protocol) in (0..).zip(PROTOCOLS) {
        let new = 100 + round;
        let mut client = world.socket(protocol, "admin").await;
        client.start("s", query).await;
        assert_eq!(client.result("s").await, ids(&[1, 2]));
        if round > 0 {
            assert_eq!(client.result("s").await, ids(&[100]));
        }
        world.run(&format!("INSERT INTO notes VALUES ({new}, 'ada', 'more')"));
        assert_eq!(client.result("s").await, ids(&[new]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_subscription_is_refused_in_v2s_words() {
    let world = World::new(&[]);
    let stream = "notes_stream(batch_size: 2, cursor: {initial_value: {id: 0}}) { id }";
    let mixed = format!("subscription @_multiple_top_level_fields {{ notes {{ id }} {stream} }}");
    let streams = format!("subscription @_multiple_top_level_fields {{ a: {stream} b: {stream} }}");
    for protocol in PROTOCOLS {
        let mut client = world.socket(protocol, "admin").await;
        for (query, code, message) in [
            (
                "subscription { notes { id } more: notes { text } }",
                "validation-failed",
                "subscriptions must select one top level field",
            ),
            (
                "subscription { __typename }",
                "not-supported",
                "Introspection at root field level is not supported over subscriptions",
            ),
            (
                &mixed,
                "not-supported",
                "streaming and livequery subscriptions cannot be executed in the same subscription",
            ),
            (
                &streams,
                "not-supported",
                "exactly one root field is allowed for streaming subscriptions",
            ),
            (
                "subscription { nothing { id } }",
                "validation-failed",
                "field 'nothing' not found in type: 'subscription_root'",
            ),
        ] {
            client.start("r", query).await;
            let error = client.refusal("r").await;
            assert_eq!(error["message"], message, "{query}");
            assert_eq!(error["extensions"]["code"], code, "{query}");
        }
        let both = "subscription @_multiple_top_level_fields { notes(limit: 1) { id } more: notes(limit: 0) { id } }";
        client.start("b", both).await;
        assert_eq!(
            client.result("b").await,
            json!({"data": {"notes": [{"id": 1}], "more": []}})
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_clients_that_vanish() {
    let world = World::new(&[]);
    let mut clients = Vec::new();
    for index in 0..10 {
        let mut client = world.socket(PROTOCOLS[index % 2], "user").await;
        client.start("a", OWN).await;
        client.result("a").await;
        let stream =
            "subscription { notes_stream(batch_size: 1, cursor: {initial_value: {id: 0}}) { id } }";
        client.start("b", stream).await;
        client.result("b").await;
        clients.push(client);
    }
    assert_eq!(world.pollers(), (1, 1, 20));
    let statements = || world.get("/dev/ekg")["subscription_batches"]["val"].clone();
    drop(clients);
    world.wait_for_pollers((0, 0, 0));
    let before = statements();
    world.run("UPDATE notes SET text = 'unheard'");
    // Whoever follows again is told, and nobody was in between.
    let mut client = world.socket(PROTOCOLS[0], "user").await;
    client.start("a", OWN).await;
    assert_eq!(client.result("a").await, notes(&[(1, "unheard")]));
    assert!(statements().as_u64().unwrap() <= before.as_u64().unwrap() + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_socket_has_so_many_subscriptions_and_no_more() {
    let world = World::new(&["--websocket-subscriptions-limit=5"]);
    let mut greedy = world.socket(PROTOCOLS[0], "user").await;
    for id in 0..1_000 {
        greedy.start(&id.to_string(), OWN).await;
    }
    let (mut followed, mut refused) = (0, 0);
    while followed + refused < 1_000 {
        let message = greedy.next().await;
        if message["type"] == "next" {
            followed += 1;
            continue;
        }
        refused += 1;
        let error = &message["payload"][0];
        assert_eq!(error["extensions"]["code"], "not-supported", "{message}");
        assert_eq!(
            error["message"],
            "this websocket has 5 subscriptions, the most that are allowed \
             (GRAPHLOOM_WEBSOCKET_SUBSCRIPTIONS_LIMIT)"
        );
    }
    assert_eq!((followed, refused), (5, 995));
    let mut other = world.socket(PROTOCOLS[0], "user").await;
    other.start("a", OWN).await;
    assert_eq!(other.result("a").await, notes(&[(1, "one")]));
    world.wait_for_pollers((1, 0, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_misses_nothing_but_what_is_over() {
    let world = World::new(&[]);
    let mut slow = world.socket(PROTOCOLS[0], "user").await;
    slow.start("a", OWN).await;
    let mut quick = world.socket(PROTOCOLS[1], "user").await;
    quick.start("a", OWN).await;
    quick.result("a").await;
    // Far more than any buffer on the way holds.
    let large = "x".repeat(2 << 20);
    for round in 0..12 {
        world.run(&format!(
            "UPDATE notes SET text = repeat('x', {}) || '{round}' WHERE id = 1",
            large.len()
        ));
        let text = format!("{large}{round}");
        quick.until("a", &notes(&[(1, &text)])).await;
    }
    world.run("UPDATE notes SET text = 'last' WHERE id = 1");
    quick.until("a", &notes(&[(1, "last")])).await;
    slow.until("a", &notes(&[(1, "last")])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_a_role_has_so_much_time() {
    let world = World::new(&[]);
    let limits = json!({"disabled": false, "time_limit": {"global": 5}});
    world.command("set_api_limits", limits);
    let mut client = world.socket(PROTOCOLS[0], "user").await;
    client
        .start("a", "subscription { slow_notes { id } }")
        .await;
    let all = json!({"data": {"slow_notes": [{"id": 1}, {"id": 2}]}});
    client.until("a", &all).await;
    world.run("UPDATE pace SET seconds = 3600");
    let late = json!({"errors": [{
        "message": "the operation took more than 5 seconds",
        "extensions": {"path": "$", "code": "time-limit-exceeded"},
    }]});
    client.until("a", &late).await;
    world.run("UPDATE pace SET seconds = 0");
    client.until("a", &all).await;
    // The statement that was given up does not go on in the database.
    let busy = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'active' AND wait_event = 'PgSleep'";
    crate::world::wait_until(|| world.data.query(busy).unwrap() == [[Some("0".to_owned())]]);
}
