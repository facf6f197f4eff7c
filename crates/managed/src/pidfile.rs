//! `postmaster.pid`: who holds the cluster, and whether it accepts connections.
//!
//! Postgres' own check compares process ids only, so a zombie or an unrelated program with the same
//! id keeps it from starting; [`settle`] clears such leftovers. It is called under our directory
//! lock, when no other process of ours can be about to start a server. The lines of the file are
//! described in Postgres' `src/include/utils/pidfile.h`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::options::{Event, Observer};
use crate::sys::{self, Signal};

/// How long a server whose parent died gets to stop by itself (the kernel has told it to).
const STOPS_BY_ITSELF: Duration = Duration::from_secs(2);
/// After this it gets the harder signal.
const FAST_SHUTDOWN: Duration = Duration::from_secs(12);
/// After this we give up.
const GIVE_UP: Duration = Duration::from_secs(40);
/// How often we look.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What we read of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    pub(crate) is_ready: bool,
    /// Port and directory of the socket.
    pub(crate) socket: Option<(u16, PathBuf)>,
    /// Key and id of the shared memory segment.
    shared_memory: Option<(i64, i32)>,
}

/// Reads the file; `None` if it is missing or not yet written.
pub(crate) fn read(cluster: &Path) -> Result<Option<PidFile>, Error> {
    let path = cluster.join("postmaster.pid");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io {
            action: "read",
            path,
            source,
        }),
    }
}

/// Lines: pid, data directory, start time, port, socket directory, TCP address, shared memory, state.
fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines().map(str::trim);
    // A single-user server writes its id with a minus.
    let pid = lines.next()?.trim_start_matches('-').parse().ok()?;
    let port = lines.nth(2).and_then(|line| line.parse().ok());
    let socket_dir = lines.next().filter(|line| !line.is_empty());
    let shared_memory = lines.nth(1).and_then(|line| {
        let (key, id) = line.split_once(char::is_whitespace)?;
        Some((key.trim().parse().ok()?, id.trim().parse().ok()?))
    });
    let is_ready = lines.next() == Some("ready");
    Some(PidFile {
        pid,
        is_ready,
        socket: port.zip(socket_dir.map(PathBuf::from)),
        shared_memory,
    })
}

/// Port and directory of the socket of a server that runs on the cluster and accepts connections.
pub(crate) fn running(cluster: &Path) -> Result<Option<(u16, PathBuf)>, Error> {
    let ready = read(cluster)?.filter(|file| file.is_ready);
    let served = ready.filter(|file| holder(file.pid, cluster) == Holder::Server);
    Ok(served.and_then(|file| file.socket))
}

/// Who has the process id of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// Nobody.
    Gone,
    /// A process that ended and was not waited for; where our init reaps nobody it stays for ever.
    Zombie,
    /// Some program that has nothing to do with this cluster.
    OtherProgram,
    /// A server on this cluster.
    Server,
}

/// Waits for or stops a server left behind on the cluster, and removes what a dead one left.
///
/// Errors: [`Error::PreviousServerStuck`] if it survives both signals.
pub(crate) fn settle(cluster: &Path, observer: &Observer) -> Result<(), Error> {
    let began = Instant::now();
    let mut sent = None;
    let mut told = false;
    while let Some(file) = read(cluster)? {
        let waited = began.elapsed();
        match holder(file.pid, cluster) {
            // Postgres handles this case itself, with a look at the shared memory.
            Holder::Gone => return Ok(()),
            Holder::Zombie | Holder::OtherProgram => {
                // Its children may still be writing: they hold the segment until they end.
                let attached = file
                    .shared_memory
                    .is_some_and(|(key, id)| sys::shared_memory_is_attached(key, id));
                if !attached {
                    return remove_stale(cluster);
                }
            }
            Holder::Server => {
                let due = if waited > FAST_SHUTDOWN {
                    Some(Signal::Quit)
                } else if waited > STOPS_BY_ITSELF {
                    Some(Signal::Interrupt)
                } else {
                    None
                };
                if due != sent
                    && let Some(signal) = due
                {
                    // It may have ended in between; the next look finds out.
                    drop(sys::send(file.pid, signal));
                    sent = due;
                }
            }
        }
        if !told {
            observer.tell(&Event::WaitingForPrevious { pid: file.pid });
            told = true;
        }
        if waited > GIVE_UP {
            return Err(Error::PreviousServerStuck {
                cluster: cluster.to_path_buf(),
                pid: file.pid,
            });
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn remove_stale(cluster: &Path) -> Result<(), Error> {
    let path = cluster.join("postmaster.pid");
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io {
            action: "remove the stale",
            path,
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn holder(pid: u32, cluster: &Path) -> Holder {
    if !sys::exists(pid) {
        return Holder::Gone;
    }
    let process = Path::new("/proc").join(pid.to_string());
    // `12 (name) Z 1 …`: the name may hold spaces and parentheses, so count from the last one.
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    match state {
        Some('Z' | 'X') => return Holder::Zombie,
        // Gone since, or /proc is not what we think.
        None if !sys::exists(pid) => return Holder::Gone,
        _ => {}
    }
    // A server runs inside its cluster. Its directory is readable for its owner and for a root with
    // all capabilities; its arguments are readable for everyone, and ours name the cluster.
    let runs_inside = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == cluster);
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    let names_cluster = arguments
        .split(|byte| *byte == 0)
        .any(|argument| argument == cluster.as_os_str().as_encoded_bytes());
    if runs_inside || names_cluster {
        Holder::Server
    } else {
        Holder::OtherProgram
    }
}

#[cfg(not(target_os = "linux"))]
fn holder(pid: u32, cluster: &Path) -> Holder {
    if !sys::exists(pid) {
        return Holder::Gone;
    }
    let output = std::process::Command::new("/bin/ps")
        .args(["-o", "state=,command=", "-p", &pid.to_string()])
        .output();
    let Ok(output) = output else {
        return Holder::Server;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let text = text.trim();
    if text.is_empty() {
        Holder::Gone
    } else if text.starts_with('Z') {
        Holder::Zombie
    } else if text.contains(&*cluster.to_string_lossy()) {
        Holder::Server
    } else {
        Holder::OtherProgram
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]
    use super::*;

    const READY: &str =
        "4242\n/data dir\n1700000000\n5432\n/data dir/run\n\n  1234567   98307\nready   \n";

    #[test]
    fn a_whole_file_is_read() {
        let file = parse(READY).unwrap();
        assert_eq!(file.pid, 4242);
        assert!(file.is_ready);
        assert_eq!(file.socket, Some((5432, PathBuf::from("/data dir/run"))));
        assert_eq!(file.shared_memory, Some((1_234_567, 98_307)));
    }

    #[test]
    fn half_written_and_foreign_files_are_not_ready() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("not a number\n"), None);
        assert!(!parse("17\n/data\n").unwrap().is_ready);
        assert!(
            !parse(&READY.replace("ready   ", "starting"))
                .unwrap()
                .is_ready
        );
        assert_eq!(parse("-17\n/data\n").unwrap().pid, 17);
    }

    #[test]
    fn our_own_process_is_another_program_and_a_dead_one_is_gone() {
        let cluster = Path::new("/nowhere/at/all");
        assert_eq!(holder(std::process::id(), cluster), Holder::OtherProgram);
        // Above the largest process id Linux gives out.
        assert_eq!(holder(1 << 30, cluster), Holder::Gone);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_that_ended_unwaited_is_a_zombie() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while holder(child.id(), Path::new("/nowhere")) != Holder::Zombie {
            assert!(Instant::now() < deadline, "the child never became a zombie");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.wait().unwrap();
    }
}
