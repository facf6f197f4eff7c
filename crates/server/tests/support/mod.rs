//! A server under test with stand-ins for the engine and the administration, and plain clients.
//!
//! The stand-ins answer by the text of the query, so that a test says in its request what is to happen.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use graphloom_admin::Health;
use graphloom_execute::{Executed, GraphqlRequest, RequestKind, Statements, Transport};
use graphloom_server::options::{CommandLine, SERVE};
use graphloom_server::startup::{self, Server};
use graphloom_server::{Answer, App, Logs, Services};
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, JsonObject, Result, Session};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

/// Stands in for the layers below.
#[derive(Default)]
pub struct Fake {
    /// Lets operations of `{wait}` go on.
    pub gate: Notify,
    /// Whether an operation of `{wait}` was dropped before it ended.
    pub dropped: Arc<AtomicBool>,
}

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Services for Fake {
    fn graphql<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Executed>> {
        Box::pin(async move {
            let data = match request.query.as_str() {
                "{session}" => session.variables_json().to_string(),
                "{variables}" => Json::Object(request.variables.clone()).to_string(),
                "{schema}" => json!({ "schema": format!("{:?}", request.schema) }).to_string(),
                "{number}" => r#"{"n":1.10, "big":12345678901234567890123}"#.to_owned(),
                "{large}" => json!({ "text": "x".repeat(50_000) }).to_string(),
                "{panic}" => panic!("on purpose"),
                "{wait}" => {
                    let dropped = Dropped(Arc::clone(&self.dropped));
                    self.gate.notified().await;
                    std::mem::forget(dropped);
                    r#"{"waited":true}"#.to_owned()
                }
                "{invalid}" => {
                    let path = ErrorPath::keys(&["selectionSet", "invalid"]);
                    let error =
                        Error::validation("field 'invalid' not found in type: 'query_root'");
                    return Err(error.at(path));
                }
                "{change}" => {
                    assert_eq!(request.transport, Transport::HttpGet);
                    let message = "mutations are not supported over GET, use POST instead";
                    return Err(Error::new(ErrorCode::MethodNotAllowed, message));
                }
                "{database}" => {
                    let error = Error::new(ErrorCode::DataException, "division by zero");
                    return Err(error.with_internal(json!({ "statement": "SELECT 1/0" })));
                }
                "{lost}" => return Err(Error::new(ErrorCode::PostgresError, "connection error")),
                _ => {
                    return Err(Error::new(
                        ErrorCode::NotSupported,
                        "the fake does not know this",
                    ));
                }
            };
            let statements = vec![("root".to_owned(), "SELECT 1".to_owned())];
            let statements = Statements::known(statements);
            Ok(Executed {
                data: Bytes::from(data),
                kind: RequestKind::Query,
                statements,
            })
        })
    }

    fn explain<'a>(
        &'a self,
        session: &'a Session,
        request: &'a GraphqlRequest,
    ) -> Answer<'a, Result<Json>> {
        Box::pin(
            async move { Ok(json!([{ "role": session.role.as_str(), "query": request.query }])) },
        )
    }

    fn metadata<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>> {
        Box::pin(async move {
            if session.role.as_str() != "admin" {
                let error = Error::new(ErrorCode::AccessDenied, "restricted access : admin only");
                return Err(error.at(ErrorPath::keys(&["args"])));
            }
            match body["type"].as_str() {
                Some("conflict") => Err(Error::new(ErrorCode::Conflict, "changed meanwhile")),
                Some("detail") => Err(Error::unexpected("broken").with_internal(json!({"why": 1}))),
                _ => Ok(json!({ "message": "success", "length": body.to_string().len() })),
            }
        })
    }

    fn query_v2<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>> {
        self.metadata(session, body)
    }

    fn query_v1<'a>(&'a self, session: &'a Session, body: Json) -> Answer<'a, Result<Json>> {
        self.metadata(session, body)
    }

    fn health(&self) -> Answer<'_, Health> {
        Box::pin(async { Health::Inconsistent })
    }

    fn config(&self) -> JsonObject {
        JsonObject::new()
    }
}

/// A running server.
pub struct Running {
    pub address: SocketAddr,
    pub fake: Arc<Fake>,
    pub app: Arc<App>,
    pub output: Output,
    pub logs: Logs,
    stop: Option<oneshot::Sender<()>>,
    pub task: tokio::task::JoinHandle<()>,
}

/// What was logged.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Running {
    /// Starts a server on a free port of the loopback, with these flags.
    pub async fn start(flags: &[&str]) -> Self {
        let fixed = [
            "--metadata-database-url=postgres://nowhere/none",
            "--server-host=127.0.0.1",
            "--server-port=0",
        ];
        let words = fixed.iter().chain(flags).map(|&word| word.to_owned());
        let line = CommandLine::parse(words, &[SERVE]).unwrap();
        let (settings, _) = startup::read_options(&line, &HashMap::new()).unwrap();
        let output = Output::default();
        let logs = Logs::start(settings.log.clone(), output.clone());
        let fake = Arc::new(Fake::default());
        let services: Arc<dyn Services> = fake.clone();
        let server = Server::bind(settings, services, logs.clone())
            .await
            .unwrap();
        let address = server.address().unwrap();
        let app = Arc::clone(server.app());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.serve(async { stopped.await.unwrap_or_default() }));
        Self {
            address,
            fake,
            app,
            output,
            logs,
            stop: Some(stop),
            task,
        }
    }

    /// Tells it to stop; does not wait.
    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// All log records so far.
    pub fn records(&self) -> Vec<Json> {
        self.logs.flush();
        let bytes = self.output.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// One request on a connection of its own.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Reply::parse(&self.raw(&bytes).await)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        self.send("POST", path, &[], body.as_bytes()).await
    }

    pub async fn graphql(&self, query: &str, headers: &[(&str, &str)]) -> Reply {
        let body = json!({ "query": query }).to_string();
        self.send("POST", "/v1/graphql", headers, body.as_bytes())
            .await
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, and returns everything up to the end of the connection.
    pub async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut read, mut write) = self.connect().await.into_split();
        let bytes = bytes.to_vec();
        // The server may answer and close before it has read everything.
        let writer = tokio::spawn(async move {
            write.write_all(&bytes).await.ok();
            write
        });
        let answer = until_closed(&mut read).await;
        drop(writer.await.unwrap());
        answer
    }
}

/// What comes until the other side closes or resets.
pub async fn until_closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    let read = async {
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..count]);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), read)
        .await
        .expect("the connection ends");
    answer
}

/// A parsed answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        });
        Self {
            status,
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}
