//! Connection strings in files, which others may write anew at any time: read for every connection that is opened, so
//! that a password can change while the server runs.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::{ConnectionOptions, OptionsError};

/// How a connection string names a file that has it.
const SCHEME: &str = "dynamic-from-file://";
/// A connection string is a line.
const BYTES_MAX: u64 = 64 << 10;

impl ConnectionOptions {
    /// The same as [`Self::parse_with`], but `dynamic-from-file:///a/file` stands for what is in the file, now and
    /// whenever a connection is opened. The path has to begin with `prefix`; without one no file is read.
    pub fn parse_or_read(
        text: &str,
        prefix: Option<&str>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OptionsError> {
        match text.strip_prefix(SCHEME) {
            None => Self::parse_with(text, environment),
            Some(path) => Self::read(path, prefix, environment),
        }
    }

    /// What is in a file, now and whenever a connection is opened.
    pub fn read(
        path: &str,
        prefix: Option<&str>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, OptionsError> {
        let path = allowed(path, prefix)?;
        let mut options = Self::parse_with(&contents(&path)?, environment)?;
        options.file = Some(path);
        Ok(options)
    }

    /// These options as their file has them now; `None`: they are of no file.
    pub(crate) async fn renewed(&self) -> Result<Option<Self>, OptionsError> {
        let Some(path) = self.file.clone() else {
            return Ok(None);
        };
        let read = tokio::task::spawn_blocking(move || Self::parse(&contents(&path)?)).await;
        let fresh = read.map_err(|_| OptionsError::File("it could not be read".to_owned()))??;
        // Where and as whom; everything else was completed from elsewhere, or is not in a secret's hands.
        Ok(Some(Self {
            endpoints: fresh.endpoints,
            user: fresh.user.or_else(|| self.user.clone()),
            password: fresh.password.or_else(|| self.password.clone()),
            database: fresh.database.or_else(|| self.database.clone()),
            ..self.clone()
        }))
    }
}

fn allowed(path: &str, prefix: Option<&str>) -> Result<PathBuf, OptionsError> {
    let refused = |message: &str| Err(OptionsError::File(message.to_owned()));
    let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) else {
        return refused(
            "no file is read unless HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX says where files may lie",
        );
    };
    if !path.starts_with(prefix) {
        return refused(
            "its path does not begin with what HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX says",
        );
    }
    let path = Path::new(path);
    let mut parts = path.components();
    if !path.is_absolute() || parts.any(|part| part == Component::ParentDir) {
        return refused("its path has to be absolute, without `..`");
    }
    Ok(path.to_owned())
}

fn contents(path: &Path) -> Result<String, OptionsError> {
    let mut text = String::new();
    let read = std::fs::File::open(path);
    let read = read.and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text));
    let shown = path.display();
    match read {
        Ok(_) if text.len() as u64 > BYTES_MAX => Err(OptionsError::File(format!(
            "{shown} has more than {BYTES_MAX} bytes"
        ))),
        Ok(_) => Ok(text.trim().to_owned()),
        Err(error) => Err(OptionsError::File(format!("{shown}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn only_files_below_the_prefix_are_read() {
        let read = |path: &str, prefix| {
            let found = ConnectionOptions::parse_or_read(path, prefix, &none);
            found.unwrap_err().to_string()
        };
        let begin = "the file with the connection string: ";
        for (path, prefix, expected) in [
            (
                "dynamic-from-file:///secrets/db",
                None,
                "no file is read unless",
            ),
            (
                "dynamic-from-file:///secrets/db",
                Some(""),
                "no file is read unless",
            ),
            (
                "dynamic-from-file:///etc/passwd",
                Some("/secrets"),
                "its path does not begin",
            ),
            (
                "dynamic-from-file:///secrets/../etc/passwd",
                Some("/secrets"),
                "its path has to be",
            ),
            (
                "dynamic-from-file://secrets/db",
                Some("secrets"),
                "its path has to be",
            ),
            (
                "dynamic-from-file:///secrets/none",
                Some("/secrets"),
                "/secrets/none: No such file",
            ),
        ] {
            let found = read(path, prefix);
            assert!(
                found.starts_with(&format!("{begin}{expected}")),
                "{path}: {found}"
            );
        }
        let plain = ConnectionOptions::parse_or_read("postgres://u@h/d", None, &none).unwrap();
        assert!(plain.file.is_none());
    }
}
