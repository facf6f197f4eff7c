//! What a caller may decide about the managed server, and the defaults taken from this machine.
//!
//! This file is the only one of the crate that reads the environment; everything else works on the
//! values collected here, so a test can describe a machine that has no Postgres at all.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::runtime::{RuntimePin, pinned_runtimes};
use crate::sys;

/// Where the prebuilt server packages are published.
const DOWNLOAD_BASE_URL: &str = "https://registry.npmjs.org";

/// Everything about one managed server. Start from [`Options::for_data_dir`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The home of this server: the cluster, the socket directory, the log and the lock are inside.
    /// It is not itself a Postgres data directory; the caller may keep files of its own here.
    pub data_dir: PathBuf,
    /// Take the server programs from this directory and no other; unusable is an error.
    pub bin_dir: Option<PathBuf>,
    /// Where downloaded servers are kept.
    pub cache_dir: PathBuf,
    /// Where servers are downloaded from: an `https://` or `http://` registry, or a `file://` URL or
    /// path of a directory that holds the packages. `None` never downloads.
    pub download_base_url: Option<String>,
    /// The packages that may be downloaded, each with its digest.
    pub runtimes: Vec<RuntimePin>,
    /// The account the server runs under when we are root, which Postgres refuses. Without it:
    /// `postgres`, else `nobody`.
    pub run_as: Option<String>,
    /// Whether the data has to survive a power cut.
    pub durability: Durability,
    /// Whether the server also listens on the loopback interface.
    pub tcp: Tcp,
    /// More Postgres settings, name and value, given to the server at start.
    pub settings: Vec<(String, String)>,
    /// Where to look for installed servers.
    pub places: Places,
    /// Whom to tell what is going on.
    pub observer: Observer,
}

impl Options {
    /// The defaults of this machine for a server kept in `data_dir`: durable, socket only.
    pub fn for_data_dir(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        // Without any home directory the cache goes beside the data, which must be writable anyway.
        let cache_dir = default_cache_dir().unwrap_or_else(|_| data_dir.join("cache"));
        Self {
            data_dir,
            bin_dir: None,
            cache_dir,
            download_base_url: Some(DOWNLOAD_BASE_URL.to_owned()),
            runtimes: pinned_runtimes(),
            run_as: None,
            durability: Durability::Full,
            tcp: Tcp::Off,
            settings: Vec::new(),
            places: Places::of_this_machine(),
            observer: Observer::none(),
        }
    }
}

/// How much the server does to keep what it confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Postgres' own defaults: what was committed survives a power cut.
    #[default]
    Full,
    /// No `fsync`: for tests only. A power cut may destroy the whole cluster.
    Off,
}

/// Whether tools can reach the server by TCP. The socket is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tcp {
    /// No TCP at all.
    #[default]
    Off,
    /// 127.0.0.1 on a port that is free at start, with the generated password.
    LoopbackOnFreePort,
    /// 127.0.0.1 on this port, with the generated password.
    Loopback(u16),
}

/// Where installed servers are looked for, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The directory that holds our own executable; a server may be shipped beside it.
    pub executable_dir: Option<PathBuf>,
    /// The search path, as in `PATH`.
    pub path: Option<OsString>,
    /// Bin directories; one component may hold a `*`.
    pub patterns: Vec<String>,
}

impl Places {
    /// The places where Linux distributions, Homebrew and Postgres.app put Postgres.
    pub fn of_this_machine() -> Self {
        let patterns = [
            "/usr/lib/postgresql/*/bin",
            "/usr/pgsql-*/bin",
            "/usr/lib/postgresql*/bin",
            "/usr/libexec/postgresql*",
            "/usr/local/pgsql/bin",
            "/opt/homebrew/opt/postgresql@*/bin",
            "/usr/local/opt/postgresql@*/bin",
            "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
            "/Applications/Postgres.app/Contents/Versions/*/bin",
        ];
        Self {
            executable_dir: env::current_exe()
                .and_then(|path| path.canonicalize())
                .ok()
                .and_then(|path| path.parent().map(Path::to_path_buf)),
            path: env::var_os("PATH"),
            patterns: patterns.map(str::to_owned).to_vec(),
        }
    }

    /// Nowhere: only an explicit directory, the cache and the download remain.
    pub fn none() -> Self {
        Self::default()
    }
}

/// Something worth telling a person who waits for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server package is being fetched from this URL (shown without credentials).
    Downloading { url: String },
    /// The package arrived with the right digest and is being unpacked here.
    Unpacking { into: PathBuf },
    /// A new cluster is being created here.
    Initialising { cluster: PathBuf },
    /// A server left behind by an earlier run still holds the cluster; we wait for it or stop it.
    WaitingForPrevious { pid: u32 },
    /// The server is being started.
    Starting { bin_dir: PathBuf },
    /// The server accepts connections.
    Ready { pid: u32 },
    /// The server ended without being asked; another attempt follows after a pause.
    Exited {
        reason: String,
        attempt: u32,
        pause_ms: u64,
    },
}

/// A function that is told of every [`Event`]; called from several threads.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event) + Send + Sync>);

impl Observer {
    /// Calls `observe` for every event.
    pub fn new(observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    /// Tells nobody.
    pub fn none() -> Self {
        Self::new(|_| {})
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// Where the data goes when the user names no directory.
///
/// Root gets `/var/lib/graphloom`, because the server runs under another account that may not enter
/// root's home; others get `$XDG_DATA_HOME/graphloom`, else `~/.local/share/graphloom`.
/// Errors: [`Error::NoHome`].
pub fn default_home() -> Result<PathBuf, Error> {
    personal_dir("/var/lib/graphloom", "XDG_DATA_HOME", ".local/share")
}

/// Where downloaded servers go: `/var/cache/graphloom` for root, else the XDG cache directory.
/// Errors: [`Error::NoHome`].
pub fn default_cache_dir() -> Result<PathBuf, Error> {
    personal_dir("/var/cache/graphloom", "XDG_CACHE_HOME", ".cache")
}

fn personal_dir(of_root: &str, variable: &str, below_home: &str) -> Result<PathBuf, Error> {
    if sys::effective_uid() == 0 {
        return Ok(PathBuf::from(of_root));
    }
    // The XDG rules: a relative path in these variables is to be ignored.
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let base = env::var_os(variable).map(PathBuf::from).and_then(absolute);
    let home = || env::var_os("HOME").map(PathBuf::from).and_then(absolute);
    let account_home = || {
        let account = sys::account_by_uid(sys::effective_uid()).ok().flatten();
        account.map(|account| account.home).and_then(absolute)
    };
    base.or_else(|| {
        home()
            .or_else(account_home)
            .map(|home| home.join(below_home))
    })
    .map(|base| base.join("graphloom"))
    .ok_or(Error::NoHome)
}

/// Directories for sockets whose default place has too long a path.
#[derive(Debug, Clone)]
pub(crate) struct ShortDirs {
    /// `$XDG_RUNTIME_DIR`, which only its owner may enter.
    pub(crate) runtime: Option<PathBuf>,
    /// The temp directory, and `/tmp` for when its own path is long.
    pub(crate) temp: Vec<PathBuf>,
}

impl ShortDirs {
    pub(crate) fn of_this_machine() -> Self {
        Self {
            runtime: env::var_os("XDG_RUNTIME_DIR")
                .map(PathBuf::from)
                .filter(|dir| dir.is_dir()),
            temp: vec![env::temp_dir(), PathBuf::from("/tmp")],
        }
    }
}

/// The part of our environment that Postgres' programs get.
///
/// Everything else stays out: `PG*` variables would change what they do, and a superuser of the
/// database could read our secrets from the server's environment.
pub(crate) fn inherited_environment() -> impl Iterator<Item = (&'static str, OsString)> {
    ["PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"]
        .into_iter()
        .filter_map(|name| env::var_os(name).map(|value| (name, value)))
}
