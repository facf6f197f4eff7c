//! Every `sslmode` against a server with TLS, and a cancel request through it.

use graphloom_pg::{
    ConnectReason, ConnectionOptions, PemSource, PgError, PgErrorKind, SslMode, SslOverrides,
    Statement, connect_once,
};

use crate::support::{Cluster, cluster, options, until};

/// Connects and says whether the session is encrypted.
async fn encrypted(options: &ConnectionOptions) -> Result<bool, PgError> {
    let mut connection = connect_once(options).await?;
    let statement =
        Statement::new("SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    let rows = connection.query_text_rows(&statement, &[]).await?;
    Ok(rows[0][0].as_deref() == Some("true"))
}

async fn as_user(user: &str, host: &str, rest: &str) -> Result<bool, PgError> {
    encrypted(&options(&cluster().tcp_url(user, host, rest))).await
}

fn reason(result: Result<bool, PgError>) -> ConnectReason {
    match result.unwrap_err().kind() {
        PgErrorKind::Connect(failure) => failure.reason,
        other => panic!("{other:?}"),
    }
}

fn root(cluster: &Cluster, mode: &str, name: &str) -> String {
    format!("sslmode={mode}&sslrootcert={}", cluster.file(name))
}

#[tokio::test]
async fn whether_it_is_encrypted() {
    for (user, mode, expected) in [
        ("anyone", "disable", false),
        ("anyone", "allow", false),
        ("anyone", "prefer", true),
        ("anyone", "require", true),
        ("plain_only", "disable", false),
        ("plain_only", "allow", false),
        ("plain_only", "prefer", false),
        ("tls_only", "allow", true),
        ("tls_only", "prefer", true),
        ("tls_only", "require", true),
    ] {
        let found = as_user(user, "127.0.0.1", &format!("sslmode={mode}")).await;
        assert_eq!(found.unwrap(), expected, "{user} {mode}");
    }
    let refused = as_user("plain_only", "127.0.0.1", "sslmode=require").await;
    assert_eq!(reason(refused), ConnectReason::Authorization);
    let refused = as_user("tls_only", "127.0.0.1", "sslmode=disable").await;
    assert_eq!(reason(refused), ConnectReason::TlsRequired);
}

#[tokio::test]
async fn whom_the_certificate_comes_from() {
    let cluster = cluster();
    for mode in ["require", "verify-ca", "verify-full", "prefer"] {
        let found = as_user("tls_only", "localhost", &root(cluster, mode, "ca.crt")).await;
        assert!(found.unwrap(), "{mode}");
        let found = as_user(
            "tls_only",
            "localhost",
            &root(cluster, mode, "stranger.crt"),
        )
        .await;
        assert_eq!(reason(found), ConnectReason::Tls, "{mode}");
    }
}

#[tokio::test]
async fn for_which_host_it_is() {
    let cluster = cluster();
    // The certificate is for `localhost`, not for the address.
    let found = as_user(
        "tls_only",
        "127.0.0.1",
        &root(cluster, "verify-ca", "ca.crt"),
    )
    .await;
    assert!(found.unwrap());
    let found = as_user(
        "tls_only",
        "127.0.0.1",
        &root(cluster, "verify-full", "ca.crt"),
    )
    .await;
    let error = found.as_ref().unwrap_err().to_string();
    assert!(error.contains("subjectAltName"), "{error}");
    assert_eq!(reason(found), ConnectReason::Tls);
    // `hostaddr` says where, `host` says who.
    let url = cluster.tcp_url(
        "tls_only",
        "localhost",
        &root(cluster, "verify-full", "ca.crt"),
    );
    assert!(
        encrypted(&options(&format!("{url}&hostaddr=127.0.0.1")))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn without_a_root_certificate() {
    let missing = as_user("tls_only", "localhost", "sslmode=verify-ca")
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("sslrootcert"), "{missing}");
    // Against the public authorities, which do not know ours.
    let found = as_user("tls_only", "localhost", "sslmode=verify-full").await;
    assert_eq!(reason(found), ConnectReason::Tls);
    let gone = as_user(
        "tls_only",
        "localhost",
        "sslmode=verify-ca&sslrootcert=/no/such",
    )
    .await;
    assert!(gone.unwrap_err().to_string().contains("/no/such"));
}

#[tokio::test]
async fn a_server_certificate_that_is_the_root_itself() {
    let cluster = cluster();
    // The server's own certificate as the root: what `verify-ca` with a copied server.crt does.
    let found = as_user(
        "tls_only",
        "127.0.0.1",
        &root(cluster, "verify-ca", "server.crt"),
    )
    .await;
    assert!(found.unwrap());
}

#[tokio::test]
async fn client_certificates() {
    let cluster = cluster();
    let client = format!(
        "{}&sslcert={}&sslkey={}",
        root(cluster, "verify-full", "ca.crt"),
        cluster.file("client.crt"),
        cluster.file("client.key")
    );
    assert!(as_user("with_cert", "localhost", &client).await.unwrap());
    let without = as_user(
        "with_cert",
        "localhost",
        &root(cluster, "require", "ca.crt"),
    )
    .await;
    assert_eq!(reason(without), ConnectReason::Authorization);

    // As text, the way a source's `ssl_configuration` gives them.
    let inline = |name: &str| {
        Some(PemSource::Inline(
            std::fs::read_to_string(cluster.file(name)).unwrap(),
        ))
    };
    let given = options(&cluster.tcp_url("with_cert", "localhost", "")).with_ssl(SslOverrides {
        mode: Some(SslMode::VerifyFull),
        root_certificate: inline("ca.crt"),
        certificate: inline("client.crt"),
        key: inline("client.key"),
        key_password: None,
    });
    assert!(encrypted(&given).await.unwrap());
}

#[tokio::test]
async fn keys_with_a_passphrase() {
    let cluster = cluster();
    let with = |password: Option<&str>| {
        let file = |name: &str| Some(PemSource::File(cluster.file(name).into()));
        options(&cluster.tcp_url("with_cert", "localhost", "")).with_ssl(SslOverrides {
            mode: Some(SslMode::VerifyFull),
            root_certificate: file("ca.crt"),
            certificate: file("client.crt"),
            key: file("locked.key"),
            key_password: password.map(str::to_owned),
        })
    };
    assert!(encrypted(&with(Some("sesame"))).await.unwrap());
    let wrong = encrypted(&with(Some("wrong")))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("cannot be decrypted with the given sslpassword"),
        "{wrong}"
    );
    let missing = encrypted(&with(None)).await.unwrap_err().to_string();
    assert!(missing.contains("needs sslpassword"), "{missing}");
    let in_url = format!(
        "{}&sslcert={}&sslkey={}&sslpassword=sesame",
        root(cluster, "verify-full", "ca.crt"),
        cluster.file("client.crt"),
        cluster.file("locked.key")
    );
    assert!(as_user("with_cert", "localhost", &in_url).await.unwrap());
}

#[tokio::test]
async fn versions_can_be_held_to_one() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let rest = format!(
            "ssl_min_protocol_version={version}&ssl_max_protocol_version={version}&sslmode=require"
        );
        let url = cluster().tcp_url("anyone", "localhost", &rest);
        let mut connection = connect_once(&options(&url)).await.unwrap();
        let statement =
            Statement::new("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
        let rows = connection.query_text_rows(&statement, &[]).await.unwrap();
        assert_eq!(rows[0][0].as_deref(), Some(version));
    }
}

#[tokio::test]
async fn a_cancel_request_goes_through_tls() {
    let rest = format!(
        "{}&application_name=tls_cancel",
        root(cluster(), "verify-full", "ca.crt")
    );
    let url = cluster().tcp_url("tls_only", "localhost", &rest);
    let mut connection = connect_once(&options(&url)).await.unwrap();
    let running = "SELECT count(*)::text FROM pg_stat_activity \
                   WHERE application_name = 'tls_cancel' AND state = 'active'";
    let sleep = Statement::new("SELECT pg_sleep(600)::text");
    tokio::select! {
        result = connection.query_text_rows(&sleep, &[]) => panic!("{result:?}"),
        () = until(running, "1") => {}
    }
    drop(connection);
    until(running, "0").await;
}
