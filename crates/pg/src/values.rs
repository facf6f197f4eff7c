//! Values on the wire: parameters go out as text, result columns come in as raw bytes.
//!
//! Parameters are cast in the SQL, so that Postgres and not this crate reads them; see `connection.rs`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use postgres_types::{Format, FromSql, IsNull, ToSql, Type};
use tokio_postgres::Row;

use crate::error::PgError;

/// A parameter in text format, whatever type Postgres takes it for.
pub(crate) struct TextParameter<'a>(pub(crate) Option<&'a str>);

impl fmt::Debug for TextParameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The driver writes parameters to its debug log; values have no business there.
        match self.0 {
            Some(text) => write!(f, "<{} bytes>", text.len()),
            None => f.write_str("null"),
        }
    }
}

impl ToSql for TextParameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Some(text) => {
                out.put_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

/// A result column as it came, in binary format.
struct RawColumn<'a>(&'a [u8]);

impl<'a> FromSql<'a> for RawColumn<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(crate) fn raw(row: &Row, column: usize) -> Result<Option<&[u8]>, PgError> {
    let value: Option<RawColumn<'_>> = row.try_get(column)?;
    Ok(value.map(|value| value.0))
}

/// Whether the binary format of the type is its text.
fn is_text(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::JSON | Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN
    )
}

/// A row that lends its first column as bytes.
struct FirstColumn(Row);

impl AsRef<[u8]> for FirstColumn {
    fn as_ref(&self) -> &[u8] {
        raw(&self.0, 0)
            .ok()
            .flatten()
            .expect("`first_column` found it there before")
    }
}

/// The first column of the one row that there must be.
pub(crate) fn only_column(mut rows: Vec<Row>) -> Result<Option<Bytes>, PgError> {
    if rows.len() > 1 {
        return Err(PgError::unexpected("the statement gave more than one row"));
    }
    let row = rows.pop();
    first_column(row.ok_or_else(|| PgError::unexpected("the statement gave no row"))?)
}

/// The first column of a row, json or text, sharing the driver's buffer: nothing is copied.
pub(crate) fn first_column(row: Row) -> Result<Option<Bytes>, PgError> {
    let ty = row
        .columns()
        .first()
        .map(tokio_postgres::Column::type_)
        .cloned();
    let skipped = match ty {
        Some(ref ty) if is_text(ty) => 0,
        // Binary jsonb is a version byte and then the text.
        Some(Type::JSONB) => 1,
        Some(other) => {
            return Err(PgError::unexpected(format!(
                "the statement's result is of type {other} where json or text is expected"
            )));
        }
        None => return Err(PgError::unexpected("the statement has no result column")),
    };
    if raw(&row, 0)?.is_none() {
        return Ok(None);
    }
    let mut bytes = Bytes::from_owner(FirstColumn(row));
    if skipped > 0 {
        bytes = bytes.slice(skipped.min(bytes.len())..);
    }
    Ok(Some(bytes))
}

/// A row that lends one of its columns as bytes.
struct LentColumn(Arc<Row>, usize);

impl AsRef<[u8]> for LentColumn {
    fn as_ref(&self) -> &[u8] {
        raw(&self.0, self.1)
            .ok()
            .flatten()
            .expect("`columns` found it there before")
    }
}

/// Every column of a row, json or text, sharing the driver's buffer: nothing is copied.
pub(crate) fn columns(row: Row) -> Result<Vec<Option<Bytes>>, PgError> {
    let other = row.columns().iter().find(|column| !is_text(column.type_()));
    if let Some(column) = other {
        return Err(PgError::unexpected(format!(
            "result column \"{}\" is of type {}; cast it to text in the statement",
            column.name(),
            column.type_()
        )));
    }
    let row = Arc::new(row);
    let column = |index| {
        let found = raw(&row, index)?;
        Ok(found.map(|_| Bytes::from_owner(LentColumn(Arc::clone(&row), index))))
    };
    (0..row.len()).map(column).collect()
}

/// Every column of a row as text; all of them must be of a text type (cast them in the statement).
pub(crate) fn text_columns(row: &Row) -> Result<Vec<Option<String>>, PgError> {
    row.columns()
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let bytes = raw(row, index)?;
            let text = match (column.type_(), bytes) {
                (_, None) => return Ok(None),
                (&Type::JSONB, Some(bytes)) => bytes.get(1..).unwrap_or_default(),
                (ty, Some(bytes)) if is_text(ty) => bytes,
                (ty, Some(_)) => {
                    let name = column.name();
                    return Err(PgError::unexpected(format!(
                        "result column \"{name}\" is of type {ty}; cast it to text in the statement"
                    )));
                }
            };
            let text = std::str::from_utf8(text)
                .map_err(|_| PgError::unexpected("a result column is not valid UTF-8"))?;
            Ok(Some(text.to_owned()))
        })
        .collect()
}
