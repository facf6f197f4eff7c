//! Rows of plain values as JSON, spelled exactly as Postgres spells it.
//!
//! What a row is made of, the plan says (`ObjectShape`); what type a value has, Postgres says with the value, so that a
//! column whose type has changed since the plan was made is never read as something else. Lists below the root are arrays
//! of records, or records of arrays, in Postgres' binary format; the values of objects stand among those around them. Read next: `encode/value.rs`.

mod numeric;
mod value;

use graphloom_pg::{PgError, RawRow};
use graphloom_plan::{ObjectShape, PlaceValue, Presence};

/// `record`
const RECORD: u32 = 2249;
/// `record[]`
const RECORDS: u32 = 2287;
/// What stands between the elements of a list, as `json_agg` writes it.
pub(crate) const BETWEEN: &[u8] = b", ";

/// A value as it came: its type, and its bytes unless it is null.
type Cell<'a> = (u32, Option<&'a [u8]>);

/// Where the values of an object come from, one after the other.
trait Values<'a> {
    fn next(&mut self) -> Result<Cell<'a>, PgError>;
}

/// Writes the object that a row holds. `types` are those of the row's columns.
pub(crate) fn row(
    out: &mut Vec<u8>,
    shape: &ObjectShape,
    types: &[u32],
    row: &RawRow,
) -> Result<(), PgError> {
    let types = types.iter().enumerate();
    object(out, shape, &mut Row { types, row })
}

fn object<'a>(
    out: &mut Vec<u8>,
    shape: &ObjectShape,
    values: &mut impl Values<'a>,
) -> Result<(), PgError> {
    for place in &shape.places {
        out.extend_from_slice(place.before.as_bytes());
        match &place.value {
            PlaceValue::Object(inner, presence) => {
                let is_there = match presence {
                    Presence::Always => true,
                    Presence::Marked => values.next()?.1.is_some(),
                };
                match is_there {
                    true => object(out, inner, values)?,
                    false => {
                        skip(inner, values)?;
                        out.extend_from_slice(b"null");
                    }
                }
            }
            of_one => value(out, of_one, values.next()?)?,
        }
    }
    out.extend_from_slice(shape.end.as_bytes());
    Ok(())
}

/// Passes over the values of an object.
fn skip<'a>(shape: &ObjectShape, values: &mut impl Values<'a>) -> Result<(), PgError> {
    for place in &shape.places {
        match &place.value {
            PlaceValue::Object(inner, presence) => {
                if *presence == Presence::Marked {
                    values.next()?;
                }
                skip(inner, values)?;
            }
            _ => drop(values.next()?),
        }
    }
    Ok(())
}

fn value(out: &mut Vec<u8>, value: &PlaceValue, (ty, bytes): Cell<'_>) -> Result<(), PgError> {
    match (value, bytes) {
        (PlaceValue::List(_) | PlaceValue::Columns(_), None) => out.extend_from_slice(b"[]"),
        (_, None) => out.extend_from_slice(b"null"),
        (PlaceValue::Scalar, Some(bytes)) => value::write(out, ty, bytes)?,
        (PlaceValue::List(shape), Some(bytes)) if ty == RECORDS => list(out, shape, bytes)?,
        (PlaceValue::Columns(shape), Some(bytes)) if ty == RECORD => columns(out, shape, bytes)?,
        _ => return Err(malformed()),
    }
    Ok(())
}

/// The columns of a row that are left.
struct Row<'a, I> {
    types: I,
    row: &'a RawRow,
}

impl<'a, 't, I: Iterator<Item = (usize, &'t u32)>> Values<'a> for Row<'a, I> {
    fn next(&mut self) -> Result<Cell<'a>, PgError> {
        let (at, ty) = self.types.next().ok_or_else(malformed)?;
        Ok((*ty, self.row.bytes(at)?))
    }
}

/// The fields of a record that are left: of each its type, its length or -1, and its bytes.
struct Record<'a> {
    input: Input<'a>,
    left: usize,
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, PgError> {
        let mut input = Input(bytes);
        let left = usize::try_from(input.int()?).map_err(|_| malformed())?;
        Ok(Self { input, left })
    }
}

impl<'a> Values<'a> for Record<'a> {
    fn next(&mut self) -> Result<Cell<'a>, PgError> {
        self.left = self.left.checked_sub(1).ok_or_else(malformed)?;
        let ty = self.input.int()?.cast_unsigned();
        Ok((ty, self.input.value()?))
    }
}

fn record(out: &mut Vec<u8>, shape: &ObjectShape, bytes: &[u8]) -> Result<(), PgError> {
    let mut fields = Record::read(bytes)?;
    object(out, shape, &mut fields)?;
    match fields.left {
        0 => Ok(()),
        _ => Err(malformed()),
    }
}

/// The elements of an array that are left: how many there are, their type, and each with its length.
struct Array<'a> {
    count: usize,
    ty: u32,
    elements: Input<'a>,
}

impl<'a> Array<'a> {
    /// What `array_agg` makes of no rows is null.
    const EMPTY: Self = Self {
        count: 0,
        ty: 0,
        elements: Input(&[]),
    };

    /// An array's dimensions, a flag for nulls, the elements' type, and for each dimension a length and a lower bound.
    fn read(bytes: &'a [u8]) -> Result<Self, PgError> {
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
        Ok(Self {
            count: usize::try_from(count).map_err(|_| malformed())?,
            ty: ty.cast_unsigned(),
            elements: input,
        })
    }
}

/// An array of records.
fn list(out: &mut Vec<u8>, shape: &ObjectShape, bytes: &[u8]) -> Result<(), PgError> {
    let mut array = Array::read(bytes)?;
    if array.ty != RECORD {
        return Err(malformed());
    }
    out.push(b'[');
    for position in 0..array.count {
        if position > 0 {
            out.extend_from_slice(BETWEEN);
        }
        match array.elements.value()? {
            Some(bytes) => record(out, shape, bytes)?,
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b']');
    Ok(())
}

/// The next element of each of several arrays.
struct Element<'v, 'a> {
    arrays: std::slice::IterMut<'v, Array<'a>>,
}

impl<'a> Values<'a> for Element<'_, 'a> {
    fn next(&mut self) -> Result<Cell<'a>, PgError> {
        let array = self.arrays.next().ok_or_else(malformed)?;
        Ok((array.ty, array.elements.value()?))
    }
}

/// A record of arrays, of which each has a value of each element.
fn columns(out: &mut Vec<u8>, shape: &ObjectShape, bytes: &[u8]) -> Result<(), PgError> {
    let mut fields = Record::read(bytes)?;
    let mut arrays = Vec::with_capacity(fields.left.min(bytes.len()));
    while fields.left > 0 {
        arrays.push(fields.next()?.1.map_or(Ok(Array::EMPTY), Array::read)?);
    }
    let count = arrays.first().map_or(0, |array| array.count);
    if arrays.iter().any(|array| array.count != count) {
        return Err(malformed());
    }
    out.push(b'[');
    for position in 0..count {
        if position > 0 {
            out.extend_from_slice(BETWEEN);
        }
        let arrays = arrays.iter_mut();
        object(out, shape, &mut Element { arrays })?;
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

    use graphloom_plan::Place;

    use super::*;

    fn shape(values: Vec<PlaceValue>) -> ObjectShape {
        let place = |(at, value): (usize, PlaceValue)| Place {
            before: match at {
                0 => "{\"a\":".into(),
                _ => ",\"b\":".into(),
            },
            value,
        };
        ObjectShape {
            places: values.into_iter().enumerate().map(place).collect(),
            end: "}".into(),
        }
    }

    fn ints(ints: &[i32]) -> Vec<u8> {
        ints.iter().flat_map(|int| int.to_be_bytes()).collect()
    }

    #[test]
    fn records_and_lists_are_read() {
        let mut out = Vec::new();
        let inner = shape(vec![PlaceValue::Scalar]);
        // One dimension of two elements of 16 bytes each: one field of type int4, 4 bytes; and a null.
        let elements = ints(&[1, 0, 2249, 2, 1, 16, 1, 23, 4, -7, 12, 1, 23, -1]);
        list(&mut out, &inner, &elements).unwrap();
        assert_eq!(out, br#"[{"a":-7}, {"a":null}]"#);
        out.clear();
        list(&mut out, &inner, &ints(&[0, 0, 2249])).unwrap();
        assert_eq!(out, b"[]");
    }

    /// A list of objects with a value and an object of one value.
    fn nested() -> ObjectShape {
        let inner = Arc::new(shape(vec![PlaceValue::Scalar]));
        let object = PlaceValue::Object(inner, Presence::Marked);
        shape(vec![PlaceValue::Scalar, object])
    }

    /// Three arrays of two integers, the last two of which have a null: as a record of `int4[]`.
    const ARRAYS: &[i32] = &[
        3, 1007, 36, 1, 0, 23, 2, 1, 4, 5, 4, 6, //
        1007, 32, 1, 1, 23, 2, 1, 4, 1, -1, //
        1007, 32, 1, 1, 23, 2, 1, 4, 7, -1,
    ];

    #[test]
    fn arrays_are_read_side_by_side() {
        let mut out = Vec::new();
        columns(&mut out, &nested(), &ints(ARRAYS)).unwrap();
        assert_eq!(out, br#"[{"a":5,"b":{"a":7}}, {"a":6,"b":null}]"#);
        out.clear();
        let empty = [3, 1007, -1, 1007, -1, 1007, -1];
        columns(&mut out, &nested(), &ints(&empty)).unwrap();
        assert_eq!(out, b"[]");
    }

    #[test]
    fn what_is_cut_off_or_of_another_shape_is_refused() {
        let whole = ints(&[1, 0, 2249, 1, 1, 16, 1, 23, 4, 5]);
        let inner = shape(vec![PlaceValue::Scalar]);
        for end in 0..whole.len() {
            assert!(list(&mut Vec::new(), &inner, &whole[..end]).is_err());
        }
        let whole = ints(ARRAYS);
        for end in 0..whole.len() {
            assert!(columns(&mut Vec::new(), &nested(), &whole[..end]).is_err());
        }
        let wider = shape(vec![PlaceValue::Scalar, nested().places[1].value.clone()]);
        let wider = shape(vec![PlaceValue::Scalar, PlaceValue::List(Arc::new(wider))]);
        assert!(columns(&mut Vec::new(), &wider, &whole).is_err());
        let shorter = ints(&[2, 1007, 28, 1, 0, 23, 1, 1, 4, 5, 1007, 12, 0, 0, 23]);
        let two = shape(vec![PlaceValue::Scalar, PlaceValue::Scalar]);
        assert!(columns(&mut Vec::new(), &two, &shorter).is_err());
        let two_fields = ints(&[2, 23, 4, 5, 23, 4, 6]);
        assert!(record(&mut Vec::new(), &inner, &two_fields).is_err());
        assert!(record(&mut Vec::new(), &nested(), &two_fields).is_err());
        let not_a_list = ints(&[1, 23, 4, 5]);
        let list = shape(vec![PlaceValue::List(Arc::new(inner))]);
        assert!(record(&mut Vec::new(), &list, &not_a_list).is_err());
    }
}
