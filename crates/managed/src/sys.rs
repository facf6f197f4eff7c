//! The operating system calls that std does not offer, each wrapped in a safe function.
//!
//! All `unsafe` of the workspace is in this file. It knows processes, accounts and shared memory, and
//! must not know what Postgres is. Read `identity.rs` next: it decides which of these a child needs.
#![allow(
    unsafe_code,
    reason = "thin wrappers over libc, each block with its own SAFETY reason"
)]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Longest passwd entry we are ready to read, in bytes; directory services stay far below it.
const PASSWD_ENTRY_BYTES_MAX: usize = 256 * 1024;

/// An entry of the account database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
}

/// The signals this crate sends. SIGKILL is not among them: a killed postmaster leaves its children
/// writing to the cluster without supervision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Postgres' "fast shutdown", which ends sessions and writes a checkpoint.
    Interrupt,
    /// SIGQUIT: Postgres' "immediate shutdown"; the next start recovers from the log.
    Quit,
    /// SIGTERM: for `initdb`, which then removes what it began.
    Terminate,
}

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
            Self::Terminate => libc::SIGTERM,
        }
    }
}

/// A one-entry user namespace: our own ids outside appear as these ids inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamespaceIds {
    pub(crate) inner_uid: u32,
    pub(crate) inner_gid: u32,
}

pub(crate) fn effective_uid() -> u32 {
    // SAFETY: geteuid takes no argument, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() }
}

pub(crate) fn effective_gid() -> u32 {
    // SAFETY: as for geteuid.
    unsafe { libc::getegid() }
}

/// Finds an account by its name.
pub(crate) fn account_by_name(name: &str) -> io::Result<Option<Account>> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    look_up(|entry, buffer, found| {
        // SAFETY: `name` is NUL-terminated and outlives the call; `entry` and `found` are valid for
        // writing and `buffer` is passed with its true length.
        unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                found,
            )
        }
    })
}

/// Finds the account of a user id; `None` for the random ids some container platforms assign.
pub(crate) fn account_by_uid(uid: u32) -> io::Result<Option<Account>> {
    look_up(|entry, buffer, found| {
        // SAFETY: `entry` and `found` are valid for writing, `buffer` is passed with its true length.
        unsafe { libc::getpwuid_r(uid, entry, buffer.as_mut_ptr().cast(), buffer.len(), found) }
    })
}

/// Calls a `getpw*_r` function with a buffer that grows until the entry fits.
fn look_up(
    call: impl Fn(*mut libc::passwd, &mut [u8], *mut *mut libc::passwd) -> libc::c_int,
) -> io::Result<Option<Account>> {
    let mut buffer = vec![0_u8; 4096];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = std::ptr::null_mut();
        match call(entry.as_mut_ptr(), &mut buffer, &raw mut found) {
            0 if found.is_null() => return Ok(None),
            0 => {
                // SAFETY: a zero result with a non-null `found` means the call filled `entry`.
                let entry = unsafe { entry.assume_init() };
                // SAFETY: both pointers lead to NUL-terminated text inside `buffer`, which lives on.
                let (name, home) =
                    unsafe { (CStr::from_ptr(entry.pw_name), CStr::from_ptr(entry.pw_dir)) };
                return Ok(Some(Account {
                    name: name.to_string_lossy().into_owned(),
                    uid: entry.pw_uid,
                    gid: entry.pw_gid,
                    home: PathBuf::from(home.to_string_lossy().into_owned()),
                }));
            }
            libc::ERANGE if buffer.len() < PASSWD_ENTRY_BYTES_MAX => {
                let doubled = buffer.len() * 2;
                buffer.resize(doubled, 0);
            }
            // These say "no such entry" on some systems instead of a null result.
            libc::ENOENT | libc::ESRCH => return Ok(None),
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// Sends a signal to one process.
///
/// The caller makes sure that the id still belongs to the process it means: a child not yet waited
/// for, or a postmaster recognised by its command line.
pub(crate) fn send(pid: u32, signal: Signal) -> io::Result<()> {
    kill(pid, signal.number())
}

/// Says whether a process has this id, whoever owns it; zombies count.
pub(crate) fn exists(pid: u32) -> bool {
    match kill(pid, 0) {
        Ok(()) => true,
        Err(error) => error.raw_os_error() == Some(libc::EPERM),
    }
}

fn kill(pid: u32, signal: libc::c_int) -> io::Result<()> {
    // Zero and negative ids would address whole process groups.
    let pid = i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 0)
        .ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: kill takes two integers and touches no memory of ours.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Says whether a System V shared memory segment is still attached by some process.
///
/// Postgres keeps one small segment per cluster for exactly this question: it stays attached while
/// any of its processes lives, even when the postmaster itself has gone.
#[cfg(target_os = "linux")]
pub(crate) fn shared_memory_is_attached(key: i64, id: i32) -> bool {
    let mut state = MaybeUninit::<libc::shmid_ds>::uninit();
    // SAFETY: IPC_STAT writes one shmid_ds through the pointer, which is valid for that.
    if unsafe { libc::shmctl(id, libc::IPC_STAT, state.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: shmctl succeeded, so it filled the structure.
    let state = unsafe { state.assume_init() };
    // The id may have been given to another program since; the key tells.
    i64::from(state.shm_perm.__key) == key && state.shm_nattch > 0
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn shared_memory_is_attached(_key: i64, _id: i32) -> bool {
    false
}

/// Makes the child enter a user namespace of its own, before it executes its program.
#[cfg(target_os = "linux")]
pub(crate) fn enter_user_namespace(command: &mut Command, ids: NamespaceIds) {
    let uid_map = format!("{} {} 1\n", ids.inner_uid, effective_uid()).into_bytes();
    let gid_map = format!("{} {} 1\n", ids.inner_gid, effective_gid()).into_bytes();
    let enter = move || {
        // SAFETY: unshare takes one integer; the child of fork has a single thread, as it requires.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // Without this an unprivileged process may not write its group map.
        write_whole(c"/proc/self/setgroups", b"deny")?;
        write_whole(c"/proc/self/uid_map", &uid_map)?;
        write_whole(c"/proc/self/gid_map", &gid_map)
    };
    // SAFETY: between fork and exec only system calls are made (unshare, open, write, close); the
    // texts were formatted before the fork, so nothing allocates or takes a lock.
    unsafe { command.pre_exec(enter) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn enter_user_namespace(command: &mut Command, _ids: NamespaceIds) {
    // SAFETY: the closure does nothing but make an error from a constant.
    unsafe { command.pre_exec(|| Err(io::Error::from(io::ErrorKind::Unsupported))) };
}

/// Writes a whole kernel file with one call, without allocating.
#[cfg(target_os = "linux")]
fn write_whole(path: &CStr, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the path is NUL-terminated; open returns a descriptor or -1.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `file` is open for writing and `bytes` is readable for its length.
    let written = unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
    let result = match usize::try_from(written) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EIO)),
        Err(_) => Err(io::Error::last_os_error()),
    };
    // SAFETY: we opened `file` above and close it once.
    unsafe { libc::close(file) };
    result
}

/// Asks the kernel to send `signal` to the child when the **thread** that spawns it ends.
///
/// Call it after anything that changes the child's credentials, because such a change clears the
/// request. A child whose parent ended in between does not start at all. Systems without this
/// request start the child without it; the next start then stops what was left behind.
#[cfg(target_os = "linux")]
pub(crate) fn signal_when_parent_ends(command: &mut Command, signal: Signal) {
    let number = signal.number();
    let parent = std::process::id();
    let arm = move || {
        // SAFETY: PR_SET_PDEATHSIG takes one integer.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, number) } != 0 {
            return Err(io::Error::last_os_error());
        }
        if std::os::unix::process::parent_id() == parent {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::ESRCH))
        }
    };
    // SAFETY: between fork and exec only two system calls are made; nothing allocates or locks.
    unsafe { command.pre_exec(arm) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn signal_when_parent_ends(_command: &mut Command, _signal: Signal) {}

/// Says whether an error is "text file busy": the program was written by this process and some other
/// thread's child still holds the descriptor.
pub(crate) fn is_text_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ETXTBSY)
}
