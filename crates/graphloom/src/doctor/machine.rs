//! Checks of this machine: the Postgres that would be used, the directories, the port.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use graphloom_managed::{self as managed, DownloadFailure, Error};
use graphloom_server::options::Values;
use serde_json::json;

use super::{Finding, State};
use crate::local;
use crate::occupant::{self, Occupant};

/// The Postgres of our own, and its directories. Where a database is named, none is needed.
pub(crate) fn check(options: &managed::Options, is_database_named: bool) -> Vec<Finding> {
    let mut postgres = check_postgres(options);
    if is_database_named {
        postgres.state = State::Ok;
        postgres.text = format!("not needed, a database is named. {}", postgres.text);
    }
    vec![
        postgres,
        check_data_dir(options),
        check_dir("cache directory", &options.cache_dir),
    ]
}

fn check_postgres(options: &managed::Options) -> Finding {
    const CHECK: &str = "postgres";
    let found = match managed::discover(options) {
        Ok(found) => found,
        Err(Error::NoServer(hint)) if hint.download == DownloadFailure::NotTried => {
            let install = &hint.install_command;
            let text = format!(
                "none is installed, so that `dev` downloads one the first time (about 24 MB); to have \
                 one installed: {install}"
            );
            let rejected: Vec<String> = hint.rejected.iter().map(ToString::to_string).collect();
            let details = json!({ "rejected": rejected, "install": install });
            return Finding::new(CHECK, State::Warning, text).with(details);
        }
        Err(error) => return Finding::new(CHECK, State::Problem, local::explain(&error)),
    };
    let (version, dir) = (&found.version.text, found.bin_dir.display());
    let mut text = format!("PostgreSQL {version} in {dir}, {}", found.origin);
    for rejected in &found.rejected {
        let _ = write!(text, "\nnot taken: {rejected}");
    }
    let rejected: Vec<String> = found.rejected.iter().map(ToString::to_string).collect();
    Finding::new(CHECK, State::Ok, text).with(json!({
        "version": version,
        "major": found.version.major,
        "bin_dir": found.bin_dir,
        "origin": found.origin.to_string(),
        "rejected": rejected,
    }))
}

fn check_data_dir(options: &managed::Options) -> Finding {
    let mut finding = check_dir("data directory", &options.data_dir);
    if finding.state != State::Ok {
        return finding;
    }
    match managed::running_url(options, "postgres") {
        Ok(Some(_)) => finding
            .text
            .push_str("; a managed PostgreSQL is running on it"),
        Ok(None) => {}
        Err(error) => {
            finding.state = State::Problem;
            finding.text = local::explain(&error);
        }
    }
    let secret = options.data_dir.join("admin-secret");
    if let Ok(found) = fs::metadata(&secret)
        && found.permissions().mode() & 0o077 != 0
    {
        finding.state = State::Warning;
        let text =
            "\nits file admin-secret can be read by others; the next start of `dev` closes it";
        finding.text.push_str(text);
    }
    finding
}

/// Whether a directory is there and can be written to, or can be made.
fn check_dir(check: &'static str, dir: &Path) -> Finding {
    let shown = dir.display();
    let existing = dir.ancestors().find(|dir| dir.exists());
    let existing = existing.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let is_there = existing == dir;
    let mut details = json!({ "path": dir, "exists": is_there });
    if let Ok(found) = fs::metadata(&existing)
        && is_there
    {
        details["mode"] = format!("{:04o}", found.permissions().mode() & 0o7777).into();
        details["uid"] = found.uid().into();
    }
    let (state, text) = match (existing.is_dir(), try_writing(&existing)) {
        (false, _) => {
            let text = format!("{shown}: {} is not a directory", existing.display());
            (State::Problem, text)
        }
        (true, Err(error)) => {
            let text = format!(
                "{shown}: this user cannot write to {} ({error})",
                existing.display()
            );
            (State::Problem, text)
        }
        (true, Ok(())) if is_there => (State::Ok, format!("{shown}, writable")),
        (true, Ok(())) => (State::Ok, format!("{shown}, made when it is needed")),
    };
    Finding::new(check, state, text).with(details)
}

/// Permission bits alone do not tell: file systems are read-only, quotas full.
fn try_writing(dir: &Path) -> io::Result<()> {
    let file = dir.join(format!(".graphloom-doctor-{}", std::process::id()));
    File::create_new(&file)?;
    fs::remove_file(&file)
}

/// Whether the server's port is free, or one of us has it.
pub(crate) fn check_port(values: &Values) -> Finding {
    const CHECK: &str = "port";
    let port = u16::try_from(values.integer("server-port")).unwrap_or_default();
    if port == 0 {
        let text = "a free one is taken";
        return Finding::new(CHECK, State::Ok, text).with(json!({ "port": 0 }));
    }
    let details = |occupant: Option<String>| json!({ "port": port, "taken_by": occupant });
    let host = values.required("server-host").parse::<IpAddr>();
    let hosts = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        host.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    ];
    let refused = hosts
        .into_iter()
        .find_map(|host| TcpListener::bind((host, port)).err());
    let Some(error) = refused else {
        return Finding::new(CHECK, State::Ok, format!("{port} is free")).with(details(None));
    };
    if error.kind() != io::ErrorKind::AddrInUse {
        let text = format!("{port} cannot be used: {error} (see --server-host and --server-port)");
        return Finding::new(CHECK, State::Problem, text).with(details(None));
    }
    let occupant = occupant::of(port);
    let state = match occupant {
        Occupant::Graphloom(_) => State::Ok,
        Occupant::Other => State::Problem,
    };
    let text = format!("{port} is taken by {occupant}; --server-port chooses another");
    Finding::new(CHECK, state, text).with(details(Some(occupant.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_or_can_be_made_or_not() {
        let base =
            std::env::temp_dir().join(format!("graphloom-doctor-test-{}", std::process::id()));
        let found = check_dir("x", &base.join("a/b"));
        assert_eq!(
            (found.state, &found.details["exists"]),
            (State::Ok, &json!(false))
        );
        fs::create_dir_all(&base).unwrap();
        let found = check_dir("x", &base);
        assert_eq!(
            (found.state, &found.details["exists"]),
            (State::Ok, &json!(true))
        );
        assert_eq!(
            fs::read_dir(&base).unwrap().count(),
            0,
            "nothing is left behind"
        );
        fs::write(base.join("file"), "").unwrap();
        let found = check_dir("x", &base.join("file/below"));
        assert_eq!(found.state, State::Problem);
        assert!(
            found.text.ends_with("file is not a directory"),
            "{}",
            found.text
        );
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_machine_without_postgres_is_told_what_to_do() {
        let mut options = managed::Options::for_data_dir("/nowhere/graphloom");
        options.places = managed::Places::none();
        options.cache_dir = PathBuf::from("/nowhere/cache");
        options.download_base_url = None;
        let found = check_postgres(&options);
        assert_eq!(found.state, State::Problem);
        assert!(found.text.contains("--postgres-bin-dir"), "{}", found.text);
        assert_eq!(check(&options, true)[0].state, State::Ok);
    }
}
