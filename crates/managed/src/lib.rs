//! A Postgres of our own: find or fetch a server program, initialise a cluster, start it as a child
//! process on a private unix socket, watch it, stop it.
//!
//! It is what `graphloom dev` and the tests use when nobody gives a database URL. It must not know
//! SQL, the driver, HTTP serving or metadata: it hands out a connection URL and a status, nothing
//! else. It prints nothing; progress goes to the [`Observer`] the caller sets.
//!
//! ```no_run
//! # fn main() -> Result<(), graphloom_managed::Error> {
//! use graphloom_managed::{Options, default_home, start};
//! let managed = start(Options::for_data_dir(default_home()?))?;
//! let url = managed.connection_url("postgres"); // postgresql://postgres@/postgres?host=/…/run&port=5432
//! managed.stop()?;
//! # Ok(()) }
//! ```
//!
//! Everything here blocks; call it from a thread that may wait. The server itself is started by a
//! thread of this crate that lives as long as [`Managed`], because the kernel's "tell me when my parent
//! dies" is bound to the starting *thread*.
//!
//! Read next: `discover.rs` (which server program), `start.rs` (the order of a start),
//! `supervisor.rs` (the life of the child), `sys.rs` (every system call that needs `unsafe`).

mod cluster;
mod discover;
mod download;
mod error;
mod identity;
mod layout;
mod options;
mod pidfile;
mod runtime;
mod start;
mod supervisor;
mod sys;
mod unpack;

pub use discover::{Installation, Origin, Rejected, Rejection, Version, discover};
pub use download::prepare;
pub use error::{DownloadFailure, Error, InstallHint};
pub use options::{
    Durability, Event, Observer, Options, Places, Tcp, default_cache_dir, default_home,
};
pub use runtime::{RuntimePin, pinned_runtimes, platform};
pub use start::{Created, Managed, reset, running_url, start};
pub use supervisor::{Status, StatusReader};
