//! The admin secret of a data directory: generated once, kept in a file that only its owner reads.
//!
//! Never printed here, and in no error.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file's name in the data directory.
const FILE: &str = "admin-secret";
/// Random bytes in a secret; each is two characters of it.
const BYTES: usize = 24;
/// Most bytes that are read of the file; a longer one is not ours.
const FILE_BYTES_MAX: u64 = 4096;

/// Why there is no admin secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// What is in the file cannot be sent in a header.
    #[error(
        "{} holds no admin secret (one line of printable ASCII characters); remove it, and the next \
         start makes a new one, or give --admin-secret",
        .0.display()
    )]
    Unusable(PathBuf),
}

/// The secret kept in `data_dir`, which exists; a new one if there is none.
pub(crate) fn load_or_create(data_dir: &Path) -> Result<String, SecretError> {
    let path = data_dir.join(FILE);
    match File::open(&path) {
        Ok(file) => load(file, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path),
        Err(source) => Err(failed("read", &path)(source)),
    }
}

fn load(file: File, path: &Path) -> Result<String, SecretError> {
    let found = file.metadata().map_err(failed("look at", path))?;
    if found.permissions().mode() & 0o077 != 0 {
        // A copy or a restored backup may have opened it to others.
        let private = Permissions::from_mode(0o600);
        file.set_permissions(private)
            .map_err(failed("set the mode of", path))?;
    }
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(failed("read", path))?;
    let secret = text.trim();
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Unusable(path.to_path_buf()));
    }
    Ok(secret.to_owned())
}

/// Under another name first, so that an interrupted write leaves no half of one.
fn create(path: &Path) -> Result<String, SecretError> {
    let secret = generate()?;
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &unfinished)(error));
        }
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished);
    let written = file.and_then(|mut file| {
        file.write_all(format!("{secret}\n").as_bytes())?;
        file.sync_all()
    });
    written.map_err(failed("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(failed("write", path))?;
    Ok(secret)
}

/// 192 random bits, as 48 hexadecimal digits.
fn generate() -> Result<String, SecretError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; BYTES];
    let read = File::open(source).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(failed("read", source))?;
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    move |source| SecretError::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test's own, gone with the value.
    struct TempDir(PathBuf);

    impl TempDir {
        fn new(name: &str) -> Self {
            let dir = format!("graphloom-secret-{name}-{}", std::process::id());
            let dir = std::env::temp_dir().join(dir);
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_secret_is_made_once_and_is_its_owners() {
        let dir = TempDir::new("once");
        let secret = load_or_create(&dir.0).unwrap();
        assert_eq!(secret.len(), 48);
        assert_eq!(load_or_create(&dir.0).unwrap(), secret);
        let file = dir.0.join(FILE);
        let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load_or_create(&dir.0).unwrap(), secret);
        assert_eq!(mode(&file), 0o600);
        fs::remove_file(&file).unwrap();
        assert_ne!(load_or_create(&dir.0).unwrap(), secret);
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_shown() {
        let dir = TempDir::new("none");
        for text in ["", " \n", "two words", "schlüssel"] {
            fs::write(dir.0.join(FILE), text).unwrap();
            let error = load_or_create(&dir.0).unwrap_err().to_string();
            assert!(error.contains("holds no admin secret"), "{error}");
            assert!(text.trim().is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn what_an_interrupted_start_left_is_replaced() {
        let dir = TempDir::new("left");
        fs::write(dir.0.join("admin-secret.new"), "half").unwrap();
        assert_eq!(load_or_create(&dir.0).unwrap().len(), 48);
        assert!(!dir.0.join("admin-secret.new").exists());
    }
}
