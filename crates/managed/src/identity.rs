//! Under which account Postgres' programs run, and making commands that do.
//!
//! Postgres refuses root, and needs an entry in the account database. So there are three ways: as
//! ourselves, as another account (root only), or in a user namespace that makes us look like an
//! ordinary account. The namespace is the last resort because containers often forbid it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::discover::Installation;
use crate::error::Error;
use crate::layout::{Layout, set_mode};
use crate::options::{Options, inherited_environment};
use crate::sys::{self, Account, NamespaceIds, Signal};

/// How a child gets an account that Postgres accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// We are an ordinary user already.
    Ourselves,
    /// We are root and become this account between fork and exec.
    Account(Account),
    /// We look like this account inside a namespace; outside, files stay ours.
    Namespace(Account),
}

impl Identity {
    /// A command with this identity, a bare environment, no input, its own process group, and a
    /// request to get `parent_ends` when the calling thread ends.
    pub(crate) fn command(&self, program: &Path, parent_ends: Signal) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(inherited_environment())
            // Messages in the log and of initdb in one language, whatever the terminal's.
            .env("LC_ALL", "C")
            // Our own current directory may be closed to the other account.
            .current_dir("/")
            .stdin(Stdio::null())
            // A Ctrl-C at the terminal must reach us alone: requests drain before the database stops.
            .process_group(0);
        match self {
            Self::Ourselves => {}
            // std drops the supplementary groups with the user id, and does all of it before the
            // closures registered below run.
            Self::Account(account) => {
                command.uid(account.uid).gid(account.gid);
            }
            Self::Namespace(account) => sys::enter_user_namespace(
                &mut command,
                NamespaceIds {
                    inner_uid: account.uid,
                    inner_gid: account.gid,
                },
            ),
        }
        sys::signal_when_parent_ends(&mut command, parent_ends);
        command
    }

    /// Who owns the files the server makes, as we see it: user and group id.
    pub(crate) fn file_owner(&self) -> (u32, u32) {
        match self {
            Self::Account(account) => (account.uid, account.gid),
            Self::Ourselves | Self::Namespace(_) => (sys::effective_uid(), sys::effective_gid()),
        }
    }

    /// Gives a file or directory of ours to the server's account.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Account(account) => chown(path, Some(account.uid), Some(account.gid))
                .map_err(Error::io("change the owner of", path)),
            Self::Ourselves | Self::Namespace(_) => Ok(()),
        }
    }
}

/// Decides the identity for this server. The home directory must exist.
pub(crate) fn choose(
    options: &Options,
    layout: &Layout,
    installation: &Installation,
) -> Result<Identity, Error> {
    let ours = sys::effective_uid();
    // An empty directory is no cluster yet, whoever made it.
    let cluster_owner = match layout.cluster_major()? {
        Some(_) => {
            let found = fs::metadata(&layout.cluster);
            let found = found.map_err(Error::io("look at", &layout.cluster))?;
            Some((found.uid(), found.gid()))
        }
        None => None,
    };
    if ours != 0 {
        return choose_unprivileged(options, layout, installation, cluster_owner);
    }
    let account = match cluster_owner {
        // Made in a namespace, so it has to be opened in one.
        Some((0, _)) => return in_namespace(installation, "the data belongs to root".to_owned()),
        // Postgres insists on owning its data, so an existing cluster has decided already.
        Some((uid, gid)) => account_of(uid, gid),
        None => match preferred_account(options)? {
            Some(account) => account,
            None => return in_namespace(installation, "there is no account for it".to_owned()),
        },
    };
    // The home itself is ours: let the account pass through, which shows it no names.
    open_for_passing(&layout.home)?;
    let server = installation.program("postgres");
    for path in [layout.home.as_path(), &server] {
        if let Err(closed) = may_enter(&account, path) {
            let reason = format!(
                "its account {:?} may not enter {}",
                account.name,
                closed.display()
            );
            return in_namespace(installation, reason);
        }
    }
    Ok(Identity::Account(account))
}

fn choose_unprivileged(
    options: &Options,
    layout: &Layout,
    installation: &Installation,
    cluster_owner: Option<(u32, u32)>,
) -> Result<Identity, Error> {
    let ours = sys::effective_uid();
    if let Some((uid, gid)) = cluster_owner
        && uid != ours
    {
        let owner = account_of(uid, gid).name;
        return Err(Error::ForeignOwner {
            path: layout.cluster.clone(),
            owner,
        });
    }
    let own = look_up(sys::account_by_uid(ours))?;
    if let Some(name) = &options.run_as
        && own.as_ref().is_none_or(|own| own.name != *name)
    {
        return Err(Error::CannotChangeAccount(name.clone()));
    }
    match own {
        Some(_) => Ok(Identity::Ourselves),
        None => in_namespace(installation, format!("user id {ours} has no account entry")),
    }
}

/// The configured account, else `postgres`, else `nobody`.
fn preferred_account(options: &Options) -> Result<Option<Account>, Error> {
    if let Some(name) = &options.run_as {
        return match look_up(sys::account_by_name(name))? {
            Some(account) if account.uid != 0 => Ok(Some(account)),
            _ => Err(Error::NoSuchAccount(name.clone())),
        };
    }
    for name in ["postgres", "nobody"] {
        if let Some(account) = look_up(sys::account_by_name(name))?
            && account.uid != 0
        {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

fn look_up(found: io::Result<Option<Account>>) -> Result<Option<Account>, Error> {
    found.map_err(Error::io("read", Path::new("the account database")))
}

/// The account of a user id, with the id for a name if it has no entry.
pub(crate) fn account_of(uid: u32, gid: u32) -> Account {
    let entry = sys::account_by_uid(uid).ok().flatten();
    entry.unwrap_or_else(|| Account {
        name: format!("user id {uid}"),
        uid,
        gid,
        home: PathBuf::new(),
    })
}

/// Tries the namespace with the real server program; `wanted` says why the plain way is closed.
fn in_namespace(installation: &Installation, wanted: String) -> Result<Identity, Error> {
    // initdb looks its user up by id, so the id inside must be one that has an entry.
    let Some(account) = look_up(sys::account_by_name("nobody"))?.filter(|found| found.uid != 0)
    else {
        return Err(Error::NoIdentity {
            wanted,
            namespace: "no account `nobody`".to_owned(),
        });
    };
    let identity = Identity::Namespace(account);
    let mut command = identity.command(&installation.program("postgres"), Signal::Terminate);
    match command.arg("--version").output() {
        Ok(output) if output.status.success() => Ok(identity),
        Ok(output) => Err(Error::NoIdentity {
            wanted,
            namespace: output.status.to_string(),
        }),
        Err(error) => Err(Error::NoIdentity {
            wanted,
            namespace: error.to_string(),
        }),
    }
}

fn open_for_passing(home: &Path) -> Result<(), Error> {
    let found = fs::metadata(home).map_err(Error::io("look at", home))?;
    let mode = found.mode() & 0o7777;
    if found.uid() == sys::effective_uid() && mode & 0o011 != 0o011 {
        set_mode(home, mode | 0o011)?;
    }
    Ok(())
}

/// Checks the search permission of every directory above `path`, and of `path` itself.
///
/// Err: the first one the account may not enter (or execute). Access control lists are not read; an
/// account let in by one of them falls back to the namespace.
fn may_enter(account: &Account, path: &Path) -> Result<(), PathBuf> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let mut above: Vec<&Path> = real.ancestors().collect();
    above.reverse();
    for step in above {
        let allowed = fs::metadata(step).is_ok_and(|found| {
            let bit = if found.uid() == account.uid {
                0o100
            } else if found.gid() == account.gid {
                0o010
            } else {
                0o001
            };
            found.mode() & bit != 0
        });
        if !allowed {
            return Err(step.to_path_buf());
        }
    }
    Ok(())
}
