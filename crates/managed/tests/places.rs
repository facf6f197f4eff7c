//! Where a managed server lives, under which account, and which server program it takes.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use graphloom_managed::{Error, Options, Origin, Places, Rejection, discover, start};
use support::{TempDir, is_root, pid_of, quick_options, run_test_as, sql, sql_by_url};

#[test]
fn a_path_may_hold_spaces_quotes_and_commas() {
    let dir = TempDir::new();
    let data_dir = dir.join("my \"data\" & more");
    let managed = start(quick_options(&data_dir)).unwrap();
    assert_eq!(managed.socket_dir(), data_dir.join("run"));
    assert_eq!(sql(&managed, "select 1"), "1");
    assert_eq!(
        sql_by_url(&managed.connection_url("postgres"), "select 2"),
        "2"
    );

    // No client could name a socket there.
    let managed = start(quick_options(dir.join("one, two"))).unwrap();
    assert!(!managed.socket_dir().starts_with(dir.path()));
    assert_eq!(sql(&managed, "select 1"), "1");
    assert_eq!(
        sql_by_url(&managed.connection_url("postgres"), "select 2"),
        "2"
    );
}

#[test]
fn a_long_path_gets_its_socket_elsewhere() {
    let dir = TempDir::new();
    let data_dir = dir.join("long".repeat(25)).join("home");
    let managed = start(quick_options(&data_dir)).unwrap();
    assert!(!managed.socket_dir().starts_with(&data_dir));
    assert!(managed.socket_dir().as_os_str().len() < 90);
    let found = fs::metadata(managed.socket_dir()).unwrap();
    assert_eq!(found.mode() & 0o777, 0o700);
    assert_eq!(sql(&managed, "select 1"), "1");
    let socket_dir = managed.socket_dir().to_path_buf();
    managed.stop().unwrap();
    // The same place again, although it exists.
    let managed = start(quick_options(&data_dir)).unwrap();
    assert_eq!(managed.socket_dir(), socket_dir);
    drop(managed);
    assert!(!socket_dir.exists(), "nothing stays behind elsewhere");
}

#[test]
fn a_link_in_the_path_is_followed() {
    let dir = TempDir::new();
    fs::create_dir(dir.join("real")).unwrap();
    std::os::unix::fs::symlink(dir.join("real"), dir.join("link")).unwrap();
    let managed = start(quick_options(dir.join("link/home"))).unwrap();
    assert_eq!(managed.data_dir(), dir.join("real/home"));
    assert!(matches!(
        start(quick_options(dir.join("real/home"))),
        Err(Error::InUse { .. })
    ));
}

#[test]
fn a_cluster_of_something_else_is_not_touched() {
    let dir = TempDir::new();
    let foreign = dir.join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("PG_VERSION"), "15\n").unwrap();
    let error = start(quick_options(&foreign)).unwrap_err();
    assert!(matches!(error, Error::DataDirIsCluster(_)), "{error}");

    let occupied = dir.join("occupied");
    fs::create_dir_all(occupied.join("postgres")).unwrap();
    fs::write(occupied.join("postgres/thesis.txt"), "important").unwrap();
    let error = start(quick_options(&occupied)).unwrap_err();
    assert!(matches!(error, Error::NotACluster(_)), "{error}");
    assert!(occupied.join("postgres/thesis.txt").exists());
}

#[test]
fn another_major_never_starts_on_existing_data() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let managed = start(quick_options(&data_dir)).unwrap();
    let bin_dir = managed.installation.bin_dir.clone();
    let actual = managed.installation.version.major;
    managed.stop().unwrap();
    fs::write(data_dir.join("postgres/PG_VERSION"), "99\n").unwrap();

    let error = start(quick_options(&data_dir)).unwrap_err();
    let Error::NoServer(hint) = &error else {
        panic!("{error}")
    };
    assert_eq!(hint.needed_major, Some(99));
    let wrong = Rejection::WrongMajor {
        found: actual,
        needed: 99,
    };
    assert!(
        hint.rejected
            .iter()
            .any(|rejected| rejected.reason == wrong)
    );
    assert!(error.to_string().contains("needs PostgreSQL 99"), "{error}");

    let explicit = Options {
        bin_dir: Some(bin_dir),
        ..quick_options(&data_dir)
    };
    let error = start(explicit).unwrap_err();
    assert!(
        matches!(error, Error::WrongMajor { needed: 99, .. }),
        "{error}"
    );
    assert!(!data_dir.join("postgres/postmaster.pid").exists());
}

#[test]
fn an_explicit_bin_dir_is_used_or_an_error() {
    let dir = TempDir::new();
    let empty = dir.join("empty");
    fs::create_dir(&empty).unwrap();
    let with = |bin_dir: &Path| Options {
        bin_dir: Some(bin_dir.to_path_buf()),
        ..quick_options(dir.join("home"))
    };
    let error = start(with(&empty)).unwrap_err();
    let Error::ExplicitBinDir(rejected) = &error else {
        panic!("{error}")
    };
    assert_eq!(rejected.reason, Rejection::Missing("postgres"));

    let broken = dir.join("broken");
    fake_server(&broken, "echo 'libc is too old' >&2; exit 1");
    let error = discover(&with(&broken)).unwrap_err();
    assert!(error.to_string().contains("libc is too old"), "{error}");

    let real = discover(&quick_options(dir.join("home"))).unwrap();
    assert_eq!(real.origin, Origin::Installed);
    let explicit = discover(&with(&real.bin_dir)).unwrap();
    assert_eq!(explicit.origin, Origin::Explicit);
    assert_eq!(explicit.version, real.version);
}

#[test]
fn the_chain_prefers_beside_us_then_the_highest_tested_major() {
    let dir = TempDir::new();
    let says = |name: &str, version: &str| {
        let bin = dir.join(name);
        fake_server(&bin, &format!("echo 'postgres (PostgreSQL) {version}'"));
        bin
    };
    let (v14, v16) = (says("v14", "14.1"), says("pg-16/bin", "16.2 (Debian)"));
    says("pg-99/bin", "99devel");
    let ancient = says("pg-9/bin", "9.6.24");
    let broken = dir.join("pg-broken/bin");
    fake_server(&broken, "exit 3");
    let mut options = quick_options(dir.join("home"));
    options.places = Places {
        executable_dir: Some(dir.join("app/bin")),
        path: Some(std::env::join_paths([&v14]).unwrap()),
        patterns: vec![format!("{}/pg-*/bin", dir.path().display())],
    };
    fs::create_dir_all(dir.join("app/bin")).unwrap();
    let found = discover(&options).unwrap();
    assert_eq!(
        (found.bin_dir.as_path(), found.version.major),
        (v16.as_path(), 16)
    );
    let reason = |bin: &Path| {
        let rejected = found
            .rejected
            .iter()
            .find(|rejected| rejected.bin_dir == bin);
        rejected.map(|rejected| rejected.reason.clone())
    };
    assert_eq!(reason(&ancient), Some(Rejection::TooOld(9)));
    assert!(matches!(reason(&broken), Some(Rejection::DoesNotRun(_))));

    says("app/lib/graphloom/postgres/bin", "15.1");
    let found = discover(&options).unwrap();
    assert_eq!(
        (found.origin, found.version.major),
        (Origin::BesideExecutable, 15)
    );
}

#[test]
fn a_machine_without_postgres_gets_a_screen_of_help() {
    let dir = TempDir::new();
    let mut options = quick_options(dir.join("home"));
    options.places = Places::none();
    let error = start(options).unwrap_err().to_string();
    assert!(error.contains("install"), "{error}");
    assert!(error.contains("HASURA_GRAPHQL_DATABASE_URL"), "{error}");
    assert!(error.lines().count() <= 24, "{error}");
}

/// A bin directory whose server is a shell script.
fn fake_server(bin: &Path, script: &str) {
    fs::create_dir_all(bin).unwrap();
    for program in ["postgres", "initdb"] {
        let path = bin.join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Run by root this starts a server under another account; run by anybody else, under their own.
#[test]
fn the_server_never_runs_as_root() {
    let dir = TempDir::new();
    let managed = start(quick_options(dir.join("home"))).unwrap();
    let server = fs::metadata(format!("/proc/{}", pid_of(&managed)))
        .unwrap()
        .uid();
    let ours = fs::metadata("/proc/self").unwrap().uid();
    if ours == 0 {
        assert_ne!(server, 0);
        let groups = fs::read_to_string(format!("/proc/{}/status", pid_of(&managed))).unwrap();
        let groups = groups
            .lines()
            .find_map(|line| line.strip_prefix("Groups:"))
            .unwrap();
        assert_eq!(groups.trim(), "", "root's groups are dropped too");
    } else {
        assert_eq!(server, ours);
    }
    assert_eq!(sql(&managed, "select 1"), "1");
}

#[test]
fn an_ordinary_user_can_do_it_too() {
    if is_root() {
        // `games` of Debian has no home and no shell; ids without meaning elsewhere do as well.
        run_test_as((5, 60), "the_server_never_runs_as_root", &[]);
    }
}

/// Root's data, opened by an ordinary user: as root this runs itself again as `games`.
#[test]
fn data_of_another_account_is_refused_by_name() {
    const HOME: &str = "MANAGED_TEST_ROOTS_HOME";
    if is_root() {
        let dir = TempDir::new();
        let home = dir.join("home");
        start(quick_options(&home)).unwrap().stop().unwrap();
        let test = "data_of_another_account_is_refused_by_name";
        run_test_as((5, 60), test, &[(HOME, &home)]);
    } else if let Some(home) = std::env::var_os(HOME) {
        let error = start(quick_options(home)).unwrap_err();
        let Error::ForeignOwner { owner, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(owner, "root");
    }
}

#[test]
fn a_named_account_is_used_or_refused() {
    let dir = TempDir::new();
    let named = |name: &str| Options {
        run_as: Some(name.to_owned()),
        ..quick_options(dir.join("home"))
    };
    if !is_root() {
        let error = start(named("root")).unwrap_err();
        assert!(matches!(error, Error::CannotChangeAccount(_)), "{error}");
        return;
    }
    for refused in ["no-such-account", "root"] {
        let error = start(named(refused)).unwrap_err();
        assert!(matches!(error, Error::NoSuchAccount(_)), "{error}");
    }
    let managed = start(named("nobody")).unwrap();
    assert_eq!(managed.account(), "nobody");
    managed.stop().unwrap();
    // The cluster's owner has decided from now on.
    let managed = start(quick_options(dir.join("home"))).unwrap();
    assert_eq!(managed.account(), "nobody");
}

/// Root with data where only root may go: a user namespace, or an error that says what is closed.
#[test]
fn a_closed_parent_directory_is_got_around_or_explained() {
    if !is_root() {
        return;
    }
    let dir = TempDir::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let data_dir = dir.join("home");
    match start(quick_options(&data_dir)) {
        Ok(managed) => {
            assert!(
                managed.account().contains("namespace"),
                "{}",
                managed.account()
            );
            assert_eq!(sql(&managed, "create table t (); select 1"), "1");
            let cluster = fs::metadata(data_dir.join("postgres")).unwrap();
            assert_eq!(cluster.uid(), 0, "files stay ours");
            managed.stop().unwrap();
            let again = start(quick_options(&data_dir)).unwrap();
            assert_eq!(sql(&again, "select count(*) from t"), "0");
        }
        Err(error) => {
            assert!(matches!(error, Error::NoIdentity { .. }), "{error}");
            assert!(
                error.to_string().contains(&*dir.path().to_string_lossy()),
                "{error}"
            );
        }
    }
}

/// Container platforms give out user ids that no account has.
#[test]
fn a_user_id_without_an_account_is_got_around_or_explained() {
    const UNKNOWN: u32 = 1_234_567_890;
    if is_root() {
        run_test_as(
            (UNKNOWN, UNKNOWN),
            "a_user_id_without_an_account_is_got_around_or_explained",
            &[],
        );
        return;
    }
    let dir = TempDir::new();
    match start(quick_options(dir.join("home"))) {
        Ok(managed) => assert_eq!(sql(&managed, "select 1"), "1"),
        Err(error) => assert!(matches!(error, Error::NoIdentity { .. }), "{error}"),
    }
}
