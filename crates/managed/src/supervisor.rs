//! The life of the server process: start it, wait until it accepts connections, start it again when
//! it ends unasked, stop it.
//!
//! All of it happens on one thread, which is also the thread the server was forked from and so the
//! one whose end makes the kernel stop the server. The thread lives as long as the handle. Others
//! talk to it by a channel and see the [`Status`] it keeps.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cluster::last_lines;
use crate::error::Error;
use crate::identity::Identity;
use crate::options::{Event, Observer};
use crate::pidfile;
use crate::sys::{self, Signal};

/// How often the thread looks whether the server still runs.
const WATCH_EVERY: Duration = Duration::from_millis(200);
/// How often it looks while something is about to happen.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A start may include recovery from a long log.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// After this a stop gets the harder signal.
const FAST_SHUTDOWN: Duration = Duration::from_secs(10);
/// After this a stop gives up.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// First and longest pause before another start.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A server that ran this long was well; the pauses begin anew.
const RAN_WELL: Duration = Duration::from_mins(1);
/// The log is cut when it is longer than this, with one older part kept.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most of the log that is read for an error's last lines.
const LOG_TAIL_BYTES: u64 = 16 * 1024;

/// What the server is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It accepts connections.
    Running {
        /// The postmaster's process id.
        pid: u32,
    },
    /// It ended unasked and is being started again.
    Restarting {
        /// 1 for the first attempt since it ran well.
        attempt: u32,
        /// How it ended, or why the last attempt failed.
        reason: String,
    },
    /// It was stopped.
    Stopped,
}

/// A cheap handle to the current [`Status`], for a health check.
#[derive(Debug, Clone)]
pub struct StatusReader(Arc<Mutex<Status>>);

impl StatusReader {
    pub(crate) fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    /// The status now.
    pub fn get(&self) -> Status {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// Everything needed to start the server, now and again later.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) identity: Identity,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) cluster: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) observer: Observer,
}

/// A request to stop, with the way to answer it.
pub(crate) type StopRequest = Sender<Result<(), Error>>;

/// The supervisor thread's whole life. Reports the first start through `started`.
pub(crate) fn run(
    launch: &Launch,
    requests: &Receiver<StopRequest>,
    started: &Sender<Result<(), Error>>,
    status: &StatusReader,
) {
    // Also after a panic here: whoever asks must not be told that the server runs.
    let _on_end = StoppedOnDrop(status);
    let mut child = match launch.bring_up(requests) {
        Ok(child) => child,
        Err(Interrupted::Failed(error)) => {
            drop(started.send(Err(error)));
            return;
        }
        Err(Interrupted::Asked(reply)) => return answer(reply, Ok(())),
    };
    let mut pauses = Pauses::default();
    let mut first = Some(started);
    loop {
        let since = Instant::now();
        status.set(Status::Running { pid: child.id() });
        if let Some(started) = first.take() {
            drop(started.send(Ok(())));
        }
        launch.observer.tell(&Event::Ready { pid: child.id() });
        let reason = match launch.watch(&mut child, requests) {
            Watched::Stop(reply) => return answer(reply, stop(&mut child)),
            Watched::Exited(reason) => reason,
        };
        if since.elapsed() > RAN_WELL {
            pauses = Pauses::default();
        }
        match launch.bring_up_again(requests, status, (&mut pauses, reason)) {
            Ok(again) => child = again,
            Err(reply) => return answer(reply, Ok(())),
        }
    }
}

/// The handle may be gone; then nobody waits for the answer.
fn answer(reply: Option<StopRequest>, result: Result<(), Error>) {
    if let Some(reply) = reply {
        drop(reply.send(result));
    }
}

struct StoppedOnDrop<'a>(&'a StatusReader);

impl Drop for StoppedOnDrop<'_> {
    fn drop(&mut self) {
        self.0.set(Status::Stopped);
    }
}

/// Why there is no running child.
enum Interrupted {
    Failed(Error),
    /// A stop was asked for; nothing runs any more. `None`: the handle is gone.
    Asked(Option<StopRequest>),
}

enum Watched {
    Stop(Option<StopRequest>),
    Exited(String),
}

/// A stop request, or the loss of the handle, which means the same.
enum Wait {
    Over,
    Stop(Option<StopRequest>),
}

fn wait(requests: &Receiver<StopRequest>, time: Duration) -> Wait {
    match requests.recv_timeout(time) {
        Ok(reply) => Wait::Stop(Some(reply)),
        Err(RecvTimeoutError::Timeout) => Wait::Over,
        Err(RecvTimeoutError::Disconnected) => Wait::Stop(None),
    }
}

#[derive(Default)]
struct Pauses {
    attempts: u32,
}

impl Pauses {
    /// Doubles from the first to the longest.
    fn next(&mut self) -> Duration {
        let pause = PAUSE_FIRST * 2_u32.saturating_pow(self.attempts.min(16));
        self.attempts += 1;
        pause.min(PAUSE_MAX)
    }
}

impl Launch {
    /// Starts the server and returns when it accepts connections.
    fn bring_up(&self, requests: &Receiver<StopRequest>) -> Result<Child, Interrupted> {
        pidfile::settle(&self.cluster, &self.observer).map_err(Interrupted::Failed)?;
        remove_socket_files(&self.socket).map_err(Interrupted::Failed)?;
        let (mut child, log_start) = self.spawn().map_err(Interrupted::Failed)?;
        let began = Instant::now();
        loop {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => {
                    return Err(Interrupted::Failed(Error::ServerExited {
                        status: status.to_string(),
                        log: self.log.clone(),
                        log_tail: log_tail(&self.log, log_start),
                    }));
                }
                Err(source) => {
                    let program = self.program.clone();
                    return Err(Interrupted::Failed(Error::Spawn { program, source }));
                }
            }
            if self.is_ready(&child) {
                return Ok(child);
            }
            if began.elapsed() > START_TIMEOUT {
                drop(stop(&mut child));
                return Err(Interrupted::Failed(Error::StartTimeout {
                    seconds: START_TIMEOUT.as_secs(),
                    log: self.log.clone(),
                }));
            }
            if let Wait::Stop(reply) = wait(requests, LOOK_EVERY) {
                drop(stop(&mut child));
                return Err(Interrupted::Asked(reply));
            }
        }
    }

    /// Repeats [`Self::bring_up`] with growing pauses until it succeeds or a stop is asked for.
    fn bring_up_again(
        &self,
        requests: &Receiver<StopRequest>,
        status: &StatusReader,
        (pauses, mut reason): (&mut Pauses, String),
    ) -> Result<Child, Option<StopRequest>> {
        loop {
            let pause = pauses.next();
            let attempt = pauses.attempts;
            status.set(Status::Restarting {
                attempt,
                reason: reason.clone(),
            });
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            self.observer.tell(&Event::Exited {
                reason,
                attempt,
                pause_ms,
            });
            if let Wait::Stop(reply) = wait(requests, pause) {
                return Err(reply);
            }
            match self.bring_up(requests) {
                Ok(child) => return Ok(child),
                Err(Interrupted::Asked(reply)) => return Err(reply),
                Err(Interrupted::Failed(error)) => reason = error.to_string(),
            }
        }
    }

    /// Starts the process; also gives the length of the log before it wrote anything.
    fn spawn(&self) -> Result<(Child, u64), Error> {
        limit_log(&self.log);
        let log = open_log(&self.log).map_err(Error::io("open", &self.log))?;
        let log_start = log.metadata().map_or(0, |found| found.len());
        let second = log.try_clone().map_err(Error::io("open", &self.log))?;
        let mut command = self.identity.command(&self.program, Signal::Interrupt);
        command
            .args(&self.arguments)
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(second));
        let child = command.spawn();
        let child = child.map_err(|source| Error::Spawn {
            program: self.program.clone(),
            source,
        })?;
        Ok((child, log_start))
    }

    /// Postgres says so in its pid file, and the socket takes connections.
    fn is_ready(&self, child: &Child) -> bool {
        let file = pidfile::read(&self.cluster).ok().flatten();
        file.is_some_and(|file| file.is_ready && file.pid == child.id())
            && UnixStream::connect(&self.socket).is_ok()
    }

    /// Returns when the server has ended or a stop is asked for.
    fn watch(&self, child: &mut Child, requests: &Receiver<StopRequest>) -> Watched {
        loop {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Watched::Exited(ended(status)),
                Err(error) => return Watched::Exited(error.to_string()),
            }
            if let Wait::Stop(reply) = wait(requests, WATCH_EVERY) {
                return Watched::Stop(reply);
            }
            limit_log(&self.log);
        }
    }
}

fn ended(status: ExitStatus) -> String {
    format!("PostgreSQL ended: {status}")
}

/// Fast shutdown, then immediate shutdown; never a kill.
fn stop(child: &mut Child) -> Result<(), Error> {
    let pid = child.id();
    let began = Instant::now();
    let mut sent = None;
    loop {
        // Not waited for yet, so the id is still the child's when the signal is sent below.
        if !matches!(child.try_wait(), Ok(None)) {
            return Ok(());
        }
        let waited = began.elapsed();
        let due = if waited < FAST_SHUTDOWN {
            Signal::Interrupt
        } else {
            Signal::Quit
        };
        if sent != Some(due) {
            drop(sys::send(pid, due));
            sent = Some(due);
        }
        if waited > STOP_TIMEOUT {
            return Err(Error::StopTimeout { pid });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Removes the socket and its lock file of a dead server; nobody else uses the directory.
fn remove_socket_files(socket: &Path) -> Result<(), Error> {
    let mut lock = socket.as_os_str().to_owned();
    lock.push(".lock");
    for path in [socket, Path::new(&lock)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove the stale", path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn open_log(log: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(log)
}

/// Keeps the log from filling the disk: copies it aside and cuts it to nothing. The server goes on
/// writing through its own descriptor, which appends.
fn limit_log(log: &Path) {
    if fs::metadata(log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
        let mut older = log.as_os_str().to_owned();
        older.push(".1");
        // A log that cannot be cut is no reason to stop the database.
        drop(fs::copy(log, PathBuf::from(older)));
        drop(
            OpenOptions::new()
                .write(true)
                .open(log)
                .and_then(|log| log.set_len(0)),
        );
    }
}

/// The last lines written since `start`.
fn log_tail(log: &Path, start: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(
            start.max(length.saturating_sub(LOG_TAIL_BYTES)),
        ))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    last_lines(&read().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{PAUSE_FIRST, PAUSE_MAX, Pauses};

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut pauses = Pauses::default();
        let all: Vec<_> = (0..64).map(|_| pauses.next()).collect();
        assert_eq!(all[0], PAUSE_FIRST);
        assert_eq!(all[1], PAUSE_FIRST * 2);
        assert_eq!(all[63], PAUSE_MAX);
        assert!(all.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
