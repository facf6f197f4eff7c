//! The real program as a child process: started on a free port, watched until it answers, ended with
//! the test.
//!
//! Its output goes to a file without a name, which the test can read and nobody has to clean up. A
//! small shell waits for our end of a pipe: when the test process dies in whatever way, the pipe closes
//! and the shell ends the server.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{self, Reply, Request};
use crate::{Failure, postgres::Database};

/// How long a server may take to answer `/healthz`, or to end. Only a hung one takes so long.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program, usually `env!("CARGO_BIN_EXE_graphloom")`.
    pub binary: PathBuf,
    /// The subcommand, such as `serve`.
    pub command: String,
    /// Options before the subcommand, such as `--metadata-database-url`.
    pub before: Vec<String>,
    /// Options after the subcommand; the port is added.
    pub after: Vec<String>,
    /// The whole environment but `PATH`.
    pub env: Vec<(String, String)>,
}

impl Launch {
    /// `serve` over this metadata database, with an environment that holds nothing else.
    pub fn serve(binary: impl Into<PathBuf>, metadata: &Database) -> Self {
        Self {
            binary: binary.into(),
            command: "serve".to_owned(),
            before: vec![
                "--metadata-database-url".to_owned(),
                metadata.url().to_owned(),
            ],
            after: vec!["--enable-telemetry=false".to_owned()],
            env: Vec::new(),
        }
    }

    /// `dev` over this data directory, with an environment that holds nothing else. It downloads no
    /// Postgres.
    pub fn dev(binary: impl Into<PathBuf>, data_dir: &Path) -> Self {
        Self {
            binary: binary.into(),
            command: "dev".to_owned(),
            before: Vec::new(),
            after: vec![
                "--postgres-download-url=none".to_owned(),
                format!("--data-dir={}", data_dir.display()),
            ],
            env: Vec::new(),
        }
    }

    /// With one more option after the subcommand.
    pub fn with_option(mut self, option: &str) -> Self {
        self.after.push(option.to_owned());
        self
    }

    /// With one more environment variable.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the program and does not wait for it to answer.
    pub fn spawn(self) -> Result<Server, Failure> {
        let port = free_port().map_err(Failure::while_doing("looking for a free port"))?;
        let (log, output) = nameless_file().map_err(Failure::while_doing("making a log file"))?;
        let mut command = Command::new(&self.binary);
        command
            .args(&self.before)
            .arg(&self.command)
            .args(&self.after);
        command.arg("--server-port").arg(port.to_string());
        command
            .env_clear()
            .envs(self.env)
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        let errors = output
            .try_clone()
            .map_err(Failure::while_doing("sharing the log file"))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut child = command.spawn().map_err(Failure::while_doing(format!(
            "starting {}",
            self.binary.display()
        )))?;
        match Guard::over(&child) {
            Ok(guard) => Ok(Server {
                port,
                child,
                log,
                guard,
            }),
            Err(error) => {
                drop(child.kill());
                Err(Failure::new(format!(
                    "starting the server's guard: {error}"
                )))
            }
        }
    }

    /// Starts the program and waits until `/healthz` answers.
    pub fn start(self) -> Result<Server, Failure> {
        let mut server = self.spawn()?;
        server.wait_until_healthy()?;
        Ok(server)
    }
}

/// A running server; it is killed when the value is dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    child: Child,
    log: File,
    guard: Guard,
}

impl Server {
    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request.
    pub fn send(&self, request: Request) -> Result<Reply, Failure> {
        http::send(self.port, request)
    }

    /// Sends a metadata command and returns its answer; a status other than 200 is a failure.
    pub fn command(&self, headers: &[(String, String)], body: &Value) -> Result<Value, Failure> {
        let mut request = Request::post_json("/v1/metadata", body);
        request.headers.extend_from_slice(headers);
        let reply = self.send(request)?;
        if reply.status == 200 {
            return reply.json();
        }
        let (status, text) = (
            reply.status,
            reply.text().unwrap_or("bytes that are not UTF-8"),
        );
        let kind = body["type"].as_str().unwrap_or("command");
        Err(Failure::new(format!("{kind}: status {status}, {text}")))
    }

    /// All it printed so far.
    pub fn log(&self) -> String {
        let mut bytes = Vec::new();
        let mut chunk = [0; 8192];
        while let Ok(count @ 1..) = self.log.read_at(&mut chunk, bytes.len() as u64) {
            bytes.extend_from_slice(&chunk[..count]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks it to end (SIGTERM) and waits for that.
    pub fn terminate(mut self) -> Result<ExitStatus, Failure> {
        self.signal("TERM")?;
        self.wait()
    }

    /// Sends it a signal by name, such as `INT`, and does not wait for what comes of it.
    pub fn signal(&self, name: &str) -> Result<(), Failure> {
        let asked = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        asked
            .map(drop)
            .map_err(Failure::while_doing("sending the server a signal"))
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            thread::sleep(PAUSE);
        }
        Err(Failure::new(format!(
            "the server did not end within {PATIENCE:?}:\n{}",
            self.log()
        )))
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child
            .try_wait()
            .map_err(Failure::while_doing("asking whether the server ended"))
    }

    fn wait_until_healthy(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < end {
            if let Some(status) = self.ended()? {
                let log = self.log();
                return Err(Failure::new(format!(
                    "the server ended with {status}:\n{log}"
                )));
            }
            match self.send(Request::get("/healthz")) {
                Ok(reply) if reply.status == 200 => return Ok(()),
                Ok(reply) => last = format!("status {}", reply.status),
                Err(failure) => last = failure.to_string(),
            }
            thread::sleep(PAUSE);
        }
        let log = self.log();
        Err(Failure::new(format!(
            "no /healthz within {PATIENCE:?} ({last}):\n{log}"
        )))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // First: afterwards the number it knows may be another process's.
        self.guard.dismiss();
        // The server may have ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Ends a child when this process is gone.
#[derive(Debug)]
struct Guard(Child);

impl Guard {
    fn over(child: &Child) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("read -r _; kill -9 \"$0\"")
            .arg(child.id().to_string());
        // A group of its own: an interrupt from the terminal must not end the guard first.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        command.spawn().map(Self)
    }

    /// Ends it without harm to the child.
    fn dismiss(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port that was free just now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A file that is gone when both handles are: one to read from, one that appends.
fn nameless_file() -> io::Result<(File, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("graphloom-testkit-log-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let output = File::options().append(true).create_new(true).open(&path)?;
    let log = File::open(&path);
    std::fs::remove_file(&path)?;
    Ok((log?, output))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that is no server, to see what is said about one.
    fn script(name: &str, text: &str) -> Launch {
        let path = std::env::temp_dir().join(format!("testkit-{name}-{}", std::process::id()));
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Launch {
            binary: path,
            command: "serve".to_owned(),
            before: Vec::new(),
            after: Vec::new(),
            env: Vec::new(),
        }
    }

    fn is_alive(pid: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        status.is_ok_and(|status| !status.contains(") Z "))
    }

    #[test]
    fn a_program_that_ends_is_reported_with_what_it_said() {
        let launch = script("ends", "echo no database; echo at all >&2; exit 3").with_env("A", "b");
        let binary = launch.binary.clone();
        let failure = launch.start().unwrap_err().to_string();
        assert!(failure.contains("exit status: 3"), "{failure}");
        assert!(failure.contains("no database\nat all\n"), "{failure}");
        std::fs::remove_file(binary).unwrap();
    }

    #[test]
    fn the_environment_and_arguments_are_the_given_ones() {
        let launch = script("env", "echo \"$A:$HOME:$1:$2\"; exit 0").with_env("A", "b");
        let binary = launch.binary.clone();
        let mut server = launch.spawn().unwrap();
        assert!(server.wait().unwrap().success());
        assert_eq!(server.log(), "b::serve:--server-port\n");
        std::fs::remove_file(binary).unwrap();
    }

    #[test]
    fn a_dropped_server_is_gone() {
        let launch = script("drops", "echo $$; exec sleep 1000");
        let binary = launch.binary.clone();
        let server = launch.spawn().unwrap();
        let pid = server.child.id().to_string();
        assert!(is_alive(&pid));
        drop(server);
        assert!(!is_alive(&pid));
        std::fs::remove_file(binary).unwrap();
    }

    #[test]
    fn the_guard_ends_the_server_when_its_pipe_closes() {
        let launch = script("guard", "exec sleep 1000");
        let binary = launch.binary.clone();
        let mut server = launch.spawn().unwrap();
        // What the end of this process would do.
        drop(server.guard.0.stdin.take());
        let status = server.wait().unwrap();
        assert!(!status.success());
        std::fs::remove_file(binary).unwrap();
    }
}
