//! Calls over real sockets: what arrives, what comes back, and what is refused.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod server;

use std::io::Write as _;
use std::time::Duration;

use graphloom_outbound::{
    Answer, Client, ClientOptions, Egress, Proxies, Request, SendError, TlsException, TlsTrust,
};
use http::HeaderValue;

use server::{Server, ok, redirect};

fn client() -> Client {
    Client::new(ClientOptions::default()).unwrap()
}

async fn send(request: Request) -> Result<Answer, SendError> {
    client().send(request).await
}

fn with_secrets(mut request: Request) -> Request {
    for name in ["authorization", "cookie", "x-api-key"] {
        request
            .headers
            .insert(name, HeaderValue::from_static("hush"));
    }
    request
}

#[tokio::test]
async fn a_call_arrives_whole_and_its_answer_too() {
    let server =
        Server::start(|_| b"HTTP/1.1 418 X\r\nx-a: b\r\ncontent-length: 2\r\n\r\nhi".to_vec())
            .await;
    let mut request = Request::post(&server.url("/p?q=1"), "{\"a\":1}").unwrap();
    request
        .headers
        .insert("content-type", HeaderValue::from_static("application/json"));
    let answer = send(request).await.unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body), (418, &b"hi"[..]));
    assert_eq!(answer.headers["x-a"], "b");
    let seen = server.seen();
    assert!(
        seen[0].starts_with("POST /p?q=1 HTTP/1.1\r\n"),
        "{}",
        seen[0]
    );
    assert!(seen[0].ends_with("\r\n\r\n{\"a\":1}"), "{}", seen[0]);
    assert!(seen[0].contains("user-agent: graphloom/"), "{}", seen[0]);
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = Server::start(|_| Vec::new()).await;
    let mut request = Request::get(&server.url("/")).unwrap();
    request.limits.timeout = Duration::from_millis(100);
    let error = send(request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no answer from \"127.0.0.1\" within 100 ms"
    );
}

#[tokio::test]
async fn sizes_are_limited_both_ways() {
    let server = Server::start(|request| match request.contains("/gzip") {
        true => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(&vec![b'0'; 100_000]).unwrap();
            let packed = packed.finish().unwrap();
            assert!(packed.len() < 1000);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                packed.len()
            );
            [head.into_bytes(), packed].concat()
        }
        false => ok("12345678"),
    })
    .await;
    let limited = |path: &str, bytes_max| {
        let mut request = Request::get(&server.url(path)).unwrap();
        request.limits.answer_bytes_max = bytes_max;
        send(request)
    };
    assert_eq!(limited("/", 8).await.unwrap().body.len(), 8);
    let error = limited("/", 7).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer of \"127.0.0.1\" has more than 7 bytes"
    );
    // Counted as unpacked, so that a small answer cannot fill the memory.
    assert_eq!(limited("/gzip", 100_000).await.unwrap().body.len(), 100_000);
    assert!(limited("/gzip", 99_999).await.is_err());

    let mut request = Request::post(&server.url("/"), "123").unwrap();
    request.limits.request_bytes_max = 2;
    let before = server.seen().len();
    let error = send(request).await.unwrap_err();
    assert_eq!(error.to_string(), "the request has 3 bytes, more than 2");
    assert_eq!(server.seen().len(), before, "nothing was sent");
}

#[tokio::test]
async fn a_redirect_takes_no_secret_to_another_host() {
    let other = Server::start(|_| ok("other")).await;
    let place = other.url("/there");
    let server = Server::start(move |request| match request.contains("/elsewhere") {
        true => redirect(302, &place),
        false if request.contains("/here") => ok("here"),
        false => redirect(307, "/here"),
    })
    .await;
    let call = |path: &str| send(with_secrets(Request::get(&server.url(path)).unwrap()));
    assert_eq!(&*call("/").await.unwrap().body, b"here");
    assert_eq!(server.seen()[1].matches("hush").count(), 3);
    assert_eq!(&*call("/elsewhere").await.unwrap().body, b"other");
    assert!(!other.seen()[0].contains("hush"), "{}", other.seen()[0]);
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|_| redirect(302, "/again")).await;
    let mut request = Request::get(&server.url("/")).unwrap();
    request.limits.redirects_max = 3;
    let error = send(request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"127.0.0.1\" redirects more than 3 times"
    );
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn the_egress_policy_holds_for_names_addresses_and_redirects() {
    let server = Server::start(|_| ok("inside")).await;
    let public = Client::new(ClientOptions {
        egress: Egress::Public,
        // A proxy could call what we must not, so none is used.
        proxies: Proxies {
            http: Some(server.url("")),
            ..Proxies::default()
        },
    })
    .unwrap();
    let port = server.address.port();
    for url in [
        server.url("/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        let error = public.send(Request::get(&url).unwrap()).await.unwrap_err();
        assert!(matches!(error, SendError::Egress { .. }), "{url}: {error}");
    }
    assert!(server.seen().is_empty());
    let allowed = send(Request::get(&format!("http://localhost:{port}/")).unwrap());
    assert_eq!(&*allowed.await.unwrap().body, b"inside");
}

#[tokio::test]
async fn proxies_are_used_but_for_the_hosts_that_bypass_them() {
    let proxy = Server::start(|_| ok("proxy")).await;
    let server = Server::start(|_| ok("direct")).await;
    let through = Client::new(ClientOptions {
        egress: Egress::Anywhere,
        proxies: Proxies {
            http: Some(proxy.url("")),
            https: None,
            bypass: Some("127.0.0.1".to_owned()),
        },
    })
    .unwrap();
    let direct = through.send(Request::get(&server.url("/")).unwrap());
    assert_eq!(&*direct.await.unwrap().body, b"direct");
    let proxied = through.send(Request::get("http://somewhere.invalid/x").unwrap());
    assert_eq!(&*proxied.await.unwrap().body, b"proxy");
    assert!(proxy.seen()[0].starts_with("GET http://somewhere.invalid/x "));
}

#[tokio::test]
async fn certificates_are_checked_unless_the_allow_list_says_otherwise() {
    let server = Server::start_tls(|_| ok("secret")).await;
    let port = server.address.port();
    let client = client();
    let call = |host: &str| client.send(Request::get(&format!("https://{host}:{port}/")).unwrap());
    let exception = |host: &str, trust| TlsException {
        host: host.to_owned(),
        port: Some(port),
        trust,
    };
    let refused = call("localhost").await.unwrap_err();
    assert!(matches!(refused, SendError::Connect { .. }), "{refused}");
    client.set_tls_exceptions(vec![
        exception("localhost", TlsTrust::SelfSigned),
        exception("127.0.0.1", TlsTrust::SelfSigned),
    ]);
    assert_eq!(&*call("localhost").await.unwrap().body, b"secret");
    let wrong_name = call("127.0.0.1").await.unwrap_err();
    assert!(
        matches!(wrong_name, SendError::Connect { .. }),
        "{wrong_name}"
    );
    client.set_tls_exceptions(vec![exception("127.0.0.1", TlsTrust::Any)]);
    assert_eq!(&*call("127.0.0.1").await.unwrap().body, b"secret");
    assert!(
        call("localhost").await.is_err(),
        "an entry taken away no longer counts"
    );
}

#[tokio::test]
async fn errors_name_the_host_and_nothing_else_of_the_url() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user:hush@{address}/hush?token=hush");
    let error = client()
        .send(Request::get(&url).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");

    let server = Server::start(|_| b"SSH-2.0-x\r\n\r\n".to_vec()).await;
    let url = format!("{}?token=hush", server.url("/hush"));
    let error = client()
        .send(Request::get(&url).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Answer { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
}
