//! What a statement that writes told: how many rows, and the answer about them.
//!
//! `None` stands for "a row failed the check". Read next: `plan/src/write/told.rs`, which says what comes.

use bytes::{BufMut, Bytes, BytesMut};
use graphloom_pg::{PgError, RawRow};
use graphloom_plan::{Around, Piece, WrittenRows};

use crate::run::RowWriter;

/// How many rows were written, and what else was told.
pub(super) type Told = (u64, Option<Bytes>);

/// Of the written rows themselves.
pub(super) fn of_rows(rows: &[RawRow], written: &WrittenRows) -> Result<Option<Told>, PgError> {
    if let Some(check) = written.check {
        for row in rows {
            if row.bytes(check)? != Some(&[1]) {
                return Ok(None);
            }
        }
    }
    let count = rows.len() as u64;
    let told = match &written.around {
        Around::Nothing => {
            let mut writer = RowWriter::object(&written.object);
            writer.rows(rows)?;
            writer.into_object()?
        }
        Around::Response(pieces) => {
            let mut writer = RowWriter::list(&written.object);
            writer.rows(rows)?;
            Some(response(pieces, count, &writer.into_list()))
        }
    };
    Ok(Some((count, told)))
}

/// Of their number alone.
pub(super) fn of_count(count: u64, pieces: &[Piece]) -> Told {
    (count, Some(response(pieces, count, b"[]")))
}

fn response(pieces: &[Piece], count: u64, list: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(list.len() + 64);
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.put_slice(text.as_bytes()),
            Piece::Count => out.put_slice(count.to_string().as_bytes()),
            Piece::List => out.put_slice(list),
        }
    }
    out.freeze()
}

/// Of one row of texts: whether the check holds, how many rows, and what else there is.
pub(super) fn of_texts(mut rows: Vec<Vec<Option<Bytes>>>) -> Option<Told> {
    let mut columns = rows.pop().unwrap_or_default().into_iter();
    let (holds, count) = (columns.next().flatten(), columns.next().flatten());
    if holds.as_deref() != Some(b"true") {
        return None;
    }
    let count = count.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
    Some((count.unwrap_or(0), columns.next().flatten()))
}
