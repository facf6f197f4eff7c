//! `dev` and `doctor` as their user meets them: the real program, a Postgres of its own, the printed
//! command line.
//!
//! Every test has a data directory of its own, and makes sure that nothing runs on it afterwards.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use graphloom_testkit::http::{self, Request};
use graphloom_testkit::postgres::Database;
use graphloom_testkit::server::{Launch, Server};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_graphloom");

/// What the printed command answers on a new database.
const SAMPLE: &str = concat!(
    r#"{"data":{"authors":["#,
    r#"{"name":"Amara Okafor","passport_info":{"passport_number":"A04512877"},"#,
    r#""articles":[{"title":"A market at dawn"},{"title":"Rivers and roads"}]},"#,
    r#"{"name":"Björn Lindqvist","passport_info":{"passport_number":"SE7730194"},"#,
    r#""articles":[{"title":"Notes on snow"},{"title":"The long winter"}]},"#,
    r#"{"name":"Chen Wei","passport_info":null,"articles":[{"title":"Paper boats"}]},"#,
    r#"{"name":"Dina Haddad","passport_info":{"passport_number":"RL2209361"},"articles":[]}"#,
    r#"]}}"#,
);

/// A data directory that is gone with the value, once nothing runs on it.
struct DataDir(PathBuf);

impl DataDir {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("graphloom-dev-test-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        assert!(!dir.exists(), "{} is in the way", dir.display());
        Self(dir)
    }

    fn launch(&self) -> Launch {
        Launch::dev(BINARY, &self.0)
    }

    /// Waits until no process names the directory any more.
    fn wait_until_left(&self) {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let left = processes_naming(&self.0);
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "still running: {left:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if thread::panicking() {
            // Whatever still runs there ends with its parent; the directory is left to look at.
            return;
        }
        self.wait_until_left();
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Command lines of this machine's processes in which the path occurs.
fn processes_naming(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(path)).collect()
}

/// What stands behind `name` in the banner.
fn fact(server: &Server, name: &str) -> String {
    let log = server.log();
    let lines = log.lines().map(str::trim_start);
    let mut values = lines.filter_map(|line| line.strip_prefix(name));
    let value = values
        .next()
        .unwrap_or_else(|| panic!("no {name:?} in:\n{log}"));
    value.trim().to_owned()
}

fn secret(server: &Server) -> String {
    fact(server, "Header     x-hasura-admin-secret:")
}

/// The printed command, with its backslashes at the ends of lines.
fn curl(server: &Server) -> String {
    let log = server.log();
    let lines = log
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("curl "));
    let mut command = Vec::new();
    for line in lines {
        command.push(line);
        if !line.ends_with('\\') {
            break;
        }
    }
    assert!(!command.is_empty(), "no curl in:\n{log}");
    command.join("\n")
}

/// The values of a flag in a command, without their single quotes.
fn quoted<'a>(command: &'a str, flag: &str) -> Vec<&'a str> {
    let parts = command
        .split(&format!("{flag} '"))
        .skip(1)
        .collect::<Vec<_>>();
    parts
        .into_iter()
        .map(|part| part.split_once('\'').unwrap().0)
        .collect()
}

/// Sends what the printed command sends, and gives the answer without its white space.
fn paste(server: &Server) -> String {
    let command = curl(server);
    let url = format!("{}/v1/graphql", server.url());
    assert!(command.contains(&url), "{command}");
    let mut request = Request::post_json("/v1/graphql", &Value::Null);
    request.body = quoted(&command, "-d")[0].as_bytes().to_vec();
    for header in quoted(&command, "-H") {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.with_header(name, value);
    }
    let reply = server.send(request).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text().unwrap());
    reply.json().unwrap().to_string()
}

fn admin(server: &Server) -> Vec<(String, String)> {
    vec![("x-hasura-admin-secret".to_owned(), secret(server))]
}

fn run_sql(server: &Server, sql: &str) -> Value {
    let reply = server.send(sql_request(&secret(server), sql, json!({})));
    let reply = reply.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text().unwrap());
    reply.json().unwrap()
}

/// A `run_sql` request with more arguments than the text.
fn sql_request(secret: &str, sql: &str, more: Value) -> Request {
    let mut arguments = json!({ "sql": sql });
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    let body = json!({ "type": "run_sql", "args": arguments });
    Request::post_json("/v2/query", &body).with_header("x-hasura-admin-secret", secret)
}

fn query(server: &Server, headers: &[(&str, &str)], query: &str) -> String {
    let mut request = Request::post_json("/v1/graphql", &json!({ "query": query }));
    request = request.with_header("x-hasura-admin-secret", &secret(server));
    for (name, value) in headers {
        request = request.with_header(name, value);
    }
    server.send(request).unwrap().json().unwrap().to_string()
}

fn doctor(arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(BINARY);
    command
        .args(["doctor", "--json"])
        .args(arguments)
        .env_clear();
    let output = command
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .output();
    let output = output.unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), report)
}

/// The finding of a check.
fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let mut findings = report["checks"].as_array().unwrap().iter();
    let found = findings.find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check:?} in {report:#}"))
}

#[test]
fn the_printed_command_reads_the_sample_also_after_a_restart_and_a_crash() {
    let dir = DataDir::new();
    let server = dir.launch().start().unwrap();
    assert_eq!(paste(&server), SAMPLE);
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    if has_curl {
        let output = Command::new("sh")
            .arg("-c")
            .arg(curl(&server))
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer.to_string(), SAMPLE);
    }

    let first = secret(&server);
    assert!(first.len() >= 32 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let file = dir.0.join("admin-secret");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), first);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let records = server.log();
    let banner_end = records.find("Ctrl-C stops it.").unwrap();
    assert!(
        !records[banner_end..].contains(&first),
        "the secret is in the log"
    );

    server.signal("INT").unwrap();
    let mut server = server;
    assert!(server.wait().unwrap().success(), "{}", server.log());
    assert_eq!(processes_naming(&dir.0), [] as [&str; 0]);

    let server = dir.launch().start().unwrap();
    assert_eq!(secret(&server), first);
    assert_eq!(paste(&server), SAMPLE);
    run_sql(&server, "delete from articles where title = 'Paper boats'");
    // As `kill -9`; Postgres notices by itself.
    drop(server);

    let server = dir.launch().start().unwrap();
    assert_eq!(secret(&server), first);
    let without = SAMPLE.replace(r#"[{"title":"Paper boats"}]"#, "[]");
    assert_eq!(paste(&server), without, "the sample is loaded once");
    assert!(server.terminate().unwrap().success());

    let server = dir.launch().with_option("--reset").start().unwrap();
    assert_eq!(secret(&server), first);
    assert_eq!(paste(&server), SAMPLE);
    assert!(server.terminate().unwrap().success());
}

/// Whether a moment has come, by what is in the data directory.
type HasCome<'a> = &'a dyn Fn(&Path) -> bool;

#[test]
fn a_first_start_that_was_killed_is_made_up_for_by_the_next() {
    let is_initializing = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut clusters = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("postgres.initializing")
        });
        clusters.any(|cluster| cluster.path().join("base/1").exists())
    };
    let has_cluster = |dir: &Path| dir.join("postgres").exists();
    let has_secret = |dir: &Path| dir.join("admin-secret").exists();
    let moments: [(&str, HasCome<'_>); 3] = [
        ("initdb is at work", &is_initializing),
        ("the cluster is there", &has_cluster),
        ("the sample is being loaded", &has_secret),
    ];
    for (moment, has_come) in moments {
        let dir = DataDir::new();
        let server = dir.launch().spawn().unwrap();
        let end = Instant::now() + Duration::from_mins(1);
        while !has_come(&dir.0) {
            assert!(Instant::now() < end, "{moment}: never\n{}", server.log());
            thread::sleep(Duration::from_millis(1));
        }
        // As `kill -9`.
        drop(server);
        let server = dir.launch().start().unwrap();
        assert_eq!(paste(&server), SAMPLE, "after a kill when {moment}");
        assert!(!dir.0.join("sample.due").exists());
        assert!(server.terminate().unwrap().success());
    }
}

#[test]
fn the_sample_has_roles_and_its_metadata_no_path() {
    let dir = DataDir::new();
    let server = dir.launch().start().unwrap();
    let user = [("x-hasura-role", "user"), ("x-hasura-user-id", "2")];
    let passports = "{ passport_info { passport_number owner { name } } }";
    assert_eq!(
        query(&server, &user, passports),
        r#"{"data":{"passport_info":[{"passport_number":"SE7730194","owner":{"name":"Björn Lindqvist"}}]}}"#
    );
    let drafts = "{ articles(where: {is_published: {_eq: false}}) { title author { name } } }";
    assert_eq!(
        query(&server, &user, drafts),
        r#"{"data":{"articles":[{"title":"The long winter","author":{"name":"Björn Lindqvist"}}]}}"#
    );
    let other = [("x-hasura-role", "user"), ("x-hasura-user-id", "1")];
    assert_eq!(
        query(&server, &other, drafts),
        r#"{"data":{"articles":[]}}"#
    );

    let export = json!({ "type": "export_metadata", "args": {} });
    let metadata = server.command(&admin(&server), &export).unwrap();
    let source = &metadata["sources"][0];
    assert_eq!(source["name"], "default");
    let url = &source["configuration"]["connection_info"]["database_url"];
    assert_eq!(*url, json!({ "from_env": "HASURA_GRAPHQL_DATABASE_URL" }));
    assert!(!metadata.to_string().contains(dir.0.to_str().unwrap()));
    let inconsistent = json!({ "type": "get_inconsistent_metadata", "args": {} });
    let inconsistent = server.command(&admin(&server), &inconsistent).unwrap();
    assert_eq!(inconsistent["is_consistent"], true, "{inconsistent}");

    if let Some(psql) = fact(&server, "SQL").strip_prefix("psql ") {
        let command = format!("psql {psql} -Atc 'select count(*) from authors'");
        let output = Command::new("sh").arg("-c").arg(command).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4");
    }
    assert!(server.terminate().unwrap().success());
}

#[test]
fn only_this_machine_and_who_knows_the_secret_is_answered() {
    let dir = DataDir::new();
    let server = dir.launch().start().unwrap();
    let as_host = |host: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let text = format!("GET /v1/version HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap().to_owned()
    };
    assert_eq!(
        as_host(&format!("localhost:{}", server.port())),
        "HTTP/1.1 200 OK"
    );
    assert_eq!(as_host("evil.example"), "HTTP/1.1 403 Forbidden");
    let body = json!({ "query": "{ __typename }" });
    let request = Request::post_json("/v1/graphql", &body);
    let request = request.with_header("x-hasura-admin-secret", &secret(&server));
    assert_eq!(server.send(request.clone()).unwrap().status, 200);
    let request = request.with_header("origin", "https://evil.example");
    assert_eq!(server.send(request).unwrap().status, 403);
    let without = server
        .send(Request::post_json("/v1/graphql", &body))
        .unwrap();
    let answer = without.json().unwrap();
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "access-denied",
        "{answer}"
    );
    let console = server.send(Request::get("/console/")).unwrap();
    assert_eq!(console.status, 200);
    assert!(server.terminate().unwrap().success());
}

#[test]
fn a_second_interrupt_does_not_wait_for_requests() {
    let dir = DataDir::new();
    let launch = dir.launch().with_option("--graceful-shutdown-timeout=3600");
    let mut server = launch.start().unwrap();
    // Read-only SQL waits for no other.
    let read_only = json!({ "read_only": true });
    let sleep = sql_request(&secret(&server), "select pg_sleep(3600)", read_only.clone());
    let port = server.port();
    // It gets no answer.
    let sleeper = thread::spawn(move || drop(http::send(port, sleep)));
    let sleepers = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    let look = sql_request(&secret(&server), sleepers, read_only);
    let end = Instant::now() + Duration::from_mins(1);
    while server.send(look.clone()).unwrap().json().unwrap()["result"][1][0] != "1" {
        assert!(Instant::now() < end, "the request never began");
        thread::sleep(Duration::from_millis(20));
    }
    server.signal("INT").unwrap();
    thread::sleep(Duration::from_millis(300));
    server.signal("INT").unwrap();
    assert!(server.wait().unwrap().success(), "{}", server.log());
    sleeper.join().unwrap();
    assert_eq!(processes_naming(&dir.0), [] as [&str; 0]);
}

#[test]
fn a_given_database_gets_no_sample_and_is_tracked_on_demand() {
    let dir = DataDir::new();
    let database = Database::create().unwrap();
    database
        .run("create table city (id int primary key, name text); insert into city values (1, 'Accra')")
        .unwrap();
    let launch = || {
        dir.launch()
            .with_option(&format!("--database-url={}", database.url()))
    };
    let server = launch().start().unwrap();
    assert_eq!(paste(&server), r#"{"data":{"__typename":"query_root"}}"#);
    let export = json!({ "type": "export_metadata", "args": {} });
    let metadata = server.command(&admin(&server), &export).unwrap();
    assert_eq!(metadata["sources"][0]["tables"], json!([]));
    assert!(server.terminate().unwrap().success());

    let server = launch().with_option("--track=all").start().unwrap();
    let cities = query(&server, &[], "{ city { id name } }");
    assert_eq!(cities, r#"{"data":{"city":[{"id":1,"name":"Accra"}]}}"#);
    assert!(server.terminate().unwrap().success());
    let tables = database
        .query("select to_regclass('authors')::text")
        .unwrap();
    assert_eq!(tables, [[None]]);
    assert!(
        !dir.0.join("postgres").exists(),
        "no managed Postgres was made"
    );

    let refused = launch()
        .with_option("--reset")
        .start()
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("never applied to one given by URL"),
        "{refused}"
    );
}

#[test]
fn what_cannot_work_is_told_before_anything_is_made() {
    let dir = DataDir::new();
    fs::create_dir(&dir.0).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let fails = |options: &[&str]| {
        let mut command = Command::new(BINARY);
        command
            .arg("dev")
            .arg("--data-dir")
            .arg(&dir.0)
            .args(options);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{options:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let told = fails(&["--port", &port.to_string()]);
    assert!(
        told.contains(&format!("the port {port} is taken by another program")),
        "{told}"
    );
    assert!(told.contains("--server-port"), "{told}");
    let told = fails(&["--server-host", "0.0.0.0"]);
    assert!(told.contains("graphloom serve"), "{told}");
    let told = fails(&["--jwt-secret", "{}", "--server-port", "0"]);
    assert!(told.contains("--jwt-secret"), "{told}");
    let none = "/nowhere/at/all";
    let told = fails(&["--server-port", "0", "--postgres-bin-dir", none]);
    assert!(told.contains(none), "{told}");
    assert!(!dir.0.join("postgres").exists() && !dir.0.join("admin-secret").exists());
}

#[test]
fn doctor_reports_before_and_while_dev_runs() {
    let dir = DataDir::new();
    let data_dir = format!("--data-dir={}", dir.0.display());
    let (code, report) = doctor(&[&data_dir, "--server-port=0"]);
    assert_eq!((code, &report["state"]), (0, &json!("ok")), "{report:#}");
    let postgres = finding(&report, "postgres");
    assert!(
        postgres["details"]["major"].as_u64().unwrap() >= 13,
        "{postgres}"
    );
    assert_eq!(
        finding(&report, "data directory")["details"]["exists"],
        false
    );
    assert!(!dir.0.exists(), "nothing is made");

    let server = dir.launch().start().unwrap();
    let port = format!("--server-port={}", server.port());
    let (code, report) = doctor(&[&data_dir, &port]);
    assert_eq!(code, 0, "{report:#}");
    let taken = &finding(&report, "port")["text"];
    assert!(
        taken.as_str().unwrap().contains("another Graphloom"),
        "{taken}"
    );
    let database = finding(&report, "managed database");
    assert_eq!(database["state"], "ok", "{database}");
    assert_eq!(database["details"]["catalog_version"], "48");
    assert!(!report.to_string().contains(&secret(&server)));
    assert!(server.terminate().unwrap().success());

    let url = "--metadata-database-url=postgres://me:hush@127.0.0.1:1/none?connect_timeout=2";
    let (code, report) = doctor(&[&data_dir, "--server-port=0", url, "--jwt-secret={}"]);
    assert_eq!((code, &report["state"]), (1, &json!("problem")));
    assert_eq!(finding(&report, "metadata database")["state"], "problem");
    assert_eq!(finding(&report, "options")["state"], "problem");
    assert!(!report.to_string().contains("hush"), "{report:#}");
}
