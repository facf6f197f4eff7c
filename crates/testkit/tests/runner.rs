//! The case runner, run on cases that are right, wrong and unwritten: a runner that lets everything
//! pass would be worse than none.
//!
//! This program plays three parts. Called by `cargo test` it is a list of tests; each test calls it again
//! as a case runner over a folder; and that one starts it a third time as the server under test, which
//! answers a query with the query and the role that asked.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]
#![allow(
    clippy::print_stdout,
    reason = "the server it plays has to say something"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

const FOLDER: &str = "TESTKIT_RUNNER_FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments
        .iter()
        .position(|argument| argument == "--server-port")
    {
        serve(arguments[at + 1].parse().unwrap());
    }
    let program = std::env::current_exe().unwrap();
    if let Some(folder) = std::env::var_os(FOLDER) {
        return graphloom_testkit::cases::run_all(Path::new(&folder), program.to_str().unwrap());
    }
    let tests: &[(&str, fn())] = &[
        ("a_case_that_is_right_passes", a_case_that_is_right_passes),
        (
            "a_case_that_is_wrong_fails_and_says_where",
            a_case_that_is_wrong_fails_and_says_where,
        ),
        (
            "an_update_writes_the_answer_and_then_it_passes",
            an_update_writes_the_answer,
        ),
        (
            "a_setup_that_is_refused_fails_the_case",
            a_setup_that_is_refused_fails_the_case,
        ),
        ("an_empty_folder_is_a_failure", an_empty_folder_is_a_failure),
    ];
    let trials = tests.iter().map(|(name, test)| {
        let test = *test;
        Trial::test(*name, move || {
            test();
            Ok::<(), Failed>(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

const RIGHT: &str = "# The server repeats what it was asked.\n\
    setup:\n  sql: create table t (a int)\n  metadata:\n    - { type: pg_track_table, args: { table: t } }\n\
    steps:\n- sql: insert into t values (1)\n- query: query { a }\n  role: user\n  \
    response: '{\"data\": {\"query\": \"query { a }\", \"role\": \"user\", \"secret\": null}}'\n";

fn a_case_that_is_right_passes() {
    let folder = Folder::with(&[("area/right.yaml", RIGHT), ("area/again.yaml", RIGHT)]);
    let (success, output) = folder.run(&[]);
    assert!(success, "{output}");
    assert!(
        output.contains("test area/right") && output.contains("2 passed"),
        "{output}"
    );
}

fn a_case_that_is_wrong_fails_and_says_where() {
    let wrong = RIGHT.replace("\"user\", \"secret\"", "\"admin\", \"secret\"");
    let folder = Folder::with(&[("area/right.yaml", RIGHT), ("area/wrong.yaml", &wrong)]);
    let (success, output) = folder.run(&[]);
    assert!(!success, "{output}");
    assert!(output.contains("1 passed; 1 failed"), "{output}");
    assert!(output.contains("step 2: "), "{output}");
    assert!(
        output.contains("$.data.role: expected \"admin\", got \"user\""),
        "{output}"
    );
    assert!(
        output.contains("fake server says hello"),
        "the log is shown: {output}"
    );
}

fn an_update_writes_the_answer() {
    let unwritten = "# Nobody wrote down what it answers.\nsetup:\n  \
        env: { HASURA_GRAPHQL_ADMIN_SECRET: s3cret }\nsteps:\n  - query: query { b }\n";
    let folder = Folder::with(&[("area/new.yaml", unwritten)]);
    let (success, output) = folder.run(&[]);
    assert!(!success && output.contains("UPDATE_CASES=1"), "{output}");
    let (success, output) = folder.run(&[("UPDATE_CASES", "1")]);
    assert!(success, "{output}");
    let answer = r#"{ "data": { "query": "query { b }", "role": null, "secret": "s3cret" } }"#;
    let written = fs::read_to_string(folder.0.join("area/new.yaml")).unwrap();
    assert_eq!(
        written,
        format!("{unwritten}    response: |\n      {answer}\n")
    );
    let (success, output) = folder.run(&[]);
    assert!(success, "{output}");
}

fn a_setup_that_is_refused_fails_the_case() {
    let refused = RIGHT.replace("pg_track_table", "no_such_command");
    let broken = RIGHT.replace("create table t (a int)", "create tabel t");
    let folder = Folder::with(&[
        ("area/refused.yaml", &refused),
        ("area/broken.yaml", &broken),
    ]);
    let (success, output) = folder.run(&[]);
    assert!(
        !success && output.contains("0 passed; 2 failed"),
        "{output}"
    );
    assert!(
        output.contains("setup: no_such_command: status 400"),
        "{output}"
    );
    assert!(
        output.contains("syntax error at or near \"tabel\""),
        "{output}"
    );
}

fn an_empty_folder_is_a_failure() {
    let (success, output) = Folder::with(&[]).run(&[]);
    assert!(!success && output.contains("no case in"), "{output}");
}

/// A folder of cases, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("testkit-runner-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(unique);
        fs::create_dir_all(folder.join("area")).unwrap();
        for (path, text) in files {
            fs::write(folder.join(path), text).unwrap();
        }
        Self(folder)
    }

    /// Runs the folder's cases; whether all passed, and what was printed.
    fn run(&self, env: &[(&str, &str)]) -> (bool, String) {
        let output = Command::new(std::env::current_exe().unwrap())
            .env_remove("UPDATE_CASES")
            .envs(env.iter().copied())
            .env(FOLDER, &self.0)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn serve(port: u16) -> ! {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    println!("fake server says hello");
    loop {
        let (stream, _) = listener.accept().unwrap();
        // A client that goes away is no reason to end.
        drop(answer(stream));
    }
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let found = head.iter().filter_map(|line| line.split_once(": "));
        found
            .into_iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    let length = header("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path = head[0].split(' ').nth(1).unwrap_or_default();
    let (status, answer) = match (path, request["type"].as_str()) {
        ("/v1/graphql", _) => {
            let role = header("x-hasura-role");
            let secret = header("x-hasura-admin-secret");
            let data = json!({ "query": request["query"], "role": role, "secret": secret });
            (200, json!({ "data": data }))
        }
        (_, Some("no_such_command")) => (400, json!({ "error": "unknown" })),
        _ => (200, json!({ "message": "success" })),
    };
    let text = answer.to_string();
    let length = text.len();
    write!(
        &stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{text}"
    )
}
