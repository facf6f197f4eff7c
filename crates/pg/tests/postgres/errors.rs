//! What clients see of Postgres's errors: code, status, message and detail.

use graphloom_pg::{PgError, Pool, PoolOptions, Purpose, Statement, StatementMode, connect_once};
use graphloom_vocab::{Error, Internal, Json};
use serde_json::json;

use crate::support::{cluster, database, options, pool};

fn internal(error: &Error) -> Json {
    match error.internal() {
        Some(Internal::Guarded(json)) => json.clone(),
        other => panic!("{other:?}"),
    }
}

fn shown(error: &PgError, purpose: Purpose) -> (String, u16, String) {
    let error = error.to_error(purpose);
    (
        error.code().as_str().to_owned(),
        error.status(),
        error.message().to_owned(),
    )
}

#[tokio::test]
async fn the_clients_own_faults() {
    let pool = Pool::new(database("faults").await, PoolOptions::default());
    let mut connection = pool.get().await.unwrap();
    connection
        .simple(
            "CREATE EXTENSION btree_gist; CREATE TABLE p (id int PRIMARY KEY);
             CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, p int REFERENCES p,
               c int CHECK (c > 0), r int4range, EXCLUDE USING gist (r WITH &&));
             INSERT INTO p VALUES (1); INSERT INTO t (id, p, r) VALUES (1, 1, '[1,5]')",
        )
        .await
        .unwrap();
    for (text, code, status, message) in [
        (
            "INSERT INTO t (id) VALUES (1)",
            "constraint-violation",
            400,
            "Uniqueness violation. duplicate key value violates unique constraint \"t_pkey\"",
        ),
        (
            "INSERT INTO t (id, n) VALUES (2, NULL)",
            "constraint-violation",
            400,
            "Not-NULL violation. null value in column \"n\" of relation \"t\" violates not-null constraint",
        ),
        (
            "INSERT INTO t (id, p) VALUES (2, 9)",
            "constraint-violation",
            400,
            "Foreign key violation. insert or update on table \"t\" violates foreign key constraint \"t_p_fkey\"",
        ),
        (
            "INSERT INTO t (id, c) VALUES (2, 0)",
            "permission-error",
            400,
            "Check constraint violation. new row for relation \"t\" violates check constraint \"t_c_check\"",
        ),
        (
            "INSERT INTO t (id, r) VALUES (2, '[2,3]')",
            "constraint-violation",
            400,
            "Exclusion violation. conflicting key value violates exclusion constraint \"t_r_excl\"",
        ),
        (
            "SELECT 'x'::int4",
            "data-exception",
            400,
            "invalid input syntax for type integer: \"x\"",
        ),
        ("SELECT 1/0", "data-exception", 400, "division by zero"),
        (
            "SELECT 'a' LIKE 'b' ESCAPE 'cc'",
            "bad-request",
            400,
            "invalid escape string",
        ),
        (
            "INSERT INTO t (id) VALUES (1) ON CONFLICT (c) DO NOTHING",
            "constraint-error",
            400,
            "there is no unique or exclusion constraint on target column(s)",
        ),
        (
            "INSERT INTO t (id) VALUES (1) ON CONFLICT ON CONSTRAINT x DO NOTHING",
            "constraint-error",
            400,
            "constraint \"x\" for table \"t\" does not exist",
        ),
        (
            "SELECT nope FROM t",
            "unexpected",
            500,
            "database query error",
        ),
    ] {
        let error = connection
            .execute(&Statement::new(text), &[])
            .await
            .unwrap_err();
        let expected = (code.to_owned(), status, message.to_owned());
        assert_eq!(shown(&error, Purpose::Operation), expected, "{text}");
        let run_sql = (
            "postgres-error".to_owned(),
            400,
            "query execution failed".to_owned(),
        );
        assert_eq!(shown(&error, Purpose::RunSql), run_sql, "{text}");
        let own = (
            "unexpected".to_owned(),
            500,
            "database query error".to_owned(),
        );
        assert_eq!(shown(&error, Purpose::Internal), own, "{text}");
    }
}

#[tokio::test]
async fn the_detail_for_admins() {
    for (statements, prepared) in [
        (StatementMode::Prepared { cached_max: 9 }, true),
        (StatementMode::Unprepared, false),
    ] {
        let pool = pool(
            "detail",
            PoolOptions {
                statements,
                ..PoolOptions::default()
            },
        );
        let mut connection = pool.get().await.unwrap();
        let text = "SELECT nope, $1::text, $2::text";
        let error = connection
            .execute(&Statement::new(text), &[Some("a\"b"), None])
            .await
            .unwrap_err();
        let expected = json!({
            "statement": text,
            "prepared": prepared,
            "error": {
                "exec_status": "FatalError",
                "hint": null,
                "message": "column \"nope\" does not exist",
                "status_code": "42703",
                "description": null,
            },
            "arguments": ["(Oid 25,Just (\"a\\\"b\",Text))", "(Oid 25,Nothing)"],
        });
        assert_eq!(internal(&error.to_error(Purpose::Operation)), expected);
        assert!(!format!("{error:?} {error}").contains("a\\\"b"));
    }
    let error = pool("detail", PoolOptions::default())
        .get()
        .await
        .unwrap()
        .simple("SELECT 1/0")
        .await;
    let expected = json!({
        "statement": "SELECT 1/0",
        "prepared": false,
        "error": {
            "exec_status": "FatalError",
            "hint": null,
            "message": "division by zero",
            "status_code": "22012",
            "description": null,
        },
        "arguments": [],
    });
    assert_eq!(
        internal(&error.unwrap_err().to_error(Purpose::RunSql)),
        expected
    );
}

#[tokio::test]
async fn no_database() {
    let url = cluster().tcp_url("with_secret:wrong-secret", "localhost", "");
    let error = connect_once(&options(&url)).await.unwrap_err();
    let expected = (
        "postgres-error".to_owned(),
        500,
        "connection error".to_owned(),
    );
    assert_eq!(shown(&error, Purpose::Operation), expected);
    let detail = internal(&error.to_error(Purpose::Operation)).to_string();
    assert!(detail.contains("password authentication failed") && !detail.contains("wrong-secret"));

    let url = cluster().tcp_url(
        "anyone",
        "localhost",
        "sslmode=verify-ca&sslrootcert=/no/such",
    );
    let error = connect_once(&options(&url)).await.unwrap_err();
    assert_eq!(
        shown(&error, Purpose::Operation).2,
        "root certificate error"
    );
}

#[tokio::test]
async fn no_connection_left() {
    let own = crate::support::Cluster::start();
    let pool = Pool::new(
        options(&own.url()),
        PoolOptions {
            connect_retries: 0,
            ..PoolOptions::default()
        },
    );
    pool.get()
        .await
        .unwrap()
        .simple("ALTER ROLE anyone CONNECTION LIMIT 0")
        .await
        .unwrap();
    let error = connect_once(&options(&own.tcp_url("anyone", "localhost", "")))
        .await
        .unwrap_err();
    let expected = (
        "postgres-max-connections-error".to_owned(),
        500,
        "max connections reached on postgres".to_owned(),
    );
    assert_eq!(shown(&error, Purpose::Operation), expected);
}

#[tokio::test]
async fn concurrent_updates() {
    use graphloom_pg::{AccessMode, Isolation};
    let pool = Pool::new(database("concurrent").await, PoolOptions::default());
    let mut first = pool.get().await.unwrap();
    first
        .simple("CREATE TABLE t (a int); INSERT INTO t VALUES (0)")
        .await
        .unwrap();
    let update = Statement::new("UPDATE t SET a = a + 1");
    let read = Statement::new("SELECT a::text FROM t");
    let mut first = first
        .begin_at(Isolation::RepeatableRead, AccessMode::ReadWrite)
        .await
        .unwrap();
    first.query_text_rows(&read, &[]).await.unwrap();
    pool.get()
        .await
        .unwrap()
        .execute(&update, &[])
        .await
        .unwrap();
    let error = first.execute(&update, &[]).await.unwrap_err();
    let expected = (
        "concurrent-update".to_owned(),
        400,
        "serialization failure due to concurrent update".to_owned(),
    );
    assert_eq!(shown(&error, Purpose::Internal), expected);
    assert_eq!(shown(&error, Purpose::Operation), expected);
}
