//! What the tests of this crate share: temporary directories, options for quick clusters, `psql`,
//! and a second process that manages a server and can be killed.
//!
//! The second process is the test executable itself, run again with only the test named
//! [`KEEPER`]; see [`Keeper`].
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use graphloom_managed::{Durability, Managed, Options, Status, start};

/// A directory others may enter, removed at the end.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("managed-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn is_root() -> bool {
    let own = fs::metadata("/proc/self").unwrap();
    std::os::unix::fs::MetadataExt::uid(&own) == 0
}

/// Options for a server in `data_dir` that is quick to make and never downloaded.
pub(crate) fn quick_options(data_dir: impl Into<PathBuf>) -> Options {
    let data_dir = data_dir.into();
    Options {
        durability: Durability::Off,
        download_base_url: None,
        cache_dir: data_dir.join("no-cache"),
        ..Options::for_data_dir(data_dir)
    }
}

/// Runs one statement with the command the server itself recommends; gives rows as text.
pub(crate) fn sql(managed: &Managed, statement: &str) -> String {
    let psql = managed
        .psql_command("postgres")
        .expect("psql is on this machine");
    shell(
        &format!("{psql} -XAtq -v ON_ERROR_STOP=1 -c \"$STATEMENT\""),
        statement,
    )
}

/// Runs one statement over a URL.
pub(crate) fn sql_by_url(url: &str, statement: &str) -> String {
    shell(
        &format!("psql '{url}' -XAtq -v ON_ERROR_STOP=1 -c \"$STATEMENT\""),
        statement,
    )
}

fn shell(command: &str, statement: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", command])
        .env("STATEMENT", statement)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The postmaster's process id.
pub(crate) fn pid_of(managed: &Managed) -> u32 {
    match managed.status() {
        Status::Running { pid } => pid,
        other => panic!("expected a running server, found {other:?}"),
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits for something that will happen; fails after a generous time.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal by its name with the shell's `kill`.
pub(crate) fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(sent.unwrap().success(), "kill -{signal} {pid}");
}

/// The name of the test that turns this executable into a keeper, in every file that has keepers.
pub(crate) const KEEPER: &str = "keeper";
const KEEPER_VARIABLE: &str = "MANAGED_TEST_KEEPER_DIR";

/// Another process that manages a server until it is told to stop or killed.
pub(crate) struct Keeper {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    /// Of its server.
    pub(crate) server_pid: u32,
}

impl Keeper {
    pub(crate) fn start(data_dir: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", KEEPER, "--nocapture"])
            .env(KEEPER_VARIABLE, data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let server_pid = loop {
            let mut line = String::new();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "the keeper tells its server's id"
            );
            // The test harness may have put its own words before ours on the line.
            if let Some((_, pid)) = line.split_once("SERVER ") {
                break pid.trim().parse().unwrap();
            }
        };
        Self {
            child,
            stdin,
            stdout,
            server_pid,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, without any chance to clean up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.stdout.read_to_end(&mut Vec::new()));
        drop(self.child.wait());
    }
}

/// The body of the test named [`KEEPER`]: nothing, unless this process was started as one.
pub(crate) fn keep() {
    let Some(data_dir) = env::var_os(KEEPER_VARIABLE) else {
        return;
    };
    let managed = start(quick_options(PathBuf::from(data_dir))).unwrap();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "SERVER {}", pid_of(&managed)).unwrap();
    stdout.flush().unwrap();
    drop(std::io::stdin().read(&mut [0]));
    managed.stop().unwrap();
}

/// Runs a test of this executable as another account, in a directory of its own.
pub(crate) fn run_test_as((uid, gid): (u32, u32), test: &str, variables: &[(&str, &Path)]) {
    let dir = TempDir::new();
    // The build directory may be closed to that account.
    let program = dir.join("tests");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let own = dir.join("own");
    fs::create_dir(&own).unwrap();
    chown(&own, Some(uid), Some(gid)).unwrap();
    let output = Command::new(&program)
        .args(["--exact", test, "--nocapture"])
        .current_dir("/")
        .env_remove("HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env("TMPDIR", &own)
        .envs(variables.iter().copied())
        .uid(uid)
        .gid(gid)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test} as {uid}: {text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
