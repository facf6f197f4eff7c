//! The pool: its bound, its limits, what it keeps and what it throws away.

use std::sync::Arc;
use std::time::Duration;

use graphloom_pg::{ConnectionOptions, PgErrorKind, Pool, PoolOptions, Purpose, Statement};

use crate::support::{Cluster, ask, cluster, options, pool, until};

fn of(max_connections: usize) -> PoolOptions {
    PoolOptions {
        max_connections,
        ..PoolOptions::default()
    }
}

fn sessions(name: &str) -> String {
    format!("SELECT count(*)::text FROM pg_stat_activity WHERE application_name = '{name}'")
}

const PID: &str = "SELECT pg_backend_pid()::text";

#[tokio::test]
async fn nothing_is_opened_before_it_is_needed() {
    let pool = Pool::new(options("postgres://u@no.such.invalid/db"), of(1));
    assert_eq!(pool.status().in_use, 0);
    assert!(pool.get().await.unwrap_err().is_connection_error());
    assert_eq!(pool.status().in_use, 0);
}

#[tokio::test]
async fn the_bound_and_the_wait() {
    let limited = PoolOptions {
        wait_limit: Some(Duration::from_millis(50)),
        ..of(2)
    };
    let pool = pool("bound", limited);
    let (first, second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let error = pool.get().await.unwrap_err();
    assert!(matches!(
        error.kind(),
        PgErrorKind::PoolTimeout {
            max_connections: 2,
            ..
        }
    ));
    assert_eq!(
        error.to_string(),
        "no connection became free within 50 ms: all 2 of the pool are in use"
    );
    drop(first);
    drop(pool.get().await.unwrap());
    drop(second);
    assert_eq!((pool.status().idle, pool.status().in_use), (2, 0));
}

#[tokio::test]
async fn many_callers_share_few_connections() {
    let pool = pool("share", of(3));
    let statement = Statement::new("SELECT $1::text");
    let tasks: Vec<_> = (0..200)
        .map(|number: usize| {
            let (pool, statement) = (pool.clone(), statement.clone());
            tokio::spawn(async move {
                let number = number.to_string();
                let mut connection = pool.get().await.unwrap();
                let found = connection
                    .query_json(&statement, &[Some(&number)])
                    .await
                    .unwrap();
                assert_eq!(found.unwrap(), number.as_bytes());
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let open: usize = ask(&sessions("share")).await.unwrap().parse().unwrap();
    assert!((1..=3).contains(&open), "{open}");
}

#[tokio::test]
async fn idle_and_old_sessions_are_closed() {
    let idle = pool(
        "idle",
        PoolOptions {
            idle_timeout: Duration::from_millis(100),
            ..of(2)
        },
    );
    drop(idle.get().await.unwrap());
    until(&sessions("idle"), "0").await;
    assert_eq!(idle.status().idle, 0);

    let old = PoolOptions {
        connection_lifetime: Some(Duration::ZERO),
        ..of(1)
    };
    let old = pool("old", old);
    let pid = Statement::new(PID);
    let first = old
        .get()
        .await
        .unwrap()
        .query_text_rows(&pid, &[])
        .await
        .unwrap();
    let second = old
        .get()
        .await
        .unwrap()
        .query_text_rows(&pid, &[])
        .await
        .unwrap();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_dropped_pool_closes_its_sessions() {
    let dropped = pool("dropped", of(2));
    drop(dropped.get().await.unwrap());
    drop(dropped);
    until(&sessions("dropped"), "0").await;

    let closed = pool("closed", of(1));
    let in_use = closed.get().await.unwrap();
    let waiting = tokio::spawn({
        let closed = closed.clone();
        async move { closed.get().await.map(drop) }
    });
    while closed.status().waiting == 0 {
        tokio::task::yield_now().await;
    }
    closed.close();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), PgErrorKind::PoolClosed));
    drop(in_use);
    until(&sessions("closed"), "0").await;
}

#[tokio::test]
async fn an_abandoned_statement_is_cancelled_and_keeps_its_place_until_then() {
    let pool = pool(
        "abandoned",
        PoolOptions {
            wait_limit: None,
            ..of(1)
        },
    );
    let running = "SELECT count(*)::text FROM pg_stat_activity \
                   WHERE application_name = 'abandoned' AND state = 'active'";
    let sleep = Statement::new("SELECT pg_sleep(600)::text");
    let task = tokio::spawn({
        let pool = pool.clone();
        async move {
            pool.get()
                .await
                .unwrap()
                .query_text_rows(&sleep, &[])
                .await
                .map(drop)
        }
    });
    until(running, "1").await;
    task.abort();
    task.await.unwrap_err();
    // The only place is free again only once nothing runs there.
    let mut connection = pool.get().await.unwrap();
    assert_eq!(ask(running).await.as_deref(), Some("0"));
    assert_eq!(ask(&sessions("abandoned")).await.as_deref(), Some("1"));
    connection
        .query_text_rows(&Statement::new(PID), &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_abandoned_connection_is_not_used_again() {
    let pool = pool("kept", of(1));
    let mut connection = pool.get().await.unwrap();
    let sleep = Statement::new("SELECT pg_sleep(600)::text");
    let limit = Duration::from_millis(50);
    tokio::time::timeout(limit, connection.query_text_rows(&sleep, &[]))
        .await
        .unwrap_err();
    let error = connection
        .query_text_rows(&Statement::new(PID), &[])
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), PgErrorKind::Abandoned));
    // The cancel request went out with the future, not with the connection.
    until("SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'kept' AND state = 'active'", "0").await;
    drop(connection);
    pool.get()
        .await
        .unwrap()
        .query_text_rows(&Statement::new(PID), &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_abandoned_transaction_releases_its_locks() {
    let pool = pool("locks", of(2));
    let lock = Statement::new("SELECT pg_advisory_xact_lock(4711)::text");
    let mut holder = pool
        .begin(graphloom_pg::AccessMode::ReadWrite)
        .await
        .unwrap();
    holder.query_text_rows(&lock, &[]).await.unwrap();
    drop(holder);
    let mut next = pool
        .begin(graphloom_pg::AccessMode::ReadWrite)
        .await
        .unwrap();
    next.query_text_rows(&lock, &[]).await.unwrap();
}

#[tokio::test]
async fn statement_timeout_is_set() {
    let limited = PoolOptions {
        statement_timeout: Some(Duration::from_millis(700)),
        ..of(1)
    };
    let pool = pool("timeout", limited);
    let sleep = Statement::new("SELECT pg_sleep(600)::text");
    let mut connection = pool.get().await.unwrap();
    let error = connection.query_text_rows(&sleep, &[]).await.unwrap_err();
    assert_eq!(error.sqlstate().unwrap().as_str(), "57014");
    // An ordinary error: the connection is as good as before.
    connection
        .query_text_rows(&Statement::new(PID), &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn just_in_time_compilation_is_off_unless_asked_for() {
    let jit = Statement::new("SELECT current_setting('jit')");
    let own = pool("jit", of(1));
    let rows = own.get().await.unwrap().query_text_rows(&jit, &[]).await;
    assert_eq!(rows.unwrap()[0][0].as_deref(), Some("off"));
    let url = format!("{}&options=-c%20jit%3Don", cluster().url());
    let asked = Pool::new(options(&url), of(1));
    let rows = asked.get().await.unwrap().query_text_rows(&jit, &[]).await;
    assert_eq!(rows.unwrap()[0][0].as_deref(), Some("on"));
}

#[tokio::test]
async fn it_recovers_from_a_restart_and_from_killed_sessions() {
    let cluster = Arc::new(Cluster::start());
    let pool = Pool::new(options(&cluster.url()), of(2));
    let pid = Statement::new(PID);
    let (mut first, mut second) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    let rows = first.query_text_rows(&pid, &[]).await.unwrap();
    let kill = Statement::new("SELECT pg_terminate_backend($1::int4, 5000)::text");
    second
        .query_text_rows(&kill, &[rows[0][0].as_deref()])
        .await
        .unwrap();
    let error = first.query_text_rows(&pid, &[]).await.unwrap_err();
    assert!(error.is_connection_error(), "{error}");
    assert_eq!(
        error.to_error(Purpose::Operation).message(),
        "connection error"
    );
    drop((first, second));

    control(&cluster, "stop").await;
    let error = pool.get().await.unwrap_err();
    assert!(error.is_connection_error(), "{error}");
    control(&cluster, "start").await;
    let mut connection = pool.get().await.unwrap();
    connection.query_text_rows(&pid, &[]).await.unwrap();
    assert_eq!(pool.status().in_use, 1);
}

/// Off the runtime's thread, so that the sessions notice meanwhile.
async fn control(cluster: &Arc<Cluster>, action: &'static str) {
    let cluster = Arc::clone(cluster);
    tokio::task::spawn_blocking(move || cluster.control(action))
        .await
        .unwrap();
}

#[tokio::test]
async fn every_connection_reads_its_file_anew() {
    let file = cluster().file("connection_string");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(&format!("{}\n", cluster().url()));
    let url = format!("dynamic-from-file://{file}");
    let read = ConnectionOptions::parse_or_read(&url, Some(&file), &|_| None);
    let pool = Pool::new(read.unwrap().with_application_name("file"), of(2));
    let first = pool.get().await.unwrap();
    write(&cluster().tcp_url("nobody_of_that_name", "127.0.0.1", ""));
    let error = pool.get().await.unwrap_err();
    assert!(error.is_connection_error(), "{error}");
    std::fs::remove_file(&file).unwrap();
    let error = pool.get().await.unwrap_err().to_string();
    assert!(
        error.contains("the file with the connection string: "),
        "{error}"
    );
    write(&cluster().url());
    let second = pool.get().await.unwrap();
    drop((first, second));
    until(&sessions("file"), "2").await;
}
