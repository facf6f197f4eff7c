//! `POST /v1alpha1/pg_dump`: a dump of a source, made by Postgres's own `pg_dump`.
//!
//! The program gets the connection in variables and the client's options as arguments, except those that
//! would have it write files, connect elsewhere or wait for a password. What it writes has a limit of bytes and of
//! time. Read next: [`clean`].

use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use graphloom_metadata::Fields;
use graphloom_metadata::decode::Decode as _;
use graphloom_pg::LibpqVariables;
use graphloom_vocab::{Error, ErrorCode, ErrorPath, Json, Result};
use regex::Regex;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::settings::PgDumpSettings;

/// Most bytes of what the program says when it fails.
const COMPLAINT_BYTES_MAX: u64 = 64 << 10;

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PgDump {
    options: Vec<String>,
    pub(super) source: String,
    cleaning: Cleaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cleaning {
    Off,
    On,
}

/// Options that are refused: the long name, the letter, and why.
const REFUSED: [(&str, char, &str); 9] = [
    (
        "file",
        'f',
        "the dump is the answer, and no file is written",
    ),
    ("dbname", 'd', "the source says which database it is"),
    ("host", 'h', "the source says where its database is"),
    ("port", 'p', "the source says where its database is"),
    ("username", 'U', "the source says who connects"),
    ("password", 'W', "nobody is there to ask"),
    ("jobs", 'j', "it needs a directory to write to"),
    ("format", 'F', "the answer is SQL text"),
    ("compress", 'Z', "the answer is SQL text"),
];
/// Letters that take a value, which ends a group of them.
const WITH_VALUE: &str = "eEnNStT";

impl PgDump {
    /// `{"opts": […], "source"?: "default", "clean_output"?: false}`. Errors: `parse-failed`; `not-supported` for an
    /// option that is refused.
    pub(super) fn parse(json: &Json) -> Result<Self> {
        let mut fields = Fields::of(json, "PGDumpReqBody")?;
        let options: Vec<String> = fields.required_with("opts", Vec::decode)?;
        let source: Option<String> = fields.optional("source")?;
        let cleans: Option<bool> = fields.optional("clean_output")?;
        for (index, option) in options.iter().enumerate() {
            check(option).map_err(|error| error.at(ErrorPath::root().key("opts").index(index)))?;
        }
        Ok(Self {
            options,
            source: source.unwrap_or_else(|| "default".to_owned()),
            cleaning: match cleans {
                Some(true) => Cleaning::On,
                Some(false) | None => Cleaning::Off,
            },
        })
    }

    /// Runs the program. Errors are `unexpected` with what it said, or `timeout`.
    pub(super) async fn run(
        &self,
        connection: &LibpqVariables,
        settings: &PgDumpSettings,
    ) -> Result<Bytes> {
        let run = self.output(connection, settings);
        let output = tokio::time::timeout(settings.time_limit, run).await;
        let output = output.map_err(|_| too_late(settings.time_limit))??;
        Ok(match self.cleaning {
            Cleaning::Off => output.into(),
            Cleaning::On => clean(&String::from_utf8_lossy(&output)).into(),
        })
    }

    async fn output(
        &self,
        connection: &LibpqVariables,
        settings: &PgDumpSettings,
    ) -> Result<Vec<u8>> {
        let mut command = Command::new(&settings.program);
        // Nothing else of our environment, which holds secrets and other connections.
        command.env_clear().envs(connection.iter());
        for name in ["PATH", "LD_LIBRARY_PATH", "LANG"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        // Given by name, so that an argument that is no option is not taken for a database.
        let name = connection.iter().find(|(name, _)| *name == "PGDATABASE");
        let database = name.map_or_else(String::new, |(_, name)| {
            name.replace('\\', "\\\\").replace('\'', "\\'")
        });
        command
            .arg("--encoding=utf8")
            .arg("--no-password")
            .arg(format!("--dbname=dbname='{database}'"))
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| missing(&settings.program, &error))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let limit = u64::try_from(settings.bytes_max).unwrap_or(u64::MAX);
        let complaint = tokio::spawn(async move {
            let mut bytes = Vec::new();
            if let Some(pipe) = stderr {
                let mut limited = pipe.take(COMPLAINT_BYTES_MAX);
                limited.read_to_end(&mut bytes).await.ok();
                // The rest is read too, so that the program does not wait for us.
                tokio::io::copy(&mut limited.into_inner(), &mut tokio::io::sink())
                    .await
                    .ok();
            }
            bytes
        });
        let mut output = Vec::new();
        if let Some(pipe) = stdout {
            let mut limited = pipe.take(limit.saturating_add(1));
            limited.read_to_end(&mut output).await.map_err(failed)?;
        }
        if output.len() > settings.bytes_max {
            let most = settings.bytes_max;
            let message = format!(
                "the dump has more than {most} bytes, which is the limit (--pg-dump-limit)"
            );
            return Err(Error::new(ErrorCode::BadRequest, message).with_status(413));
        }
        let status = child.wait().await.map_err(failed)?;
        if status.success() {
            return Ok(output);
        }
        let complaint = complaint.await.unwrap_or_default();
        let complaint = String::from_utf8_lossy(&complaint).into_owned();
        Err(Error::unexpected(format!(
            "error while executing pg_dump: {complaint}"
        )))
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::unexpected(format!("error while executing pg_dump: {error}"))
}

fn missing(program: &Path, error: &std::io::Error) -> Error {
    Error::unexpected(format!(
        "error while executing pg_dump: the program {} cannot be run ({error}); install PostgreSQL's client \
         programs, or say where pg_dump is with --pg-dump",
        program.display()
    ))
}

fn too_late(limit: Duration) -> Error {
    let seconds = limit.as_secs_f64();
    let message =
        format!("pg_dump took longer than {seconds} s, which is the limit (--pg-dump-timeout)");
    Error::new(ErrorCode::Timeout, message)
}

/// Refuses an argument with an option of [`REFUSED`], however it is written. A value of another option passes.
fn check(argument: &str) -> Result<()> {
    let refused = |(name, letter, reason): &(&str, char, &str)| {
        Err(Error::new(
            ErrorCode::NotSupported,
            format!("the option --{name} (-{letter}) of pg_dump cannot be used here: {reason}"),
        ))
    };
    if let Some(long) = argument.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        // A beginning of a name stands for it; one that stands for several pg_dump would refuse itself.
        let found = REFUSED
            .iter()
            .find(|(full, _, _)| !name.is_empty() && full.starts_with(name));
        return found.map_or(Ok(()), refused);
    }
    let Some(letters) = argument.strip_prefix('-') else {
        return Ok(());
    };
    for letter in letters.chars() {
        if let Some(found) = REFUSED.iter().find(|(_, one, _)| *one == letter) {
            return refused(found);
        }
        if WITH_VALUE.contains(letter) {
            break;
        }
    }
    Ok(())
}

/// Lines that every dump begins with and nobody keeps.
const PREAMBLE: &str = include_str!("pg_dump_preamble.sql");

/// Triggers that the engine makes for its event triggers, and makes again from metadata.
static NOTIFY_TRIGGER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"^CREATE TRIGGER "?notify_hasura_.+"? AFTER [[:alnum:]]+ ON .+ FOR EACH ROW EXECUTE (FUNCTION|PROCEDURE) "?hdb_(views|catalog)"?\."?notify_hasura_.+"?\(\);$"#,
    )
    .expect("a valid expression")
});

/// Without empty lines, comments, the preamble and the engine's own triggers: what a migration keeps.
fn clean(dump: &str) -> String {
    let keeps = |line: &&str| {
        let is_noise = line.trim().is_empty()
            || line.starts_with("--")
            || line.starts_with("\\restrict ")
            || line.starts_with("\\unrestrict ")
            || PREAMBLE.lines().any(|one| one == *line)
            || NOTIFY_TRIGGER.is_match(line);
        !is_noise
    };
    let mut text = String::with_capacity(dump.len());
    for line in dump.lines().filter(keeps) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_write_or_connect_elsewhere_is_refused_however_it_is_written() {
        let checked = |option: &str| PgDump::parse(&json!({"opts": ["-O", option]}));
        for good in [
            "-x",
            "--schema-only",
            "--schema",
            "public",
            "-nfoo",
            "-tdbname",
            "--no-owner",
            "-sOx",
            "--table=file",
            "-",
            "--",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "-f",
            "-f/etc/motd",
            "-sf/etc/motd",
            "--file=x",
            "--fil",
            "--f",
            "-d",
            "--dbname=x",
            "--d",
            "-hx",
            "--host",
            "-p1",
            "--port=1",
            "-U",
            "--username=x",
            "-W",
            "-j4",
            "-Fd",
            "--format=directory",
            "-sFc",
            "-Z9",
        ] {
            let error = checked(bad).unwrap_err();
            assert_eq!(error.path().to_string(), "$.opts[1]", "{bad}");
            assert_eq!(*error.code(), ErrorCode::NotSupported, "{bad}");
        }
    }

    #[test]
    fn requests_are_read() {
        let parsed = PgDump::parse(&json!({"opts": ["-s"], "clean_output": true})).unwrap();
        assert_eq!(
            parsed,
            PgDump {
                options: vec!["-s".to_owned()],
                source: "default".to_owned(),
                cleaning: Cleaning::On
            }
        );
        for (bad, path) in [
            (json!({}), "$"),
            (json!({"opts": "-s"}), "$.opts"),
            (json!({"opts": [1]}), "$.opts[0]"),
            (json!({"opts": [], "clean_output": "yes"}), "$.clean_output"),
        ] {
            let error = PgDump::parse(&bad).unwrap_err();
            assert_eq!(error.path().to_string(), path, "{bad}");
            assert_eq!(*error.code(), ErrorCode::ParseFailed, "{bad}");
        }
    }

    #[test]
    fn a_dump_is_cleaned() {
        let dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\nSET statement_timeout = 0;\n\
                    SET my.own = 0;\nCREATE TABLE public.a (\n    id integer\n);\n   \n\
                    CREATE TRIGGER notify_hasura_t_INSERT AFTER INSERT ON public.a FOR EACH ROW EXECUTE \
                    FUNCTION hdb_catalog.\"notify_hasura_t_INSERT\"();\n\\unrestrict x\n";
        assert_eq!(
            clean(dump),
            "SET my.own = 0;\nCREATE TABLE public.a (\n    id integer\n);\n"
        );
    }
}
