//! Servers that wait for the next case of the same environment.
//!
//! Starting one takes longer than most cases. A case has its server to itself while it runs, since
//! metadata is one per server; afterwards the server is emptied by the next case, not by this one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::Failure;
use crate::postgres::Database;
use crate::server::{Launch, Server};

/// Servers that may wait at a time; the one that waits longest goes first.
const IDLE_MAX: usize = 4;

/// The environment of a server, by which it is found again.
type Environment = BTreeMap<String, String>;

/// All servers of a run that are not in use.
pub(super) struct Pool {
    binary: PathBuf,
    idle: Mutex<Vec<Pooled>>,
}

/// A server in use by one case.
pub(super) struct Pooled {
    pub(super) server: Server,
    env: Environment,
    // Dropped after the server that uses it.
    _metadata: Database,
}

impl Pool {
    pub(super) fn new(binary: PathBuf) -> Self {
        Self {
            binary,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// A server with this environment, waiting or new.
    pub(super) fn take(&self, env: &Environment) -> Result<Pooled, Failure> {
        let waiting = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.iter()
                .position(|pooled| pooled.env == *env)
                .map(|at| idle.remove(at))
        };
        match waiting {
            Some(pooled) => Ok(pooled),
            None => self.start(env),
        }
    }

    /// Lets a server wait for the next case. One that failed is dropped by its case instead.
    pub(super) fn give_back(&self, pooled: Pooled) {
        let surplus = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(pooled);
            (idle.len() > IDLE_MAX).then(|| idle.remove(0))
        };
        // Ended outside the lock: it takes a moment.
        drop(surplus);
    }

    fn start(&self, env: &Environment) -> Result<Pooled, Failure> {
        let metadata = Database::create()?;
        let mut launch = Launch::serve(&self.binary, &metadata);
        launch.env.extend(
            env.iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        Ok(Pooled {
            server: launch.start()?,
            env: env.clone(),
            _metadata: metadata,
        })
    }
}

/// The header that lets the runner in, where the server asks for it.
pub(super) fn admin_headers(env: &Environment) -> Vec<(String, String)> {
    ["HASURA_GRAPHQL_ADMIN_SECRET", "HASURA_GRAPHQL_ACCESS_KEY"]
        .into_iter()
        .filter_map(|name| env.get(name))
        .map(|secret| ("x-hasura-admin-secret".to_owned(), secret.clone()))
        .take(1)
        .collect()
}
