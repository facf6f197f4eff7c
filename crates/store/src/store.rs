//! What is done with an open catalog: load and save the document, hear of others, keep clients' state.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use graphloom_pg::{Connection, PgError, Pool, PoolOptions, Statement};
use graphloom_vocab::Json;
use uuid::Uuid;

use crate::change::{Change, History};
use crate::error::StoreError;
use crate::open::{Identity, begin, statement};

/// Counts the documents that were stored; each save makes it one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceVersion(i32);

impl ResourceVersion {
    /// Of a catalog that was never saved to.
    pub const INITIAL: Self = Self(1);

    /// The version of that number.
    pub fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number, as clients see it.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A server among those that share a metadata database; new at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(Uuid);

impl InstanceId {
    /// An id that nobody else has.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A stored document as text.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredText {
    /// As it is in the database; `None` if the catalog has none yet.
    pub document: Option<String>,
    /// Its version.
    pub version: ResourceVersion,
}

/// A stored document.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// As it is in the database; null if the catalog has none yet.
    pub document: Json,
    /// Its version.
    pub version: ResourceVersion,
}

/// What clients of ours keep in the catalog: the CLI its migrations, the console its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogState {
    /// The catalog's own id, made when it was created.
    pub id: String,
    /// The CLI's.
    pub cli_state: Json,
    /// The console's.
    pub console_state: Json,
}

/// Whose state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogStateKind {
    /// The CLI's.
    Cli,
    /// The console's.
    Console,
}

/// An open catalog of version 48. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    instance: InstanceId,
    identity: Identity,
    /// Of this instance's saves and of those that it heard of.
    history: Arc<Mutex<History>>,
}

/// A session that hears of saves as they happen, without asking.
#[derive(Debug)]
pub struct Listener {
    connection: Connection,
}

impl Listener {
    /// Waits until somebody has saved, ourselves among them. Saves in quick succession are heard of once.
    ///
    /// Fails when the session ends. That nothing is heard does not mean that nothing was saved: Hasura does not
    /// tell in this way, and a pooler between us and the database may swallow it.
    pub async fn heard(&mut self) -> Result<(), StoreError> {
        self.connection.notified().await?;
        Ok(())
    }
}

impl Store {
    pub(crate) fn new(pool: Pool, instance: InstanceId, identity: Identity) -> Self {
        Self {
            pool,
            instance,
            identity,
            history: Arc::default(),
        }
    }

    /// Who we are among the servers that share the database.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// The document and its version.
    pub async fn load(&self) -> Result<Stored, StoreError> {
        let stored = self.load_text().await?;
        let document = stored.parse()?;
        let version = stored.version;
        Ok(Stored { document, version })
    }

    /// The document as text, and its version.
    pub async fn load_text(&self) -> Result<StoredText, StoreError> {
        let rows = self.query(include_str!("sql/load.sql"), &[]).await?;
        let mut rows = rows.into_iter();
        let row = match (rows.next(), rows.next()) {
            (None, _) => {
                return Ok(StoredText {
                    document: None,
                    version: ResourceVersion::INITIAL,
                });
            }
            (Some(row), None) => row,
            (Some(_), Some(_)) => {
                return Err(StoreError::Damaged(
                    "multiple rows in hdb_metadata table".to_owned(),
                ));
            }
        };
        let [document, version] = columns(row)?;
        let version = parse_version(&version)?;
        Ok(StoredText {
            document: Some(document),
            version,
        })
    }

    /// Stores a document, as JSON text, in place of the one with the version `expected`, tells other instances, and
    /// gives the new version; [`StoreError::Conflict`] if the stored one has another version.
    pub async fn save(
        &self,
        document: &str,
        expected: ResourceVersion,
        change: &Change,
    ) -> Result<ResourceVersion, StoreError> {
        let referenced = expected.to_string();
        let mut transaction = begin(self.pool.get().await?).await?;
        let saved = transaction
            .query_text_rows(
                &statement(include_str!("sql/save.sql")),
                &[Some(document), Some(&referenced)],
            )
            .await
            .map_err(|error| self.explain(error))?;
        let Some(row) = saved.into_iter().next() else {
            return Err(StoreError::Conflict {
                referenced: expected,
            });
        };
        let [version] = columns(row)?;
        let saved = parse_version(&version)?;
        let change_text = self.history().told(saved, change);
        let instance = self.instance.to_string();
        transaction
            .execute(
                &statement(include_str!("sql/notify.sql")),
                &[Some(&change_text), Some(&version), Some(&instance)],
            )
            .await
            .map_err(|error| self.explain(error))?;
        transaction.commit().await?;
        self.history().note(saved, change);
        Ok(saved)
    }

    /// The stored document's version, for polling.
    pub async fn current_version(&self) -> Result<ResourceVersion, StoreError> {
        let rows = self
            .query(include_str!("sql/current_version.sql"), &[])
            .await?;
        match rows.into_iter().next() {
            None => Ok(ResourceVersion::INITIAL),
            Some(row) => {
                let [version] = columns(row)?;
                parse_version(&version)
            }
        }
    }

    /// Begins to listen to saves, on a session of its own.
    pub async fn listen(&self) -> Result<Listener, StoreError> {
        let options = PoolOptions {
            max_connections: 1,
            connect_retries: 0,
            ..self.pool.options().clone()
        };
        let mut connection = Pool::new(self.pool.connection_options().clone(), options)
            .get()
            .await?;
        let listening = connection.script(include_str!("sql/listen.sql")).await;
        listening.map_err(|error| self.explain(error))?;
        Ok(Listener { connection })
    }

    /// What others changed besides the document in all saves after `known` up to `now`; `None` if that is not known
    /// of one of them, and everything is to be read anew.
    ///
    /// `now` is the version of a document that was loaded before.
    pub async fn change_between(
        &self,
        known: ResourceVersion,
        now: ResourceVersion,
    ) -> Result<Option<Change>, StoreError> {
        let rows = self
            .query(include_str!("sql/notification.sql"), &[])
            .await?;
        let mut history = self.history();
        if let Some(row) = rows.into_iter().next() {
            let [version, told] = columns(row)?;
            history.learn(parse_version(&version)?, &told);
        }
        Ok(history.between(known, now))
    }

    /// What clients keep in the catalog.
    pub async fn catalog_state(&self) -> Result<CatalogState, StoreError> {
        let rows = self
            .query(include_str!("sql/catalog_state.sql"), &[])
            .await?;
        let row = rows.into_iter().next().unwrap_or_default();
        let [id, cli_state, console_state] = columns(row)?;
        let parse = |text: &str| {
            serde_json::from_str(text).map_err(|_| {
                StoreError::Damaged("a state in hdb_version cannot be read".to_owned())
            })
        };
        Ok(CatalogState {
            id,
            cli_state: parse(&cli_state)?,
            console_state: parse(&console_state)?,
        })
    }

    /// Replaces what one client keeps.
    pub async fn set_catalog_state(
        &self,
        kind: CatalogStateKind,
        state: &Json,
    ) -> Result<(), StoreError> {
        let text = match kind {
            CatalogStateKind::Cli => include_str!("sql/set_cli_state.sql"),
            CatalogStateKind::Console => include_str!("sql/set_console_state.sql"),
        };
        let state = state.to_string();
        self.query(text, &[Some(&state)]).await.map(drop)
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.query(include_str!("sql/ping.sql"), &[])
            .await
            .map(drop)
    }

    async fn query(
        &self,
        text: &'static str,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Vec<Option<String>>>, StoreError> {
        let mut connection: Connection = self.pool.get().await?;
        let statement: Statement = statement(text);
        let rows = connection.query_text_rows(&statement, parameters).await;
        rows.map_err(|error| self.explain(error))
    }

    fn history(&self) -> MutexGuard<'_, History> {
        let history = self.history.lock();
        history.expect("no panic while this lock is held")
    }

    fn explain(&self, error: PgError) -> StoreError {
        self.identity.explain_use(error)
    }
}

impl StoredText {
    /// The document; null if there is none.
    pub fn parse(&self) -> Result<Json, StoreError> {
        let Some(document) = &self.document else {
            return Ok(Json::Null);
        };
        serde_json::from_str(document).map_err(|error| {
            // Only the place: the document holds connection strings.
            let (line, column) = (error.line(), error.column());
            StoreError::Damaged(format!(
                "the document in hdb_metadata cannot be read at line {line}, column {column}"
            ))
        })
    }
}

impl fmt::Debug for StoredText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document holds connection strings.
        let version = &self.version;
        write!(f, "StoredText {{ version: {version} }}")
    }
}

/// The columns of a row, none of them null.
fn columns<const N: usize>(row: Vec<Option<String>>) -> Result<[String; N], StoreError> {
    let values: Option<Vec<String>> = row.into_iter().collect();
    let array = values.and_then(|values| values.try_into().ok());
    array.ok_or_else(|| StoreError::Damaged("a row has no value where one must be".to_owned()))
}

fn parse_version(text: &str) -> Result<ResourceVersion, StoreError> {
    let number = text.parse().map(ResourceVersion);
    number.map_err(|_| StoreError::Damaged(format!("resource version {text:?} is not a number")))
}
