//! Which rows of the feature map have cases: at least one that is answered and one that is refused.
//!
//! A step says which rows it `covers`; whether it accepts or refuses is read off its expected answer, so that no case
//! can claim what it does not show. Nothing is run here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::format::{Action, Answer, Case, Expected};
use crate::Failure;

/// The file `cases/register.yaml`.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// Rows that have cases, with what they are about.
    rows: BTreeMap<String, String>,
    /// Rows that have none, or none of one kind, with the reason.
    #[serde(default)]
    without: BTreeMap<String, Missing>,
}

/// What a row does not have.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
struct Missing {
    /// Why nothing is answered.
    accepting: Option<String>,
    /// Why nothing is refused.
    refusing: Option<String>,
}

/// What the cases cover.
#[derive(Debug, Default)]
pub(super) struct Covered {
    accepting: BTreeSet<String>,
    refusing: BTreeSet<String>,
}

/// Reads the register.
pub(super) fn load(path: &Path) -> Result<Register, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::while_doing("reading the register"))?;
    serde_norway::from_str(&text).map_err(Failure::while_doing("reading the register"))
}

impl Covered {
    /// Notes what the steps of a case cover.
    pub(super) fn add(&mut self, case: &Case) {
        for step in &case.steps {
            let Action::Exchange(exchange) = &step.action else {
                continue;
            };
            let rows = if is_refusal(&exchange.expected) {
                &mut self.refusing
            } else {
                &mut self.accepting
            };
            rows.extend(step.covers.iter().cloned());
        }
    }
}

pub(super) fn is_refusal(expected: &Expected) -> bool {
    let refuses = |answer: &Value| answer.get("errors").is_some() || answer.get("error").is_some();
    expected.status >= 400
        || match &expected.answer {
            Answer::Json(Value::Array(answers)) => answers.iter().any(refuses),
            Answer::Json(answer) => refuses(answer),
            Answer::Text(_) | Answer::Unwritten => false,
        }
}

impl Register {
    /// What is missing, one line each.
    pub(super) fn gaps(&self, covered: &Covered) -> Vec<String> {
        let mut gaps = Vec::new();
        for row in covered.accepting.union(&covered.refusing) {
            if !self.rows.contains_key(row) {
                gaps.push(format!(
                    "{row}: a case covers it, the register does not list it"
                ));
            }
        }
        for row in self.without.keys() {
            if !self.rows.contains_key(row) {
                gaps.push(format!(
                    "{row}: a reason is given, the register does not list it"
                ));
            }
        }
        for (row, title) in &self.rows {
            let without = self.without.get(row);
            let accepting = without.and_then(|missing| missing.accepting.as_ref());
            let refusing = without.and_then(|missing| missing.refusing.as_ref());
            let halves = [
                ("accepts", covered.accepting.contains(row), accepting),
                ("refuses", covered.refusing.contains(row), refusing),
            ];
            for (verb, has_case, reason) in halves {
                match (has_case, reason) {
                    (false, None) => gaps.push(format!("{row} ({title}): no case {verb}")),
                    (true, Some(_)) => {
                        gaps.push(format!("{row}: a case {verb}, so no reason is due"));
                    }
                    _ => {}
                }
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::super::format;
    use super::*;

    fn gaps(register: &str, case: &str) -> Vec<String> {
        let register: Register = serde_norway::from_str(register).unwrap();
        let mut covered = Covered::default();
        covered.add(&format::parse(case, Path::new(".")).unwrap());
        register.gaps(&covered)
    }

    const BOTH: &str = "covers: [A-1]\nsteps:\n- query: a\n  response: '{\"data\": {}}'\n\
                        - query: b\n  response: '{\"errors\": []}'\n";

    #[test]
    fn answers_and_refusals_are_told_apart() {
        let no_gaps: [&str; 0] = [];
        assert_eq!(gaps("rows: {A-1: first}", BOTH), no_gaps);
        let batch = "covers: [A-1]\nsteps:\n- query: a\n  response: '[{\"errors\": []}]'\n";
        assert_eq!(
            gaps("rows: {A-1: first}", batch),
            ["A-1 (first): no case accepts"]
        );
        let status = "steps:\n- covers: [A-1]\n  query: a\n  status: 400\n  response: '{}'\n";
        assert_eq!(
            gaps("rows: {A-1: first}", status),
            ["A-1 (first): no case accepts"]
        );
    }

    #[test]
    fn what_does_not_agree_is_named() {
        assert_eq!(
            gaps("rows: {A-2: second}", BOTH),
            [
                "A-1: a case covers it, the register does not list it",
                "A-2 (second): no case accepts",
                "A-2 (second): no case refuses",
            ]
        );
        let reasons = "rows: {A-1: first, A-2: second}\nwithout:\n  A-1: {refusing: none}\n  \
                       A-2: {accepting: none, refusing: none}\n  A-3: {accepting: none}";
        assert_eq!(
            gaps(reasons, BOTH),
            [
                "A-3: a reason is given, the register does not list it",
                "A-1: a case refuses, so no reason is due",
            ]
        );
    }
}
