//! Behind PgBouncer in transaction mode, as `docs/databases.md` says: sources without prepared statements lose nothing
//! and mix nothing up. Without the program there is nothing to try, and the test says so.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]
#![allow(clippy::print_stderr, reason = "a test that tries nothing says so")]

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use graphloom_testkit::http::Request;
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::{Launch, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");
const PATIENCE: Duration = Duration::from_mins(1);

/// More at once than the pooler has sessions.
const CLIENTS: i32 = 12;
const ROUNDS: i32 = 10;

const TABLES: &str = "
    CREATE TABLE author (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE article (id int PRIMARY KEY, author_id int NOT NULL REFERENCES author, title text NOT NULL);
";

/// The pooler over one database's cluster; ended with the value.
struct Pooler {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Pooler {
    /// `None` where the program is not there.
    fn start(database: &Database) -> Option<Self> {
        Command::new("pgbouncer")
            .arg("--version")
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let folder = std::env::temp_dir().join(format!("gl-bouncer-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&folder, open).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let port = address.unwrap().port();
        let sockets = ask(
            database,
            "SELECT trim('\"' FROM current_setting('unix_socket_directories'))",
        );
        let settings = format!(
            "[databases]\n* = host={sockets} port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 3\nmax_client_conn = 200\n",
            ask(database, "SELECT current_setting('port')"),
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        // It does not run as root, and neither does Postgres.
        if said("id", &["-u"]) == "0" {
            command.args(["-u", &said("stat", &["-c", "%U", &sockets])]);
        }
        let log = std::fs::File::create(folder.join("log")).unwrap();
        command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let process = command.stderr(log).spawn().unwrap();
        let mut pooler = Self {
            process,
            folder,
            port,
        };
        pooler.wait();
        Some(pooler)
    }

    fn wait(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = || std::fs::read_to_string(self.folder.join("log"));
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("pgbouncer ended with {status}: {:?}", said());
            }
            assert!(began.elapsed() < PATIENCE, "{:?}", said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn url(&self, database: &Database) -> String {
        let name = ask(database, "SELECT current_database()::text");
        format!("postgresql://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// One value of the database's.
fn ask(database: &Database, sql: &str) -> String {
    let mut rows = database.query(sql).unwrap();
    rows.swap_remove(0).swap_remove(0).unwrap()
}

fn send(server: &Server, path: &str, body: &Value) -> Value {
    let reply = server.send(Request::post_json(path, body)).unwrap();
    let answer = reply.json().unwrap();
    assert_eq!(reply.status, 200, "{answer}");
    answer
}

/// Each client writes an author with articles in one mutation, and reads its own back.
fn write_and_read(server: &Server, client: i32) {
    const WRITE: &str = "mutation ($id: Int!, $name: String!, $articles: [article_insert_input!]!) {
        insert_author_one(object: {id: $id, name: $name, articles: {data: $articles}}) { id articles { id } } }";
    const READ: &str = "query ($id: Int!, $title: String!) {
        author(where: {id: {_eq: $id}}) { name articles(where: {title: {_eq: $title}}) { title } }
        article_aggregate(where: {author_id: {_eq: $id}}) { aggregate { count } } }";
    for round in 0..ROUNDS {
        let id = client * ROUNDS + round;
        let (name, title) = (format!("name {id}"), format!("title {id}"));
        let articles = [0, 1].map(|half| json!({"id": 2 * id + half, "title": title}));
        let variables = json!({"id": id, "name": name, "articles": articles});
        let written = json!({ "query": WRITE, "variables": variables });
        let ids = [0, 1].map(|half| json!({"id": 2 * id + half}));
        assert_eq!(
            send(server, "/v1/graphql", &written),
            json!({"data": {"insert_author_one": {"id": id, "articles": ids}}})
        );
        let variables = json!({ "id": id, "title": title });
        let read = json!({ "query": READ, "variables": variables });
        let titles = [json!({ "title": title }), json!({ "title": title })];
        assert_eq!(
            send(server, "/v1/graphql", &read),
            json!({"data": {
                "author": [{"name": name, "articles": titles}],
                "article_aggregate": {"aggregate": {"count": 2}},
            }})
        );
    }
}

#[test]
fn many_clients_share_few_sessions_of_a_pooler() {
    let (metadata, data) = (Database::create().unwrap(), Database::create().unwrap());
    data.run(TABLES).unwrap();
    let Some(pooler) = Pooler::start(&data) else {
        eprintln!("skipped: there is no program pgbouncer");
        return;
    };
    let server = Launch::serve(BINARY, &metadata).start().unwrap();
    let source = json!({"type": "pg_add_source", "args": {"name": "default", "configuration": {
        "connection_info": {"database_url": pooler.url(&data)}}}});
    let tables = ["author", "article"].map(|name| json!({ "table": name }));
    let track = json!({"type": "pg_track_tables", "args": {"tables": tables}});
    let relate = |kind: &str, table: &str, name: &str, using: Value| {
        let using = json!({ "foreign_key_constraint_on": using });
        json!({"type": format!("pg_create_{kind}_relationship"), "args": {"table": table, "name": name, "using": using}})
    };
    let articles = json!({"table": "article", "column": "author_id"});
    for command in [
        source,
        track,
        relate("array", "author", "articles", articles),
        relate("object", "article", "author", json!("author_id")),
    ] {
        send(&server, "/v1/metadata", &command);
    }
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || write_and_read(server, client));
        }
    });
    let count = "select (select count(*) from author), (select count(*) from article)";
    let count = json!({"type": "run_sql", "args": {"sql": count, "read_only": true}});
    let authors = (CLIENTS * ROUNDS).to_string();
    let articles = (2 * CLIENTS * ROUNDS).to_string();
    assert_eq!(
        send(&server, "/v2/query", &count)["result"][1],
        json!([authors, articles])
    );
}
