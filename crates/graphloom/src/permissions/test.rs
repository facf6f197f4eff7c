//! `permissions test`: files with expectations, tried one after the other.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use graphloom_permissions::{ExpectationFile, Mismatch, Outcome, Verdict, try_out};
use graphloom_server::options::Kind::Text;
use graphloom_server::options::{CommandLine, Opt, SERVE, Values};
use graphloom_vocab::Json;
use serde_json::json;

use super::{COMMON, Opened, finish, junit, open, read};

/// Every option: those of `serve` too, which name the databases.
pub(crate) const OPTIONS: &[&[Opt]] = &[COMMON, OWN, SERVE];

const OWN: &[Opt] = &[Opt::new(
    "junit",
    &[],
    Text,
    "File to write the result to as well, as JUnit's XML, for CI",
)];

/// The outcomes of one file.
pub(super) struct Report {
    pub(super) file: String,
    pub(super) outcomes: Vec<Outcome>,
}

/// Tries the expectations of the files that are named; of folders, of every YAML file in them.
pub(crate) fn run(
    line: &CommandLine,
    environment: HashMap<String, String>,
) -> Result<ExitCode, String> {
    finish(async {
        let values = Values::resolve(line, &environment, OPTIONS);
        let values = values.map_err(|error| error.to_string())?;
        let files = files(&line.words)?;
        let mut read_files = Vec::with_capacity(files.len());
        for path in files {
            let name = path.display().to_string();
            let parsed = ExpectationFile::parse(&read(&name)?);
            read_files.push((
                name.clone(),
                parsed.map_err(|error| format!("{name}: {}", error.message()))?,
            ));
        }
        let opened = open(line, &values, environment).await?;
        let mut reports = Vec::with_capacity(read_files.len());
        for (file, parsed) in read_files {
            let mut outcomes = Vec::with_capacity(parsed.expectations.len());
            for expectation in &parsed.expectations {
                outcomes.push(try_out(&opened.world, &parsed.fixture, expectation).await);
            }
            reports.push(Report { file, outcomes });
        }
        if let Some(path) = values.text("junit") {
            let written = fs::write(path, junit::render(&reports));
            written.map_err(|error| format!("--junit: {path}: {error}"))?;
        }
        summary(&opened, &reports, values.boolean("json"))
    })
}

fn files(words: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for word in words {
        let path = Path::new(word);
        match path.is_dir() {
            true => walk(path, &mut found).map_err(|error| format!("{word}: {error}"))?,
            false => found.push(path.to_owned()),
        }
    }
    match found.is_empty() {
        true if words.is_empty() => {
            Err("name the files with expectations, or folders of them".to_owned())
        }
        true => Err(format!("no YAML file in {}", words.join(", "))),
        false => Ok(found),
    }
}

/// The YAML files of a folder and of those in it, by name.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries: io::Result<Vec<_>> = fs::read_dir(folder)?.collect();
    let mut paths: Vec<PathBuf> = entries?.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let extension = path.extension().and_then(|text| text.to_str());
        if path.is_dir() {
            walk(&path, found)?;
        } else if matches!(extension, Some("yaml" | "yml")) {
            found.push(path);
        }
    }
    Ok(())
}

/// The text to print, and whether all hold. What could not be tried is an error, with everything else before it.
fn summary(opened: &Opened, reports: &[Report], is_json: bool) -> Result<(String, bool), String> {
    let outcomes = || reports.iter().flat_map(|report| &report.outcomes);
    let count = |is: fn(&Verdict) -> bool| outcomes().filter(|one| is(&one.verdict)).count();
    let counts = Counts {
        holds: count(|verdict| matches!(verdict, Verdict::Holds)),
        fails: count(|verdict| matches!(verdict, Verdict::Fails(_))),
        not_tried: count(|verdict| matches!(verdict, Verdict::NotTried(_))),
    };
    let text = match is_json {
        true => as_json(opened, reports, &counts),
        false => as_text(opened, reports, &counts),
    };
    if counts.not_tried > 0 {
        crate::print(&text);
        let count = counts.not_tried;
        return Err(format!("expectations that could not be tried: {count}"));
    }
    Ok((text, counts.fails == 0))
}

struct Counts {
    holds: usize,
    fails: usize,
    not_tried: usize,
}

fn as_json(opened: &Opened, reports: &[Report], counts: &Counts) -> String {
    let tests = reports.iter().flat_map(|report| {
        let outcomes = report.outcomes.iter();
        outcomes.map(|outcome| {
            let (state, mismatches, reason) = match &outcome.verdict {
                Verdict::Holds => ("holds", [].as_slice(), None),
                Verdict::Fails(mismatches) => ("fails", mismatches.as_slice(), None),
                Verdict::NotTried(reason) => ("not tried", [].as_slice(), Some(reason)),
            };
            let mismatches: Vec<Json> = mismatches
                .iter()
                .map(|found| {
                    json!({
                        "step": found.step,
                        "what": found.what,
                        "expected": found.expected,
                        "found": found.found,
                    })
                })
                .collect();
            json!({
                "file": report.file,
                "name": outcome.name,
                "state": state,
                "mismatches": mismatches,
                "reason": reason,
            })
        })
    });
    let json = json!({
        "holds": counts.holds,
        "fails": counts.fails,
        "not_tried": counts.not_tried,
        "inconsistencies": opened.inconsistencies,
        "tests": tests.collect::<Vec<Json>>(),
    });
    format!("{json:#}\n")
}

fn as_text(opened: &Opened, reports: &[Report], counts: &Counts) -> String {
    let mut text = String::new();
    for line in &opened.inconsistencies {
        let _ = writeln!(text, "WARNING  not served: {line}");
    }
    for report in reports {
        let _ = writeln!(text, "{}", report.file);
        for outcome in &report.outcomes {
            let (mark, name) = (mark(&outcome.verdict), &outcome.name);
            let _ = writeln!(text, "  {mark}  {name}");
            match &outcome.verdict {
                Verdict::Holds => {}
                Verdict::Fails(mismatches) => {
                    for mismatch in mismatches {
                        text.push_str(&shown(mismatch));
                    }
                }
                Verdict::NotTried(reason) => {
                    let _ = writeln!(text, "         not tried: {reason}");
                }
            }
        }
    }
    let Counts {
        holds,
        fails,
        not_tried,
    } = counts;
    let _ = writeln!(
        text,
        "\nholds: {holds}, fails: {fails}, not tried: {not_tried}"
    );
    text
}

fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "ok   ",
        Verdict::Fails(_) => "FAILS",
        Verdict::NotTried(_) => "?    ",
    }
}

fn shown(mismatch: &Mismatch) -> String {
    let Mismatch {
        step,
        what,
        expected,
        found,
    } = mismatch;
    format!(
        "         step {step}: {what}\n           expected: {expected}\n           found:    {found}\n"
    )
}
