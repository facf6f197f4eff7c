//! Writes that share connections: nobody waits long for a stranger's lock, and what was acknowledged is there once.

use std::collections::HashMap;
use std::time::Duration;

use graphloom_pg::{AccessMode, PgError, Pool, PoolOptions, Statement};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::support::{ask, connection, pool, until};

/// Longer than any of this takes on a slow machine.
const LIMIT: Duration = Duration::from_mins(2);

fn of(max_connections: usize) -> PoolOptions {
    PoolOptions {
        max_connections,
        ..PoolOptions::default()
    }
}

async fn create(table: &str) {
    let mut admin = connection().await;
    let sql = format!(
        "CREATE TABLE {table} (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
         INSERT INTO {table} SELECT g FROM generate_series(1, 9) g"
    );
    admin.simple(&sql).await.unwrap();
}

fn add(table: &str) -> Statement {
    let text = format!("UPDATE {table} SET n = n + 1 WHERE id = $1::int4 RETURNING n");
    Statement::new(&*text)
}

async fn write(pool: &Pool, statement: &Statement, id: i32) -> Result<usize, PgError> {
    let id = id.to_string();
    let rows = pool.write_rows(statement, &[Some(&id)]).await?;
    Ok(rows.len())
}

fn spawn(pool: &Pool, statement: &Statement, id: i32) -> JoinHandle<Result<usize, PgError>> {
    let (pool, statement) = (pool.clone(), statement.clone());
    tokio::spawn(async move { write(&pool, &statement, id).await })
}

/// Runs it until it is known to be so quick that several may queue up, on one connection that is idle afterwards. No
/// row has the key 0.
async fn make_quick(pool: &Pool, statement: &Statement) {
    let learnt = async {
        for run in 0.. {
            write(pool, statement, 0).await.unwrap();
            if run > 200 && statement.is_quick() {
                break;
            }
        }
    };
    timeout(LIMIT, learnt).await.unwrap();
}

fn waiting(name: &str) -> String {
    format!(
        "SELECT count(*)::text FROM pg_stat_activity
         WHERE application_name = '{name}' AND wait_event_type = 'Lock'"
    )
}

#[tokio::test]
async fn a_write_that_waits_for_a_lock_makes_room_for_those_behind_it() {
    create("room").await;
    let (pool, add) = (pool("room", of(10)), add("room"));
    make_quick(&pool, &add).await;
    let holder = hold("room").await;
    // All at once: there is one connection, and they queue up on it.
    let (mut blocked, mut strangers) = (Vec::new(), Vec::new());
    for id in [1, 2, 3, 1, 4, 5, 1, 6, 7, 1, 8] {
        let write = spawn(&pool, &add, id);
        match id {
            1 => blocked.push(write),
            _ => strangers.push(write),
        }
    }
    for stranger in strangers {
        // The lock is held until all of them are done.
        let done = timeout(LIMIT, stranger).await.unwrap().unwrap();
        assert_eq!(done.unwrap(), 1);
    }
    assert!(blocked.iter().all(|write| !write.is_finished()));
    holder.rollback().await.unwrap();
    for write in blocked {
        let done = timeout(LIMIT, write).await.unwrap().unwrap();
        assert_eq!(done.unwrap(), 1);
    }
    let counts = "SELECT string_agg(n::text, ' ' ORDER BY id) FROM room";
    assert_eq!(ask(counts).await.as_deref(), Some("4 1 1 1 1 1 1 1 0"));
}

/// Somebody who holds on to the first row.
async fn hold(table: &str) -> graphloom_pg::Transaction {
    let holder = pool("holder", of(1));
    let mut holder = holder.begin(AccessMode::ReadWrite).await.unwrap();
    let lock = format!("SELECT FROM {table} WHERE id = 1 FOR UPDATE");
    holder.execute(&Statement::new(&*lock), &[]).await.unwrap();
    holder
}

#[tokio::test]
async fn on_the_only_connection_strangers_wait_and_nothing_is_lost() {
    create("sole").await;
    let (pool, add) = (pool("sole", of(1)), add("sole"));
    make_quick(&pool, &add).await;
    let holder = hold("sole").await;
    let blocked = spawn(&pool, &add, 1);
    until(&waiting("sole"), "1").await;
    let stranger = spawn(&pool, &add, 2);
    holder.rollback().await.unwrap();
    for write in [blocked, stranger] {
        let done = timeout(LIMIT, write).await.unwrap().unwrap();
        assert_eq!(done.unwrap(), 1);
    }
    let counts = "SELECT string_agg(n::text, ' ' ORDER BY id) FROM sole WHERE id < 3";
    assert_eq!(ask(counts).await.as_deref(), Some("1 1"));
}

#[tokio::test]
async fn an_error_is_the_affair_of_one() {
    create("errors").await;
    let pool = pool("errors", of(1));
    let divide =
        Statement::new("UPDATE errors SET n = 1 / ($1::int4 - 1) WHERE id = $1::int4 RETURNING n");
    make_quick(&pool, &add("errors")).await;
    write(&pool, &divide, 2).await.unwrap();
    let mut writes = JoinSet::new();
    for id in 0..60 {
        let (pool, divide) = (pool.clone(), divide.clone());
        writes.spawn(async move {
            let id = 1 + id % 3;
            (id, write(&pool, &divide, id).await)
        });
    }
    while let Some(done) = timeout(LIMIT, writes.join_next()).await.unwrap() {
        let (id, result) = done.unwrap();
        match id {
            1 => assert_eq!(result.unwrap_err().sqlstate().unwrap().as_str(), "22012"),
            _ => assert_eq!(result.unwrap(), 1),
        }
    }
    assert_eq!((pool.status().idle, pool.status().in_use), (1, 0));
}

/// Each write has a number of its own; what was acknowledged must be there, and nothing twice.
#[tokio::test]
async fn what_was_acknowledged_is_there_once_whatever_happens_to_connections_and_clients() {
    let mut admin = connection().await;
    let create = "CREATE TABLE once (id serial PRIMARY KEY, number int NOT NULL)";
    admin.simple(create).await.unwrap();
    let pool = pool("once", of(5));
    let insert = Statement::new("INSERT INTO once (number) VALUES ($1::int4) RETURNING id");
    write(&pool, &insert, -1).await.unwrap();
    let kill =
        "SELECT count(pg_terminate_backend(pid))::text FROM (SELECT pid FROM pg_stat_activity
        WHERE application_name = 'once' ORDER BY backend_start LIMIT 1) oldest";
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let writes: Vec<_> = (0..100)
            .map(|at| {
                let number = round * 100 + at;
                (number, spawn(&pool, &insert, number))
            })
            .collect();
        ask(kill).await;
        for (number, write) in writes {
            // Every seventh client goes away, at whatever point its write has come to.
            if number % 7 == 0 {
                write.abort();
            }
            if let Ok(Ok(rows)) = timeout(LIMIT, write).await.unwrap() {
                assert_eq!(rows, 1);
                acknowledged.push(number);
            }
        }
    }
    assert!(acknowledged.len() > 300, "{}", acknowledged.len());
    until(
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'once' AND state = 'active'",
        "0",
    )
    .await;
    let found = ask("SELECT string_agg(number::text, ' ') FROM once WHERE number >= 0").await;
    let mut times: HashMap<i32, u32> = HashMap::new();
    for number in found.unwrap().split(' ') {
        *times.entry(number.parse().unwrap()).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "twice: {times:?}");
    for number in acknowledged {
        assert!(times.contains_key(&number), "{number} is not there");
    }
}

#[tokio::test]
async fn a_client_that_is_gone_takes_nobody_else_along() {
    create("gone").await;
    let (pool, add) = (pool("gone", of(1)), add("gone"));
    make_quick(&pool, &add).await;
    let holder = hold("gone").await;
    let blocked = spawn(&pool, &add, 1);
    until(&waiting("gone"), "1").await;
    let behind = spawn(&pool, &add, 2);
    blocked.abort();
    assert!(blocked.await.unwrap_err().is_cancelled());
    // It is cancelled, or waits to be; whoever is behind it gets through either way.
    holder.rollback().await.unwrap();
    let done = timeout(LIMIT, behind).await.unwrap().unwrap();
    assert_eq!(done.unwrap(), 1);
    let counts = "SELECT n::text FROM gone WHERE id = 2";
    assert_eq!(ask(counts).await.as_deref(), Some("1"));
}
