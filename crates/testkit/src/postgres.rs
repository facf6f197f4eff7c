//! A throw-away Postgres: one cluster per test process, one fresh database per test.
//!
//! The cluster is the product's own managed Postgres with `fsync` off. It belongs to the process that
//! started it and ends with it, however that ends, because the operating system tells the server when
//! its parent is gone; nothing is left running, also after `kill -9`. What is kept is the initialised
//! directory, in a numbered slot of the temporary folder that one process holds at a time: `initdb` takes
//! over a second, the next start of a slot a tenth of one. A cluster shared by all processes would need
//! someone to outlive them all and notice that nobody is left, which is what this avoids.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use graphloom_managed::{Durability, Managed, Options};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::{Failure, runtime};

/// Databases of ours begin so; what an earlier process left in a slot is dropped by this.
const PREFIX: &str = "testkit_";
/// Test processes that may run at the same time.
const SLOTS_MAX: usize = 64;

static CLUSTER: Mutex<Option<Cluster>> = Mutex::new(None);

struct Cluster {
    managed: Managed,
    log: PathBuf,
    /// Held as long as the cluster is; the lock goes with the handle.
    slot: SlotLock,
}

/// An empty database of its own, dropped with the value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// Creates a database, starting the cluster if this is the first.
    pub fn create() -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{PREFIX}{}", COUNT.fetch_add(1, Ordering::Relaxed));
        run(&url_of("postgres")?, &format!("create database {name}"))?;
        Ok(Self {
            url: url_of(&name)?,
            name,
        })
    }

    /// Its connection URL, as superuser, by way of a unix socket.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements, by the simple protocol.
    pub fn run(&self, sql: &str) -> Result<(), Failure> {
        run(&self.url, sql)
    }

    /// The rows of a query, every value as Postgres writes it.
    pub fn query(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
        query(&self.url, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A database that cannot be dropped now is dropped by the next process that takes the slot.
        let dropped = url_of("postgres").and_then(|url| {
            run(
                &url,
                &format!("drop database if exists {} with (force)", self.name),
            )
        });
        drop(dropped);
    }
}

/// What the cluster of this process wrote to its log, the file before the present one included; earlier
/// processes wrote to the same files.
pub fn log() -> Result<String, Failure> {
    let path = cluster_slot().as_ref().map(|cluster| cluster.log.clone());
    let path = path.ok_or_else(|| Failure::new("no Postgres was started".to_owned()))?;
    let bytes = fs::read(&path);
    let bytes = bytes.map_err(Failure::while_doing(format!("reading {}", path.display())))?;
    let older = fs::read(path.with_extension("log.1")).unwrap_or_default();
    let all = [older, bytes].concat();
    Ok(String::from_utf8_lossy(&all).into_owned())
}

/// Stops the cluster of this process, if there is one. Not needed: the cluster ends with the process.
/// A harness with a `main` of its own calls it to wait for that end.
pub fn stop() {
    drop(cluster_slot().take());
}

/// Stops the cluster of this process and starts it again, with all that is in it. Whoever is connected is cut off, in
/// all tests of the process.
pub fn restart() -> Result<(), Failure> {
    let mut held = cluster_slot();
    let cluster = held.take();
    let Cluster { managed, log, slot } =
        cluster.ok_or_else(|| Failure::new("no Postgres was started".to_owned()))?;
    drop(managed);
    let home = log.parent().expect("the log is in the cluster's folder");
    let managed = start_in(home)?;
    *held = Some(Cluster { managed, log, slot });
    Ok(())
}

fn cluster_slot() -> std::sync::MutexGuard<'static, Option<Cluster>> {
    // A test that panicked while it held the lock leaves the option whole.
    CLUSTER
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn url_of(database: &str) -> Result<String, Failure> {
    let mut cluster = cluster_slot();
    if let Some(cluster) = &*cluster {
        return Ok(cluster.managed.connection_url(database));
    }
    let started = start().map_err(Failure::while_doing("starting a Postgres for the tests"))?;
    let url = started.managed.connection_url(database);
    *cluster = Some(started);
    Ok(url)
}

fn start() -> Result<Cluster, Failure> {
    let base = base_folder().map_err(Failure::while_doing("making a folder for it"))?;
    let (home, slot) = take_slot(&base)?;
    let managed = start_in(&home).or_else(|_| {
        // What an earlier run left there may not fit any more (another major, a half-made cluster).
        fs::remove_dir_all(&home).map_err(Failure::while_doing("clearing its folder"))?;
        start_in(&home)
    })?;
    let cluster = Cluster {
        managed,
        log: home.join("postgres.log"),
        slot,
    };
    drop_leftovers(&cluster.managed.connection_url("postgres"))?;
    Ok(cluster)
}

fn start_in(home: &Path) -> Result<Managed, Failure> {
    let mut options = Options::for_data_dir(home);
    options.durability = Durability::Off;
    let settings = [
        ("max_connections", "300"),
        ("shared_buffers", "64MB"),
        ("autovacuum", "off"),
    ];
    options
        .settings
        .extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    graphloom_managed::start(options).map_err(Failure::while_doing("starting it"))
}

/// One folder per user of the machine: a lock in another's folder cannot be taken.
fn base_folder() -> io::Result<PathBuf> {
    let own = fs::metadata("/proc/self").or_else(|_| fs::metadata(env!("CARGO_MANIFEST_DIR")))?;
    let base = std::env::temp_dir().join(format!("graphloom-testkit-{}", own.uid()));
    fs::create_dir_all(&base)?;
    Ok(base)
}

/// Held while a process uses a slot.
struct SlotLock(File);

impl Drop for SlotLock {
    /// By name: a child that another thread has just forked holds a copy of the file until it runs its program.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

/// The first slot that no living process holds.
fn take_slot(base: &Path) -> Result<(PathBuf, SlotLock), Failure> {
    for number in 0..SLOTS_MAX {
        let home = base.join(number.to_string());
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(base.join(format!("{number}.lock")))
            .map_err(Failure::while_doing(format!(
                "locking a slot in {}",
                base.display()
            )))?;
        if lock.try_lock().is_ok() {
            return Ok((home, SlotLock(lock)));
        }
    }
    let base = base.display();
    Err(Failure::new(format!(
        "all {SLOTS_MAX} slots in {base} are held by running tests"
    )))
}

fn drop_leftovers(url: &str) -> Result<(), Failure> {
    let list = format!("select datname from pg_database where starts_with(datname, '{PREFIX}')");
    for row in query(url, &list)? {
        for name in row.into_iter().flatten() {
            run(url, &format!("drop database {name} with (force)"))?;
        }
    }
    Ok(())
}

fn run(url: &str, sql: &str) -> Result<(), Failure> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    runtime::block(async move {
        let client = connect(&url).await?;
        client
            .batch_execute(&sql)
            .await
            .map_err(|error| explain(&error, &sql))
    })
}

fn query(url: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    runtime::block(async move {
        let client = connect(&url).await?;
        let messages = client
            .simple_query(&sql)
            .await
            .map_err(|error| explain(&error, &sql))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|at| row.get(at).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        });
        Ok(rows.collect())
    })
}

async fn connect(url: &str) -> Result<tokio_postgres::Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .map_err(Failure::while_doing("connecting to the test database"))?;
    runtime::spawn(async move {
        // Its failure is also that of the query, which reports it.
        drop(connection.await);
    });
    Ok(client)
}

fn explain(error: &tokio_postgres::Error, sql: &str) -> Failure {
    let reason = error
        .as_db_error()
        .map_or(error.to_string(), ToString::to_string);
    Failure::new(format!("{reason}\nin the statements:\n{sql}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn each_database_is_its_own() {
        let (first, second) = (Database::create().unwrap(), Database::create().unwrap());
        first
            .run("create table t (a int, b text); insert into t values (1, null)")
            .unwrap();
        let rows = first.query("select a, b from t").unwrap();
        assert_eq!(rows, [[Some("1".to_owned()), None]]);
        let failure = second.query("select a from t").unwrap_err().to_string();
        assert!(failure.contains("\"t\" does not exist"), "{failure}");
        assert!(failure.contains("select a from t"), "{failure}");
    }

    #[test]
    fn a_database_is_gone_with_its_value_also_while_in_use() {
        let watcher = Database::create().unwrap();
        let database = Database::create().unwrap();
        let name = database.name.clone();
        let idle = runtime::block({
            let url = database.url().to_owned();
            async move { connect(&url).await.unwrap() }
        });
        let count = || {
            let sql = format!("select count(*) from pg_database where datname = '{name}'");
            watcher.query(&sql).unwrap()[0][0].clone()
        };
        assert_eq!(count().as_deref(), Some("1"));
        drop(database);
        assert_eq!(count().as_deref(), Some("0"));
        drop(idle);
    }

    #[test]
    fn a_slot_is_held_by_one() {
        let base = std::env::temp_dir().join(format!("testkit-slots-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        let (first, lock) = take_slot(&base).unwrap();
        let (second, _other) = take_slot(&base).unwrap();
        assert_ne!(first, second);
        drop(lock);
        assert_eq!(take_slot(&base).unwrap().0, first);
        fs::remove_dir_all(&base).unwrap();
    }
}
