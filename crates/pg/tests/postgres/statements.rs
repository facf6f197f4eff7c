//! Statements: JSON without a copy, the bounded cache, DDL under it, transactions, run_sql's protocol.

use graphloom_pg::{
    AccessMode, Isolation, PgErrorKind, PoolOptions, SimpleOutcome, SqlState, Statement,
    StatementMode, TextTable,
};

use crate::support::{connection, database, pool};

fn one_connection(statements: StatementMode) -> PoolOptions {
    PoolOptions {
        max_connections: 1,
        statements,
        ..PoolOptions::default()
    }
}

const PREPARED: StatementMode = StatementMode::Prepared { cached_max: 4 };

#[tokio::test]
async fn json_comes_as_it_is() {
    for statements in [PREPARED, StatementMode::Unprepared] {
        let mut connection = pool("json", one_connection(statements))
            .get()
            .await
            .unwrap();
        for (text, parameters, expected) in [
            (
                "SELECT json_build_object('a', $1::int4)",
                vec![Some("7")],
                Some("{\"a\" : 7}"),
            ),
            (
                "SELECT jsonb_build_object('a', $1::text)",
                vec![Some("ä")],
                Some("{\"a\": \"ä\"}"),
            ),
            ("SELECT $1::text", vec![Some("")], Some("")),
            ("SELECT $1::json", vec![None], None),
            (
                "SELECT ($1::text)::bool::text",
                vec![Some("yes")],
                Some("true"),
            ),
        ] {
            let found = connection
                .query_json(&Statement::new(text), &parameters)
                .await
                .unwrap();
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}

#[tokio::test]
async fn a_large_result() {
    let mut connection = connection().await;
    let statement = Statement::new("SELECT json_agg(n) FROM generate_series(1, 300000) n");
    let bytes = connection
        .query_json(&statement, &[])
        .await
        .unwrap()
        .unwrap();
    assert!(bytes.starts_with(b"[1, 2") && bytes.ends_with(b"300000]"));
}

#[tokio::test]
async fn results_of_another_shape_are_refused() {
    let mut connection = connection().await;
    for text in [
        "SELECT '1'::json WHERE false",
        "SELECT 1",
        "SELECT '1'::json FROM generate_series(1,2)",
    ] {
        let error = connection
            .query_json(&Statement::new(text), &[])
            .await
            .unwrap_err();
        assert!(
            matches!(error.kind(), PgErrorKind::Unexpected(_)),
            "{text}: {error}"
        );
    }
    let error = connection
        .query_text_rows(&Statement::new("SELECT 1 AS n"), &[])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("\"n\" is of type int4"),
        "{error}"
    );
}

#[tokio::test]
async fn enums_and_domains_take_text() {
    let options = database("enums").await;
    let pool = graphloom_pg::Pool::new(options, one_connection(PREPARED));
    let mut connection = pool.get().await.unwrap();
    connection
        .simple("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN short AS varchar(3);")
        .await
        .unwrap();
    let statement =
        Statement::new("SELECT to_json($1::text::mood) #>> '{}' || $2::short || $3::mood");
    let parameters = [Some("sad"), Some("abc"), Some("ok")];
    let rows = connection
        .query_text_rows(&statement, &parameters)
        .await
        .unwrap();
    assert_eq!(rows, [[Some("sadabcok".to_owned())]]);
}

#[tokio::test]
async fn the_cache_is_bounded_in_postgres_too() {
    let mut connection = pool("cache", one_connection(PREPARED)).get().await.unwrap();
    for number in 0..20 {
        let statement = Statement::new(format!("SELECT '{number}'::text"));
        connection.query_text_rows(&statement, &[]).await.unwrap();
    }
    assert_eq!(connection.cached_statements(), 4);
    let count = Statement::new("SELECT count(*)::text FROM pg_prepared_statements");
    let rows = connection.query_text_rows(&count, &[]).await.unwrap();
    assert_eq!(rows, [[Some("4".to_owned())]]);
}

#[tokio::test]
async fn unprepared_leaves_nothing_behind() {
    let mut connection = pool("unprepared", one_connection(StatementMode::Unprepared))
        .get()
        .await
        .unwrap();
    let count = Statement::new("SELECT count(*)::text FROM pg_prepared_statements");
    let rows = connection.query_text_rows(&count, &[]).await.unwrap();
    assert_eq!(rows, [[Some("0".to_owned())]]);
}

#[tokio::test]
async fn ddl_under_a_cached_statement() {
    let options = database("ddl").await;
    let pool = graphloom_pg::Pool::new(
        options,
        PoolOptions {
            max_connections: 2,
            ..one_connection(PREPARED)
        },
    );
    let mut other = pool.get().await.unwrap();
    other
        .simple("CREATE TABLE t (a text); INSERT INTO t VALUES ('1')")
        .await
        .unwrap();
    let statement = Statement::new("SELECT * FROM t");
    let mut connection = pool.get().await.unwrap();
    assert_eq!(
        connection.query_text_rows(&statement, &[]).await.unwrap()[0].len(),
        1
    );
    other.simple("ALTER TABLE t ADD b text").await.unwrap();
    assert_eq!(
        connection.query_text_rows(&statement, &[]).await.unwrap()[0].len(),
        2
    );
    // In a transaction it cannot be tried again, but the next time it works.
    other.simple("ALTER TABLE t ADD c text").await.unwrap();
    let mut transaction = connection.begin(AccessMode::ReadOnly).await.unwrap();
    let error = transaction
        .query_text_rows(&statement, &[])
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some(SqlState::FEATURE_NOT_SUPPORTED));
    let mut connection = transaction.rollback().await.unwrap();
    assert_eq!(
        connection.query_text_rows(&statement, &[]).await.unwrap()[0].len(),
        3
    );
    // Statements that went away behind our back.
    connection
        .execute(&Statement::new("DEALLOCATE ALL"), &[])
        .await
        .unwrap();
    assert_eq!(
        connection.query_text_rows(&statement, &[]).await.unwrap()[0].len(),
        3
    );
}

#[tokio::test]
async fn transactions_commit_roll_back_and_know_when_they_failed() {
    let options = database("transactions").await;
    let pool = graphloom_pg::Pool::new(options, one_connection(PREPARED));
    pool.get()
        .await
        .unwrap()
        .simple("CREATE TABLE t (a int)")
        .await
        .unwrap();
    let insert = Statement::new("INSERT INTO t VALUES ($1)");
    let count = Statement::new("SELECT count(*)::text FROM t");

    let mut kept = pool.begin(AccessMode::ReadWrite).await.unwrap();
    kept.execute(&insert, &[Some("1")]).await.unwrap();
    drop(kept.commit().await.unwrap());
    let mut dropped = pool.begin(AccessMode::ReadWrite).await.unwrap();
    dropped.execute(&insert, &[Some("2")]).await.unwrap();
    drop(dropped);
    let mut failed = pool.begin(AccessMode::ReadWrite).await.unwrap();
    failed.execute(&insert, &[Some("3")]).await.unwrap();
    failed.execute(&insert, &[Some("x")]).await.unwrap_err();
    let error = failed.commit().await.unwrap_err();
    assert!(error.to_string().contains("not committed"), "{error}");

    let mut connection = pool.get().await.unwrap();
    assert_eq!(
        connection.query_text_rows(&count, &[]).await.unwrap()[0][0].as_deref(),
        Some("1")
    );
    let mut read_only = connection
        .begin_at(Isolation::Serializable, AccessMode::ReadOnly)
        .await
        .unwrap();
    let level = Statement::new("SELECT current_setting('transaction_isolation')");
    let rows = read_only.query_text_rows(&level, &[]).await.unwrap();
    assert_eq!(rows[0][0].as_deref(), Some("serializable"));
    let error = read_only.execute(&insert, &[Some("4")]).await.unwrap_err();
    assert_eq!(error.sqlstate().unwrap().as_str(), "25006");
}

#[tokio::test]
async fn many_statements_give_the_last_ones_result() {
    let mut connection = connection().await;
    let outcome = connection
        .simple("CREATE TEMP TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL); SELECT * FROM t")
        .await
        .unwrap();
    let value = |text: &str| Some(text.to_owned());
    let expected = TextTable {
        columns: vec!["a".to_owned(), "b".to_owned()],
        rows: vec![vec![value("1"), value("x")], vec![value("2"), None]],
    };
    assert_eq!(outcome, SimpleOutcome::Rows(expected));
    let outcome = connection.simple("SELECT 1; DELETE FROM t;").await.unwrap();
    assert_eq!(outcome, SimpleOutcome::Command { rows_affected: 2 });
    let outcome = connection.simple("SELECT * FROM t").await.unwrap();
    assert!(
        matches!(outcome, SimpleOutcome::Rows(table) if table.rows.is_empty() && table.columns.len() == 2)
    );
    assert_eq!(
        connection.simple("").await.unwrap(),
        SimpleOutcome::Command { rows_affected: 0 }
    );
    // A text is a transaction of its own.
    connection
        .simple("INSERT INTO t VALUES (3); SELECT 1/0")
        .await
        .unwrap_err();
    let outcome = connection.simple("SELECT count(*) FROM t").await.unwrap();
    assert!(matches!(outcome, SimpleOutcome::Rows(table) if table.rows == [[value("0")]]));
}

#[tokio::test]
async fn what_a_users_sql_changes_does_not_reach_the_next() {
    let pool = pool("altered", one_connection(PREPARED));
    let state = Statement::new(
        "SELECT concat_ws(' ', current_setting('search_path'), current_setting('client_min_messages'), \
         pg_backend_pid(), now() = statement_timestamp())",
    );
    let mut connection = pool.get().await.unwrap();
    let before = connection.query_text_rows(&state, &[]).await.unwrap();
    connection
        .simple("SET search_path = x; SET client_min_messages = debug1")
        .await
        .unwrap();
    connection
        .simple("BEGIN; CREATE TEMP TABLE t ()")
        .await
        .unwrap();
    drop(connection);
    let mut connection = pool.get().await.unwrap();
    // The same session, as new.
    assert_eq!(
        connection.query_text_rows(&state, &[]).await.unwrap(),
        before
    );
}

#[tokio::test]
async fn copy_in_a_users_sql_ends_in_an_error() {
    let pool = pool("copy", one_connection(PREPARED));
    for text in [
        "COPY (SELECT 1) TO STDOUT",
        "CREATE TEMP TABLE t (a int); COPY t FROM STDIN",
    ] {
        let error = pool.get().await.unwrap().simple(text).await.unwrap_err();
        assert!(
            matches!(error.kind(), PgErrorKind::Unexpected(_)),
            "{error}"
        );
    }
    pool.get().await.unwrap().simple("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn a_result_is_described_without_running() {
    let mut connection = connection().await;
    let good = Statement::new("SELECT 1 AS a, $1::text AS b, pg_sleep(100) AS c");
    let columns = connection.describe(&good).await.unwrap();
    let shown: Vec<_> = columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.type_name))
        .collect();
    assert_eq!(shown, ["a int4", "b text", "c void"]);
    let bad = Statement::new("SELECT nothing");
    let error = connection.describe(&bad).await.unwrap_err();
    assert_eq!(error.database().unwrap().sqlstate.as_str(), "42703");
    // What fails inside a transaction leaves it as it was.
    let mut transaction = connection.begin(AccessMode::ReadWrite).await.unwrap();
    let create = transaction.simple("CREATE TABLE described (a int)").await;
    create.unwrap();
    transaction.describe(&bad).await.unwrap_err();
    let read = Statement::new("SELECT a FROM described");
    assert_eq!(transaction.describe(&read).await.unwrap().len(), 1);
    let mut connection = transaction.commit().await.unwrap();
    assert_eq!(connection.describe(&read).await.unwrap().len(), 1);
}
