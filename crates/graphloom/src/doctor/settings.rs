//! Checks of the options: which are refused, which have no effect, what they leave open.
//!
//! `serve` stops at the first wrong option; here all are told at once. Values are never shown.

use std::collections::HashMap;

use graphloom_server::options::{CommandLine, OptionError, Source, Values};
use graphloom_server::settings::{DatabaseSettings, Settings};
use serde_json::json;

use super::{Finding, OPTIONS, State};
use crate::local;

/// The name of these checks.
const CHECK: &str = "options";
/// Stands in for a database where none is named, so that everything else can be checked.
const PLACEHOLDER: (&str, &str) = ("database-url", "postgresql:///none");

/// What the options say, without those that cannot be used.
pub(crate) struct Checked {
    pub(crate) findings: Vec<Finding>,
    /// Missing only if there is an error that no option can be blamed for.
    pub(crate) values: Option<Values>,
    /// The databases that are named.
    pub(crate) databases: Option<DatabaseSettings>,
    pub(crate) environment: HashMap<String, String>,
}

/// Reads the options again and again, each time without what was wrong the last time.
pub(crate) fn check(line: &CommandLine, mut environment: HashMap<String, String>) -> Checked {
    let mut line = line.clone();
    let mut findings = Vec::new();
    let (values, settings) = loop {
        let (values, error) = match Values::resolve(&line, &environment, OPTIONS) {
            Ok(values) => match settings(&values, line.clone(), &environment) {
                Ok(settings) => break (Some(values), Some(settings)),
                Err(error) => (Some(values), error),
            },
            Err(error) => (None, error),
        };
        findings.push(problem(&error));
        if !forget(&error, &mut line, &mut environment) {
            break (values, None);
        }
    };
    let mut databases = None;
    if let Some(values) = &values {
        findings.extend(
            values
                .notices()
                .iter()
                .map(|notice| Finding::new(CHECK, State::Warning, notice.to_string())),
        );
        let is_named = local::names_a_database(values);
        if let Some(settings) = settings {
            // Without a database only `dev` can be meant, which makes a secret.
            findings.extend(open_to_everyone(&settings).filter(|_| is_named));
            databases = is_named.then_some(settings.database);
        }
    }
    if findings.is_empty() {
        findings.push(Finding::new(CHECK, State::Ok, "all understood"));
    }
    Checked {
        findings,
        values,
        databases,
        environment,
    }
}

fn settings(
    values: &Values,
    mut line: CommandLine,
    environment: &HashMap<String, String>,
) -> Result<Settings, OptionError> {
    if local::names_a_database(values) {
        return Settings::new(values);
    }
    line.flags.push((PLACEHOLDER.0, PLACEHOLDER.1.to_owned()));
    Settings::new(&Values::resolve(&line, environment, OPTIONS)?)
}

fn problem(error: &OptionError) -> Finding {
    let finding = Finding::new(CHECK, State::Problem, error.to_string());
    match source(error) {
        Some(source) => finding.with(json!({ "option": source.to_string() })),
        None => finding,
    }
}

fn open_to_everyone(settings: &Settings) -> Option<Finding> {
    let text = "no admin secret is set: with `serve`, everyone who can reach the server is admin \
                (set HASURA_GRAPHQL_ADMIN_SECRET)";
    let finding = Finding::new("admin secret", State::Warning, text);
    (!settings.auth.is_admin_secret_set()).then_some(finding)
}

fn source(error: &OptionError) -> Option<&Source> {
    match error {
        OptionError::Invalid { origin, .. } | OptionError::Guard(origin) => Some(origin),
        _ => None,
    }
}

/// Takes away what the error is about; whether that was possible.
fn forget(
    error: &OptionError,
    line: &mut CommandLine,
    environment: &mut HashMap<String, String>,
) -> bool {
    match source(error) {
        Some(Source::Flag(flag)) => {
            let before = line.flags.len();
            line.flags.retain(|(name, _)| name != flag);
            line.flags.len() < before
        }
        Some(Source::Variable(name)) => environment.remove(name).is_some(),
        Some(Source::Default) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_option_is_told_and_no_value() {
        let environment = [
            ("HASURA_GRAPHQL_JWT_SECRET", "hush"),
            ("HASURA_GRAPHQL_SERVER_PORT", "not a port"),
            ("HASURA_GRAPHQL_ADMIN_SECRET", "also hush"),
            ("HASURA_GRAPHQL_DATABASE_URL", "postgres://me:hush@db/x"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let checked = check(&CommandLine::default(), HashMap::from(environment));
        let states: Vec<State> = checked.findings.iter().map(|found| found.state).collect();
        assert_eq!(
            states,
            [State::Problem, State::Problem],
            "{:?}",
            checked.findings
        );
        let text = format!("{:?}", checked.findings);
        assert!(text.contains("HASURA_GRAPHQL_JWT_SECRET"), "{text}");
        assert!(text.contains("HASURA_GRAPHQL_SERVER_PORT"), "{text}");
        assert!(
            !text.contains("hush") && !text.contains("not a port"),
            "{text}"
        );
        assert!(checked.databases.is_some());
    }

    #[test]
    fn a_missing_secret_is_told_where_a_database_is_named() {
        let checks = |environment: HashMap<String, String>| {
            let checked = check(&CommandLine::default(), environment);
            let found: Vec<_> = checked.findings.iter().map(|found| found.check).collect();
            (found, checked.databases.is_some())
        };
        assert_eq!(checks(HashMap::new()), (vec!["options"], false));
        let url = ("HASURA_GRAPHQL_DATABASE_URL", "postgres://db/x");
        let named = HashMap::from([(url.0.to_owned(), url.1.to_owned())]);
        assert_eq!(checks(named), (vec!["admin secret"], true));
    }
}
