//! Finding the catalog, or creating it in a database that has none.
//!
//! A catalog of our version that is found is not changed; one of an older version is brought up to date
//! (`upgrade.rs`). Creating runs in one transaction under a lock, so that of
//! several instances that start on an empty database one creates and the others find.

use graphloom_pg::{AccessMode, Connection, Isolation, PgError, Pool, Statement, Transaction};
use graphloom_vocab::Json;

use crate::error::{StoreError, is_privilege_error};
use crate::store::{InstanceId, Store};
use crate::upgrade::{self, Upgrade};

/// The one catalog version that is written.
pub(crate) const CATALOG_VERSION: &str = "48";

/// An opened store, and how it came about.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Whether the catalog was there.
    pub origin: Origin,
}

/// Whether a catalog was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was, and is as it was.
    Found,
    /// It was not: it is new, with the initial document.
    Created,
    /// It was of this older version, and is of ours now.
    Upgraded(String),
}

/// Who we are in the database, as SQL spells it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) user: String,
    database: String,
}

/// What there is of a catalog.
pub(crate) struct Found {
    pub(crate) identity: Identity,
    /// Whether there is a schema of that name. It alone is no catalog: event triggers of a source
    /// keep their tables there too.
    has_schema: bool,
    pub(crate) has_version_table: bool,
}

impl Store {
    /// Opens the catalog of a metadata database, or creates it with `initial` as its document.
    ///
    /// `instance` is who we are among the servers that share the database; `upgrade` decides about a catalog of an
    /// older version.
    pub async fn open(
        pool: Pool,
        instance: InstanceId,
        initial: &Json,
        upgrade: &Upgrade,
    ) -> Result<Opened, StoreError> {
        let mut connection = pool.get().await?;
        let mut found = inspect(&mut connection).await?;
        let mut origin = Origin::Found;
        if !found.has_version_table {
            let mut transaction = begin(connection).await?;
            lock(&mut transaction).await?;
            // Another instance may have been faster.
            found = inspect(&mut transaction).await?;
            if !found.has_version_table {
                create(&mut transaction, &found, initial).await?;
                origin = Origin::Created;
            }
            connection = transaction.commit().await?;
        }
        let version = stored_version(&mut connection, &found.identity).await?;
        match (is_older(&version)?, upgrade) {
            (false, _) => drop(connection),
            (true, Upgrade::Refused) => {
                upgrade::check_readable(&version)?;
                drop(connection);
            }
            (true, Upgrade::Allowed { default_source }) => {
                let default_source = default_source.as_ref();
                let upgraded = bring_up(connection, &found.identity, default_source).await?;
                origin = upgraded.unwrap_or(origin);
            }
        }
        let store = Self::new(pool, instance, found.identity);
        // Proves that the tables can be read, while the start can still say what is wrong.
        store.current_version().await?;
        Ok(Opened { store, origin })
    }

    /// The document of a metadata database and nothing else; `None`: there is no catalog. Nothing is created or
    /// changed, and the catalog may be of any version that has a document.
    pub async fn peek(pool: &Pool) -> Result<Option<Json>, StoreError> {
        let mut connection = pool.get().await?;
        let found = inspect(&mut connection).await?;
        if !found.has_version_table {
            return Ok(None);
        }
        upgrade::read_document(&mut connection, &found.identity)
            .await
            .map(Some)
    }
}

/// Looks at Postgres' own catalog only, which needs no privilege on ours.
pub(crate) async fn inspect(connection: &mut Connection) -> Result<Found, StoreError> {
    let rows = connection
        .query_text_rows(&statement(include_str!("sql/inspect.sql")), &[])
        .await?;
    let mut row = rows.into_iter().next().unwrap_or_default().into_iter();
    let mut next = || row.next().flatten().unwrap_or_default();
    let (user, database) = (next(), next());
    Ok(Found {
        identity: Identity { user, database },
        has_schema: next() == "true",
        has_version_table: next() == "true",
    })
}

async fn create(
    connection: &mut Connection,
    found: &Found,
    initial: &Json,
) -> Result<(), StoreError> {
    if !found.has_schema {
        let created = connection
            .script(include_str!("sql/create_schema.sql"))
            .await;
        created.map_err(|error| found.identity.explain_create_schema(error))?;
    }
    let created = connection
        .script(include_str!("sql/create_catalog.sql"))
        .await;
    created.map_err(|error| found.identity.explain_create_tables(error))?;
    let version = statement(include_str!("sql/insert_version.sql"));
    connection
        .execute(&version, &[Some(CATALOG_VERSION)])
        .await?;
    let document = initial.to_string();
    let metadata = statement(include_str!("sql/insert_metadata.sql"));
    connection.execute(&metadata, &[Some(&document)]).await?;
    Ok(())
}

/// Brings the catalog up to date, unless another instance was faster.
async fn bring_up(
    connection: Connection,
    identity: &Identity,
    default_source: Option<&Json>,
) -> Result<Option<Origin>, StoreError> {
    let mut transaction = begin(connection).await?;
    lock(&mut transaction).await?;
    let version = stored_version(&mut transaction, identity).await?;
    if !is_older(&version)? {
        return Ok(None);
    }
    upgrade::upgrade(&mut transaction, &version, default_source).await?;
    transaction.commit().await?;
    Ok(Some(Origin::Upgraded(version)))
}

/// Waits until nobody else creates or changes the catalog's tables; until the end of the transaction.
pub(crate) async fn lock(transaction: &mut Transaction) -> Result<(), StoreError> {
    transaction
        .execute(&statement(include_str!("sql/lock_catalog.sql")), &[])
        .await?;
    Ok(())
}

/// The version in the catalog, as it is there.
pub(crate) async fn stored_version(
    connection: &mut Connection,
    identity: &Identity,
) -> Result<String, StoreError> {
    let rows = connection
        .query_text_rows(&statement(include_str!("sql/catalog_version.sql")), &[])
        .await
        .map_err(|error| identity.explain_use(error))?;
    let found = rows.into_iter().flatten().flatten().next();
    found.ok_or_else(|| StoreError::Damaged("its table hdb_version is empty".to_owned()))
}

/// Whether the version is older than ours; a newer one cannot be used.
fn is_older(found: &str) -> Result<bool, StoreError> {
    if found == CATALOG_VERSION {
        return Ok(false);
    }
    // Early versions were fractions: 0.8.
    let newest: f64 = CATALOG_VERSION.parse().expect("a number");
    let found = found.to_owned();
    match found.parse::<f64>() {
        Ok(version) if version > newest => Err(StoreError::NewerCatalog { found }),
        Ok(_) => Ok(true),
        Err(_) => Err(StoreError::Damaged(format!(
            "the version in hdb_version, {found:?}, is not a number"
        ))),
    }
}

impl Identity {
    fn explain_create_schema(&self, error: PgError) -> StoreError {
        let (user, database) = (&self.user, &self.database);
        self.explain(
            error,
            format!("may not create the schema hdb_catalog in the database {database}"),
            // shown, not run: for the database's owner.
            format!("GRANT CREATE ON DATABASE {database} TO {user};"),
        )
    }

    fn explain_create_tables(&self, error: PgError) -> StoreError {
        let user = &self.user;
        self.explain(
            error,
            "may not create tables in the schema hdb_catalog, which is there already".to_owned(),
            // shown, not run: for the schema's owner.
            format!("ALTER SCHEMA hdb_catalog OWNER TO {user};"),
        )
    }

    /// An error of a statement that uses the catalog.
    pub(crate) fn explain_use(&self, error: PgError) -> StoreError {
        let user = &self.user;
        self.explain(
            error,
            "may not use the tables in the schema hdb_catalog".to_owned(),
            format!(
                // shown, not run: for the schema's owner.
                "GRANT USAGE ON SCHEMA hdb_catalog TO {user}; GRANT SELECT, INSERT, UPDATE, DELETE \
                 ON ALL TABLES IN SCHEMA hdb_catalog TO {user};"
            ),
        )
    }

    fn explain(&self, error: PgError, action: String, grant: String) -> StoreError {
        if !is_privilege_error(&error) {
            return error.into();
        }
        let user = self.user.clone();
        StoreError::NoPrivilege {
            user,
            action,
            grant,
        }
    }
}

/// At the level where each statement sees what others committed while we waited for them, whatever the
/// pool's own level is: waiting for a lock and then looking would not help at any other.
pub(crate) async fn begin(connection: Connection) -> Result<Transaction, PgError> {
    connection
        .begin_at(Isolation::ReadCommitted, AccessMode::ReadWrite)
        .await
}

pub(crate) fn statement(text: &'static str) -> Statement {
    Statement::new(text)
}
