//! SQL is assembled by the printer alone; a fixed statement is a `.sql` file.
//!
//! A statement written as a Rust string is one `format!` away from a spliced value, so outside `sql` no
//! string may begin like one. Where a string has to, the line or the one above it says why: after
//! `// fixed statement:` for one that is run as it stands, after `// shown, not run:` for advice.

use super::Problem;
use super::ranks::{self, Rank};
use super::repo::{File, Repo};

/// How statements begin. Case counts: a sentence is not a statement.
const OPENINGS: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE ",
    "ALTER ",
    "DROP ",
    "WITH ",
    "TRUNCATE ",
    "GRANT ",
    "REVOKE ",
    "SET LOCAL",
    "SET SESSION",
    "SET TRANSACTION",
    "DECLARE ",
    "LISTEN ",
    "NOTIFY ",
    "COPY ",
    "EXPLAIN ",
    "DEALLOCATE ",
    "DISCARD ",
    "SAVEPOINT ",
    "insert into ",
    "delete from ",
    "create table",
    "drop table",
    "set local",
];

/// Statements of one word, which may end the string or go on.
const WORDS: &[&str] = &["BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION"];

/// What excuses a line: a statement that is run as it stands, or advice that is never run.
const EXCUSES: &[&str] = &["// fixed statement:", "// shown, not run:"];

/// Looks at every string of every crate but `sql` and the tools.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    repo.rust()
        .filter(|file| is_bound(file))
        .flat_map(statements)
        .collect()
}

fn is_bound(file: &File) -> bool {
    let name = file.crate_name();
    !file.is_test_code()
        && name.is_some_and(|name| name != "sql" && ranks::rank(name) != Some(Rank::Dev))
}

fn statements(file: &File) -> Vec<Problem> {
    let lines: Vec<&str> = file.text.lines().collect();
    let excused = |line: usize| {
        let near = &lines[line.saturating_sub(2)..line.min(lines.len())];
        near.iter()
            .any(|line| EXCUSES.iter().any(|excuse| line.contains(excuse)))
    };
    file.source()
        .live_literals()
        .filter(|literal| is_statement(&literal.text) && !excused(literal.line))
        .map(|literal| {
            let message = "SQL outside the printer: move it to a `.sql` file and `include_str!` it";
            Problem::line(&file.path, literal.line, message)
        })
        .collect()
}

fn is_statement(text: &str) -> bool {
    let text = begin(text);
    // In small letters "select " begins sentences too.
    let small = text.starts_with("select ") && text.contains(" from ");
    small
        || OPENINGS.iter().any(|opening| text.starts_with(opening))
        || WORDS.iter().any(|word| {
            text.strip_prefix(word)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ';']))
        })
}

/// The text from its first word on: blanks, escaped line ends and parentheses are passed over.
fn begin(text: &str) -> &str {
    let blank = [' ', '\n', '\t', '('];
    let mut text = text.trim_start_matches(blank);
    while let Some(rest) = text
        .strip_prefix("\\n")
        .or_else(|| text.strip_prefix("\\\n"))
    {
        text = rest.trim_start_matches(blank);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Repo::of(&[(path, text)])).len()
    }

    #[test]
    fn statements_in_strings_are_refused() {
        for statement in [
            "SELECT 1",
            "  INSERT INTO t",
            "DELETE FROM t",
            "BEGIN",
            "COMMIT;",
            "(SELECT 1)",
            "\\nSELECT 1",
        ] {
            let text = format!("fn f() {{ run(format!(\"{statement}\")); }}");
            assert_eq!(count("crates/execute/src/run.rs", &text), 1, "{statement}");
        }
        let over_lines = "fn f() { run(\n    \"\\\n     SELECT 1\") }";
        assert_eq!(count("crates/execute/src/run.rs", over_lines), 1);
    }

    #[test]
    fn sentences_and_methods_are_not_statements() {
        for text in [
            "Select a table",
            "DELETE",
            "UPDATED",
            "BEGINNING",
            "cannot SELECT here",
            "WITHIN",
            "select columns of a table",
        ] {
            let text = format!("fn f() {{ say(\"{text}\"); }}");
            assert_eq!(count("crates/execute/src/run.rs", &text), 0, "{text}");
        }
    }

    #[test]
    fn the_printer_tests_tools_and_excused_lines_may() {
        let text = "fn f() { run(\"SELECT 1\"); }";
        for path in [
            "crates/sql/src/print.rs",
            "crates/pg/tests/all.rs",
            "crates/testkit/src/db.rs",
        ] {
            assert_eq!(count(path, text), 0, "{path}");
        }
        let excused = "// fixed statement: one word\nconst B: &str = \"BEGIN\";";
        assert_eq!(count("crates/pg/src/lib.rs", excused), 0);
        let advice = "// shown, not run: what the owner has to do\nconst B: &str = \"GRANT x\";";
        assert_eq!(count("crates/pg/src/lib.rs", advice), 0);
        let in_tests = "#[cfg(test)]\nmod tests {\n    const B: &str = \"SELECT 1\";\n}";
        assert_eq!(count("crates/pg/src/lib.rs", in_tests), 0);
    }
}
