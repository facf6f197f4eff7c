//! What `permissions test` found, as the XML that CI systems read (JUnit's, of which there is no standard: these are the
//! elements and attributes that all of them know).

use std::fmt::Write as _;

use graphloom_permissions::{Mismatch, Outcome, Verdict};

use super::test::Report;

/// `<testsuites>` with a `<testsuite>` per file and a `<testcase>` per expectation.
pub(super) fn render(reports: &[Report]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<&Outcome> = reports.iter().flat_map(|report| &report.outcomes).collect();
    let _ = writeln!(text, "<testsuites{}>", counts(&all));
    for report in reports {
        let outcomes: Vec<&Outcome> = report.outcomes.iter().collect();
        let file = escape(&report.file);
        let _ = writeln!(text, "  <testsuite name=\"{file}\"{}>", counts(&outcomes));
        for outcome in outcomes {
            case(&mut text, &file, outcome);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn counts(outcomes: &[&Outcome]) -> String {
    let count = |is: fn(&Verdict) -> bool| outcomes.iter().filter(|one| is(&one.verdict)).count();
    format!(
        " tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        outcomes.len(),
        count(|verdict| matches!(verdict, Verdict::Fails(_))),
        count(|verdict| matches!(verdict, Verdict::NotTried(_))),
    )
}

fn case(text: &mut String, file: &str, outcome: &Outcome) {
    let name = escape(&outcome.name);
    let _ = write!(text, "    <testcase classname=\"{file}\" name=\"{name}\"");
    match &outcome.verdict {
        Verdict::Holds => text.push_str("/>\n"),
        Verdict::Fails(mismatches) => {
            text.push_str(">\n");
            for mismatch in mismatches {
                failure(text, mismatch);
            }
            text.push_str("    </testcase>\n");
        }
        Verdict::NotTried(reason) => {
            let reason = escape(reason);
            let _ = writeln!(
                text,
                ">\n      <error message=\"{reason}\"/>\n    </testcase>"
            );
        }
    }
}

fn failure(text: &mut String, mismatch: &Mismatch) {
    let message = escape(&format!("step {}: {}", mismatch.step, mismatch.what));
    let expected = escape(&mismatch.expected.to_string());
    let found = escape(&mismatch.found.to_string());
    let _ = writeln!(
        text,
        "      <failure message=\"{message}\">expected: {expected}\nfound:    {found}</failure>"
    );
}

/// As it may stand in text and in attributes. What XML cannot have at all becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_ends_an_attribute() {
        assert_eq!(
            escape("<a> & \"b\"\n\u{1}'"),
            "&lt;a&gt; &amp; &quot;b&quot;&#10;\u{fffd}'"
        );
    }
}
