//! Case files lie where the runner finds them and say what they show.
//!
//! What a case may hold is the runner's knowledge (`crates/testkit`), which has a test that reads every
//! one; here it is only about place, name and the sentence at the top.

use super::Problem;
use super::repo::{File, Repo};

/// Checks every file under `cases/`.
pub(crate) fn check(repo: &Repo) -> Vec<Problem> {
    repo.files().iter().filter_map(complaint).collect()
}

fn complaint(file: &File) -> Option<Problem> {
    let rest = file.path.strip_prefix("cases/")?;
    let parts: Vec<&str> = rest.split('/').collect();
    if ["README.md", "commands.yaml", "register.yaml"].contains(&rest) {
        return None;
    }
    let [area, name] = parts[..] else {
        return Some(Problem::file(
            &file.path,
            "a case is `cases/<area>/<name>.yaml`",
        ));
    };
    // Material that several cases of an area share: SQL and metadata.
    if matches!(file.extension(), "sql" | "json") {
        return None;
    }
    let plain = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    };
    if !name.strip_suffix(".yaml").is_some_and(plain) || !plain(area) {
        let message = "a case is `cases/<area>/<name>.yaml`, in small letters and underscores";
        return Some(Problem::file(&file.path, message));
    }
    let sentence = file
        .text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# "));
    if sentence.is_none_or(|sentence| sentence.split_whitespace().count() < 4) {
        let message = "open with a comment that says in a sentence what the case shows";
        return Some(Problem::line(&file.path, 1, message));
    }
    let steps = file.text.lines().any(|line| line == "steps:");
    (!steps).then(|| Problem::file(&file.path, "has no `steps:`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Repo::of(&[(path, text)])).len()
    }

    const CASE: &str = "# A row that is not there is null.\nsteps:\n";

    #[test]
    fn a_case_in_its_place_is_fine() {
        assert_eq!(count("cases/select/missing_row.yaml", CASE), 0);
        assert_eq!(count("cases/select/world.sql", ""), 0);
        assert_eq!(count("cases/README.md", ""), 0);
        assert_eq!(count("cases/register.yaml", ""), 0);
        assert_eq!(count("cases/commands.yaml", ""), 0);
        assert_eq!(count("docs/x.yaml", ""), 0);
    }

    #[test]
    fn a_case_elsewhere_or_without_a_sentence_is_refused() {
        assert_eq!(count("cases/missing_row.yaml", CASE), 1);
        assert_eq!(count("cases/select/deep/missing_row.yaml", CASE), 1);
        assert_eq!(count("cases/select/missing_row.yml", CASE), 1);
        assert_eq!(count("cases/select/Missing-Row.yaml", CASE), 1);
        assert_eq!(count("cases/select/a.yaml", "steps:\n"), 1);
        assert_eq!(count("cases/select/a.yaml", "# It does a thing.\n"), 1);
    }
}
