//! Reads that share connections: who waits for whom, and that nobody is cancelled with anybody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graphloom_pg::{PgError, Pool, PoolOptions, Statement, StatementMode};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{ask, connection, pool, until};

/// Longer than any of this takes on a slow machine.
const LIMIT: Duration = Duration::from_mins(1);

fn of(max_connections: usize) -> PoolOptions {
    PoolOptions {
        max_connections,
        ..PoolOptions::default()
    }
}

/// Sleeps, and says where.
fn nap() -> Statement {
    Statement::new("SELECT pg_backend_pid()::text || pg_sleep($1::float8)::text")
}

async fn read(pool: &Pool, statement: &Statement, value: &str) -> Result<String, PgError> {
    let found = pool.read_json(statement, &[Some(value)]).await?;
    Ok(String::from_utf8(found.unwrap().to_vec()).unwrap())
}

/// Runs it until it is known to be quick, on one connection that is idle afterwards.
async fn make_quick(pool: &Pool, statement: &Statement) {
    let learnt = async {
        while !statement.is_quick() {
            read(pool, statement, "0").await.unwrap();
        }
    };
    timeout(LIMIT, learnt).await.unwrap();
    assert_eq!((pool.status().idle, pool.status().in_use), (1, 0));
}

fn active(name: &str) -> String {
    format!(
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = '{name}' AND state = 'active'"
    )
}

fn spawn_nap(pool: &Pool, statement: &Statement, seconds: &'static str) -> JoinHandle<String> {
    let (pool, statement) = (pool.clone(), statement.clone());
    tokio::spawn(async move { read(&pool, &statement, seconds).await.unwrap() })
}

#[tokio::test]
async fn who_waits_too_long_behind_another_goes_elsewhere_and_the_other_is_cancelled_alone() {
    let (pool, nap) = (pool("elsewhere", of(2)), nap());
    make_quick(&pool, &nap).await;
    let slow = spawn_nap(&pool, &nap, "600");
    until(&active("elsewhere"), "1").await;
    let moved = timeout(LIMIT, read(&pool, &nap, "0"))
        .await
        .unwrap()
        .unwrap();
    let running = ask(
        "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'elsewhere' AND state = 'active'",
    );
    assert_ne!(running.await.unwrap(), moved);
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
    until(&active("elsewhere"), "0").await;
    // The session that was cancelled is gone, and its place is free.
    until(
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'elsewhere'",
        "1",
    )
    .await;
    assert_eq!(read(&pool, &nap, "0").await.unwrap(), moved);
}

#[tokio::test]
async fn nothing_is_cancelled_while_somebody_waits_behind_it() {
    let (pool, nap) = (pool("innocent", of(1)), nap());
    make_quick(&pool, &nap).await;
    let first = read(&pool, &nap, "0").await.unwrap();
    let slow = spawn_nap(&pool, &nap, "3");
    until(&active("innocent"), "1").await;
    let mut behind = spawn_nap(&pool, &nap, "0");
    // It is on its way behind the slow one, and has nowhere else to go.
    timeout(Duration::from_millis(500), &mut behind)
        .await
        .unwrap_err();
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
    let answer = timeout(LIMIT, behind).await.unwrap().unwrap();
    assert_eq!(answer, first, "on the same session, which nobody cancelled");
    until(&active("innocent"), "0").await;
    assert_eq!(pool.status().in_use, 0);
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled() {
    let (pool, nap) = (pool("forgotten", of(1)), nap());
    let slow = spawn_nap(&pool, &nap, "600");
    until(&active("forgotten"), "1").await;
    slow.abort();
    until(&active("forgotten"), "0").await;
    timeout(LIMIT, read(&pool, &nap, "0"))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_told_to_all_that_were_on_it() {
    let (pool, nap) = (pool("lost", of(1)), nap());
    make_quick(&pool, &nap).await;
    let reads: Vec<_> = ["600", "0", "0"]
        .into_iter()
        .map(|seconds| {
            let (pool, nap) = (pool.clone(), nap.clone());
            tokio::spawn(async move { read(&pool, &nap, seconds).await })
        })
        .collect();
    until(&active("lost"), "1").await;
    let kill = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity \
                WHERE application_name = 'lost'";
    assert_eq!(ask(kill).await.as_deref(), Some("1"));
    let mut lost = 0;
    for read in reads {
        // One that came so late that it got a new connection has an answer.
        if let Err(error) = timeout(LIMIT, read).await.unwrap().unwrap() {
            assert!(error.is_connection_error(), "{error}");
            lost += 1;
        }
    }
    assert!(lost >= 1);
    timeout(LIMIT, read(&pool, &nap, "0"))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn statements_behind_each_other_recover_from_a_changed_result_type() {
    let mut admin = connection().await;
    admin
        .simple("CREATE TABLE shared_stale (a text); INSERT INTO shared_stale VALUES ('1')")
        .await
        .unwrap();
    let pool = pool("stale", of(1));
    let columns = Statement::new("SELECT * FROM shared_stale WHERE $1::int4 < 2");
    make_quick(&pool, &columns).await;
    admin
        .simple("ALTER TABLE shared_stale ALTER a TYPE varchar")
        .await
        .unwrap();
    let reads: Vec<_> = (0..20)
        .map(|_| {
            let (pool, columns) = (pool.clone(), columns.clone());
            tokio::spawn(async move { pool.read_json_rows(&columns, &[Some("1")]).await })
        })
        .collect();
    for read in reads {
        let rows = timeout(LIMIT, read).await.unwrap().unwrap().unwrap();
        assert_eq!(rows[0].as_deref(), Some(&b"1"[..]));
    }
    admin.simple("DROP TABLE shared_stale").await.unwrap();
}

#[tokio::test]
async fn who_needs_a_connection_alone_gets_one_although_reads_never_end() {
    let (pool, nap) = (pool("turn", of(1)), nap());
    make_quick(&pool, &nap).await;
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (pool, nap, stop) = (pool.clone(), nap.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    read(&pool, &nap, "0").await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    for _ in 0..20 {
        let mut alone = timeout(LIMIT, pool.get()).await.unwrap().unwrap();
        alone.query_json(&nap, &[Some("0")]).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(timeout(LIMIT, reader).await.unwrap().unwrap() > 0);
    }
    assert_eq!((pool.status().idle, pool.status().in_use), (1, 0));
}

#[tokio::test]
async fn without_prepared_statements_each_has_a_connection_of_its_own() {
    let options = PoolOptions {
        statements: StatementMode::Unprepared,
        ..of(2)
    };
    let (pool, nap) = (pool("poolers", options), nap());
    read(&pool, &nap, "0").await.unwrap();
    let slow = spawn_nap(&pool, &nap, "600");
    until(&active("poolers"), "1").await;
    timeout(LIMIT, read(&pool, &nap, "0"))
        .await
        .unwrap()
        .unwrap();
    assert!(!nap.is_quick(), "nothing is learnt: nobody may share");
    slow.abort();
    until(&active("poolers"), "0").await;
}
