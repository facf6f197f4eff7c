//! A GraphQL operation over a WebSocket, in either of the two protocols.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::{Failure, runtime};

/// How long a server may take to answer. Not a measure of speed: only a hung server takes so long.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// The two GraphQL protocols over WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `graphql-transport-ws`, the newer one.
    GraphqlTransportWs,
    /// `graphql-ws`, the older one of subscriptions-transport-ws.
    GraphqlWs,
}

impl Protocol {
    /// What goes into `sec-websocket-protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::GraphqlTransportWs => "graphql-transport-ws",
            Self::GraphqlWs => "graphql-ws",
        }
    }

    fn start(self) -> &'static str {
        match self {
            Self::GraphqlTransportWs => "subscribe",
            Self::GraphqlWs => "start",
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Socket {
    protocol: Protocol,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// Runs one operation (`{"query": …}`) and returns the payload of its first answer.
///
/// `path` is the endpoint's; `headers` go into `connection_init`. A list of errors, which is how the newer protocol refuses, comes
/// back as `{"errors": […]}`, so that an answer looks the same whichever way it took.
pub fn run(
    port: u16,
    path: &str,
    protocol: Protocol,
    (headers, operation): (Vec<(String, String)>, Value),
) -> Result<Value, Failure> {
    let path = path.to_owned();
    let answer = runtime::block(async move {
        let exchange = async {
            let mut socket = Socket::open(port, &path, protocol).await?;
            socket.init(headers).await?;
            socket.first_answer(operation).await
        };
        timeout(ANSWER_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(Failure::new(format!("no answer within {ANSWER_TIMEOUT:?}"))))
    });
    answer.map_err(Failure::while_doing(protocol.name()))
}

impl Socket {
    /// Connects and agrees on the protocol. Sends no message yet.
    pub async fn open(port: u16, path: &str, protocol: Protocol) -> Result<Self, Failure> {
        let mut request = format!("ws://127.0.0.1:{port}{path}")
            .into_client_request()
            .map_err(Failure::while_doing("building the upgrade"))?;
        let name = HeaderValue::from_static(protocol.name());
        request.headers_mut().insert("sec-websocket-protocol", name);
        let (stream, _) = tokio_tungstenite::connect_async(request)
            .await
            .map_err(Failure::while_doing("connecting"))?;
        Ok(Self { protocol, stream })
    }

    /// Sends `connection_init` with these headers and waits for its acknowledgement.
    pub async fn init(&mut self, headers: Vec<(String, String)>) -> Result<(), Failure> {
        let headers: serde_json::Map<String, Value> = headers
            .into_iter()
            .map(|(name, value)| (name, Value::String(value)))
            .collect();
        self.send(&json!({ "type": "connection_init", "payload": { "headers": headers } }))
            .await?;
        let answer = self.receive().await?;
        match answer["type"].as_str() {
            Some("connection_ack") => Ok(()),
            _ => Err(Failure::new(format!(
                "expected connection_ack, got {answer}"
            ))),
        }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) -> Result<(), Failure> {
        let message = Message::text(message.to_string());
        self.stream
            .send(message)
            .await
            .map_err(Failure::while_doing("sending"))
    }

    /// The next message that is not there to keep the connection alive. A close is a failure that
    /// gives its code and reason.
    pub async fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            let frame = self.stream.next().await;
            let frame = frame.ok_or_else(|| Failure::new("the connection ended"))?;
            match frame.map_err(Failure::while_doing("receiving"))? {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text)
                        .map_err(Failure::while_doing(format!("reading the message {text}")))?;
                    match message["type"].as_str() {
                        Some("ka" | "pong") => {}
                        Some("ping") => self.send(&json!({ "type": "pong" })).await?,
                        _ => return Ok(message),
                    }
                }
                Message::Close(Some(frame)) => {
                    let (code, reason) = (u16::from(frame.code), frame.reason);
                    return Err(Failure::new(format!(
                        "closed by the server: {code} {reason}"
                    )));
                }
                Message::Close(None) => return Err(Failure::new("closed by the server")),
                Message::Binary(_) => return Err(Failure::new("a binary frame came")),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn first_answer(&mut self, operation: Value) -> Result<Value, Failure> {
        self.send(&json!({ "id": "1", "type": self.protocol.start(), "payload": operation }))
            .await?;
        let mut answer = self.receive().await?;
        let payload = answer["payload"].take();
        match answer["type"].as_str() {
            Some("next" | "data") => Ok(payload),
            Some("error") if payload.is_array() => Ok(json!({ "errors": payload })),
            Some("error") => Ok(payload),
            _ => Err(Failure::new(format!(
                "neither an answer nor an error: {answer}"
            ))),
        }
    }
}
