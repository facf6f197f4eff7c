//! A client that hangs up in the middle of a mutation: its statement is cancelled, and nothing of it stays.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::Launch;
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

/// A table whose updates take an hour.
const TABLES: &str = "
    CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL);
    INSERT INTO counter VALUES (1, 0);
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$;
    CREATE TRIGGER wait AFTER UPDATE ON counter FOR EACH ROW EXECUTE FUNCTION wait();
";

/// How many sessions are in the middle of such an update.
const BUSY: &str = "SELECT count(*)::text FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE '%UPDATE%counter%'
        AND pid <> pg_backend_pid()";

#[test]
fn a_client_that_hangs_up_takes_its_mutation_along() {
    let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
    data.run(TABLES).unwrap();
    let launch = Launch::serve(BINARY, &metadata);
    let launch = launch.with_env("HASURA_GRAPHQL_DATABASE_URL", data.url());
    let server = launch.start().unwrap();
    let track = json!({"type": "pg_track_table", "args": {"table": "counter"}});
    server.command(&[], &track).unwrap();
    let query = "mutation { update_counter(where: {}, _inc: {value: 1}) { affected_rows } }";
    let body = json!({ "query": query }).to_string();
    let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    write!(
        socket,
        "POST /v1/graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let wait_until_busy = |count: &str| {
        while data.query(BUSY).unwrap() != [[Some(count.to_owned())]] {
            sleep(Duration::from_millis(10));
        }
    };
    wait_until_busy("1");
    drop(socket);
    wait_until_busy("0");
    let value = data.query("SELECT value::text FROM counter").unwrap();
    assert_eq!(value, [[Some("0".to_owned())]]);
}
