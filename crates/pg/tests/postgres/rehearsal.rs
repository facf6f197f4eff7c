//! Rehearsals: what is run and never kept.

use graphloom_pg::{AccessMode, Pool, PoolOptions, Rehearsal, Statement};

use crate::support::{ask, pool};

const COUNT: &str = "SELECT count(*)::text FROM rehearsed_";

async fn prepared(name: &str) -> (Pool, Rehearsal) {
    let pool = pool(name, PoolOptions::default());
    let mut connection = pool.get().await.unwrap();
    let create = format!(
        "CREATE TABLE rehearsed_{name} (n int PRIMARY KEY, \
         after int REFERENCES rehearsed_{name} DEFERRABLE INITIALLY DEFERRED)"
    );
    connection.simple(&create).await.unwrap();
    drop(connection);
    let rehearsal = Rehearsal::of(&pool);
    (pool, rehearsal)
}

async fn seen(rehearsal: &Rehearsal, name: &str) -> String {
    let mut connection = rehearsal.pool().get().await.unwrap();
    let statement = Statement::new(format!("{COUNT}{name}"));
    let rows = connection.query_text_rows(&statement, &[]).await.unwrap();
    rows[0][0].clone().unwrap()
}

#[tokio::test]
async fn what_is_committed_is_seen_on_and_never_kept() {
    let (_pool, rehearsal) = prepared("kept").await;
    rehearsal
        .run("INSERT INTO rehearsed_kept VALUES (1); INSERT INTO rehearsed_kept VALUES (2)")
        .await
        .unwrap();
    let begun = rehearsal.pool().begin(AccessMode::ReadWrite);
    let mut transaction = begun.await.unwrap();
    let insert = Statement::new("INSERT INTO rehearsed_kept VALUES (3)");
    transaction.execute(&insert, &[]).await.unwrap();
    drop(transaction.commit().await.unwrap());
    assert_eq!(seen(&rehearsal, "kept").await, "3");
    let begun = rehearsal.pool().begin(AccessMode::ReadWrite);
    let mut transaction = begun.await.unwrap();
    let delete = Statement::new("DELETE FROM rehearsed_kept");
    transaction.execute(&delete, &[]).await.unwrap();
    drop(transaction);
    assert_eq!(seen(&rehearsal, "kept").await, "3");
    rehearsal.end().await.unwrap();
    let kept = ask(&format!("{COUNT}kept")).await;
    assert_eq!(kept.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_statement_that_fails_takes_back_itself_alone() {
    let (_pool, rehearsal) = prepared("fails").await;
    let run = rehearsal.run("INSERT INTO rehearsed_fails VALUES (1)");
    run.await.unwrap();
    let mut connection = rehearsal.pool().get().await.unwrap();
    let again = Statement::new("INSERT INTO rehearsed_fails VALUES (1)");
    connection.execute(&again, &[]).await.unwrap_err();
    drop(connection);
    assert_eq!(seen(&rehearsal, "fails").await, "1");
    rehearsal.end().await.unwrap();
}

#[tokio::test]
async fn a_commit_checks_what_was_deferred_and_leaves_it_deferred() {
    let (_pool, rehearsal) = prepared("deferred").await;
    for (insert, is_right) in [
        ("INSERT INTO rehearsed_deferred VALUES (1, 9)", false),
        ("INSERT INTO rehearsed_deferred VALUES (1, 2)", true),
        ("INSERT INTO rehearsed_deferred VALUES (3, 4)", true),
    ] {
        let begun = rehearsal.pool().begin(AccessMode::ReadWrite);
        let mut transaction = begun.await.unwrap();
        let statement = Statement::new(insert);
        transaction.execute(&statement, &[]).await.unwrap();
        if is_right {
            // What it refers to comes later, as it may where constraints are deferred.
            let next = insert
                .replace("(1, 2)", "(2, 1)")
                .replace("(3, 4)", "(4, 3)");
            transaction
                .execute(&Statement::new(next), &[])
                .await
                .unwrap();
        }
        assert_eq!(transaction.commit().await.is_ok(), is_right, "{insert}");
    }
    assert_eq!(seen(&rehearsal, "deferred").await, "4");
    rehearsal.end().await.unwrap();
}

#[tokio::test]
async fn nothing_ends_the_transaction_from_inside() {
    let (_pool, rehearsal) = prepared("inside").await;
    let insert = "INSERT INTO rehearsed_inside VALUES (1)";
    for end in [
        "COMMIT",
        "ROLLBACK",
        "COMMIT AND CHAIN",
        "PREPARE TRANSACTION 'x'",
    ] {
        let run = rehearsal.run(&format!("{insert}; {end}")).await;
        assert!(run.is_err(), "{end}");
    }
    rehearsal.run(insert).await.unwrap();
    rehearsal.end().await.unwrap();
    let kept = ask(&format!("{COUNT}inside")).await;
    assert_eq!(kept.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_rehearsal_whose_session_is_lost_goes_no_further() {
    let (_pool, rehearsal) = prepared("lost").await;
    rehearsal
        .run("INSERT INTO rehearsed_lost VALUES (1)")
        .await
        .unwrap();
    let lost = rehearsal.run("DO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$");
    assert!(lost.await.is_err());
    let error = rehearsal.pool().get().await.unwrap_err();
    assert!(error.to_string().contains("abandoned"), "{error}");
    assert!(rehearsal.end().await.is_err());
}
