//! A database that does not answer, and what stands in for it.

use std::sync::Arc;
use std::time::Duration;

use graphloom_pg::{PgError, Pool, PoolOptions, Statement};

use crate::support::{Cluster, cluster, options};

const PORT: &str = "SELECT current_setting('port')";

fn nowhere() -> Pool {
    let url = "postgresql://nobody@127.0.0.1:1/none";
    Pool::new(options(url), PoolOptions::default())
}

fn of(cluster: &Cluster) -> Pool {
    Pool::new(options(&cluster.url()), PoolOptions::default())
}

async fn shared(pool: &Pool) -> Result<String, PgError> {
    let rows = pool.read_rows(&Statement::new(PORT), &[]).await?;
    let text = rows[0].bytes(0)?.unwrap();
    Ok(String::from_utf8(text.to_vec()).unwrap())
}

async fn alone(pool: &Pool) -> Result<String, PgError> {
    let mut connection = pool.get().await?;
    let mut rows = connection
        .query_text_rows(&Statement::new(PORT), &[])
        .await?;
    Ok(rows.swap_remove(0).swap_remove(0).unwrap())
}

async fn control(cluster: &Arc<Cluster>, action: &'static str) {
    let cluster = Arc::clone(cluster);
    let done = tokio::task::spawn_blocking(move || cluster.control(action));
    done.await.unwrap();
}

#[tokio::test]
async fn the_next_is_asked_and_the_last_in_any_case() {
    let here = cluster().port.to_string();
    let (primary, first, second) = (of(cluster()), nowhere(), nowhere());
    let pool = first.with_standbys([&second, &primary]);
    assert_eq!(first.away(), None);
    assert_eq!(alone(&pool).await.unwrap(), here);
    assert_eq!(shared(&pool).await.unwrap(), here);
    assert!(first.away().unwrap().contains("127.0.0.1:1"));
    assert!(second.away().is_some());
    assert_eq!(primary.away(), None);
    // The same pools without anything that stands in for them fail as ever.
    assert!(alone(&first).await.unwrap_err().is_connection_error());
    // What is wrong with all of them is an error.
    let none = first.with_standbys([&second]);
    assert!(shared(&none).await.unwrap_err().is_connection_error());
    assert!(alone(&none).await.unwrap_err().is_connection_error());
}

#[tokio::test]
async fn it_has_its_share_again_when_it_answers_again() {
    let theirs = tokio::task::spawn_blocking(Cluster::start);
    let theirs = Arc::new(theirs.await.unwrap());
    let (here, there) = (cluster().port.to_string(), theirs.port.to_string());
    let replica = of(&theirs);
    let pool = replica.with_standbys([&of(cluster())]);
    assert_eq!(shared(&pool).await.unwrap(), there);
    assert_eq!(alone(&pool).await.unwrap(), there);
    control(&theirs, "stop").await;
    // A statement may have found the session closed that it was given: that is its caller's to try again.
    let again = async || match shared(&pool).await {
        Err(error) if error.is_connection_error() => shared(&pool).await,
        result => result,
    };
    assert_eq!(again().await.unwrap(), here);
    assert_eq!(alone(&pool).await.unwrap(), here);
    assert!(pool.away().is_some());
    control(&theirs, "start").await;
    let returned = async {
        while replica.away().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let returned = tokio::time::timeout(Duration::from_mins(1), returned).await;
    returned.unwrap();
    assert_eq!(shared(&pool).await.unwrap(), there);
    assert_eq!(alone(&pool).await.unwrap(), there);
}
