//! Websockets below their messages: broken frames, messages in pieces, compression, clients that do not read.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use support::{Reply, Running};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Only a hung server takes so long.
const PATIENCE: Duration = Duration::from_mins(1);
const INIT: &str = r#"{"type":"connection_init"}"#;

/// A socket without a library.
struct Raw(TcpStream);

impl Raw {
    /// With its answer to the handshake.
    async fn open(server: &Running, header: &str) -> (Self, Reply) {
        let socket = TcpSocket::new_v4().unwrap();
        // Little is enough to fill it.
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        let request = format!(
            "GET /v1/graphql HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\n{header}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        (Self(stream), Reply::parse(&head))
    }

    /// Opened, introduced and past the first words.
    async fn ready(server: &Running, header: &str) -> Self {
        let mut raw = Self::open(server, header).await.0;
        raw.send(0x81, INIT.as_bytes()).await;
        let ack = br#"{"type":"connection_ack"}"#;
        while raw.frame().await.1 != ack {}
        raw
    }

    /// A frame that begins with this byte.
    async fn send(&mut self, first: u8, payload: &[u8]) {
        self.0.write_all(&masked(first, payload)).await.unwrap();
    }

    async fn start(&mut self, id: &str, query: &str) {
        self.send(0x81, subscribe(id, query).as_bytes()).await;
    }

    /// The next frame: its first byte and what it carries.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        timeout(PATIENCE, self.read_frame()).await.unwrap().unwrap()
    }

    async fn read_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let first = self.0.read_u8().await?;
        let length = match self.0.read_u8().await? {
            126 => u64::from(self.0.read_u16().await?),
            127 => self.0.read_u64().await?,
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await?;
        Ok((first, payload))
    }

    /// The next frame that is not there to keep the connection alive.
    async fn answer(&mut self) -> (u8, Vec<u8>) {
        loop {
            let (first, payload) = self.frame().await;
            if first & 0x40 != 0 || !payload.starts_with(br#"{"type":"ping""#) {
                return (first, payload);
            }
        }
    }

    /// Code and reason of the close frame, after which nothing comes.
    async fn closed(&mut self) -> (u16, String) {
        let (first, payload) = self.answer().await;
        assert_eq!(first, 0x88, "{}", String::from_utf8_lossy(&payload));
        self.send(0x88, &payload[..2]).await;
        let after = timeout(PATIENCE, self.0.read_u8()).await.unwrap();
        assert!(after.is_err(), "{after:?}");
        let code = u16::from_be_bytes([payload[0], payload[1]]);
        (code, String::from_utf8(payload[2..].to_vec()).unwrap())
    }
}

fn subscribe(id: &str, query: &str) -> String {
    serde_json::json!({"id": id, "type": "subscribe", "payload": {"query": query}}).to_string()
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [9, 8, 7, 6];
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length),
        _ => {
            frame.push(0xFE);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

#[tokio::test]
async fn who_breaks_a_rule_is_told_and_left() {
    let server = Running::start(&["--websocket-message-limit=1000"]).await;
    let mut other = Raw::ready(&server, "").await;
    let reserved = "a reserved bit is set";
    for (bytes, code, reason) in [
        (vec![0x81, 2, b'{', b'}'], 1002, "a frame without a mask"),
        (masked(0x83, b""), 1002, "a frame of no known kind"),
        (masked(0xC1, b"{}"), 1002, reserved),
        (masked(0xF1, b"{}"), 1002, reserved),
        (
            masked(0x80, b"{}"),
            1002,
            "a piece of another message than the one begun",
        ),
        (
            masked(0x89, &[b'x'; 126]),
            1002,
            "a control frame is long or in pieces",
        ),
        (masked(0x81, b"\xff"), 1007, "the message is not UTF-8"),
        (masked(0x81, &[b'x'; 1001]), 1009, "the message is too long"),
        (
            [masked(0x01, &[b'x'; 600]), masked(0x80, &[b'x'; 600])].concat(),
            1009,
            "the message is too long",
        ),
    ] {
        let mut raw = Raw::ready(&server, "").await;
        raw.0.write_all(&bytes).await.unwrap();
        assert_eq!(raw.closed().await, (code, reason.to_owned()), "{bytes:?}");
    }
    other.start("1", "{number}").await;
    assert_eq!(other.answer().await.0, 0x81);
}

#[tokio::test]
async fn messages_may_come_in_pieces_with_pings_between() {
    let server = Running::start(&[]).await;
    let mut raw = Raw::ready(&server, "").await;
    let message = subscribe("1", "{number}");
    let (first, rest) = message.as_bytes().split_at(10);
    raw.send(0x01, first).await;
    raw.send(0x00, b"").await;
    raw.send(0x89, b"are you there").await;
    assert_eq!(raw.answer().await, (0x8A, b"are you there".to_vec()));
    raw.send(0x80, rest).await;
    let (_, answer) = raw.answer().await;
    let text = String::from_utf8(answer).unwrap();
    let expected =
        r#"{"type":"next","id":"1","payload":{"data":{"n":1.10, "big":12345678901234567890123}}}"#;
    assert_eq!(text, expected);
    assert_eq!(
        raw.answer().await.1,
        br#"{"type":"complete","id":"1"}"#.to_vec()
    );
    // Long enough to go out without being copied.
    raw.start("2", "{large}").await;
    let (_, answer) = raw.answer().await;
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let large = answer["payload"]["data"]["text"].as_str().unwrap();
    assert_eq!(large.len(), 50_000);
    raw.send(0x88, b"\x0b\xb8done").await;
    let (_, after) = loop {
        let answer = raw.answer().await;
        if answer.0 == 0x88 {
            break answer;
        }
    };
    assert_eq!(after, b"\x0b\xb8done");
}

/// Of one who asks all the time and never listens, no more is taken in than the system keeps by itself.
#[tokio::test]
async fn who_does_not_read_is_not_read_from() {
    let server = Running::start(&["--websocket-keepalive=3600"]).await;
    let mut raw = Raw::ready(&server, "").await;
    let pings = masked(0x89, &[b'x'; 125]).repeat(1000);
    let mut sent = 0;
    // Long enough for a server that still reads, however busy the machine is.
    loop {
        let rest = &pings[sent % pings.len()..];
        let Ok(written) = timeout(Duration::from_secs(3), raw.0.write(rest)).await else {
            break;
        };
        sent += written.unwrap();
        assert!(sent < 256 << 20, "pings are taken without end");
    }
}

#[tokio::test]
async fn messages_are_compressed_where_both_sides_want_it() {
    let offer = "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n";
    let off = Running::start(&[]).await;
    let (_, reply) = Raw::open(&off, offer).await;
    assert_eq!(reply.header("sec-websocket-extensions"), None);

    let server = Running::start(&["--websocket-compression"]).await;
    let (_, reply) = Raw::open(&server, "").await;
    assert_eq!(reply.header("sec-websocket-extensions"), None);
    let (_, reply) = Raw::open(&server, offer).await;
    assert_eq!(reply.status, 101);
    assert_eq!(
        reply.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(
        reply.header("sec-websocket-extensions"),
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    );

    let mut raw = Raw::ready(&server, offer).await;
    let mut small = Vec::with_capacity(1000);
    let message = subscribe("1", "{large}");
    let mut compress = Compress::new(Compression::best(), false);
    compress
        .compress_vec(message.as_bytes(), &mut small, FlushCompress::Sync)
        .unwrap();
    small.truncate(small.len() - 4);
    raw.send(0xC1, &small).await;
    let (first, mut answer) = raw.answer().await;
    assert_eq!(first, 0xC1);
    assert!(answer.len() < 5_000, "{}", answer.len());
    answer.extend([0, 0, 0xFF, 0xFF]);
    let mut text = Vec::with_capacity(100_000);
    Decompress::new(false)
        .decompress_vec(&answer, &mut text, FlushDecompress::Sync)
        .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let large = answer["payload"]["data"]["text"].as_str().unwrap();
    assert_eq!(large.len(), 50_000);
    // What is short stays as it is.
    let complete = br#"{"type":"complete","id":"1"}"#.to_vec();
    assert_eq!(raw.answer().await, (0x81, complete));
}
