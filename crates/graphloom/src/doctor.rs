//! `doctor`: looks at this machine, the options and the databases, and says what is missing.
//!
//! Starts nothing and keeps nothing: a directory is tried with a file that is removed at once. Read next:
//! `doctor/machine.rs`, `doctor/settings.rs`, `doctor/database.rs`, one per kind of check.

mod database;
mod machine;
mod settings;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use graphloom_server::options::Kind::Switch;
use graphloom_server::options::{CommandLine, Opt, SERVE};
use graphloom_server::version;
use graphloom_vocab::Json;
use serde_json::json;

use crate::local::{self, LOCAL};

/// Options of `doctor` alone.
const DOCTOR: &[Opt] = &[Opt::new("json", &[], Switch, "Print the report as JSON").or("false")];

/// Every option of `doctor`: those of `serve` too, which it checks.
pub(crate) const OPTIONS: &[&[Opt]] = &[DOCTOR, LOCAL, SERVE];

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Nothing to do.
    Ok,
    /// It works, but look at it.
    Warning,
    /// Something will not work.
    Problem,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// What was looked at, such as `data directory`.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    /// For a person; may have several lines. Holds no secret.
    pub(crate) text: String,
    /// For a program.
    pub(crate) details: Json,
}

impl Finding {
    pub(crate) fn new(check: &'static str, state: State, text: impl Into<String>) -> Self {
        Self {
            check,
            state,
            text: text.into(),
            details: json!({}),
        }
    }

    pub(crate) fn with(mut self, details: Json) -> Self {
        self.details = details;
        self
    }
}

/// Prints the report. The exit code is 1 if there is a problem.
pub(crate) fn run(
    line: &CommandLine,
    environment: HashMap<String, String>,
) -> Result<ExitCode, String> {
    let checked = settings::check(line, environment);
    let mut findings = checked.findings;
    if let Some(values) = &checked.values {
        let is_named = local::names_a_database(values);
        let running = match local::managed_options(values) {
            Ok(options) => {
                findings.extend(machine::check(&options, is_named));
                graphloom_managed::running_url(&options, "postgres")
                    .ok()
                    .flatten()
            }
            Err(error) => {
                let text = local::explain(&error);
                findings.push(Finding::new("data directory", State::Problem, text));
                None
            }
        };
        findings.push(machine::check_port(values));
        let targets = database::targets(checked.databases.as_ref(), running);
        findings.extend(look_at(&targets, &checked.environment)?);
    }
    let is_json = checked.values.is_some_and(|values| values.boolean("json"));
    print(&if is_json {
        as_json(&findings)
    } else {
        as_text(&findings)
    });
    Ok(match worst(&findings) {
        State::Problem => ExitCode::FAILURE,
        State::Ok | State::Warning => ExitCode::SUCCESS,
    })
}

fn look_at(
    targets: &[database::Target],
    environment: &HashMap<String, String>,
) -> Result<Vec<Finding>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    Ok(runtime.block_on(async {
        let mut findings = Vec::new();
        for target in targets {
            findings.push(database::check(target, environment).await);
        }
        findings
    }))
}

fn worst(findings: &[Finding]) -> State {
    let states = findings.iter().map(|finding| finding.state);
    states.max().unwrap_or(State::Ok)
}

fn as_json(findings: &[Finding]) -> String {
    let checks: Vec<Json> = findings
        .iter()
        .map(|finding| {
            json!({
                "check": finding.check,
                "state": finding.state.as_str(),
                "text": finding.text,
                "details": finding.details,
            })
        })
        .collect();
    let report = json!({
        "graphloom_version": version::VERSION,
        "version": version::API_VERSION,
        "platform": platform(),
        "state": worst(findings).as_str(),
        "checks": checks,
    });
    format!("{report:#}\n")
}

fn as_text(findings: &[Finding]) -> String {
    let (ours, api) = (version::VERSION, version::API_VERSION);
    let platform = platform();
    let mut text =
        format!("Graphloom {ours} (compatible with Hasura GraphQL Engine {api}), {platform}\n\n");
    for finding in findings {
        let mark = match finding.state {
            State::Ok => "ok     ",
            State::Warning => "WARNING",
            State::Problem => "PROBLEM",
        };
        let told = finding.text.replace('\n', "\n           ");
        let _ = writeln!(text, "{mark}  {}: {told}", finding.check);
    }
    let count = |state| {
        findings
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    };
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    let _ = writeln!(text, "\nproblems: {problems}, warnings: {warnings}");
    text
}

fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is no error: `graphloom doctor | head -1`.
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let finding = |state| Finding::new("x", state, "first\nsecond");
        assert_eq!(worst(&[]), State::Ok);
        let findings = [
            finding(State::Ok),
            finding(State::Problem),
            finding(State::Warning),
        ];
        assert_eq!(worst(&findings), State::Problem);
        let text = as_text(&findings);
        assert!(
            text.contains("PROBLEM  x: first\n           second\n"),
            "{text}"
        );
        assert!(text.ends_with("problems: 1, warnings: 1\n"), "{text}");
        let json: Json = serde_json::from_str(&as_json(&findings)).unwrap();
        assert_eq!(json["state"], "problem");
        assert_eq!(json["checks"].as_array().unwrap().len(), 3);
    }
}
