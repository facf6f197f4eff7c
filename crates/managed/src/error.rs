//! Everything that can keep the managed server from running, each with what to do about it.
//!
//! The texts are written for the person at the terminal. No variant carries a password: download URLs
//! are stored without their credentials. It must not know how the checks are made.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::discover::Rejected;

/// Why there is no managed server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation of ours failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },

    /// Neither `HOME`, the XDG variables nor the account name a home directory.
    #[error("this account has no home directory: name a data directory")]
    NoHome,

    /// No server program was found and none may or can be downloaded.
    #[error("{0}")]
    NoServer(Box<InstallHint>),

    /// The bin directory the user named cannot be used.
    #[error(
        "the PostgreSQL bin directory that was asked for cannot be used: {0}\n\
         Name a directory that holds `initdb` and `postgres`, or leave the option out."
    )]
    ExplicitBinDir(Box<Rejected>),

    /// The cluster belongs to another major than the only server we may take.
    #[error(
        "the data in {} was made by PostgreSQL {needed}, but {} holds PostgreSQL {found}, which \
         cannot open it. Name a PostgreSQL {needed} bin directory or another data directory.",
        cluster.display(), bin_dir.display()
    )]
    WrongMajor {
        cluster: PathBuf,
        needed: u32,
        bin_dir: PathBuf,
        found: u32,
    },

    /// The data directory is itself a Postgres cluster.
    #[error(
        "{} is a PostgreSQL data directory that something else made. Name a directory of our own \
         (a cluster is created inside it), or connect to that server by its URL.",
        .0.display()
    )]
    DataDirIsCluster(PathBuf),

    /// The place of the cluster is taken by other files.
    #[error("{} is not empty and has no readable PG_VERSION: it is not a PostgreSQL cluster", .0.display())]
    NotACluster(PathBuf),

    /// Another process of ours manages this data directory.
    #[error(
        "{} is in use by another running server{}. Stop that one or name another data directory.",
        data_dir.display(), OfProcess(*pid)
    )]
    InUse { data_dir: PathBuf, pid: Option<u32> },

    /// The previous server still runs on the cluster and does not stop.
    #[error(
        "an earlier PostgreSQL (process {pid}) still runs on {} and does not stop; end it first",
        cluster.display()
    )]
    PreviousServerStuck { cluster: PathBuf, pid: u32 },

    /// The files belong to another account than ours.
    #[error("{} belongs to {owner}: run as that user, or name another data directory", path.display())]
    ForeignOwner { path: PathBuf, owner: String },

    /// The account named for the server does not exist.
    #[error("there is no account named {0:?} to run PostgreSQL under")]
    NoSuchAccount(String),

    /// An account was named for the server but only root can change accounts.
    #[error("PostgreSQL can only run under the account {0:?} when we are started by root")]
    CannotChangeAccount(String),

    /// No way was found to run Postgres under an account it accepts.
    #[error(
        "PostgreSQL does not run as this user ({wanted}), and a user namespace, the other way, is not \
         possible here ({namespace}).\n\
         Name a data directory whose parents every user may enter, such as /var/lib/graphloom, or \
         start this program as an ordinary user."
    )]
    NoIdentity { wanted: String, namespace: String },

    /// No directory has a path that can be a socket's.
    #[error(
        "{} cannot be the path of a unix socket (at most {bytes_max} bytes, no comma), and the temp \
         directories are no better: name a data directory with a short plain path",
        .socket.display()
    )]
    NoSocketPath { socket: PathBuf, bytes_max: usize },

    /// A directory in a shared temp directory is not ours.
    #[error("{} exists but is not a private directory of the server's account; remove it", .0.display())]
    UnsafeSocketDir(PathBuf),

    /// A setting that this crate decides was given by the caller.
    #[error("the PostgreSQL setting {0:?} cannot be given: the managed server sets it itself")]
    ReservedSetting(String),

    /// `initdb` failed.
    #[error("creating the database cluster in {} failed ({status}):\n{output}", cluster.display())]
    Initdb {
        cluster: PathBuf,
        status: String,
        output: String,
    },

    /// A program could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Spawn { program: PathBuf, source: io::Error },

    /// The server ended before it accepted connections.
    #[error("PostgreSQL ended during its start ({status}). The end of {}:\n{log_tail}", log.display())]
    ServerExited {
        status: String,
        log: PathBuf,
        log_tail: String,
    },

    /// The server runs but does not accept connections in time.
    #[error("PostgreSQL did not become ready within {seconds} s; see {}", log.display())]
    StartTimeout { seconds: u64, log: PathBuf },

    /// The start was abandoned because a stop was asked for meanwhile.
    #[error("the start was abandoned because a stop was asked for")]
    StopRequested,

    /// The server ignores the requests to stop.
    #[error("PostgreSQL (process {pid}) does not stop; it was not killed, to protect the data")]
    StopTimeout { pid: u32 },
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }
}

/// Shows " (process 12)", or nothing.
struct OfProcess(Option<u32>);

impl fmt::Display for OfProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " (process {pid})"),
            None => Ok(()),
        }
    }
}

/// Why no server was downloaded, or the downloaded one not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownloadFailure {
    /// The options name no place to download from.
    #[error("switched off")]
    SwitchedOff,
    /// Only looking was asked for.
    #[error("not tried yet")]
    NotTried,
    /// No package is pinned for this system, or none of the needed major.
    #[error("there is no prebuilt server for this system")]
    NoPackage,
    /// The package could not be fetched.
    #[error("{url}: {reason}")]
    Fetch {
        /// Without credentials.
        url: String,
        /// From the network or the file system.
        reason: String,
    },
    /// The package is not the one this release pins.
    #[error(
        "{url} is not the file this release expects: its SHA-512 is {found}, not {expected}. \
         A proxy or a mirror may have changed it; nothing was installed"
    )]
    WrongChecksum {
        /// Without credentials.
        url: String,
        /// In base64.
        expected: String,
        /// In base64.
        found: String,
    },
    /// The package has the right digest but cannot be unpacked safely.
    #[error("{url} was refused: {reason}; nothing was installed")]
    BadArchive {
        /// Without credentials.
        url: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// The downloaded server does not start on this system.
    #[error("the downloaded server does not run on this system")]
    DoesNotRun,
}

/// What to tell someone who has no usable Postgres: shown as one screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallHint {
    /// The major an existing cluster asks for.
    pub needed_major: Option<u32>,
    /// The command that installs Postgres on this system.
    pub install_command: String,
    /// Why no download helped.
    pub download: DownloadFailure,
    /// What was found and not taken.
    pub rejected: Vec<Rejected>,
}

/// How many rejected candidates the error shows; `doctor` shows all.
const REJECTED_SHOWN: usize = 8;

impl fmt::Display for InstallHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.needed_major {
            Some(major) => writeln!(
                f,
                "The existing data needs PostgreSQL {major}, and no usable one was found."
            )?,
            None => writeln!(f, "No usable PostgreSQL was found on this machine.")?,
        }
        for rejected in self.rejected.iter().take(REJECTED_SHOWN) {
            writeln!(f, "  not taken: {rejected}")?;
        }
        if self.rejected.len() > REJECTED_SHOWN {
            writeln!(f, "  … and {} more", self.rejected.len() - REJECTED_SHOWN)?;
        }
        writeln!(f, "  download: {}", self.download)?;
        writeln!(f, "Do one of these:")?;
        writeln!(f, "  install it:               {}", self.install_command)?;
        writeln!(
            f,
            "  use a running database:   set HASURA_GRAPHQL_DATABASE_URL=postgresql://…"
        )?;
        write!(
            f,
            "  use an unpacked server:   name the directory that holds initdb and postgres"
        )
    }
}

impl InstallHint {
    /// The install command of this system, from `/etc/os-release`.
    pub(crate) fn install_command(needed_major: Option<u32>) -> String {
        if cfg!(target_os = "macos") {
            return format!("brew install postgresql@{}", needed_major.unwrap_or(18));
        }
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        command_for(&release, needed_major)
    }
}

/// Picks the command for the distribution described in `os-release` form (`ID=debian` lines).
fn command_for(os_release: &str, needed_major: Option<u32>) -> String {
    let ids: Vec<&str> = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches(['"', '\'']).split_whitespace())
        .collect();
    let is = |names: &[&str]| ids.iter().any(|id| names.contains(id));
    let suffix = |separator: &str| {
        needed_major.map_or_else(String::new, |major| format!("{separator}{major}"))
    };
    if is(&["debian", "ubuntu"]) {
        format!("apt-get install -y postgresql{}", suffix("-"))
    } else if is(&["alpine"]) {
        format!("apk add postgresql{}", suffix(""))
    } else if is(&["fedora", "rhel", "centos"]) {
        format!("dnf install -y postgresql{}-server", suffix(""))
    } else if is(&["arch"]) {
        "pacman -S postgresql".to_owned()
    } else if is(&["suse", "opensuse"]) {
        format!("zypper install postgresql{}-server", suffix(""))
    } else {
        format!(
            "install PostgreSQL{} with the system's package manager",
            suffix(" ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::command_for;

    #[test]
    fn install_commands_follow_the_distribution_and_the_major() {
        let ubuntu = "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n";
        assert_eq!(command_for(ubuntu, None), "apt-get install -y postgresql");
        assert_eq!(
            command_for(ubuntu, Some(15)),
            "apt-get install -y postgresql-15"
        );
        assert_eq!(command_for("ID=alpine\n", Some(17)), "apk add postgresql17");
        let rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        assert_eq!(command_for(rocky, None), "dnf install -y postgresql-server");
        assert!(command_for("", Some(16)).contains("PostgreSQL 16"));
    }
}
