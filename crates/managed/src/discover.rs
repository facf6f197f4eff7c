//! Which server program to use: the first source of the chain that has a usable one.
//!
//! The chain: the directory the user names → beside our executable → installed on the machine →
//! downloaded earlier. (Downloading now is `download.rs`.) An existing cluster's major decides over
//! all of them. Looking never changes anything and never uses the network, so `doctor` may do it.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{DownloadFailure, Error, InstallHint};
use crate::layout::Layout;
use crate::options::{Options, Places, inherited_environment};
use crate::runtime::{OLDEST_MAJOR, TESTED_MAJORS, platform};
use crate::sys;

/// How long a candidate may take to tell about itself.
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of its output is read.
const OUTPUT_BYTES_MAX: u64 = 4096;

/// A usable server program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Holds `initdb` and `postgres`.
    pub bin_dir: PathBuf,
    /// What `postgres --version` says.
    pub version: Version,
    /// The step of the chain that found it.
    pub origin: Origin,
    /// What was found earlier and not taken.
    pub rejected: Vec<Rejected>,
}

impl Installation {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// A server's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// 15 for 15.18.
    pub major: u32,
    /// As printed, without the program's name: `15.18 (Debian 15.18-0+deb12u1)`.
    pub text: String,
}

/// The step of the chain a server came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user named the directory.
    Explicit,
    /// Shipped beside our own executable.
    BesideExecutable,
    /// Installed on the machine.
    Installed,
    /// Downloaded by an earlier run.
    Cached,
    /// Downloaded just now.
    Downloaded,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "the bin directory that was asked for",
            Self::BesideExecutable => "shipped beside this program",
            Self::Installed => "installed on this machine",
            Self::Cached => "downloaded by an earlier run",
            Self::Downloaded => "downloaded now",
        })
    }
}

/// A directory that was looked at and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The directory.
    pub bin_dir: PathBuf,
    /// Why not.
    pub reason: Rejection,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.bin_dir.display(), self.reason)
    }
}

/// Why a directory was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// This program is not in it.
    Missing(&'static str),
    /// `postgres --version` failed, for example because it needs a newer C library.
    DoesNotRun(String),
    /// An existing cluster needs another major.
    WrongMajor { found: u32, needed: u32 },
    /// Older than anything supported.
    TooOld(u32),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(program) => write!(f, "`{program}` is not there"),
            Self::DoesNotRun(reason) => write!(f, "`postgres --version` fails: {reason}"),
            Self::WrongMajor { found, needed } => {
                write!(f, "is PostgreSQL {found}, the data needs {needed}")
            }
            Self::TooOld(found) => {
                write!(f, "is PostgreSQL {found}, older than {OLDEST_MAJOR}")
            }
        }
    }
}

/// Finds the server program a start would use, without the network and without changing anything.
///
/// Errors: [`Error::ExplicitBinDir`] and [`Error::WrongMajor`] when the user named a directory,
/// [`Error::NoServer`] when nothing usable is there (a start would then download, if it may),
/// [`Error::NotACluster`] when the place of the cluster is taken.
pub fn discover(options: &Options) -> Result<Installation, Error> {
    let layout = Layout::of(options)?;
    let needed = layout.cluster_major()?;
    if let Some(bin_dir) = &options.bin_dir {
        return explicit(bin_dir, needed, &layout);
    }
    let mut search = Search {
        needed,
        seen: HashSet::new(),
        rejected: Vec::new(),
    };
    let chain = [
        (Origin::BesideExecutable, beside_executable(&options.places)),
        (Origin::Installed, installed(&options.places)),
        (Origin::Cached, cached(options)),
    ];
    for (origin, bin_dirs) in chain {
        if let Some((bin_dir, version)) = search.best_of(bin_dirs) {
            return Ok(Installation {
                bin_dir,
                version,
                origin,
                rejected: search.rejected,
            });
        }
    }
    let download = match (&options.download_base_url, platform()) {
        (None, _) => DownloadFailure::SwitchedOff,
        (_, None) => DownloadFailure::NoPackage,
        (Some(_), Some(_)) => DownloadFailure::NotTried,
    };
    Err(Error::NoServer(Box::new(InstallHint {
        needed_major: needed,
        install_command: InstallHint::install_command(needed),
        download,
        rejected: search.rejected,
    })))
}

/// An explicit choice is never skipped silently.
fn explicit(bin_dir: &Path, needed: Option<u32>, layout: &Layout) -> Result<Installation, Error> {
    let bin_dir = std::path::absolute(bin_dir).map_err(Error::io("resolve", bin_dir))?;
    match examine(&bin_dir) {
        Err(reason) => Err(Error::ExplicitBinDir(Box::new(Rejected {
            bin_dir,
            reason,
        }))),
        Ok(version) => match needed {
            Some(needed) if needed != version.major => Err(Error::WrongMajor {
                cluster: layout.cluster.clone(),
                needed,
                bin_dir,
                found: version.major,
            }),
            _ => Ok(Installation {
                bin_dir,
                version,
                origin: Origin::Explicit,
                rejected: Vec::new(),
            }),
        },
    }
}

/// What the steps of the chain share.
struct Search {
    needed: Option<u32>,
    seen: HashSet<PathBuf>,
    rejected: Vec<Rejected>,
}

impl Search {
    /// Takes the needed major, or the highest tested one, or the highest; the earlier wins a tie.
    fn best_of(&mut self, bin_dirs: Vec<PathBuf>) -> Option<(PathBuf, Version)> {
        let mut best: Option<(PathBuf, Version)> = None;
        for bin_dir in bin_dirs {
            // `PATH` often leads to links into a versioned directory that is also searched.
            let Some(bin_dir) = real_bin_dir(&bin_dir) else {
                continue;
            };
            if !self.seen.insert(bin_dir.clone()) {
                continue;
            }
            match self.judge(&bin_dir) {
                Err(reason) => self.rejected.push(Rejected { bin_dir, reason }),
                Ok(version) => {
                    let is_better = best
                        .as_ref()
                        .is_none_or(|(_, other)| rank(&version) > rank(other));
                    if is_better {
                        best = Some((bin_dir, version));
                    }
                }
            }
        }
        best
    }

    fn judge(&self, bin_dir: &Path) -> Result<Version, Rejection> {
        let version = examine(bin_dir)?;
        match self.needed {
            Some(needed) if needed != version.major => Err(Rejection::WrongMajor {
                found: version.major,
                needed,
            }),
            _ => Ok(version),
        }
    }
}

fn rank(version: &Version) -> (bool, u32) {
    (TESTED_MAJORS.contains(&version.major), version.major)
}

/// Follows a link from a general directory (`/usr/local/bin/postgres`) to the directory the server
/// really lives in; `None` if there is no server program at all.
fn real_bin_dir(bin_dir: &Path) -> Option<PathBuf> {
    let server = bin_dir.join("postgres");
    let server = server.canonicalize().ok()?;
    server.parent().map(Path::to_path_buf)
}

/// Checks that a directory holds programs that run here, and asks for their version.
pub(crate) fn examine(bin_dir: &Path) -> Result<Version, Rejection> {
    for program in ["postgres", "initdb"] {
        if !bin_dir.join(program).is_file() {
            return Err(Rejection::Missing(program));
        }
    }
    let output =
        output_of(&bin_dir.join("postgres"), "--version").map_err(Rejection::DoesNotRun)?;
    let version = parse_version(&output)
        .ok_or_else(|| Rejection::DoesNotRun(format!("it prints {:?}", output.trim())))?;
    if version.major < OLDEST_MAJOR {
        return Err(Rejection::TooOld(version.major));
    }
    Ok(version)
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; development versions say `19devel`.
fn parse_version(output: &str) -> Option<Version> {
    let text = output.trim().strip_prefix("postgres (PostgreSQL) ")?;
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some(Version {
        major: text[..digits].parse().ok()?,
        text: text.to_owned(),
    })
}

/// What a program that only tells something about itself prints.
fn output_of(program: &Path, argument: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command
        .arg(argument)
        .env_clear()
        .envs(inherited_environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn_patiently(&mut command).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + OUTPUT_TIMEOUT;
    let status = loop {
        match child.try_wait() {
            Err(error) => return Err(error.to_string()),
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                // It only tells about itself: nothing is lost by killing it.
                drop(child.kill());
                drop(child.wait());
                return Err(format!("no answer within {} s", OUTPUT_TIMEOUT.as_secs()));
            }
        }
    };
    // The output of a program that ended is in the pipes, as far as it fits there.
    let read = |pipe: Option<&mut dyn Read>| {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            drop(pipe.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    if status.success() {
        Ok(read(
            child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read),
        ))
    } else {
        let stderr = read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read));
        Err(format!(
            "{status}: {}",
            stderr.lines().next().unwrap_or_default()
        ))
    }
}

/// Starts a program that may have been written a moment ago: while another thread's new child still
/// holds the file open for writing, the system calls it busy.
fn spawn_patiently(command: &mut Command) -> io::Result<std::process::Child> {
    for _ in 0..50 {
        match command.spawn() {
            Err(error) if sys::is_text_busy(&error) => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
    command.spawn()
}

fn beside_executable(places: &Places) -> Vec<PathBuf> {
    let below = "../lib/graphloom/postgres/bin";
    places
        .executable_dir
        .iter()
        .map(|dir| dir.join(below))
        .collect()
}

fn installed(places: &Places) -> Vec<PathBuf> {
    let path: Vec<PathBuf> = places.path.iter().flat_map(std::env::split_paths).collect();
    // An empty or relative entry means the current directory: not a place to run programs from.
    let path: Vec<PathBuf> = path.into_iter().filter(|dir| dir.is_absolute()).collect();
    let configured = path
        .iter()
        .find_map(|dir| bindir_of_pg_config(&dir.join("pg_config")));
    let known = places.patterns.iter().flat_map(|pattern| expand(pattern));
    path.clone()
        .into_iter()
        .chain(configured)
        .chain(known)
        .collect()
}

fn bindir_of_pg_config(program: &Path) -> Option<PathBuf> {
    let text = program
        .is_file()
        .then(|| output_of(program, "--bindir").ok())??;
    Some(PathBuf::from(text.trim())).filter(|dir| dir.is_absolute())
}

/// The directories that match a pattern with a `*` in at most one component.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let (suffix, rest) = after.split_once('/').unwrap_or((after, ""));
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.len() >= prefix.len() + suffix.len()
                && name.starts_with(prefix)
                && name.ends_with(suffix)
        })
        .map(|entry| entry.path().join(rest))
        .collect();
    // The order of a directory is arbitrary; a choice must not be.
    found.sort();
    found
}

/// Only pinned packages count: an older one in the cache is replaced by the download of the new.
fn cached(options: &Options) -> Vec<PathBuf> {
    options
        .runtimes
        .iter()
        .filter(|pin| Some(pin.platform.as_str()) == platform())
        .map(|pin| options.cache_dir.join(pin.directory_name()).join("bin"))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]
    use super::{Version, parse_version, rank};

    #[test]
    fn versions_of_releases_distributions_and_development() {
        let debian =
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").unwrap();
        assert_eq!(debian.major, 15);
        assert_eq!(debian.text, "15.18 (Debian 15.18-0+deb12u1)");
        assert_eq!(
            parse_version("postgres (PostgreSQL) 19devel")
                .unwrap()
                .major,
            19
        );
        assert_eq!(parse_version("postgres (EnterpriseDB) 15.1"), None);
        assert_eq!(parse_version("postgres (PostgreSQL) beta"), None);
    }

    #[test]
    fn the_highest_tested_major_wins_over_newer_and_older_ones() {
        let mut majors = [14, 19, 16, 18, 13];
        majors.sort_by_key(|major| {
            rank(&Version {
                major: *major,
                text: String::new(),
            })
        });
        assert_eq!(majors, [13, 14, 19, 16, 18]);
    }
}
