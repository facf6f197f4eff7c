//! The files in the binary are whole: each is what `console/dist` has, decompresses, says what it is,
//! and finds what it refers to. What the page does with them is `console/test/page.mjs`.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use graphloom_console::{
    Asset, CONTENT_SECURITY_POLICY, Caching, Reply, asset, assets, index, resolve,
};
use regex::Regex;
use sha2::{Digest as _, Sha256};

/// GraphiQL with its editor takes 1.4 MB. A build that is much larger has caught something it should
/// not have: another language of Monaco, a second copy of a library, source maps.
const GZIP_BYTES_MAX: usize = 1_550_000;

fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../console/dist")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn text(asset: &Asset) -> String {
    String::from_utf8(asset.identity()).unwrap()
}

fn is_text(asset: &Asset) -> bool {
    asset.content_type.contains("utf-8") || asset.content_type == "image/svg+xml"
}

#[test]
fn the_table_is_what_the_build_left() {
    let dist = dist();
    let built: BTreeSet<String> = files_below(&dist)
        .iter()
        .map(|path| {
            path.strip_prefix(&dist)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/")
        })
        .collect();
    let carried: BTreeSet<String> = assets().map(|(name, _)| format!("{name}.gz")).collect();
    assert_eq!(carried, built, "run `npm run build` in console/");
}

#[test]
fn every_file_decompresses_to_what_its_tag_says() {
    for (name, asset) in assets() {
        let content = asset.identity();
        assert!(!content.is_empty(), "{name}");
        let mut digest = String::new();
        for byte in &Sha256::digest(&content)[..16] {
            write!(digest, "{byte:02x}").unwrap();
        }
        assert_eq!(asset.etag, format!("W/\"{digest}\""), "{name}");
    }
}

#[test]
fn every_file_says_what_it_is_and_how_long_it_keeps() {
    for (name, asset) in assets() {
        let expected = match Path::new(name).extension().unwrap().to_str().unwrap() {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "txt" => "text/plain; charset=utf-8",
            "svg" => "image/svg+xml",
            "ttf" => "font/ttf",
            other => panic!("{name}: which content type has .{other}?"),
        };
        assert_eq!(asset.content_type, expected, "{name}");
        let caching = if name.starts_with("assets/") {
            Caching::Immutable
        } else {
            Caching::Revalidate
        };
        assert_eq!(asset.caching, caching, "{name}");
        assert!(name != "index.html" || asset.caching.cache_control() == "no-cache");
    }
}

#[test]
fn the_page_refers_to_files_that_are_there_and_to_nothing_else() {
    let page = text(index());
    let reference = Regex::new(r#"(?:src|href)="([^"]*)""#).unwrap();
    let references: Vec<&str> = reference
        .captures_iter(&page)
        .map(|found| found.extract::<1>().1[0])
        .collect();
    assert!(references.len() >= 3, "{page}");
    for reference in references {
        let path = reference
            .strip_prefix("./")
            .expect("relative, for any path prefix");
        assert!(asset(path).is_some(), "{reference}");
    }
    assert!(!page.contains("://"), "nothing from another origin: {page}");
    assert!(
        !page.contains("<script>"),
        "no inline script, the policy forbids it: {page}"
    );
}

/// Chunks load each other, the worker, styles and the icon font by names with a hash in them.
#[test]
fn every_chunk_finds_the_chunks_it_names() {
    let name_with_hash = Regex::new(r"[\w.-]+-[\w-]{8}\.(?:js|css|ttf)\b").unwrap();
    let mut named = BTreeSet::new();
    for (name, file) in assets().filter(|(_, file)| is_text(file)) {
        for found in name_with_hash.find_iter(&text(file)) {
            let path = format!("assets/{}", found.as_str());
            assert!(asset(&path).is_some(), "{name} names {path}");
            named.insert(path);
        }
    }
    let carried: BTreeSet<String> = assets()
        .filter(|(name, _)| name.starts_with("assets/"))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(named, carried, "a file that nothing names is dead weight");
}

#[test]
fn the_console_stays_small_and_without_source_maps() {
    let total: usize = assets().map(|(_, asset)| asset.gzip.len()).sum();
    assert!(total < GZIP_BYTES_MAX, "{total} bytes");
    for (name, asset) in assets().filter(|(_, asset)| is_text(asset)) {
        assert!(!text(asset).contains("\n//# sourceMappingURL="), "{name}");
    }
}

#[test]
fn the_licences_of_what_is_inside_are_passed_on() {
    let licenses = text(asset("licenses.txt").unwrap());
    for package in [
        "graphiql ",
        "monaco-editor ",
        "graphql ",
        "react ",
        "graphql-ws ",
    ] {
        assert!(licenses.contains(&format!("\n{package}")), "{package}");
    }
}

#[test]
fn the_policy_is_one_header_value_that_allows_no_other_origin() {
    assert!(
        CONTENT_SECURITY_POLICY
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte))
    );
    assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none';"));
    for forbidden in [
        "*",
        "http",
        "unsafe-eval",
        "script-src 'self' 'unsafe-inline'",
    ] {
        assert!(!CONTENT_SECURITY_POLICY.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn paths_lead_to_the_page_or_nowhere() {
    let redirect = |to: &str| Reply::Redirect(to.to_owned());
    let cases = [
        ("", redirect("console/")),
        ("/", Reply::File(index())),
        ("/index.html", Reply::File(index())),
        ("/favicon.svg", Reply::File(asset("favicon.svg").unwrap())),
        ("/data", redirect("./")),
        ("/api/api-explorer", redirect("../")),
        ("/data/default/schema/public", redirect("../../../")),
        ("//example.com", redirect("../")),
        ("/assets/", Reply::NotFound),
        ("/assets/../index.html", Reply::NotFound),
        ("/assets/none.js", Reply::NotFound),
        ("-else", Reply::NotFound),
    ];
    for (rest, expected) in cases {
        assert_eq!(resolve(rest), expected, "{rest}");
    }
    assert_eq!(resolve(&"/a".repeat(1000)), Reply::NotFound);
}
