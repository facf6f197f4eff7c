//! Opening sessions, and what a person reads when it fails.

use graphloom_pg::{
    ConnectReason, ConnectionOptions, PgError, PgErrorKind, Statement, connect_once,
};

use crate::support::{cluster, connection, options};

async fn failure(url: &str) -> (ConnectReason, String) {
    let error = connect_once(&options(url)).await.unwrap_err();
    reason(&error)
}

fn reason(error: &PgError) -> (ConnectReason, String) {
    match error.kind() {
        PgErrorKind::Connect(failure) => (failure.reason, error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_over_the_socket() {
    let mut connection = connection().await;
    assert!(connection.server_version_num() >= 120_000);
    let settings = Statement::new(
        "SELECT current_setting('client_min_messages'), current_setting('application_name'), \
         current_setting('client_encoding')",
    );
    let rows = connection.query_text_rows(&settings, &[]).await.unwrap();
    let expected = ["warning", "graphloom", "UTF8"].map(|text| Some(text.to_owned()));
    assert_eq!(rows, [expected.to_vec()]);
}

#[tokio::test]
async fn sslmode_does_not_concern_sockets() {
    for mode in ["disable", "allow", "prefer", "require", "verify-full"] {
        connect_once(&options(&format!("{}&sslmode={mode}", cluster().url())))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn passwords() {
    let cluster = cluster();
    let url = |secret: &str| cluster.tcp_url(&format!("with_secret:{secret}"), "localhost", "");
    connect_once(&options(&url("right%40secret")))
        .await
        .unwrap();
    let (reason, text) = failure(&url("wrong-secret")).await;
    assert_eq!(reason, ConnectReason::Password);
    assert!(
        text.contains("with_secret") && !text.contains("wrong-secret"),
        "{text}"
    );
    let (reason, text) = failure(&cluster.tcp_url("with_secret", "localhost", "")).await;
    assert_eq!(reason, ConnectReason::Password);
    assert!(text.contains("none is given"), "{text}");
}

#[tokio::test]
async fn reasons() {
    let cluster = cluster();
    let (dir, port) = (cluster.dir.display(), cluster.port);
    for (url, expected, word) in [
        (
            "postgresql://u@localhost:1/db".to_owned(),
            ConnectReason::Refused,
            "nothing accepts",
        ),
        (
            "postgresql://u@no.such.invalid/db".to_owned(),
            ConnectReason::UnknownHost,
            "host name",
        ),
        (
            format!("postgresql://u@/db?host={dir}&port=1"),
            ConnectReason::NoSocket,
            "socket",
        ),
        (
            format!("postgresql://postgres@/nope?host={dir}&port={port}"),
            ConnectReason::NoDatabase,
            "CREATE DATABASE",
        ),
        (
            cluster.tcp_url("nobody", "localhost", ""),
            ConnectReason::Authorization,
            "pg_hba.conf",
        ),
        (
            cluster.tcp_url("anyone", "localhost", "dbname=closed"),
            ConnectReason::Privilege,
            "CONNECT",
        ),
        (
            cluster.tcp_url("tls_only", "localhost", "sslmode=disable"),
            ConnectReason::TlsRequired,
            "sslmode=require",
        ),
    ] {
        let (reason, text) = failure(&url).await;
        assert_eq!(reason, expected, "{text}");
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn a_listener_that_says_nothing_times_out() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for mode in ["disable", "require"] {
        let url = format!("postgresql://u@127.0.0.1:{port}/db?sslmode={mode}&connect_timeout=1");
        assert_eq!(failure(&url).await.0, ConnectReason::Timeout);
    }
}

#[tokio::test]
async fn a_listener_that_is_no_postgres() {
    use tokio::io::AsyncWriteExt;
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = other.accept().await {
            socket
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
        }
    });
    let url = format!("postgresql://u@127.0.0.1:{port}/db?sslmode=disable&connect_timeout=5");
    let (reason, text) = failure(&url).await;
    let expected = [ConnectReason::Protocol, ConnectReason::NotReady];
    assert!(expected.contains(&reason), "{text}");
}

#[tokio::test]
async fn the_next_host_is_tried() {
    let cluster = cluster();
    let (dir, port) = (cluster.dir.display(), cluster.port);
    let url = format!("host=no.such.invalid,localhost,{dir} port=1,1,{port} user=postgres");
    connect_once(&options(&url)).await.unwrap();
    // A host that refuses the user ends the search.
    let url = format!("host=localhost,{dir} port={port} user=nobody dbname=postgres");
    assert_eq!(failure(&url).await.0, ConnectReason::Authorization);
}

#[tokio::test]
async fn options_reach_the_server() {
    let url = format!(
        "{}&options=-c%20geqo%3Doff&application_name=other",
        cluster().url()
    );
    let mut connection = connect_once(&options(&url)).await.unwrap();
    let settings =
        Statement::new("SELECT current_setting('geqo') || current_setting('application_name')");
    let rows = connection.query_text_rows(&settings, &[]).await.unwrap();
    assert_eq!(rows, [[Some("offother".to_owned())]]);
}

#[tokio::test]
async fn target_session_attrs() {
    let url = format!("{}&target_session_attrs=read-write", cluster().url());
    connect_once(&options(&url)).await.unwrap();
    let url = format!("{}&target_session_attrs=read-only", cluster().url());
    let (_, text) = failure(&url).await;
    assert!(text.contains("read only"), "{text}");
    assert!(ConnectionOptions::parse("postgres://h/?target_session_attrs=any").is_ok());
}
