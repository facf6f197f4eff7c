//! A source as a database: its settings resolved, its pool, and what it was found to have.
//!
//! Reads no environment: the variables are handed in. A source that cannot be used is a value too
//! ([`SourceFailure`]), so that the others are served.

mod native;
mod read;
mod settings;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use graphloom_catalog::Catalog;
use graphloom_execute::Routes;
use graphloom_metadata::types::Source;
use graphloom_pg::{PgError, PgErrorKind, Pool};
use graphloom_store::{Change, Extent, Parts};
use graphloom_vocab::{QualifiedFunction, QualifiedTable};

use crate::options::NativeQueries;
use read::Missing;
pub(crate) use read::{Known, read_catalog};
use settings::Resolved;
pub(crate) use settings::parse_template;

/// What of the process a source's settings need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// The environment's variables.
    pub(crate) variables: HashMap<String, String>,
    /// `statement_timeout` of every session.
    pub(crate) statement_timeout: Option<Duration>,
    /// What the path of a file with a connection string begins with; `None`: no such file is read.
    pub(crate) secrets_prefix: Option<String>,
    /// Whether statements that an admin wrote are held against the database.
    pub(crate) native_queries: NativeQueries,
}

/// A source that is in the document.
#[derive(Clone, Debug)]
pub(crate) struct SourceRuntime {
    /// The pool, if the settings could be resolved.
    pub(crate) pool: Option<Pool>,
    /// Its other databases, if it has any.
    pub(crate) routes: Option<Arc<Routes>>,
    /// What it was found to have, or why it cannot be used.
    pub(crate) catalog: Result<Arc<Catalog>, SourceFailure>,
    /// The names that were asked for, so that a name the database does not have is asked for once.
    known: Arc<HashSet<QualifiedTable>>,
    /// Whether something was to be read again while the database did not answer.
    is_behind: bool,
}

/// Why a source cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFailure {
    /// As v2 puts it.
    pub(crate) reason: String,
    /// The cause, without any secret.
    pub(crate) message: Option<String>,
    /// Whether the database did not answer, which says nothing about what it has.
    pub(crate) is_away: bool,
}

/// What of a source is to be read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reread {
    /// Nothing but names that were never asked for.
    Missing,
    /// These tables and functions.
    Only(Named),
    /// Everything the document names.
    All,
}

/// What becomes of a source whose database does not answer when it is to be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WhenAway {
    /// It is not served.
    #[default]
    Fail,
    /// It is taken for what it was.
    Keep,
}

/// Objects of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) tables: Vec<QualifiedTable>,
    pub(crate) functions: Vec<QualifiedFunction>,
}

/// What has to be read again, by source; the others as [`Reread::Missing`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refresh {
    all: bool,
    when_away: WhenAway,
    sources: BTreeMap<String, Reread>,
}

/// [`Refresh`] for one source.
#[derive(Clone, Debug)]
pub(crate) struct SourceRefresh {
    what: Reread,
    when_away: WhenAway,
}

impl Refresh {
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    pub(crate) fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    pub(crate) fn sources<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter();
        Self {
            sources: names.map(|name| (name.to_owned(), Reread::All)).collect(),
            ..Self::default()
        }
    }

    /// The same where nobody asked for it: another instance changed something, and that a database does not
    /// answer just now is no reason to stop serving it.
    pub(crate) fn keeping_unreachable(self) -> Self {
        Self {
            when_away: WhenAway::Keep,
            ..self
        }
    }

    pub(crate) fn table(self, source: &str, table: QualifiedTable) -> Self {
        self.named(source, |named| named.tables.push(table))
    }

    pub(crate) fn function(self, source: &str, function: QualifiedFunction) -> Self {
        self.named(source, |named| named.functions.push(function))
    }

    fn named(mut self, source: &str, add: impl FnOnce(&mut Named)) -> Self {
        let entry = self.sources.entry(source.to_owned());
        match entry.or_insert_with(|| Reread::Only(Named::default())) {
            Reread::Only(named) => add(named),
            Reread::Missing | Reread::All => {}
        }
        self
    }

    /// These things of a source.
    pub(crate) fn only(source: &str, named: Named) -> Self {
        Self::nothing().named(source, |all| *all = named)
    }

    /// Both.
    pub(crate) fn and(self, other: &Self) -> Self {
        let mut both = self;
        both.all |= other.all;
        for (name, what) in &other.sources {
            match what {
                Reread::Missing => {}
                Reread::Only(more) => {
                    both = both.named(name, |named| {
                        named.tables.extend_from_slice(&more.tables);
                        named.functions.extend_from_slice(&more.functions);
                    });
                }
                Reread::All => {
                    both.sources.insert(name.clone(), Reread::All);
                }
            }
        }
        both
    }

    pub(crate) fn of(&self, source: &str) -> SourceRefresh {
        let what = match self.all {
            true => Reread::All,
            false => self.sources.get(source).cloned().unwrap_or(Reread::Missing),
        };
        let when_away = self.when_away;
        SourceRefresh { what, when_away }
    }

    /// What other instances should read again as well.
    pub(crate) fn to_change(&self) -> Change {
        let sources = self.sources.iter().filter_map(|(name, what)| {
            let extent = match what {
                Reread::Missing => return None,
                Reread::All => Extent::Everything,
                Reread::Only(named) => Extent::Parts(Parts {
                    tables: named.tables.iter().cloned().collect(),
                    functions: named.functions.iter().cloned().collect(),
                }),
            };
            Some((name.clone(), extent))
        });
        Change {
            sources: sources.collect(),
            ..Change::default()
        }
    }

    /// What another instance has read.
    pub(crate) fn of_change(change: Change) -> Self {
        let sources = change.sources.into_iter().map(|(name, extent)| {
            let what = match extent {
                Extent::Everything => Reread::All,
                Extent::Parts(parts) => Reread::Only(Named {
                    tables: parts.tables.into_iter().collect(),
                    functions: parts.functions.into_iter().collect(),
                }),
            };
            (name, what)
        });
        Self {
            sources: sources.collect(),
            ..Self::default()
        }
    }
}

impl SourceRuntime {
    /// The source as `source` describes it: `before` with what changed, or a new one.
    pub(crate) async fn open(
        source: &Source,
        before: Option<&Self>,
        refresh: SourceRefresh,
        environment: &Environment,
    ) -> Self {
        let resolved = match Resolved::new(&source.configuration, environment) {
            Ok(resolved) => resolved,
            Err(failure) => return Self::failed(None, failure),
        };
        let kept = before.filter(|before| {
            let pool = before.pool.as_ref();
            pool.is_some_and(|pool| resolved.primary.is_of(pool))
        });
        let runtime = match kept {
            Some(kept) => kept.update(source, refresh, environment).await,
            None => {
                let primary = resolved.primary.clone();
                let pool = Pool::new(primary.connect, primary.pool);
                Self::read(pool, source, environment).await
            }
        };
        let routes = before.and_then(|before| before.routes.as_ref());
        let primary = runtime.pool.as_ref();
        let routes = primary.and_then(|primary| resolved.routes(primary, routes));
        Self { routes, ..runtime }
    }

    /// The same with a catalog that was read elsewhere (inside a transaction of `run_sql`).
    pub(crate) fn with_catalog(&self, catalog: Catalog, source: &Source) -> Self {
        Self {
            pool: self.pool.clone(),
            routes: self.routes.clone(),
            catalog: Ok(Arc::new(self.sharing_facts(catalog))),
            known: Arc::new(source.tables.keys().cloned().collect()),
            is_behind: self.is_behind,
        }
    }

    /// Whether it is served as it was when something of it was to be read again and its database did not answer.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// The catalog with the very objects of ours that it has as well: what was read again is mostly what it was.
    fn sharing_facts(&self, mut catalog: Catalog) -> Catalog {
        if let Ok(before) = &self.catalog {
            catalog.share(before);
        }
        catalog
    }

    fn failed(pool: Option<Pool>, failure: SourceFailure) -> Self {
        Self {
            pool,
            routes: None,
            catalog: Err(failure),
            known: Arc::default(),
            is_behind: false,
        }
    }

    /// Reads everything again.
    async fn reread(&self, pool: Pool, source: &Source, environment: &Environment) -> Self {
        let mut read = Self::read(pool, source, environment).await;
        if let Ok(catalog) = &mut read.catalog
            && let Some(catalog) = Arc::get_mut(catalog)
        {
            *catalog = self.sharing_facts(std::mem::take(catalog));
        }
        read
    }

    async fn read(pool: Pool, source: &Source, environment: &Environment) -> Self {
        let read = async {
            let mut connection = pool.get().await?;
            read_catalog(&mut connection, source, Known::default(), environment).await
        };
        match read.await {
            Ok(catalog) => Self {
                pool: Some(pool),
                routes: None,
                catalog: Ok(Arc::new(catalog)),
                known: Arc::new(source.tables.keys().cloned().collect()),
                is_behind: false,
            },
            Err(error) => Self::failed(Some(pool), SourceFailure::of(&error)),
        }
    }

    async fn update(
        &self,
        source: &Source,
        refresh: SourceRefresh,
        environment: &Environment,
    ) -> Self {
        // Who asks for something of their own does not wait for what is owed: it is tried again by itself.
        let what = match refresh.when_away {
            WhenAway::Keep if self.is_behind => Reread::All,
            WhenAway::Keep | WhenAway::Fail => refresh.what,
        };
        let updated = self.updated(source, what, environment).await;
        let failure = updated.catalog.as_ref().err();
        let is_away = failure.is_some_and(|failure| failure.is_away);
        match refresh.when_away {
            WhenAway::Keep if is_away && self.catalog.is_ok() => Self {
                is_behind: true,
                ..self.clone()
            },
            WhenAway::Keep | WhenAway::Fail => updated,
        }
    }

    async fn updated(&self, source: &Source, what: Reread, environment: &Environment) -> Self {
        let pool = self
            .pool
            .clone()
            .expect("only a source with a pool is kept");
        let (catalog, again) = match (&self.catalog, what) {
            (_, Reread::All) => return self.reread(pool, source, environment).await,
            // It is tried again by itself, and when everything is reloaded.
            (Err(_), _) => return self.clone(),
            (Ok(catalog), Reread::Missing) => (catalog, Named::default()),
            (Ok(catalog), Reread::Only(named)) => (catalog, named),
        };
        let missing = Missing::of(source, catalog, &self.known, again, environment);
        let Some(missing) = missing else {
            return self.clone();
        };
        let catalog = Catalog::clone(catalog);
        match missing.read(&pool, source, environment, catalog).await {
            Ok(catalog) => self.with_catalog(catalog, source),
            Err(error) => Self::failed(Some(pool), SourceFailure::of(&error)),
        }
    }
}

impl SourceFailure {
    fn settings(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            message: None,
            is_away: false,
        }
    }

    /// The same, of a part of the settings.
    fn in_part(self, part: &str) -> Self {
        Self {
            reason: format!("{part}: {}", self.reason),
            ..self
        }
    }

    fn of(error: &PgError) -> Self {
        let reason = match error.kind() {
            PgErrorKind::Database(_) | PgErrorKind::Unexpected(_)
                if !error.is_connection_error() =>
            {
                "database query error"
            }
            _ => "connection error",
        };
        Self {
            reason: reason.to_owned(),
            message: Some(error.to_string()),
            is_away: error.is_connection_error(),
        }
    }
}
