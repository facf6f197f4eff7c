//! Connection settings for a program of Postgres's own (`pg_dump`): the variables that libpq reads.
//!
//! Variables and not arguments, which everybody on the machine can see.

use std::fmt;

use super::{ConnectionOptions, OptionsError, PemSource, Roots};

/// Variables of libpq with their values. Debug shows no value.
#[derive(Clone, PartialEq, Eq)]
pub struct LibpqVariables(Vec<(&'static str, String)>);

impl LibpqVariables {
    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for LibpqVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl ConnectionOptions {
    /// The settings as variables for a program that uses libpq. The caller gives it no other `PG…` variable.
    ///
    /// Errors: a certificate or key that is a text and not a file, or a key with a passphrase, which libpq does not
    /// take this way.
    pub fn libpq_variables(&self) -> Result<LibpqVariables, OptionsError> {
        let list = |of: &dyn Fn(&super::Endpoint) -> String| {
            let values: Vec<String> = self.endpoints.iter().map(of).collect();
            values.join(",")
        };
        let mut variables = vec![
            ("PGHOST", list(&|endpoint| endpoint.host.clone())),
            ("PGPORT", list(&|endpoint| endpoint.port.to_string())),
            ("PGSSLMODE", self.tls.mode.as_str().to_owned()),
            (
                "PGCONNECT_TIMEOUT",
                self.connect_timeout.as_secs().max(2).to_string(),
            ),
            ("PGAPPNAME", self.application_name.clone()),
        ];
        if self
            .endpoints
            .iter()
            .any(|endpoint| endpoint.address.is_some())
        {
            let address = |endpoint: &super::Endpoint| {
                let address = endpoint.address.map(|address| address.to_string());
                address.unwrap_or_default()
            };
            variables.push(("PGHOSTADDR", list(&address)));
        }
        let mut set = |name: &'static str, value: Option<&str>| {
            variables.extend(value.map(|value| (name, value.to_owned())));
        };
        set("PGUSER", self.user.as_deref());
        set(
            "PGPASSWORD",
            self.password.as_ref().map(|secret| secret.0.as_str()),
        );
        set("PGDATABASE", self.database.as_deref());
        set("PGOPTIONS", self.options.as_deref());
        match &self.tls.roots {
            None => {}
            Some(Roots::Public) => set("PGSSLROOTCERT", Some("system")),
            Some(Roots::Pem(pem)) => set("PGSSLROOTCERT", Some(file(pem, "sslrootcert")?)),
        }
        for (name, setting, pem) in [
            ("PGSSLCERT", "sslcert", &self.tls.certificate),
            ("PGSSLKEY", "sslkey", &self.tls.key),
        ] {
            if let Some(pem) = pem {
                set(name, Some(file(pem, setting)?));
            }
        }
        // There is no variable for it.
        if self.tls.key_password.is_some() {
            return Err(OptionsError::UnsupportedSetting("sslpassword".to_owned()));
        }
        Ok(LibpqVariables(variables))
    }
}

fn file<'p>(pem: &'p PemSource, setting: &str) -> Result<&'p str, OptionsError> {
    let path = match pem {
        PemSource::File(path) => path.to_str(),
        PemSource::Inline(_) => None,
    };
    path.ok_or_else(|| OptionsError::UnsupportedSetting(setting.to_owned()))
}
