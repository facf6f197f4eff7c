//! Unpacking a server package without trusting it.
//!
//! A package may hold plain files and directories below `package/`; everything below
//! `package/native/` is written, new files only, under a directory that starts empty. The links its
//! `native/pg-symlinks.json` lists are made last, and only from one place inside to a plain file
//! inside, so no write ever goes through a link. Anything else refuses the whole package.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::EntryType;

use crate::layout::set_mode;

/// Limits of a package: the real ones hold 1,000 entries and 60 MB.
const ENTRIES_MAX: usize = 20_000;
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;
const LINKS_FILE: &str = "native/pg-symlinks.json";
const LINKS_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why a package was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it cannot be read to its end: {0}")]
    Broken(io::Error),
    #[error("the entry {0:?} climbs out of the package")]
    ClimbsOut(String),
    #[error("the entry {0:?} is neither a file nor a directory")]
    Kind(String),
    #[error("it lists the entry {0:?} twice")]
    Twice(String),
    #[error("it unpacks to more than is plausible")]
    TooLarge,
    #[error("its list of links is malformed: {0}")]
    Links(String),
    #[error("the link {0:?} leads to {1:?}, which is no file inside the package")]
    LinkTarget(String, String),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Unpacks the gzipped tar file `package` so that `into` becomes the server's root (`into/bin/…`).
///
/// `into` must not exist; after a refusal it may hold a part.
pub(crate) fn unpack(package: &Path, into: &Path) -> Result<(), Refusal> {
    let mut links = None;
    let mut written = BTreeSet::new();
    let mut bytes_left = UNPACKED_BYTES_MAX;
    make_dir(into)?;
    let compressed = File::open(package).map_err(Refusal::Broken)?;
    let mut archive = tar::Archive::new(GzDecoder::new(io::BufReader::new(compressed)));
    for (index, entry) in archive.entries().map_err(Refusal::Broken)?.enumerate() {
        let mut entry = entry.map_err(Refusal::Broken)?;
        if index >= ENTRIES_MAX {
            return Err(Refusal::TooLarge);
        }
        let path = entry.path().map_err(Refusal::Broken)?.into_owned();
        let path = inner_path(&path)?;
        let kind = entry.header().entry_type();
        if !matches!(
            kind,
            EntryType::Regular | EntryType::Directory | EntryType::XGlobalHeader
        ) {
            return Err(Refusal::Kind(path.display().to_string()));
        }
        // The first component is the packer's choice of name.
        let path: PathBuf = path.components().skip(1).collect();
        if path == Path::new(LINKS_FILE) {
            let mut text = String::new();
            let read = entry.take(LINKS_FILE_BYTES_MAX).read_to_string(&mut text);
            read.map_err(Refusal::Broken)?;
            links = Some(text);
            continue;
        }
        let Ok(path) = path.strip_prefix("native") else {
            continue;
        };
        let target = into.join(path);
        if kind == EntryType::Directory {
            make_dir(&target)?;
            continue;
        }
        if kind != EntryType::Regular {
            continue;
        }
        if !written.insert(target.clone()) {
            return Err(Refusal::Twice(path.display().to_string()));
        }
        bytes_left = bytes_left
            .checked_sub(entry.size())
            .ok_or(Refusal::TooLarge)?;
        let is_program = entry.header().mode().map_err(Refusal::Broken)? & 0o111 != 0;
        write_file(&mut entry, &target, if is_program { 0o755 } else { 0o644 })?;
    }
    finish_stream(archive)?;
    make_links(links.as_deref().unwrap_or("[]"), into)?;
    for program in ["bin/postgres", "bin/initdb"] {
        if !into.join(program).is_file() {
            return Err(Refusal::Missing(program));
        }
    }
    Ok(())
}

/// Reads the rest of the stream: the tar format has an end mark, so a file cut off behind it, or with
/// a wrong sum at its end, would pass otherwise.
fn finish_stream(archive: tar::Archive<GzDecoder<io::BufReader<File>>>) -> Result<(), Refusal> {
    let mut rest = archive.into_inner().take(UNPACKED_BYTES_MAX);
    io::copy(&mut rest, &mut io::sink()).map_err(Refusal::Broken)?;
    Ok(())
}

/// A path that leads down only.
fn inner_path(path: &Path) -> Result<PathBuf, Refusal> {
    let mut inner = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => inner.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Refusal::ClimbsOut(path.display().to_string()));
            }
        }
    }
    Ok(inner)
}

fn make_dir(dir: &Path) -> Result<(), Refusal> {
    let failed = |source| Refusal::Write {
        path: dir.to_path_buf(),
        source,
    };
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(failed)?;
    // Whoever the server runs as must get in, whatever our umask.
    set_mode(dir, 0o755).map_err(|error| failed(io::Error::other(error.to_string())))
}

fn write_file(from: &mut impl Read, target: &Path, mode: u32) -> Result<(), Refusal> {
    let failed = |source| Refusal::Write {
        path: target.to_path_buf(),
        source,
    };
    if let Some(parent) = target.parent() {
        make_parents(parent)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target);
    let mut file = file.map_err(failed)?;
    io::copy(from, &mut file).map_err(Refusal::Broken)?;
    drop(file);
    set_mode(target, mode).map_err(|error| failed(io::Error::other(error.to_string())))
}

/// Each level gets its mode, so one at a time.
fn make_parents(dir: &Path) -> Result<(), Refusal> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_parents(parent)?;
    }
    make_dir(dir)
}

/// Makes the links listed as `[{"source": "native/lib/libpq.so.5.18", "target": "native/lib/libpq.so"}]`:
/// `target` is the link, `source` the file it leads to.
fn make_links(list: &str, into: &Path) -> Result<(), Refusal> {
    let list: serde_json::Value =
        serde_json::from_str(list).map_err(|error| Refusal::Links(error.to_string()))?;
    let list = list
        .as_array()
        .ok_or_else(|| Refusal::Links("it is no list".to_owned()))?;
    if list.len() > ENTRIES_MAX {
        return Err(Refusal::TooLarge);
    }
    for item in list {
        let text = |key: &str| {
            item.get(key)
                .and_then(serde_json::Value::as_str)
                .ok_or_else(|| Refusal::Links(format!("an item has no {key:?}")))
        };
        make_link(text("target")?, text("source")?, into)?;
    }
    Ok(())
}

fn make_link(link: &str, source: &str, into: &Path) -> Result<(), Refusal> {
    let outside = || Refusal::LinkTarget(link.to_owned(), source.to_owned());
    let inside = |path: &str| {
        let path = inner_path(Path::new(path)).map_err(|_| outside())?;
        path.strip_prefix("native")
            .map(Path::to_path_buf)
            .map_err(|_| outside())
    };
    let (link_path, source_path) = (inside(link)?, inside(source)?);
    // A plain file: what is a link already would be a second step, to who knows where.
    let is_file = fs::symlink_metadata(into.join(&source_path)).is_ok_and(|found| found.is_file());
    if !is_file {
        return Err(outside());
    }
    let place = into.join(&link_path);
    if let Some(parent) = place.parent() {
        make_parents(parent)?;
    }
    // Relative, because the whole directory is renamed afterwards.
    let depth = link_path.components().count().saturating_sub(1);
    let mut relative: PathBuf = std::iter::repeat_n("..", depth).collect();
    relative.push(&source_path);
    symlink(relative, &place).map_err(|source| Refusal::Write {
        path: place,
        source,
    })
}
