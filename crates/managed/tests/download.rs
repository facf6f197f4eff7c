//! Downloading a server: from a file server of our own, good packages and bad ones.
//!
//! The packages hold shell scripts for programs, so nothing here starts a Postgres.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use graphloom_managed::{
    DownloadFailure, Error, Event, InstallHint, Observer, Options, Origin, Places, Rejection,
    RuntimePin, discover, platform, prepare,
};
use sha2::{Digest, Sha512};
use support::{TempDir, quick_options};

/// What the file server does with one path.
#[derive(Clone)]
enum Answer {
    Whole(Vec<u8>),
    /// Announces all of it and closes the connection in the middle.
    CutOff(Vec<u8>),
}

/// An HTTP server on the loopback interface that ends with the test process.
struct FileServer {
    base_url: String,
    requests: Arc<AtomicUsize>,
}

impl FileServer {
    fn start(files: HashMap<String, Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counter.fetch_add(1, Ordering::SeqCst);
                // A client that gives up is not this server's problem.
                drop(answer(stream.unwrap(), &files));
            }
        });
        Self { base_url, requests }
    }
}

fn answer(mut stream: TcpStream, files: &HashMap<String, Answer>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
    };
    match files.get(first.split(' ').nth(1).unwrap()) {
        None => stream.write_all(head("404 Not Found", 0).as_bytes()),
        Some(Answer::Whole(body)) => {
            stream.write_all(head("200 OK", body.len()).as_bytes())?;
            stream.write_all(body)
        }
        Some(Answer::CutOff(body)) => {
            stream.write_all(head("200 OK", body.len()).as_bytes())?;
            stream.write_all(&body[..body.len() / 2])
        }
    }
}

/// One thing in a package. Names are written as they are, even where a tar library refuses.
enum Item {
    Program(&'static str, &'static str),
    File(&'static str, &'static str),
    Link(&'static str, &'static str),
}

fn package(items: &[Item]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for item in items {
        let (name, content, mode, kind) = match item {
            Item::Program(name, content) => (name, content, 0o755, tar::EntryType::Regular),
            Item::File(name, content) => (name, content, 0o644, tar::EntryType::Regular),
            Item::Link(name, _) => (name, &"", 0o777, tar::EntryType::Symlink),
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_entry_type(kind);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if let Item::Link(_, target) = item {
            header.set_link_name(target).unwrap();
        }
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

const POSTGRES: Item = Item::Program(
    "package/native/bin/postgres",
    "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n",
);
const INITDB: Item = Item::Program("package/native/bin/initdb", "#!/bin/sh\nexit 0\n");
const LIBRARY: Item = Item::File("package/native/lib/libpq.so.5.18", "code");
const LINKS: Item = Item::File(
    "package/native/pg-symlinks.json",
    r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so"}]"#,
);

fn good_package() -> Vec<u8> {
    package(&[
        POSTGRES,
        INITDB,
        LIBRARY,
        LINKS,
        Item::File("package/README.md", "hello"),
    ])
}

fn pin_of(package: &[u8]) -> RuntimePin {
    RuntimePin {
        platform: platform()
            .expect("the tests run where prebuilt servers do")
            .to_owned(),
        major: 18,
        version: "18.4.0-test".to_owned(),
        sha512: base64::engine::general_purpose::STANDARD.encode(Sha512::digest(package)),
    }
}

fn path_of(pin: &RuntimePin) -> String {
    format!(
        "/@embedded-postgres/{0}/-/{0}-{1}.tgz",
        pin.platform, pin.version
    )
}

fn options(dir: &TempDir, base_url: &str, pin: RuntimePin) -> Options {
    Options {
        cache_dir: dir.join("cache"),
        download_base_url: Some(base_url.to_owned()),
        runtimes: vec![pin],
        places: Places::none(),
        ..quick_options(dir.join("home"))
    }
}

/// Offers one package under its own digest, which must be refused; gives why, and checks that
/// nothing stays.
fn refused(package: &[u8]) -> String {
    let dir = TempDir::new();
    let pin = pin_of(package);
    let server = FileServer::start([(path_of(&pin), Answer::Whole(package.to_vec()))].into());
    match failure(&dir, options(&dir, &server.base_url, pin)).download {
        DownloadFailure::BadArchive { reason, .. } => reason,
        other => panic!("expected a refused package, found {other:?}"),
    }
}

fn failure(dir: &TempDir, options: Options) -> InstallHint {
    let error = prepare(&options).unwrap_err();
    let screen = error.to_string();
    assert!(screen.contains("install it:"), "{screen}");
    assert!(screen.contains("HASURA_GRAPHQL_DATABASE_URL"), "{screen}");
    assert!(screen.lines().count() <= 24, "{screen}");
    assert_eq!(in_cache(dir), ["download.lock"], "no part of it stays");
    match error {
        Error::NoServer(hint) => *hint,
        other => panic!("{other}"),
    }
}

fn in_cache(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.join("cache")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_good_package_is_fetched_once_and_found_again() {
    let dir = TempDir::new();
    let package = good_package();
    let pin = pin_of(&package);
    let server = FileServer::start([(path_of(&pin), Answer::Whole(package))].into());
    let mut options = options(&dir, &server.base_url, pin);
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    options.observer = Observer::new(move |event| sink.lock().unwrap().push(event.clone()));
    let Err(Error::NoServer(hint)) = discover(&options) else {
        panic!("looking never fetches")
    };
    assert_eq!(hint.download, DownloadFailure::NotTried);

    let fetched = prepare(&options).unwrap();
    assert_eq!(
        (fetched.origin, fetched.version.major),
        (Origin::Downloaded, 18)
    );
    let root = fetched.bin_dir.parent().unwrap();
    let link = root.join("lib/libpq.so");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(link).unwrap(), "code");
    assert!(!root.join("README.md").exists());
    assert_eq!(
        in_cache(&dir).len(),
        2,
        "the lock and the server: {:?}",
        in_cache(&dir)
    );
    let told = events.lock().unwrap().clone();
    assert!(matches!(
        told.as_slice(),
        [Event::Downloading { .. }, Event::Unpacking { .. }]
    ));

    let again = prepare(&options).unwrap();
    assert_eq!(
        (again.origin, &again.bin_dir),
        (Origin::Cached, &fetched.bin_dir)
    );
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn first_starts_at_the_same_time_fetch_once() {
    let dir = TempDir::new();
    let package = good_package();
    let pin = pin_of(&package);
    let server = FileServer::start([(path_of(&pin), Answer::Whole(package))].into());
    let options = options(&dir, &server.base_url, pin);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| prepare(&options).unwrap()))
            .collect();
        for one in all {
            one.join().unwrap();
        }
    });
    assert_eq!(server.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn a_broken_server_in_the_cache_is_replaced() {
    let dir = TempDir::new();
    let package = good_package();
    let pin = pin_of(&package);
    let server = FileServer::start([(path_of(&pin), Answer::Whole(package))].into());
    let options = options(&dir, &server.base_url, pin);
    let bin_dir = prepare(&options).unwrap().bin_dir;
    fs::write(bin_dir.join("postgres"), "").unwrap();
    assert_eq!(prepare(&options).unwrap().origin, Origin::Downloaded);
}

#[test]
fn a_directory_of_files_serves_without_a_network() {
    for (below, prefix) in [("mirror", ""), ("files", "file://")] {
        let dir = TempDir::new();
        let package = good_package();
        let pin = pin_of(&package);
        let mirror = dir.join(below);
        let file: PathBuf = if below == "mirror" {
            mirror.join(&path_of(&pin)[1..])
        } else {
            mirror.join(format!("{}-{}.tgz", pin.platform, pin.version))
        };
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &package).unwrap();
        let base_url = format!("{prefix}{}", mirror.display());
        assert_eq!(
            prepare(&options(&dir, &base_url, pin)).unwrap().origin,
            Origin::Downloaded
        );
    }
}

#[test]
fn a_package_with_another_digest_is_refused() {
    let dir = TempDir::new();
    let pin = pin_of(&good_package());
    let tampered = package(&[
        POSTGRES,
        INITDB,
        Item::File("package/native/lib/evil.so", "code"),
    ]);
    let server = FileServer::start([(path_of(&pin), Answer::Whole(tampered))].into());
    let hint = failure(&dir, options(&dir, &server.base_url, pin));
    assert!(
        matches!(hint.download, DownloadFailure::WrongChecksum { .. }),
        "{hint}"
    );
}

#[test]
fn a_transfer_that_breaks_off_is_refused() {
    let dir = TempDir::new();
    let package = good_package();
    let pin = pin_of(&package);
    let server = FileServer::start([(path_of(&pin), Answer::CutOff(package))].into());
    let hint = failure(&dir, options(&dir, &server.base_url, pin));
    assert!(
        matches!(hint.download, DownloadFailure::Fetch { .. }),
        "{hint}"
    );
}

#[test]
fn a_missing_package_and_a_missing_server_are_told_apart() {
    let dir = TempDir::new();
    let pin = pin_of(&good_package());
    let server = FileServer::start(HashMap::new());
    let hint = failure(&dir, options(&dir, &server.base_url, pin.clone()));
    assert!(hint.download.to_string().contains("404"), "{hint}");

    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hint = failure(
        &dir,
        options(&dir, &format!("http://u:secret@{unused}"), pin),
    );
    assert!(
        matches!(hint.download, DownloadFailure::Fetch { .. }),
        "{hint}"
    );
    assert!(!hint.to_string().contains("secret"), "{hint}");
}

#[test]
fn a_truncated_archive_is_refused_even_under_its_own_digest() {
    let whole = good_package();
    for length in [0, 1, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        let reason = refused(&whole[..length]);
        assert!(
            reason.contains("cannot be read to its end"),
            "{length}: {reason}"
        );
    }
}

#[test]
fn entries_that_climb_out_are_refused() {
    for name in [
        "../evil",
        "package/native/../../../evil",
        "package/native/bin/../../../../../evil",
        "/tmp/evil",
    ] {
        let reason = refused(&package(&[POSTGRES, INITDB, Item::File(name, "evil")]));
        assert!(reason.contains("climbs out"), "{name}: {reason}");
    }
}

#[test]
fn entries_that_are_no_files_are_refused() {
    let reason = refused(&package(&[
        POSTGRES,
        INITDB,
        Item::Link("package/native/lib", "/tmp"),
        Item::File("package/native/lib/evil", "evil"),
    ]));
    assert!(
        reason.contains("neither a file nor a directory"),
        "{reason}"
    );
    let reason = refused(&package(&[POSTGRES, INITDB, LIBRARY, LIBRARY]));
    assert!(reason.contains("twice"), "{reason}");
}

#[test]
fn links_that_climb_out_are_refused() {
    for list in [
        r#"[{"source":"native/../../../../etc/passwd","target":"native/lib/libpq.so"}]"#,
        r#"[{"source":"/etc/passwd","target":"native/lib/libpq.so"}]"#,
        r#"[{"source":"native/lib/libpq.so.5.18","target":"native/../../evil"}]"#,
        r#"[{"source":"native/lib/libpq.so.5.18","target":"/tmp/evil"}]"#,
        r#"[{"source":"native/lib/no-such-file","target":"native/lib/libpq.so"}]"#,
        r#"[{"source":"native/lib","target":"native/lib2"}]"#,
        r#"[{"source":"native/lib/libpq.so.5.18","target":"native/a"},
            {"source":"native/a","target":"native/b"}]"#,
    ] {
        let links = Item::File("package/native/pg-symlinks.json", list);
        let reason = refused(&package(&[POSTGRES, INITDB, LIBRARY, links]));
        assert!(
            reason.contains("no file inside the package"),
            "{list}: {reason}"
        );
    }
    for list in ["{", "{}", r#"[{"source":1,"target":"native/x"}]"#] {
        let links = Item::File("package/native/pg-symlinks.json", list);
        let reason = refused(&package(&[POSTGRES, INITDB, LIBRARY, links]));
        assert!(reason.contains("malformed"), "{list}: {reason}");
    }
}

#[test]
fn a_package_without_a_server_is_refused() {
    let reason = refused(&package(&[POSTGRES, LIBRARY]));
    assert!(reason.contains("bin/initdb"), "{reason}");
}

#[test]
fn a_server_that_does_not_run_here_is_reported() {
    let dir = TempDir::new();
    let package = package(&[
        Item::Program(
            "package/native/bin/postgres",
            "#!/bin/sh\necho 'needs GLIBC_9' >&2; exit 1\n",
        ),
        INITDB,
    ]);
    let pin = pin_of(&package);
    let server = FileServer::start([(path_of(&pin), Answer::Whole(package))].into());
    let Err(Error::NoServer(hint)) = prepare(&options(&dir, &server.base_url, pin)) else {
        panic!("it does not run");
    };
    assert_eq!(hint.download, DownloadFailure::DoesNotRun);
    let reason = &hint.rejected.last().unwrap().reason;
    assert!(
        matches!(reason, Rejection::DoesNotRun(why) if why.contains("GLIBC_9")),
        "{reason}"
    );
}

#[test]
fn existing_data_decides_which_package_is_fetched() {
    let dir = TempDir::new();
    fs::create_dir_all(dir.join("home/postgres")).unwrap();
    fs::write(dir.join("home/postgres/PG_VERSION"), "16\n").unwrap();
    let package = package(&[
        Item::Program(
            "package/native/bin/postgres",
            "#!/bin/sh\necho 'postgres (PostgreSQL) 16.9'\n",
        ),
        INITDB,
    ]);
    let newest = pin_of(&good_package());
    let fitting = RuntimePin {
        major: 16,
        version: "16.9.0-test".to_owned(),
        ..pin_of(&package)
    };
    let server = FileServer::start([(path_of(&fitting), Answer::Whole(package))].into());
    let mut options = options(&dir, &server.base_url, newest);
    let hint = failure_before_fetching(&options);
    assert_eq!(
        (hint.needed_major, hint.download),
        (Some(16), DownloadFailure::NoPackage)
    );
    options.runtimes.push(fitting);
    assert_eq!(prepare(&options).unwrap().version.major, 16);
}

fn failure_before_fetching(options: &Options) -> InstallHint {
    match prepare(options) {
        Err(Error::NoServer(hint)) => *hint,
        other => panic!("{other:?}"),
    }
}
