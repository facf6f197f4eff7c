//! The life of a managed server on a real Postgres: starts, stops, crashes, and what they leave.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use graphloom_managed::{
    Created, Error, Event, Observer, Options, Status, Tcp, reset, running_url, start,
};
use support::{Keeper, TempDir, eventually, pid_of, quick_options, runs, send, sql, sql_by_url};

#[test]
fn keeper() {
    support::keep();
}

#[test]
fn the_second_start_finds_what_the_first_wrote() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let first = start(quick_options(&data_dir)).unwrap();
    assert_eq!(first.created, Created::NewCluster);
    let pid = pid_of(&first);
    sql(
        &first,
        "create table kept (v text); insert into kept values ('still here')",
    );
    first.stop().unwrap();
    assert!(!runs(pid), "stop waits for the end");

    let second = start(quick_options(&data_dir)).unwrap();
    assert_eq!(second.created, Created::ExistingCluster);
    assert_eq!(sql(&second, "select v from kept"), "still here");
    let (pid, reader) = (pid_of(&second), second.status_reader());
    drop(second);
    assert!(!runs(pid), "dropping stops too");
    assert_eq!(reader.get(), Status::Stopped);
}

#[test]
fn the_server_is_private_and_set_up_as_promised() {
    let dir = TempDir::new();
    let options = Options {
        settings: vec![("work_mem".to_owned(), "5MB".to_owned())],
        durability: graphloom_managed::Durability::Full,
        ..quick_options(dir.join("home"))
    };
    let managed = start(options).unwrap();
    let show = |name: &str| sql(&managed, &format!("show {name}"));
    assert_eq!(show("listen_addresses"), "");
    assert_eq!(show("unix_socket_permissions"), "0700");
    assert_eq!(show("work_mem"), "5MB");
    assert_eq!(show("fsync"), "on");
    assert_eq!(show("data_checksums"), "on");
    assert_eq!(show("server_encoding"), "UTF8");
    assert_eq!(sql(&managed, "select lower('ÄÖ')"), "äö");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(managed.socket_dir()).unwrap());
    assert_eq!(mode & 0o777, 0o700);
    // In its own process group, so that Ctrl-C at the terminal reaches us alone.
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid_of(&managed))).unwrap();
    let group = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(2)
        .unwrap()
        .to_owned();
    assert_eq!(group, pid_of(&managed).to_string());
    // A superuser can read the server's environment: nothing of ours may be in it.
    let environment = fs::read(format!("/proc/{}/environ", pid_of(&managed))).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("CARGO"));
    assert_eq!(
        sql_by_url(&managed.connection_url("postgres"), "select 1"),
        "1"
    );
    assert_eq!(managed.tcp_url("postgres"), None);
}

#[test]
fn tcp_needs_the_generated_password() {
    let dir = TempDir::new();
    let options = Options {
        tcp: Tcp::LoopbackOnFreePort,
        ..quick_options(dir.join("home"))
    };
    let managed = start(options).unwrap();
    let url = managed.tcp_url("postgres").unwrap();
    assert_eq!(sql_by_url(&url, "select 'over tcp'"), "over tcp");
    assert_eq!(sql(&managed, "select 'over the socket'"), "over the socket");
    let wrong = format!(
        "postgresql://postgres:wrong@127.0.0.1:{}/postgres",
        managed.port()
    );
    let refused = Command::new("psql")
        .args([&wrong, "-c", "select 1"])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("password authentication failed"));
    let password = url.split(['@', ':']).nth(2).unwrap();
    assert!(!format!("{managed:?}").contains(password));
}

#[test]
fn data_survives_the_killing_of_its_keeper() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let managed = start(quick_options(&data_dir)).unwrap();
    sql(
        &managed,
        "create table kept (v int); insert into kept values (7)",
    );
    managed.stop().unwrap();

    let keeper = Keeper::start(&data_dir);
    let orphan = keeper.server_pid;
    keeper.kill();
    // At once: the old server may still be stopping.
    let managed = start(quick_options(&data_dir)).unwrap();
    assert!(!runs(orphan));
    assert_eq!(sql(&managed, "select v from kept"), "7");
    managed.stop().unwrap();

    let keeper = Keeper::start(&data_dir);
    let orphan = keeper.server_pid;
    keeper.kill();
    eventually("the kernel stops the server when its keeper dies", || {
        !runs(orphan)
    });
    let log = fs::read_to_string(data_dir.join("postgres.log")).unwrap();
    assert!(
        log.trim_end().ends_with("database system is shut down"),
        "{log}"
    );
}

/// A change of credentials makes the kernel forget the request; entering a namespace is one.
#[test]
fn a_server_in_a_namespace_ends_with_its_keeper_too() {
    use std::os::unix::fs::PermissionsExt as _;
    if !support::is_root() {
        return;
    }
    let dir = TempDir::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    match start(quick_options(dir.join("home"))) {
        Ok(managed) => managed.stop().unwrap(),
        // A container that forbids namespaces.
        Err(Error::NoIdentity { .. }) => return,
        Err(error) => panic!("{error}"),
    }
    let keeper = Keeper::start(&dir.join("home"));
    let server = keeper.server_pid;
    keeper.kill();
    eventually("the kernel stops the server when its keeper dies", || {
        !runs(server)
    });
}

#[test]
fn data_survives_the_killing_of_both() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let managed = start(quick_options(&data_dir)).unwrap();
    sql(
        &managed,
        "create table kept (v int); insert into kept values (8)",
    );
    managed.stop().unwrap();
    let keeper = Keeper::start(&data_dir);
    let server = keeper.server_pid;
    send("STOP", keeper.pid());
    send("KILL", server);
    keeper.kill();
    let managed = start(quick_options(&data_dir)).unwrap();
    assert_eq!(sql(&managed, "select v from kept"), "8");
    let log = fs::read_to_string(data_dir.join("postgres.log")).unwrap();
    assert!(log.contains("automatic recovery in progress"), "{log}");
}

#[test]
fn a_second_manager_is_refused_and_names_the_first() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let keeper = Keeper::start(&data_dir);
    let error = start(quick_options(&data_dir)).unwrap_err();
    assert!(
        matches!(error, Error::InUse { pid: Some(pid), .. } if pid == keeper.pid()),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("is in use by another running server"),
        "{error}"
    );
    assert!(runs(keeper.server_pid), "the first goes on");
    // Within one process too.
    drop(keeper);
    let first = start(quick_options(&data_dir)).unwrap();
    let url = running_url(&quick_options(&data_dir), "postgres").unwrap();
    assert_eq!(url, Some(first.connection_url("postgres")));
    assert!(matches!(
        start(quick_options(&data_dir)),
        Err(Error::InUse { .. })
    ));
    first.stop().unwrap();
    let url = running_url(&quick_options(&data_dir), "postgres").unwrap();
    assert_eq!(url, None);
}

#[test]
fn stale_pid_files_do_not_matter() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    start(quick_options(&data_dir)).unwrap().stop().unwrap();
    let mut zombie = Command::new("true").spawn().unwrap();
    eventually("the child ends", || !runs(zombie.id()));
    // A living program with the account of the server, which Postgres itself would believe in.
    let mut other = other_program_of_owner(&data_dir.join("postgres"));
    for pid in [zombie.id(), other.id(), std::process::id(), 1 << 30] {
        let cluster = data_dir.join("postgres");
        let text = format!(
            "{pid}\n{}\n1700000000\n5432\n/nowhere\n\n",
            cluster.display()
        );
        fs::write(cluster.join("postmaster.pid"), text).unwrap();
        fs::write(data_dir.join("run/.s.PGSQL.5432.lock"), format!("{pid}\n")).unwrap();
        let managed = start(quick_options(&data_dir)).unwrap();
        assert_ne!(pid_of(&managed), pid);
        managed.stop().unwrap();
    }
    assert!(runs(other.id()), "the other program is left alone");
    other.kill().unwrap();
    other.wait().unwrap();
    zombie.wait().unwrap();
}

fn other_program_of_owner(cluster: &Path) -> std::process::Child {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let owner = fs::metadata(cluster).unwrap();
    let mut command = Command::new("sleep");
    if support::is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.arg("600").spawn().unwrap()
}

#[test]
fn an_orphan_nobody_stopped_is_stopped() {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let managed = start(quick_options(&data_dir)).unwrap();
    let postgres = managed.installation.bin_dir.join("postgres");
    managed.stop().unwrap();
    // As on systems without a parent-death signal.
    let cluster = data_dir.join("postgres");
    let owner = fs::metadata(&cluster).unwrap();
    let mut command = Command::new(postgres);
    command
        .arg("-D")
        .arg(&cluster)
        .arg("-k")
        .arg(data_dir.join("run"));
    command
        .args(["-c", "listen_addresses="])
        .current_dir("/")
        .stderr(Stdio::null());
    if support::is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut orphan = command.spawn().unwrap();
    eventually("the orphan is ready", || {
        fs::read_to_string(cluster.join("postmaster.pid")).is_ok_and(|text| text.contains("ready"))
    });
    let waited = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&waited);
    let observer = Observer::new(move |event| {
        if let Event::WaitingForPrevious { pid } = event {
            *seen.lock().unwrap() = Some(*pid);
        }
    });
    let managed = start(Options {
        observer,
        ..quick_options(&data_dir)
    })
    .unwrap();
    assert_eq!(*waited.lock().unwrap(), Some(orphan.id()));
    assert_eq!(orphan.wait().unwrap().code(), Some(0), "by a fast shutdown");
    assert_eq!(sql(&managed, "select 1"), "1");
}

#[test]
fn a_server_that_ends_unasked_is_started_again() {
    let dir = TempDir::new();
    let managed = start(quick_options(dir.join("home"))).unwrap();
    for signal in ["QUIT", "KILL"] {
        let before = pid_of(&managed);
        send(signal, before);
        eventually(
            "another server runs",
            || matches!(managed.status(), Status::Running { pid } if pid != before),
        );
        assert_eq!(sql(&managed, "select 1"), "1");
    }
}

#[test]
fn a_server_that_cannot_come_back_is_reported_and_stops_at_once() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    let managed = start(quick_options(&data_dir)).unwrap();
    fs::write(
        data_dir.join("postgres/postgresql.auto.conf"),
        "no_such_setting = 1\n",
    )
    .unwrap();
    send("QUIT", pid_of(&managed));
    eventually("the failed attempts show", || {
        matches!(managed.status(), Status::Restarting { attempt, reason }
            if attempt > 1 && reason.contains("no_such_setting"))
    });
    managed.stop().unwrap();
    let error = start(quick_options(&data_dir)).unwrap_err();
    assert!(matches!(error, Error::ServerExited { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn an_interrupted_initdb_is_begun_anew() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    fs::create_dir_all(data_dir.join("postgres.initializing/base")).unwrap();
    fs::write(data_dir.join("postgres.initializing/PG_VERSION"), "15\n").unwrap();
    let managed = start(quick_options(&data_dir)).unwrap();
    assert_eq!(managed.created, Created::NewCluster);
    assert!(!data_dir.join("postgres.initializing").exists());
}

#[test]
fn settings_of_ours_cannot_be_given() {
    let dir = TempDir::new();
    for name in ["port", "Unix_Socket_Directories", "a=b", ""] {
        let settings = vec![(name.to_owned(), "1".to_owned())];
        let error = start(Options {
            settings,
            ..quick_options(dir.join("home"))
        })
        .unwrap_err();
        assert!(matches!(error, Error::ReservedSetting(_)), "{error}");
    }
    assert!(
        !dir.join("home").exists(),
        "refused before anything is made"
    );
}

#[test]
fn a_reset_removes_the_data_and_nothing_else() {
    let dir = TempDir::new();
    let data_dir = dir.join("home");
    reset(&quick_options(&data_dir)).unwrap();
    let managed = start(quick_options(&data_dir)).unwrap();
    sql(&managed, "create table gone ()");
    fs::write(data_dir.join("of-the-caller"), "stays").unwrap();
    let error = reset(&quick_options(&data_dir)).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    managed.stop().unwrap();

    reset(&quick_options(&data_dir)).unwrap();
    assert!(data_dir.join("of-the-caller").exists());
    let managed = start(quick_options(&data_dir)).unwrap();
    assert_eq!(managed.created, Created::NewCluster);
    assert_eq!(sql(&managed, "select to_regclass('gone') is null"), "t");
}
