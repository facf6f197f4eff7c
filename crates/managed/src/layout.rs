//! The files of one managed server, and making their directories.
//!
//! ```text
//! <data_dir>/                 ours; 0711 for root (the server's account passes through), else 0700
//!   lock                      held as long as somebody manages this directory; holds our pid
//!   postgres/                 the cluster, owned by the server's account
//!   postgres.initializing.7/  a cluster being made by process 7; renamed when it is whole
//!   postgres-password         the generated password of the role `postgres`, 0600
//!   postgres.log, .log.1      what the server writes
//!   run/                      the socket, 0700, unless its path would be too long
//! ```
//!
//! It must not know how the server is started.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::identity::{Identity, account_of};
use crate::options::{Options, ShortDirs};
use crate::sys;

/// Longest socket path in bytes: `sun_path` without its final NUL.
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// How the names of clusters being made begin.
const INITIALIZING: &str = "postgres.initializing";

/// Paths of one managed server; all absolute.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) home: PathBuf,
    pub(crate) cluster: PathBuf,
    pub(crate) initializing: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) password: PathBuf,
    pub(crate) run: PathBuf,
}

impl Layout {
    /// Computes the paths; touches nothing.
    pub(crate) fn of(options: &Options) -> Result<Self, Error> {
        let absolute = std::path::absolute(&options.data_dir);
        let absolute = absolute.map_err(Error::io("resolve", &options.data_dir))?;
        // Through links, so that the checks of parent directories see the real ones and a running
        // server is recognised by its path; a directory yet to be made is taken as written.
        let home = absolute.canonicalize().unwrap_or(absolute);
        if home.join("PG_VERSION").exists() {
            return Err(Error::DataDirIsCluster(home));
        }
        Ok(Self {
            cluster: home.join("postgres"),
            // The `initdb` of a killed run empties its directory while it dies, and must not meet ours.
            initializing: home.join(format!("{INITIALIZING}.{}", std::process::id())),
            lock: home.join("lock"),
            log: home.join("postgres.log"),
            password: home.join("postgres-password"),
            run: home.join("run"),
            home,
        })
    }

    /// The major that made the existing cluster; `None` if there is no cluster yet.
    pub(crate) fn cluster_major(&self) -> Result<Option<u32>, Error> {
        match fs::read_to_string(self.cluster.join("PG_VERSION")) {
            Ok(text) => match text.trim().parse() {
                Ok(major) => Ok(Some(major)),
                Err(_) => Err(Error::NotACluster(self.cluster.clone())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut entries = match fs::read_dir(&self.cluster) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    result => result.map_err(Error::io("read", &self.cluster))?,
                };
                match entries.next() {
                    None => Ok(None),
                    Some(_) => Err(Error::NotACluster(self.cluster.clone())),
                }
            }
            Err(source) => Err(closed_or("read", &self.cluster.join("PG_VERSION"))(source)),
        }
    }

    /// Clusters that were never finished, ours included; to be asked under the lock.
    pub(crate) fn unfinished_clusters(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = fs::read_dir(&self.home).map_err(Error::io("read", &self.home))?;
        let named = entries.flatten().filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().starts_with(INITIALIZING.as_bytes())
        });
        Ok(named.map(|entry| entry.path()).collect())
    }

    /// Makes the home directory and its missing parents.
    pub(crate) fn make_home(&self) -> Result<(), Error> {
        let is_root = sys::effective_uid() == 0;
        make_dirs(&self.home, if is_root { 0o711 } else { 0o700 })
    }

    /// Takes the lock that makes us the only manager of this directory.
    ///
    /// The kernel drops it when we end, however we end; programs we start do not inherit it.
    pub(crate) fn acquire_lock(&self) -> Result<DirLock, Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.lock)
            .map_err(closed_or("open", &self.lock))?;
        match file.try_lock() {
            Ok(()) => {
                let written = file
                    .set_len(0)
                    .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
                written.map_err(Error::io("write", &self.lock))?;
                Ok(DirLock(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                drop(file.read_to_string(&mut text));
                Err(Error::InUse {
                    data_dir: self.home.clone(),
                    pid: text.trim().parse().ok(),
                })
            }
            Err(TryLockError::Error(source)) => Err(Error::Io {
                action: "lock",
                path: self.lock.clone(),
                source,
            }),
        }
    }

    /// Makes the directory of the socket: `run`, or one elsewhere when that path does not do.
    pub(crate) fn make_socket_dir(&self, identity: &Identity, port: u16) -> Result<PathBuf, Error> {
        let short = ShortDirs::of_this_machine();
        let name = format!("graphloom-{}", self.home_hash());
        let mut choices = vec![self.run.clone()];
        // Nobody else may enter our runtime directory, so it serves only a server of our own account.
        if matches!(identity, Identity::Ourselves) {
            choices.extend(short.runtime.map(|dir| dir.join(&name)));
        }
        choices.extend(short.temp.into_iter().map(|dir| dir.join(&name)));
        // Clients read a comma in `host` as the end of one of several hosts.
        let fits = |dir: &PathBuf| {
            let path = socket_path(dir, port).into_os_string();
            path.len() <= SOCKET_PATH_BYTES_MAX && !path.as_encoded_bytes().contains(&b',')
        };
        let Some(dir) = choices.into_iter().find(fits) else {
            return Err(Error::NoSocketPath {
                socket: socket_path(&self.run, port),
                bytes_max: SOCKET_PATH_BYTES_MAX,
            });
        };
        make_private_dir(&dir, identity)?;
        Ok(dir)
    }

    /// Sixteen hexadecimal digits that stand for the home's path.
    fn home_hash(&self) -> String {
        use std::fmt::Write as _;
        let digest = Sha256::digest(self.home.as_os_str().as_encoded_bytes());
        digest.iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// For `map_err`: a file of ours that we may not open was made under another account.
fn closed_or(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| {
        let parent = path.parent().unwrap_or(path);
        match fs::metadata(parent) {
            Ok(found) if source.kind() == io::ErrorKind::PermissionDenied => {
                let owner = account_of(found.uid(), found.gid()).name;
                Error::ForeignOwner {
                    path: parent.to_path_buf(),
                    owner,
                }
            }
            _ => Error::io(action, path)(source),
        }
    }
}

/// Held while a process manages the directory.
#[derive(Debug)]
pub(crate) struct DirLock(File);

impl Drop for DirLock {
    /// Given back by name: closing the file is not enough while a child that another thread has just
    /// forked, and that has not run its program yet, holds a copy of it.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

/// `<dir>/.s.PGSQL.<port>`, as Postgres names it.
pub(crate) fn socket_path(dir: &Path, port: u16) -> PathBuf {
    dir.join(format!(".s.PGSQL.{port}"))
}

/// Makes a directory with exactly this mode, and missing parents that others may pass through.
pub(crate) fn make_dirs(dir: &Path, mode: u32) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        let parent_mode = if sys::effective_uid() == 0 {
            0o755
        } else {
            0o700
        };
        make_dirs(parent, parent_mode)?;
    }
    match DirBuilder::new().mode(mode).create(dir) {
        // The umask may have taken bits away.
        Ok(()) => set_mode(dir, mode),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(source) => Err(Error::Io {
            action: "create the directory",
            path: dir.to_path_buf(),
            source,
        }),
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::io("set the mode of", path))
}

/// Makes a 0700 directory of the server's account, or checks that the existing one is just that: in
/// a shared temp directory somebody else may have put something under the name.
pub(crate) fn make_private_dir(dir: &Path, identity: &Identity) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(dir).map_err(Error::io("look at", dir))?;
            let owners = [identity.file_owner().0, sys::effective_uid()];
            if !found.is_dir() || !owners.contains(&found.uid()) {
                return Err(Error::UnsafeSocketDir(dir.to_path_buf()));
            }
        }
        Err(source) => {
            return Err(Error::Io {
                action: "create the directory",
                path: dir.to_path_buf(),
                source,
            });
        }
    }
    set_mode(dir, 0o700)?;
    identity.give(dir)
}
