//! Which commands have cases: each at least one that is answered and one that is refused.
//!
//! What a case sends is read off its bodies, so that nothing has to be said twice. Nothing is run here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::format::{Action, Body, Case, MetadataSetup};
use super::register::is_refusal;
use crate::Failure;

/// The file `cases/commands.yaml`. Commands of sources are listed without their prefix.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Commands {
    /// Commands that are served.
    served: BTreeSet<String>,
    /// Commands of features that are not built: refused by name, each in a case.
    refused: BTreeSet<String>,
    /// Served ones that nothing is refused of, with the reason.
    #[serde(default)]
    never_refused: BTreeMap<String, String>,
}

/// What the cases send.
#[derive(Debug, Default)]
pub(super) struct Sent {
    answered: BTreeSet<String>,
    refused: BTreeSet<String>,
}

/// Reads the list.
pub(super) fn load(path: &Path) -> Result<Commands, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::while_doing("reading the commands"))?;
    serde_norway::from_str(&text).map_err(Failure::while_doing("reading the commands"))
}

impl Sent {
    /// Notes the commands of a case: of its setup, and of its steps.
    pub(super) fn add(&mut self, case: &Case) {
        if let MetadataSetup::Commands(commands) = &case.setup.metadata {
            self.answered.extend(commands.iter().filter_map(name));
        }
        for step in &case.steps {
            let Action::Exchange(exchange) = &step.action else {
                continue;
            };
            let Body::Json(body) = &exchange.body else {
                continue;
            };
            let into = match is_refusal(&exchange.expected) {
                true => &mut self.refused,
                false => &mut self.answered,
            };
            into.extend(name(body));
        }
    }
}

/// A command's name without the prefix of its kind of database.
fn name(body: &Value) -> Option<String> {
    let name = body.get("type")?.as_str()?;
    let prefixes = ["pg_", "postgres_"];
    let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    Some(bare.unwrap_or(name).to_owned())
}

impl Commands {
    /// What is missing, one line each.
    pub(super) fn gaps(&self, sent: &Sent) -> Vec<String> {
        let mut gaps = Vec::new();
        for command in &self.served {
            if !sent.answered.contains(command) {
                gaps.push(format!("{command}: no case is answered"));
            }
            let reason = self.never_refused.get(command);
            match (sent.refused.contains(command), reason) {
                (false, None) => gaps.push(format!("{command}: no case is refused")),
                (true, Some(_)) => {
                    gaps.push(format!("{command}: a case is refused, so no reason is due"));
                }
                _ => {}
            }
        }
        for command in &self.refused {
            if !sent.refused.contains(command) {
                gaps.push(format!("{command}: no case refuses it"));
            }
        }
        for command in &sent.answered {
            if !self.served.contains(command) && is_plain(command) {
                gaps.push(format!(
                    "{command}: a case is answered, the list has no such command"
                ));
            }
        }
        gaps
    }
}

/// Whether it is no other kind of database's spelling of a command.
fn is_plain(command: &str) -> bool {
    !command.starts_with("citus_") && !command.starts_with("cockroach_")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::super::format;
    use super::*;

    #[test]
    fn what_no_case_sends_is_named() {
        let case = "setup:\n  metadata:\n    - {type: pg_track_table, args: {}}\nsteps:\n\
                    - url: /v1/metadata\n  body: {type: a}\n  response: '{}'\n\
                    - url: /v1/metadata\n  body: {type: pg_b}\n  status: 400\n  response: '{\"error\": 1}'\n";
        let mut sent = Sent::default();
        sent.add(&format::parse(case, Path::new(".")).unwrap());
        let commands =
            "served: [a, b, track_table]\nrefused: [b, c]\nnever_refused: {track_table: so, b: so}";
        let commands: Commands = serde_norway::from_str(commands).unwrap();
        assert_eq!(
            commands.gaps(&sent),
            [
                "a: no case is refused",
                "b: no case is answered",
                "b: a case is refused, so no reason is due",
                "c: no case refuses it",
            ]
        );
        let none: Commands = serde_norway::from_str("served: []\nrefused: []").unwrap();
        assert_eq!(none.gaps(&sent).len(), 2);
    }
}
