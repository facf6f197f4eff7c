//! The metadata database: the document, its version, and what other instances must hear about.
//!
//! It is the engine's own catalog of the one we replace (schema `hdb_catalog`, catalog version 48), so
//! that its database can be opened as it is and given back. Must not know GraphQL, HTTP or what a
//! document means: it stores JSON. Read next: `open.rs` (find or create the catalog), `upgrade.rs` (catalogs
//! of other versions), `store.rs` (operations), `change.rs` (what
//! others are told), `sql/create_catalog.sql` (the tables).

mod change;
mod error;
mod open;
mod store;
mod upgrade;

pub use change::{Change, Extent, Parts};
pub use error::StoreError;
pub use open::{Opened, Origin};
pub use store::{
    CatalogState, CatalogStateKind, InstanceId, Listener, ResourceVersion, Store, Stored,
    StoredText,
};
pub use upgrade::{Downgraded, Downgrading, Upgrade, catalog_version_of, clean, downgrade};
