//! Many subscribers at little cost: the clients of `bench/live.py` where its own, in Python, would be what is slow.
//!
//!     subscribers PORT SECRET SOCKETS PER_SOCKET ROWS SHAPES
//!
//! Opens the sockets, each with its subscriptions, says `ready` when every subscription has a first result, and at the
//! first line on its input writes every result that came since: a line of the value and the time (seconds since 1970).
//! Knows the one query that `bench/live.py` asks for and as much of the protocols as that takes.
#![allow(clippy::print_stdout, reason = "what it tells is its output")]
#![allow(clippy::unwrap_used, reason = "a benchmark fails loudly")]

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::LocalSet;

/// Sockets from one address: ports are 16 bits, and some are somebody else's.
const SOCKETS_PER_ADDRESS: usize = 20_000;
/// Handshakes under way at once.
const HANDSHAKES: usize = 64;

/// What all sockets share.
struct World {
    server: SocketAddr,
    secret: String,
    per_socket: usize,
    rows: usize,
    shapes: usize,
    handshakes: Semaphore,
    state: RefCell<State>,
    all_ready: Notify,
}

struct State {
    /// Subscriptions without a result.
    waiting: usize,
    results: Vec<(u64, f64)>,
    /// One for all: a socket holds on to no more than the start of a message.
    buffer: Vec<u8>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| -> usize { arguments[index].parse().unwrap() };
    let (sockets, per_socket) = (number(2), number(3));
    let world = Rc::new(World {
        server: (Ipv4Addr::LOCALHOST, arguments[0].parse().unwrap()).into(),
        secret: arguments[1].clone(),
        per_socket,
        rows: number(4),
        shapes: number(5),
        handshakes: Semaphore::new(HANDSHAKES),
        state: RefCell::new(State {
            waiting: sockets * per_socket,
            results: Vec::new(),
            buffer: vec![0; 64 << 10],
        }),
        all_ready: Notify::new(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(LocalSet::new().run_until(run(world, sockets)));
}

async fn run(world: Rc<World>, sockets: usize) {
    for number in 0..sockets {
        tokio::task::spawn_local(follow(Rc::clone(&world), number));
    }
    world.all_ready.notified().await;
    println!("ready");
    let told = tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new()));
    told.await.unwrap().unwrap();
    let results = std::mem::take(&mut world.state.borrow_mut().results);
    let mut output = io::BufWriter::new(io::stdout().lock());
    for (value, at) in results {
        writeln!(output, "{value} {at:.6}").unwrap();
    }
    output.flush().unwrap();
}

async fn follow(world: Rc<World>, number: usize) {
    let stream = connect(&world, number).await;
    let mut seen = vec![false; world.per_socket];
    let mut rest = Vec::new();
    loop {
        stream.readable().await.unwrap();
        let state = &mut *world.state.borrow_mut();
        let came = match stream.try_read(&mut state.buffer[..]) {
            Ok(0) => panic!("the server has closed a socket"),
            Ok(size) => &state.buffer[..size],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => panic!("{error}"),
        };
        rest.extend_from_slice(came);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let mut at = 0;
        let mut pongs = 0;
        while let Some((start, end)) = frame(&rest[at..]) {
            let message = &rest[at + start..at + end];
            at += end;
            match read(message) {
                Message::Result { id, value } => {
                    state.results.push((value, now.as_secs_f64()));
                    if !std::mem::replace(&mut seen[id], true) {
                        state.waiting -= 1;
                        if state.waiting == 0 {
                            state.results = Vec::new();
                            world.all_ready.notify_one();
                        }
                    }
                }
                Message::Ping => pongs += 1,
                Message::Ack => {}
            }
        }
        rest.drain(..at);
        if rest.is_empty() {
            rest = Vec::new();
        }
        for _ in 0..pongs {
            // A few bytes: the socket has room for them.
            stream.try_write(&masked(&json!({ "type": "pong" }))).ok();
        }
    }
}

async fn connect(world: &World, number: usize) -> TcpStream {
    let _place = world.handshakes.acquire().await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    let last = 2 + u8::try_from(number / SOCKETS_PER_ADDRESS).unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    let mut stream = socket.connect(world.server).await.unwrap();
    let handshake = "GET /v1/graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    let headers = json!({ "x-hasura-admin-secret": world.secret });
    let mut messages =
        masked(&json!({ "type": "connection_init", "payload": { "headers": headers } }));
    for id in 0..world.per_socket {
        let index = number * world.per_socket + id;
        let shape = index % world.shapes;
        let query = format!(
            "subscription ($id: Int!) {{ counters_by_pk(id: $id) {{ id s{shape}: id value }} }}"
        );
        let payload = json!({ "query": query, "variables": { "id": 1 + index % world.rows } });
        messages.extend(masked(
            &json!({ "id": id.to_string(), "type": "subscribe", "payload": payload }),
        ));
    }
    stream.write_all(&messages).await.unwrap();
    stream
}

/// Where the first frame's message starts and ends, once all of it is there.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (start, size) = match *bytes.get(1)? {
        126 => {
            let size = bytes.get(2..4)?.try_into().unwrap();
            (4, usize::from(u16::from_be_bytes(size)))
        }
        127 => panic!("no message of this benchmark is that long"),
        size => (2, usize::from(size)),
    };
    (bytes.len() >= start + size).then_some((start, start + size))
}

enum Message {
    Ack,
    Ping,
    Result { id: usize, value: u64 },
}

fn read(message: &[u8]) -> Message {
    let message: Value = serde_json::from_slice(message).unwrap();
    match message["type"].as_str() {
        Some("connection_ack") => Message::Ack,
        Some("ping") => Message::Ping,
        Some("next") => Message::Result {
            id: message["id"].as_str().unwrap().parse().unwrap(),
            value: message["payload"]["data"]["counters_by_pk"]["value"]
                .as_u64()
                .unwrap(),
        },
        _ => panic!("{message}"),
    }
}

/// A text frame; a mask of nothing but zeros is a mask.
fn masked(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(size) if size < 126 => frame.push(0x80 | size),
        _ => {
            frame.push(0xFE);
            frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
