//! Rows of plain values as JSON, spelled exactly as Postgres spells it.
//!
//! What a row is made of, the plan says (`ObjectShape`); what type a value has, Postgres says with the value, so that a
//! column whose type has changed since the plan was made is never read as something else. Objects and lists below the
//! root are records and arrays of records in Postgres' binary format. Read next: `encode/value.rs`.

mod numeric;
mod value;

use graphloom_pg::{PgError, RawRow};
use graphloom_plan::{ObjectShape, Place, PlaceValue};

/// `record`
const RECORD: u32 = 2249;
/// `record[]`
const RECORDS: u32 = 2287;
/// What stands between the elements of a list, as `json_agg` writes it.
pub(crate) const BETWEEN: &[u8] = b", ";

/// A value as it came: its type, and its bytes unless it is null.
type Cell<'a> = (u32, Option<&'a [u8]>);

/// Writes the object that a row holds. `types` are those of the row's columns.
pub(crate) fn row(
    out: &mut Vec<u8>,
    shape: &ObjectShape,
    types: &[u32],
    row: &RawRow,
) -> Result<(), PgError> {
    if types.len() < shape.places.len() {
        return Err(malformed());
    }
    for (at, (place, ty)) in shape.places.iter().zip(types).enumerate() {
        write_place(out, place, (*ty, row.bytes(at)?))?;
    }
    out.extend_from_slice(shape.end.as_bytes());
    Ok(())
}

fn write_place(out: &mut Vec<u8>, place: &Place, (ty, bytes): Cell<'_>) -> Result<(), PgError> {
    out.extend_from_slice(place.before.as_bytes());
    match (&place.value, bytes) {
        (PlaceValue::List(_), None) => out.extend_from_slice(b"[]"),
        (_, None) => out.extend_from_slice(b"null"),
        (PlaceValue::Scalar, Some(bytes)) => value::write(out, ty, bytes)?,
        (PlaceValue::Object(shape), Some(bytes)) if ty == RECORD => record(out, shape, bytes)?,
        (PlaceValue::List(shape), Some(bytes)) if ty == RECORDS => list(out, shape, bytes)?,
        (PlaceValue::Object(_) | PlaceValue::List(_), Some(_)) => return Err(malformed()),
    }
    Ok(())
}

/// A record: how many fields, and for each its type, its length or -1, and its bytes.
fn record(out: &mut Vec<u8>, shape: &ObjectShape, bytes: &[u8]) -> Result<(), PgError> {
    let mut input = Input(bytes);
    if usize::try_from(input.int()?).ok() != Some(shape.places.len()) {
        return Err(malformed());
    }
    for place in &shape.places {
        let ty = input.int()?.cast_unsigned();
        write_place(out, place, (ty, input.value()?))?;
    }
    out.extend_from_slice(shape.end.as_bytes());
    Ok(())
}

/// An array of records: its dimensions, a flag for nulls, the elements' type, a length and a lower bound for
/// each dimension, and the elements, each with its length.
fn list(out: &mut Vec<u8>, shape: &ObjectShape, bytes: &[u8]) -> Result<(), PgError> {
    let mut input = Input(bytes);
    let (dimensions, _flags, ty) = (input.int()?, input.int()?, input.int()?);
    let count = match dimensions {
        0 => 0,
        1 => {
            let (count, _from) = (input.int()?, input.int()?);
            count
        }
        _ => return Err(malformed()),
    };
    if ty.cast_unsigned() != RECORD {
        return Err(malformed());
    }
    out.push(b'[');
    for position in 0..count {
        if position > 0 {
            out.extend_from_slice(BETWEEN);
        }
        match input.value()? {
            Some(bytes) => record(out, shape, bytes)?,
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b']');
    Ok(())
}

/// Bytes that are read from the front.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn int(&mut self) -> Result<i32, PgError> {
        let (first, rest) = self.0.split_first_chunk().ok_or_else(malformed)?;
        self.0 = rest;
        Ok(i32::from_be_bytes(*first))
    }

    /// A length and so many bytes; -1 is null.
    fn value(&mut self) -> Result<Option<&'a [u8]>, PgError> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| malformed())?;
        let (value, rest) = self.0.split_at_checked(length).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(Some(value))
    }
}

fn malformed() -> PgError {
    PgError::unexpected("a row of the result is not of the shape that was planned")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use std::sync::Arc;

    use super::*;

    fn shape(value: PlaceValue) -> ObjectShape {
        ObjectShape {
            places: vec![Place {
                before: "{\"a\":".into(),
                value,
            }],
            end: "}".into(),
        }
    }

    fn ints(ints: &[i32]) -> Vec<u8> {
        ints.iter().flat_map(|int| int.to_be_bytes()).collect()
    }

    #[test]
    fn records_and_lists_are_read() {
        let mut out = Vec::new();
        let inner = shape(PlaceValue::Scalar);
        // One dimension of two elements of 16 bytes each: one field of type int4, 4 bytes; and a null.
        let elements = ints(&[1, 0, 2249, 2, 1, 16, 1, 23, 4, -7, 12, 1, 23, -1]);
        list(&mut out, &inner, &elements).unwrap();
        assert_eq!(out, br#"[{"a":-7}, {"a":null}]"#);
        out.clear();
        list(&mut out, &inner, &ints(&[0, 0, 2249])).unwrap();
        assert_eq!(out, b"[]");
    }

    #[test]
    fn what_is_cut_off_or_of_another_shape_is_refused() {
        let whole = ints(&[1, 0, 2249, 1, 1, 16, 1, 23, 4, 5]);
        let inner = Arc::new(shape(PlaceValue::Scalar));
        for end in 0..whole.len() {
            assert!(list(&mut Vec::new(), &inner, &whole[..end]).is_err());
        }
        let two_fields = ints(&[2, 23, 4, 5, 23, 4, 6]);
        assert!(record(&mut Vec::new(), &inner, &two_fields).is_err());
        let nested = shape(PlaceValue::Object(inner));
        let not_a_record = ints(&[1, 23, 4, 5]);
        assert!(record(&mut Vec::new(), &nested, &not_a_record).is_err());
    }
}
