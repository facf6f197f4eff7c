//! The order of a start, and the handle of a running server.
//!
//! Options are checked, the directory is locked, a program is chosen, then an account, then a cluster
//! is made if there is none, and the supervisor's thread starts the server. Each step's reasons are in
//! its own file.

use std::ffi::OsString;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use crate::cluster::{SUPERUSER, initialise, remove_tree};
use crate::discover::Installation;
use crate::download::prepare;
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::layout::{DirLock, Layout, socket_path};
use crate::options::{Durability, Event, Options, Tcp};
use crate::pidfile;
use crate::supervisor::{self, Launch, Status, StatusReader, StopRequest};

/// The port in the socket's name when there is no TCP.
const SOCKET_PORT: u16 = 5432;

/// Settings the managed server decides itself.
const RESERVED_SETTINGS: [&str; 9] = [
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "port",
    "unix_socket_directories",
    "unix_socket_permissions",
];

/// Whether the start made the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// There was none; it is empty.
    NewCluster,
    /// It was there.
    ExistingCluster,
}

/// A running server; dropping it stops the server too.
pub struct Managed {
    /// The server program in use and how it was found.
    pub installation: Installation,
    /// Whether this start made the cluster.
    pub created: Created,
    home: PathBuf,
    socket_dir: PathBuf,
    port: u16,
    /// Only when TCP is on.
    password: Option<String>,
    account: String,
    psql: Option<PathBuf>,
    status: StatusReader,
    requests: Option<Sender<StopRequest>>,
    thread: Option<JoinHandle<()>>,
    // Dropped after the server was stopped, so that no other process starts one meanwhile.
    _lock: DirLock,
}

/// Finds or fetches a server, makes a cluster if there is none, starts it, and returns when it
/// accepts connections.
///
/// Blocks for about two seconds the first time, a tenth of a second later, or as long as a download
/// or a recovery takes. Errors: any [`Error`]; nothing keeps running then.
pub fn start(options: Options) -> Result<Managed, Error> {
    check_settings(&options)?;
    let layout = Layout::of(&options)?;
    layout.make_home()?;
    // Again, now that the directory exists and links in its path can be followed.
    let layout = Layout::of(&Options {
        data_dir: layout.home,
        ..options.clone()
    })?;
    let lock = layout.acquire_lock()?;
    let installation = prepare(&options)?;
    let identity = identity::choose(&options, &layout, &installation)?;
    let created = if layout.cluster_major()?.is_some() {
        Created::ExistingCluster
    } else {
        options.observer.tell(&Event::Initialising {
            cluster: layout.cluster.clone(),
        });
        initialise(&layout, &installation, &identity, options.durability)?;
        Created::NewCluster
    };
    let port = port_of(options.tcp)?;
    let password = match options.tcp {
        Tcp::Off => None,
        _ => Some(read_password(&layout)?),
    };
    let socket_dir = layout.make_socket_dir(&identity, port)?;
    options.observer.tell(&Event::Starting {
        bin_dir: installation.bin_dir.clone(),
    });
    let account = account_name(&identity);
    let launch = Launch {
        identity,
        program: installation.program("postgres"),
        arguments: arguments(&options, &layout, &socket_dir, port),
        cluster: layout.cluster.clone(),
        socket: socket_path(&socket_dir, port),
        log: layout.log.clone(),
        observer: options.observer.clone(),
    };
    let (status, requests, thread) = supervise(launch)?;
    Ok(Managed {
        psql: find_psql(&options, &installation),
        installation,
        created,
        home: layout.home,
        socket_dir,
        port,
        password,
        account,
        status,
        requests: Some(requests),
        thread: Some(thread),
        _lock: lock,
    })
}

/// Removes the cluster with everything in it; the next start makes a new one.
///
/// Files of the caller in the data directory stay. Errors: [`Error::InUse`] while a server runs on it,
/// [`Error::NotACluster`] if something else is in its place, [`Error::Io`].
pub fn reset(options: &Options) -> Result<(), Error> {
    let layout = Layout::of(options)?;
    if !layout.home.exists() {
        return Ok(());
    }
    let _lock = layout.acquire_lock()?;
    if layout.cluster_major()?.is_some() {
        pidfile::settle(&layout.cluster, &options.observer)?;
        // Under this name a part of it is never taken for a cluster, should we be interrupted.
        remove_tree(&layout.initializing)?;
        fs::rename(&layout.cluster, &layout.initializing)
            .map_err(Error::io("rename", &layout.cluster))?;
    }
    let unfinished = layout.unfinished_clusters()?;
    unfinished.iter().try_for_each(|dir| remove_tree(dir))
}

/// The URL of a server that some process of ours runs on this data directory now; `None` if none
/// does. Changes nothing.
///
/// Errors: [`Error::Io`] when the cluster may not be looked at, [`Error::DataDirIsCluster`].
pub fn running_url(options: &Options, database: &str) -> Result<Option<String>, Error> {
    let layout = Layout::of(options)?;
    let socket = pidfile::running(&layout.cluster)?;
    Ok(socket.map(|(port, dir)| socket_url(&dir, port, database)))
}

type Supervised = (StatusReader, Sender<StopRequest>, JoinHandle<()>);

/// Starts the thread that starts the server, and waits for the first result.
fn supervise(launch: Launch) -> Result<Supervised, Error> {
    let (requests, inbox) = mpsc::channel();
    let (started, first) = mpsc::channel();
    // Nobody can ask before the first result, so the status needs no word for "starting".
    let status = StatusReader::new(Status::Stopped);
    let shared = status.clone();
    let program = launch.program.clone();
    let thread = std::thread::Builder::new()
        .name("managed-postgres".to_owned())
        .spawn(move || supervisor::run(&launch, &inbox, &started, &shared))
        .map_err(|source| Error::Spawn { program, source })?;
    match first.recv() {
        Ok(Ok(())) => Ok((status, requests, thread)),
        Ok(Err(error)) => {
            drop(thread.join());
            Err(error)
        }
        // The thread ended without a word.
        Err(mpsc::RecvError) => {
            drop(thread.join());
            Err(Error::StopRequested)
        }
    }
}

fn check_settings(options: &Options) -> Result<(), Error> {
    let reserved = options.settings.iter().find(|(name, _)| {
        let name = name.trim().to_ascii_lowercase();
        let plain = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        name.is_empty() || !plain || RESERVED_SETTINGS.contains(&name.as_str())
    });
    match reserved {
        Some((name, _)) => Err(Error::ReservedSetting(name.clone())),
        None => Ok(()),
    }
}

fn port_of(tcp: Tcp) -> Result<u16, Error> {
    match tcp {
        Tcp::Off => Ok(SOCKET_PORT),
        Tcp::Loopback(port) => Ok(port),
        // Somebody may take it before the server does; then the start fails and says so.
        Tcp::LoopbackOnFreePort => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map(|address| address.port())
            .map_err(Error::io("find a free port on", Path::new("127.0.0.1"))),
    }
}

fn read_password(layout: &Layout) -> Result<String, Error> {
    fs::read_to_string(&layout.password)
        .map(|text| text.trim().to_owned())
        .map_err(Error::io("read", &layout.password))
}

fn arguments(options: &Options, layout: &Layout, socket_dir: &Path, port: u16) -> Vec<OsString> {
    let mut arguments = vec![
        OsString::from("-D"),
        layout.cluster.clone().into_os_string(),
    ];
    let mut set = |name: &str, value: OsString| {
        let mut setting = OsString::from(format!("{name}="));
        setting.push(value);
        arguments.extend([OsString::from("-c"), setting]);
    };
    let listen = if options.tcp == Tcp::Off {
        ""
    } else {
        "127.0.0.1"
    };
    set("listen_addresses", listen.into());
    set("port", port.to_string().into());
    set("unix_socket_directories", quote_list_item(socket_dir));
    set("unix_socket_permissions", "0700".into());
    set("logging_collector", "off".into());
    set("log_destination", "stderr".into());
    if cfg!(target_os = "linux") && !Path::new("/dev/shm").is_dir() {
        // initdb chose POSIX shared memory where it had it; this container has not.
        set("dynamic_shared_memory_type", "mmap".into());
    }
    if options.durability == Durability::Off {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            set(name, "off".into());
        }
    }
    for (name, value) in &options.settings {
        set(name.trim(), value.into());
    }
    arguments
}

/// The setting is a list separated by commas; quotes keep commas and spaces of a path together.
fn quote_list_item(path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        if *byte == b'"' {
            quoted.push(b'"');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    OsString::from_vec(quoted)
}

fn account_name(identity: &Identity) -> String {
    match identity {
        Identity::Ourselves => "this user".to_owned(),
        Identity::Account(account) => account.name.clone(),
        Identity::Namespace(account) => {
            format!("this user, shown as {} in a user namespace", account.name)
        }
    }
}

/// `psql` on the search path by its bare name, else the one beside the server.
fn find_psql(options: &Options, installation: &Installation) -> Option<PathBuf> {
    let mut on_path = options.places.path.iter().flat_map(std::env::split_paths);
    if on_path.any(|dir| dir.is_absolute() && dir.join("psql").is_file()) {
        return Some(PathBuf::from("psql"));
    }
    Some(installation.program("psql")).filter(|program| program.is_file())
}

impl Managed {
    /// A URL for the superuser over the socket, for libpq and for drivers that read `host` as a
    /// directory: `postgresql://postgres@/app?host=/var/lib/graphloom/run&port=5432`.
    pub fn connection_url(&self, database: &str) -> String {
        socket_url(&self.socket_dir, self.port, database)
    }

    /// A URL for other tools over TCP, **with the password**; `None` when TCP is off.
    pub fn tcp_url(&self, database: &str) -> Option<String> {
        let password = percent_encoded(self.password.as_ref()?.as_bytes(), b"");
        let database = percent_encoded(database.as_bytes(), b"");
        Some(format!(
            "postgresql://{SUPERUSER}:{password}@127.0.0.1:{}/{database}",
            self.port
        ))
    }

    /// A shell command that opens SQL as this user, without a password; `None` if there is no `psql`
    /// on this machine (the downloaded servers have none).
    pub fn psql_command(&self, database: &str) -> Option<String> {
        let psql = self.psql.as_ref()?;
        Some(format!(
            "{} -h {} -p {} -U {SUPERUSER} -d {}",
            shell_quoted(&psql.to_string_lossy()),
            shell_quoted(&self.socket_dir.to_string_lossy()),
            self.port,
            shell_quoted(database)
        ))
    }

    /// The directory that holds everything, with links followed.
    pub fn data_dir(&self) -> &Path {
        &self.home
    }

    /// The directory of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The port, also the one in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Under which account the server runs, in words.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// What the server is doing now.
    pub fn status(&self) -> Status {
        self.status.get()
    }

    /// A handle that goes on telling the status, for a health check.
    pub fn status_reader(&self) -> StatusReader {
        self.status.clone()
    }

    /// Stops the server: fast shutdown, after 10 s immediate shutdown.
    ///
    /// Errors: [`Error::StopTimeout`] if it ignores both.
    pub fn stop(mut self) -> Result<(), Error> {
        self.shut_down()
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        let Some(requests) = self.requests.take() else {
            return Ok(());
        };
        let (reply, answer) = mpsc::channel();
        let result = match requests.send(reply) {
            Ok(()) => answer.recv().unwrap_or(Ok(())),
            // The thread ended before, and the server with it.
            Err(mpsc::SendError(_)) => Ok(()),
        };
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        if result.is_ok() && !self.socket_dir.starts_with(&self.home) {
            // Empty now, and in a directory that others use too.
            drop(fs::remove_dir(&self.socket_dir));
        }
        result
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        drop(self.shut_down());
    }
}

impl fmt::Debug for Managed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the password.
        f.debug_struct("Managed")
            .field("home", &self.home)
            .field("socket_dir", &self.socket_dir)
            .field("port", &self.port)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

fn socket_url(dir: &Path, port: u16, database: &str) -> String {
    format!(
        "postgresql://{SUPERUSER}@/{}?host={}&port={port}",
        percent_encoded(database.as_bytes(), b""),
        percent_encoded(dir.as_os_str().as_encoded_bytes(), b"/"),
    )
}

/// Encodes everything but the unreserved characters of RFC 3986 and those in `also`.
fn percent_encoded(bytes: &[u8], also: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || also.contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/+@%:=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{percent_encoded, quote_list_item, shell_quoted};
    use std::path::Path;

    #[test]
    fn paths_survive_urls_lists_and_shells() {
        assert_eq!(
            percent_encoded("/a b/ü&?".as_bytes(), b"/"),
            "/a%20b/%C3%BC%26%3F"
        );
        assert_eq!(quote_list_item(Path::new(r#"/a, "b""#)), r#""/a, ""b""""#);
        assert_eq!(shell_quoted("/plain/path"), "/plain/path");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
