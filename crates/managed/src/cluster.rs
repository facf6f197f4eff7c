//! Making a cluster with `initdb`, so that a half-made one is never mistaken for a whole one.
//!
//! The cluster is made under another name and renamed when `initdb` has succeeded; nothing inside a
//! fresh cluster depends on its path. Starting it is `supervisor.rs`'s business.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::discover::Installation;
use crate::error::Error;
use crate::identity::Identity;
use crate::layout::{Layout, make_private_dir};
use crate::options::Durability;
use crate::sys::Signal;

/// The one role of a new cluster, its superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// Lines of a program's output that an error shows.
const OUTPUT_LINES: usize = 20;

/// Makes the cluster and the password of its superuser.
pub(crate) fn initialise(
    layout: &Layout,
    installation: &Installation,
    identity: &Identity,
    durability: Durability,
) -> Result<(), Error> {
    for unfinished in layout.unfinished_clusters()? {
        // The `initdb` of a killed run may still be writing to it; then it goes next time.
        drop(remove_tree(&unfinished));
    }
    make_private_dir(&layout.initializing, identity)?;
    let password = generate_password()?;
    // initdb reads the file under its own account, so it gets a copy that account owns.
    let handed = layout.home.join("postgres-password.initdb");
    write_secret(&handed, &password)?;
    identity.give(&handed)?;
    let result = run_initdb(layout, installation, identity, (durability, &handed));
    let removed = fs::remove_file(&handed).map_err(Error::io("remove", &handed));
    result.and(removed)?;
    write_secret(&layout.password, &password)?;
    // An empty directory at the target is replaced by the rename.
    fs::rename(&layout.initializing, &layout.cluster)
        .map_err(Error::io("rename the new cluster to", &layout.cluster))?;
    // The rename itself has to survive a power cut, like what initdb wrote.
    if durability == Durability::Full {
        let home = File::open(&layout.home).and_then(|home| home.sync_all());
        home.map_err(Error::io("sync", &layout.home))?;
    }
    Ok(())
}

fn run_initdb(
    layout: &Layout,
    installation: &Installation,
    identity: &Identity,
    (durability, password_file): (Durability, &Path),
) -> Result<(), Error> {
    let program = installation.program("initdb");
    let mut command = identity.command(&program, Signal::Terminate);
    command.arg("-D").arg(&layout.initializing);
    command.args(["-U", SUPERUSER, "-E", "UTF8", "--data-checksums"]);
    // The socket is guarded by its directory; TCP, where it is switched on, by the password.
    command.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    command.arg("--pwfile").arg(password_file);
    command.args(locale_flags(installation.version.major));
    if durability == Durability::Off {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(|source| Error::Spawn {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Initdb {
        cluster: layout.cluster.clone(),
        status: output.status.to_string(),
        output: last_lines(&text),
    })
}

/// Code point order and Unicode character classes, independent of the system's locales.
fn locale_flags(major: u32) -> Vec<&'static str> {
    // macOS has no C.UTF-8; its plain "UTF-8" is for character classes only.
    let libc: &[&str] = if cfg!(target_os = "macos") {
        &["--locale=C", "--lc-ctype=UTF-8"]
    } else {
        &["--locale=C.UTF-8"]
    };
    let mut flags = libc.to_vec();
    if major >= 17 {
        flags.extend(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    }
    flags
}

/// 144 random bits as text that needs no escaping in a URL.
fn generate_password() -> Result<String, Error> {
    use base64::Engine as _;
    let path = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 18];
    let read = File::open(path).and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(Error::io("read", path))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}

fn write_secret(path: &Path, secret: &str) -> Result<(), Error> {
    // A leftover of an interrupted run may belong to another account.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("replace", path)(error));
        }
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(format!("{secret}\n").as_bytes()))
        .map_err(Error::io("write", path))
}

/// Removes a directory of ours that may not be there.
pub(crate) fn remove_tree(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", dir)(error))
        }
        _ => Ok(()),
    }
}

/// The end of a program's output, for errors.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(OUTPUT_LINES)..].join("\n")
}
