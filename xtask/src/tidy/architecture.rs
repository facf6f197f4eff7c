//! ARCHITECTURE.md tells the truth: every function of its stage table exists, every crate is in its map.
//!
//! Two tables are read. Under `## The stages`, the last column of each row holds one or more code spans
//! `graphloom_<crate>::<path>::<function>`; each must be a public function of that crate, in the module
//! (or on the type) that the path names. Under `## Crate map`, the first column names the crate and the
//! second its rank, as in `ranks.rs`.

use super::Problem;
use super::ranks;
use super::repo::{File, Repo};

const PAGE: &str = "ARCHITECTURE.md";
/// The page is read in one sitting or not at all.
const LINES_MAX: usize = 400;
const STAGES: &str = "## The stages";
const CRATE_MAP: &str = "## Crate map";
/// What else the page must speak about.
const HEADINGS: &[&str] = &[
    "## Bird's eye",
    STAGES,
    CRATE_MAP,
    "## Invariants",
    "## Cross-cutting concerns",
    "## Deviations from the proposed layout",
];

/// Holds the page against the crates.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    let Some(page) = repo.text(PAGE) else {
        return vec![Problem::file(
            PAGE,
            "is missing: a stranger has nowhere to begin",
        )];
    };
    let mut problems = Vec::new();
    if page.lines().count() > LINES_MAX {
        problems.push(Problem::file(
            PAGE,
            format!("is longer than {LINES_MAX} lines"),
        ));
    }
    for heading in HEADINGS
        .iter()
        .filter(|heading| page.lines().all(|line| line != **heading))
    {
        problems.push(Problem::file(PAGE, format!("has no heading `{heading}`")));
    }
    problems.extend(stages(page, repo));
    problems.extend(crate_map(page, repo));
    problems
}

/// A row of a table: its line, and its cells.
struct Row<'p> {
    line: usize,
    cells: Vec<&'p str>,
}

/// The rows of the tables under a heading, without head and rule.
fn rows<'p>(page: &'p str, heading: &str) -> Vec<Row<'p>> {
    let lines = page
        .lines()
        .enumerate()
        .skip_while(|(_, line)| *line != heading)
        .skip(1);
    let section = lines.take_while(|(_, line)| !line.starts_with("## "));
    let table = section.filter(|(_, line)| line.starts_with('|'));
    table
        .skip(2)
        .map(|(index, line)| Row {
            line: index + 1,
            cells: line.trim_matches('|').split('|').map(str::trim).collect(),
        })
        .collect()
}

fn code_spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn stages(page: &str, repo: &Repo) -> Vec<Problem> {
    let rows = rows(page, STAGES);
    if rows.is_empty() {
        return vec![Problem::file(PAGE, format!("`{STAGES}` has no table"))];
    }
    let mut problems = Vec::new();
    for row in &rows {
        let last = row.cells.last().copied().unwrap_or_default();
        let names: Vec<&str> = code_spans(last).collect();
        if names.is_empty() {
            let message = "the last column names no function (`graphloom_x::path::function`)";
            problems.push(Problem::line(PAGE, row.line, message));
        }
        for name in names.iter().filter(|name| !exists(name, repo)) {
            let message = format!("`{name}` does not exist: no such public function");
            problems.push(Problem::line(PAGE, row.line, message));
        }
    }
    problems
}

/// Whether `graphloom_x::a::B::f` is a public function in module `a` of crate `x`.
fn exists(name: &str, repo: &Repo) -> bool {
    let mut parts: Vec<&str> = name.split("::").collect();
    let Some(function) = parts.pop().filter(|_| !parts.is_empty()) else {
        return false;
    };
    let package = parts.remove(0);
    let folder = package.strip_prefix("graphloom_").unwrap_or(package);
    // A type's method may stand in any file of the type's module or below it.
    parts.retain(|part| part.starts_with(char::is_lowercase));
    let module = format!("crates/{folder}/src/{}", parts.join("/"));
    repo.rust()
        .filter(|file| !file.is_test_code())
        .filter(|file| is_in_module(&file.path, &module, parts.is_empty()))
        .any(|file| has_public_function(file, function))
}

fn is_in_module(path: &str, module: &str, whole_crate: bool) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| whole_crate || rest == ".rs" || rest.starts_with('/'))
}

fn has_public_function(file: &File, function: &str) -> bool {
    let is_it = |code: &str| {
        let rest = code.trim_start().strip_prefix("pub ");
        let Some(at) = rest.and_then(|rest| rest.split_once("fn ")) else {
            return false;
        };
        let (before, after) = at;
        let modifiers = before
            .split_whitespace()
            .all(|word| matches!(word, "async" | "const"));
        modifiers
            && after
                .strip_prefix(function)
                .is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    file.source().live_code().any(|(_, code)| is_it(code))
}

fn crate_map(page: &str, repo: &Repo) -> Vec<Problem> {
    let rows = rows(page, CRATE_MAP);
    let mut problems = Vec::new();
    let name = |row: &Row<'_>| {
        let first = row.cells.first().copied().unwrap_or_default();
        code_spans(first).next().unwrap_or_default().to_owned()
    };
    for row in &rows {
        let (name, rank) = (name(row), row.cells.get(1).copied().unwrap_or_default());
        let message = match ranks::rank(&name) {
            None => format!("`{name}` is no crate with a rank"),
            Some(known) if known.to_string() != rank => {
                format!("`{name}` has rank {known} and not {rank}")
            }
            Some(_) if row.cells.len() < 3 || row.cells[2].is_empty() => {
                format!("`{name}` promises nothing")
            }
            Some(_) if !repo.crates().contains(&name.as_str()) => {
                format!("`{name}` is no folder with a manifest")
            }
            Some(_) => continue,
        };
        problems.push(Problem::line(PAGE, row.line, message));
    }
    for folder in repo.crates() {
        if !rows.iter().any(|row| name(row) == folder) {
            problems.push(Problem::file(
                PAGE,
                format!("the crate map lacks `{folder}`"),
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "//! x\npub fn print() {}\npub(crate) fn hidden() {}\n\
                       impl Select {\n    pub async fn run<T>() {}\n}\n\
                       #[cfg(test)]\nmod tests {\n    pub fn only_here() {}\n}\n";

    fn page(function: &str, map: &str) -> String {
        let stages = format!("| stage | function |\n|---|---|\n| print | {function} |\n");
        let map = format!("| crate | rank | promise |\n|---|---|---|\n{map}\n");
        let mut page = String::new();
        for heading in HEADINGS {
            let body = match *heading {
                STAGES => stages.as_str(),
                CRATE_MAP => map.as_str(),
                _ => "",
            };
            page = format!("{page}{heading}\n\n{body}\n");
        }
        page
    }

    fn messages(page: &str) -> Vec<String> {
        let repo = Repo::of(&[
            (PAGE, page),
            ("crates/sql/Cargo.toml", ""),
            ("crates/sql/src/write/text.rs", SQL),
        ]);
        check(&repo)
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    const MAP: &str = "| `sql` | 1 | no GraphQL |";

    #[test]
    fn a_true_page_is_accepted() {
        for name in [
            "`graphloom_sql::print`",
            "`graphloom_sql::write::print`",
            "`graphloom_sql::write::text::print` and `graphloom_sql::write::Select::run`",
        ] {
            assert_eq!(messages(&page(name, MAP)), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_function_that_is_not_there_is_named() {
        for name in [
            "graphloom_sql::prin",
            "graphloom_sql::read::print",
            "graphloom_sql::hidden",
            "graphloom_sql::only_here",
            "graphloom_pg::print",
            "print",
        ] {
            let found = messages(&page(&format!("`{name}`"), MAP));
            assert_eq!(
                found,
                [format!("`{name}` does not exist: no such public function")]
            );
        }
        assert!(messages(&page("print", MAP))[0].contains("names no function"));
    }

    #[test]
    fn the_map_is_held_against_the_ranks() {
        let with_map = |map| messages(&page("`graphloom_sql::print`", map));
        assert_eq!(
            with_map("| `sql` | 2 | x |"),
            ["`sql` has rank 1 and not 2"]
        );
        assert_eq!(with_map("| `sql` | 1 | |"), ["`sql` promises nothing"]);
        let found = with_map("| `plan` | 3 | x |");
        assert_eq!(
            found,
            [
                "`plan` is no folder with a manifest",
                "the crate map lacks `sql`"
            ]
        );
        assert!(with_map("| `magic` | 3 | x |")[0].contains("no crate with a rank"));
    }

    #[test]
    fn a_missing_page_heading_or_table_is_a_problem() {
        assert!(check(&Repo::default())[0].message.starts_with("is missing"));
        let found = messages("# A\n");
        assert!(found.contains(&"has no heading `## Invariants`".to_owned()));
        assert!(found.contains(&"`## The stages` has no table".to_owned()));
    }

    #[test]
    fn a_page_of_more_than_the_most_lines_is_refused() {
        let long = format!(
            "{}{}",
            page("`graphloom_sql::print`", MAP),
            "\n".repeat(LINES_MAX)
        );
        assert_eq!(messages(&long), ["is longer than 400 lines"]);
    }
}
