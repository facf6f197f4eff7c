//! What can be seen of subscriptions: `/dev` and the log.

use graphloom_testkit::http::Request;
use serde_json::{Value, json};

use crate::world::{PROTOCOLS, World, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn pollers_are_shown_to_admins() {
    let world = World::new(&["--enabled-log-types=livequery-poller-log"]);
    let mut client = world.socket(PROTOCOLS[0], "user").await;
    client.start("a", "subscription { notes { id } }").await;
    client.result("a").await;
    let stream =
        "subscription { notes_stream(batch_size: 1, cursor: {initial_value: {id: 0}}) { id } }";
    client.start("b", stream).await;
    client.result("b").await;
    let dump = world.get("/dev/subscriptions");
    let options = json!({"batch_size": 100, "refetch_delay": 0.2});
    assert_eq!(dump["options"], options);
    assert_eq!(dump["stream_queries_options"], options);
    let poller = &dump["live_queries_map"][0];
    assert_eq!(poller["source"], "default");
    assert_eq!(poller["role"], "user");
    assert_eq!(poller["cohorts"], Value::Null);
    assert_eq!(poller["cohort_count"], 1);
    assert_eq!(poller["subscriber_count"], 1);
    let sql = poller["multiplexed_query"].as_str().unwrap();
    assert!(sql.contains("\"notes\""), "{sql}");
    let extended = world.get("/dev/subscriptions/extended");
    let cohort = &extended["live_queries_map"][0]["cohorts"][0];
    assert_eq!(cohort["variables"], json!(["ada"]));
    assert_eq!(cohort["cohort"]["subscriber_count"], 1);
    assert!(cohort["cohort"]["previous_result_hash"].is_string());
    let stream = &extended["stream_queries_map"][0];
    assert_eq!(stream["cohorts"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("/dev/plan_cache"), Value::Null);
    let ekg = world.get("/dev/ekg");
    assert_eq!(ekg["websocket_connections"], json!({"type": "g", "val": 1}));
    assert_eq!(ekg["active_subscriptions"], json!({"type": "g", "val": 2}));
    let request = Request::get("/dev/dataconnector/schema");
    let refused = world.server.send(request).unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json().unwrap()["code"], "not-supported");
    for page in [
        "ekg",
        "plan_cache",
        "subscriptions",
        "subscriptions/extended",
        "dataconnector/schema",
    ] {
        let request = Request::get(&format!("/dev/{page}")).with_header("x-hasura-role", "user");
        let refused = world.server.send(request).unwrap();
        assert_eq!(refused.status, 400, "{page}");
        assert_eq!(refused.json().unwrap()["code"], "access-denied");
    }
    // The log has a record of a poll of either.
    wait_until(|| {
        let log = world.server.log();
        ["live-query", "streaming"].iter().all(|kind| {
            log.lines().any(|line| {
                let record: Value = serde_json::from_str(line).unwrap_or_default();
                let detail = &record["detail"];
                record["type"] == "livequery-poller-log"
                    && detail["kind"] == *kind
                    && detail["role"] == "user"
                    && detail["execution_batches"][0]["batch_size"] == 1
            })
        })
    });
}

#[tokio::test]
async fn change_signals_are_shown_and_logged() {
    let world = World::new(&["--live-query-change-signals=default"]);
    let mut client = world.socket(PROTOCOLS[0], "user").await;
    client.start("a", "subscription { notes { id } }").await;
    client.result("a").await;
    wait_until(|| {
        let dump = world.get("/dev/subscriptions");
        dump["live_queries_map"][0]["refetched_on"] == "signal"
    });
    world.run("INSERT INTO notes (id, owner, text) VALUES (77, 'ada', 'told')");
    let result = client.result("a").await;
    let rows = result["data"]["notes"].as_array().unwrap();
    assert!(rows.contains(&json!({"id": 77})), "{result}");
    let ekg = world.get("/dev/ekg");
    assert!(ekg["subscription_signalled_results"]["val"].as_u64() >= Some(1));
    assert!(world.server.log().contains("change signals are heard"));
}

#[test]
fn nothing_is_shown_where_the_api_is_off() {
    let world = World::new(&["--enabled-apis=graphql,metadata"]);
    let reply = world
        .server
        .send(Request::get("/dev/subscriptions"))
        .unwrap();
    assert_eq!(reply.status, 404);
}
