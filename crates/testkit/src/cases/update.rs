//! Writes what a server answered into a case file, touching nothing else in it.
//!
//! The file is edited as lines, so that comments and layout stay; a writer of YAML would lose both. What
//! comes out is read again and compared before it is kept.

use std::path::Path;

use serde_json::Value;

use super::format::{self, Action, Answer};
use super::pretty::pretty;
use crate::Failure;

/// What a step was answered.
pub(super) struct Observed {
    /// Index of the step in the file.
    pub(super) step: usize,
    /// The status over HTTP.
    pub(super) status: u16,
    /// The body.
    pub(super) answer: Value,
}

/// The text of a case file with the answer in place of what was expected.
pub(super) fn with_answer(text: &str, observed: &Observed) -> Result<String, Failure> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let step = find_step(&lines, observed.step)
        .ok_or_else(|| Failure::new("the step cannot be found: write `steps:` as a block"))?;
    let indent = " ".repeat(step.indent);
    let mut response = vec![format!("{indent}response: |")];
    response.extend(
        pretty(&observed.answer)
            .lines()
            .map(|line| format!("{indent}  {line}")),
    );
    set(&mut lines, &step, "response", response);
    if let Some(step) = find_step(&lines, observed.step)
        && (observed.status != 200 || find_key(&lines, &step, "status").is_some())
    {
        set(
            &mut lines,
            &step,
            "status",
            vec![format!("{indent}status: {}", observed.status)],
        );
    }
    let text = lines.join("\n") + "\n";
    verify(&text, observed)?;
    Ok(text)
}

/// Where a step stands: its lines, and the column of its keys.
struct Place {
    first: usize,
    /// One past its last line that says something.
    end: usize,
    indent: usize,
}

fn find_step(lines: &[String], index: usize) -> Option<Place> {
    let steps = lines.iter().position(|line| line.trim_end() == "steps:")?;
    let dash = lines[steps + 1..]
        .iter()
        .find(|line| line.trim_start().starts_with("- "))?;
    let column = dash.len() - dash.trim_start().len();
    let starts_step =
        |line: &str| indent_of(line) == Some(column) && line[column..].starts_with("- ");
    let starts: Vec<usize> = (steps + 1..lines.len())
        .filter(|at| starts_step(&lines[*at]))
        .collect();
    let first = *starts.get(index)?;
    let mut end = starts.get(index + 1).copied().unwrap_or(lines.len());
    // Blank lines and comments before the next step belong to that one.
    while end > first + 1 && says_nothing(&lines[end - 1], column) {
        end -= 1;
    }
    Some(Place {
        first,
        end,
        indent: column + 2,
    })
}

fn says_nothing(line: &str, column: usize) -> bool {
    let comment = line.trim_start().starts_with('#') && indent_of(line) <= Some(column);
    line.trim().is_empty() || comment
}

/// The column of the first character; `None` for a blank line.
fn indent_of(line: &str) -> Option<usize> {
    let text = line.trim_start();
    (!text.is_empty()).then(|| line.len() - text.len())
}

/// The lines of a key of the step, its value included.
fn find_key(lines: &[String], step: &Place, key: &str) -> Option<(usize, usize)> {
    let start = (step.first..step.end).find(|at| {
        lines[*at]
            .get(step.indent..)
            .is_some_and(|rest| rest.starts_with(&format!("{key}:")))
            && (indent_of(&lines[*at]) == Some(step.indent) || *at == step.first)
    })?;
    let is_inside = |line: &String| indent_of(line).is_none_or(|indent| indent > step.indent);
    let rest = lines[start + 1..step.end]
        .iter()
        .take_while(|line| is_inside(line))
        .count();
    Some((start, start + 1 + rest))
}

fn set(lines: &mut Vec<String>, step: &Place, key: &str, mut new: Vec<String>) {
    let (start, end) = find_key(lines, step, key).unwrap_or((step.end, step.end));
    if start == step.first {
        // The key stands behind the dash, which has to stay.
        let dash = &lines[start][..step.indent];
        new[0] = format!("{dash}{}", new[0].trim_start());
    }
    lines.splice(start..end, new);
}

fn verify(text: &str, observed: &Observed) -> Result<(), Failure> {
    // Files that the case names were read before; here only the step counts.
    let steps = text
        .split_once("\nsteps:")
        .map_or(text.to_owned(), |(_, rest)| format!("steps:{rest}"));
    let case = format::parse(&steps, Path::new("."))?;
    let same = case.steps.get(observed.step).is_some_and(|step| match &step.action {
        Action::Exchange(exchange) => {
            exchange.expected.status == observed.status
                && matches!(&exchange.expected.answer, Answer::Json(json) if *json == observed.answer)
        }
        Action::Sql(_) => false,
    });
    if same {
        Ok(())
    } else {
        Err(Failure::new("the updated file does not read back the same"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    fn update(text: &str, step: usize, status: u16, answer: &str) -> String {
        let answer = serde_json::from_str(answer).unwrap();
        with_answer(
            text,
            &Observed {
                step,
                status,
                answer,
            },
        )
        .unwrap()
    }

    const CASE: &str = "# Shows a thing, and no more.\nsetup:\n  sql: |\n    create table t ();\n\
                        steps:\n  # the first\n  - query: |\n      query {\n        a\n      }\n    \
                        response: |\n      {\"data\": {\n        \"a\": 1\n      }}\n\n  \
                        # the second\n  - description: x\n    query: b\n    status: 400\n";

    #[test]
    fn only_the_answer_changes() {
        let updated = update(CASE, 0, 200, r#"{"data":{"a":2.50}}"#);
        let expected = CASE.replace(
            "      {\"data\": {\n        \"a\": 1\n      }}\n",
            "      { \"data\": { \"a\": 2.50 } }\n",
        );
        assert_eq!(updated, expected);
    }

    #[test]
    fn an_answer_is_added_where_there_is_none() {
        let updated = update(CASE, 1, 400, r#"{"errors":[]}"#);
        let expected = format!("{CASE}    response: |\n      {{ \"errors\": [] }}\n");
        assert_eq!(updated, expected);
        let updated = update(CASE, 1, 200, "{}");
        assert!(updated.contains("    status: 200\n"), "{updated}");
        let updated = update(CASE, 0, 500, "{}");
        assert!(
            updated.contains("      {}\n    status: 500\n\n  # the second"),
            "{updated}"
        );
    }

    #[test]
    fn steps_in_the_first_column_and_keys_behind_the_dash_work() {
        let case = "steps:\n- response: '{}'\n  query: a\n- query: b\n";
        let updated = update(case, 0, 200, "[1]");
        assert_eq!(
            updated,
            "steps:\n- response: |\n    [1]\n  query: a\n- query: b\n"
        );
        let updated = update(&updated, 1, 200, "[2]");
        assert!(
            updated.ends_with("- query: b\n  response: |\n    [2]\n"),
            "{updated}"
        );
    }

    #[test]
    fn what_cannot_be_edited_is_a_failure() {
        let observed = Observed {
            step: 0,
            status: 200,
            answer: Value::Null,
        };
        assert!(with_answer("steps: [{query: a}]\n", &observed).is_err());
        let observed = Observed {
            step: 2,
            status: 200,
            answer: Value::Null,
        };
        assert!(with_answer(CASE, &observed).is_err());
    }
}
