//! What the tests of the catalog share: fixtures, opening, and all that a dump of the schema would show.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "tests fail loudly, and each file uses its part"
)]

use graphloom_pg::{ConnectionOptions, Pool, PoolOptions};
use graphloom_store::{InstanceId, Opened, Store, StoreError, Upgrade};
use graphloom_testkit::postgres::Database;
use graphloom_vocab::Json;
use serde_json::json;

pub(crate) const CATALOG_48: &str = include_str!("../fixtures/catalog_48.sql");

pub(crate) fn pool(url: &str) -> Pool {
    let options = PoolOptions {
        max_connections: 4,
        ..PoolOptions::default()
    };
    Pool::new(ConnectionOptions::parse(url).unwrap(), options)
}

pub(crate) fn initial() -> Json {
    json!({"version": 3, "sources": []})
}

pub(crate) fn allowed() -> Upgrade {
    Upgrade::Allowed {
        default_source: None,
    }
}

pub(crate) async fn open(database: &Database) -> Result<Opened, StoreError> {
    let (instance, initial) = (InstanceId::random(), initial());
    Store::open(pool(database.url()), instance, &initial, &allowed()).await
}

pub(crate) async fn open_store(database: &Database) -> Store {
    open(database).await.unwrap().store
}

/// What Postgres knows of the catalog's objects, a line each, names and definitions.
pub(crate) fn structure(database: &Database) -> Vec<String> {
    let sql = "
        SELECT line FROM (
            SELECT format('column %s.%s %s %s %s %s', c.relname, attnum, attname,
                          format_type(atttypid, atttypmod), attnotnull,
                          pg_get_expr(adbin, adrelid)) AS line
            FROM pg_attribute AS a
            JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
            LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
            WHERE c.relnamespace = 'hdb_catalog'::regnamespace AND attnum > 0 AND NOT attisdropped
            UNION ALL
            SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
            FROM pg_constraint WHERE connamespace = 'hdb_catalog'::regnamespace
            UNION ALL
            SELECT format('index %s', pg_get_indexdef(indexrelid))
            FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
            WHERE c.relnamespace = 'hdb_catalog'::regnamespace
            UNION ALL
            SELECT format('%s %s', relkind, relname)
            FROM pg_class WHERE relnamespace = 'hdb_catalog'::regnamespace
            UNION ALL
            SELECT format('function %s', pg_get_functiondef(oid))
            FROM pg_proc WHERE pronamespace = 'hdb_catalog'::regnamespace
        ) AS all_lines ORDER BY line COLLATE \"C\"";
    let rows = database.query(sql).unwrap();
    rows.into_iter().flatten().flatten().collect()
}

/// Every row of every table, with the transaction that wrote it: even an update that changes nothing
/// would show.
pub(crate) fn rows(database: &Database) -> Vec<String> {
    let tables = "SELECT relname FROM pg_class
        WHERE relnamespace = 'hdb_catalog'::regnamespace AND relkind = 'r' ORDER BY relname";
    let tables = database.query(tables).unwrap();
    let mut lines = Vec::new();
    for table in tables.into_iter().flatten().flatten() {
        let sql =
            format!("SELECT t.xmin || ' ' || t::text FROM hdb_catalog.{table} AS t ORDER BY 1");
        let rows = database
            .query(&sql)
            .unwrap()
            .into_iter()
            .flatten()
            .flatten();
        lines.extend(rows.map(|row| format!("{table}: {row}")));
    }
    lines
}

/// Everything that a dump of the schema would have.
pub(crate) fn dump(database: &Database) -> Vec<String> {
    let mut lines = structure(database);
    lines.extend(rows(database));
    lines
}
