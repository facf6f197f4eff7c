//! What `dev` and `doctor` are told about this machine: where the data lies, which Postgres to take.
//!
//! Turns their options into those of the managed Postgres. Starts nothing.

use std::path::PathBuf;

use graphloom_managed as managed;
use graphloom_server::options::Kind::{Secret, Text};
use graphloom_server::options::{Opt, Values};

/// Options of this machine.
#[rustfmt::skip]
pub(crate) const LOCAL: &[Opt] = &[
    Opt::new("data-dir", &["GRAPHLOOM_DATA_DIR"], Text,
        "Directory of the managed Postgres, its data and the admin secret; by default \
         ~/.local/share/graphloom, for root /var/lib/graphloom"),
    Opt::new("postgres-bin-dir", &["GRAPHLOOM_POSTGRES_BIN_DIR"], Text,
        "Directory of the `initdb` and `postgres` to use, instead of looking for some"),
    Opt::new("postgres-cache-dir", &["GRAPHLOOM_POSTGRES_CACHE_DIR"], Text,
        "Directory that keeps a downloaded Postgres; by default ~/.cache/graphloom, for root \
         /var/cache/graphloom"),
    // A mirror's address may hold a password.
    Opt::new("postgres-download-url", &["GRAPHLOOM_POSTGRES_DOWNLOAD_URL"], Secret,
        "Where to get a Postgres if this machine has none: an npm registry, or a directory that holds \
         the packages; `none` to get none").or("https://registry.npmjs.org"),
    Opt::new("postgres-account", &["GRAPHLOOM_POSTGRES_ACCOUNT"], Text,
        "Account the managed Postgres runs under when started by root, whom it refuses; by default \
         `postgres`, else `nobody`"),
];

/// The managed Postgres these options describe. Errors: [`managed::Error::NoHome`].
pub(crate) fn managed_options(values: &Values) -> Result<managed::Options, managed::Error> {
    let data_dir = match values.text("data-dir") {
        Some(dir) => PathBuf::from(dir),
        None => managed::default_home()?,
    };
    let mut options = managed::Options::for_data_dir(data_dir);
    options.bin_dir = values.text("postgres-bin-dir").map(PathBuf::from);
    if let Some(dir) = values.text("postgres-cache-dir") {
        options.cache_dir = PathBuf::from(dir);
    }
    let url = values.required("postgres-download-url");
    options.download_base_url = (url != "none").then(|| url.to_owned());
    options.run_as = values.text("postgres-account").map(str::to_owned);
    Ok(options)
}

/// Whether the options name a database, so that none of our own is started.
pub(crate) fn names_a_database(values: &Values) -> bool {
    let flags = ["database-url", "metadata-database-url", "host"];
    flags.iter().any(|flag| values.is_given(flag))
}

/// The error's text, with the option that a hint in it means.
pub(crate) fn explain(error: &managed::Error) -> String {
    let option = match error {
        managed::Error::NoServer(_) | managed::Error::WrongMajor { .. } => "--postgres-bin-dir",
        managed::Error::InUse { .. }
        | managed::Error::ForeignOwner { .. }
        | managed::Error::NoHome
        | managed::Error::DataDirIsCluster(_)
        | managed::Error::NotACluster(_)
        | managed::Error::NoIdentity { .. }
        | managed::Error::NoSocketPath { .. } => "--data-dir",
        _ => return error.to_string(),
    };
    format!("{error}\n(The option is {option}.)")
}
