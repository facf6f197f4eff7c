//! A small HTTP client that hides nothing: one connection per request, raw bytes in both directions.
//!
//! It follows no redirect, unpacks no content encoding and adds no header but `host`, so that a test
//! sees exactly what the server sent.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Failure, runtime};

/// How long a server may take to answer. Not a measure of speed: only a hung server takes so long.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A request to be sent to `127.0.0.1`.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Names and values, sent in this order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body as it goes over the wire.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET without headers.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A POST of a JSON value, with its content type.
    pub fn post_json(path: &str, body: &Value) -> Self {
        Self {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// The same request with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in small letters, and values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body as it came over the wire, transfer encoding aside.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of this name (in small letters).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(Failure::while_doing("reading the body as UTF-8"))
    }

    /// The body as JSON, number text kept.
    pub fn json(&self) -> Result<Value, Failure> {
        let text = self.text()?;
        serde_json::from_str(text).map_err(Failure::while_doing(format!(
            "reading this body as JSON: {text}"
        )))
    }
}

/// Sends a request to a port of this machine and waits for the whole reply.
pub fn send(port: u16, request: Request) -> Result<Reply, Failure> {
    let what = format!("{} {}", request.method, request.path);
    let reply = runtime::block(async move {
        timeout(ANSWER_TIMEOUT, exchange(port, request))
            .await
            .unwrap_or_else(|_| Err(Failure::new(format!("no answer within {ANSWER_TIMEOUT:?}"))))
    });
    reply.map_err(Failure::while_doing(what))
}

async fn exchange(port: u16, request: Request) -> Result<Reply, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(Failure::while_doing("connecting"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::while_doing("opening the connection"))?;
    runtime::spawn(async move {
        // Its failure is also that of the request, which reports it.
        drop(connection.await);
    });
    let mut builder = hyper::Request::builder()
        .method(request.method.as_str())
        .uri(&request.path)
        .header("host", format!("127.0.0.1:{port}"));
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let request = builder
        .body(Full::new(Bytes::from(request.body)))
        .map_err(Failure::while_doing("building the request"))?;
    let reply = sender
        .send_request(request)
        .await
        .map_err(Failure::while_doing("sending"))?;
    let status = reply.status().as_u16();
    let headers = reply
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = reply
        .into_body()
        .collect()
        .await
        .map_err(Failure::while_doing("reading the body"))?;
    Ok(Reply {
        status,
        headers,
        body: body.to_bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_request_goes_out_and_the_reply_comes_back_as_they_are() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).unwrap();
            stream
                .write_all(
                    b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 8\r\n\r\n{\"a\":1.0",
                )
                .unwrap();
            stream.write_all(b"}").unwrap_or(());
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let request = Request::get("/x?y=1").with_header("x-hasura-role", "user");
        let reply = send(port, request).unwrap();
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("x-a"), Some("1"));
        assert_eq!(
            reply
                .headers
                .iter()
                .filter(|(name, _)| name == "x-a")
                .count(),
            2
        );
        assert_eq!(reply.text().unwrap(), "{\"a\":1.0");
        assert!(reply.json().is_err());
        let sent = server.join().unwrap();
        assert!(sent.starts_with("GET /x?y=1 HTTP/1.1\r\n"), "{sent}");
        assert!(sent.contains("x-hasura-role: user\r\n"), "{sent}");
    }

    #[test]
    fn nobody_listening_is_a_failure_that_names_the_request() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let failure = send(port, Request::get("/healthz")).unwrap_err();
        assert!(
            failure.to_string().starts_with("GET /healthz: connecting"),
            "{failure}"
        );
    }
}
