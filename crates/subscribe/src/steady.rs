//! What can change although no transaction ends: values that mean another time each time they are read.
//!
//! `'now'` is a timestamp, and so are `'today 12:00'` and others with words in them; a `timetz` may depend on the
//! day. In any doubt the answer is that it moves.

use graphloom_catalog::{PgType, ScalarKind, TypeKind};
use graphloom_ir::TypedValue;

/// Whether these values mean the same at any time.
pub(crate) fn are_fixed(values: &[TypedValue], texts: &[Option<String>]) -> bool {
    let mut pairs = values.iter().zip(texts);
    pairs.all(|(value, text)| {
        text.as_deref()
            .is_none_or(|text| is_fixed(value.ty.base(), text))
    })
}

fn is_fixed(ty: &PgType, text: &str) -> bool {
    use ScalarKind as K;
    match &ty.kind {
        TypeKind::Enum => return true,
        TypeKind::Array(element) => return is_fixed(element.base(), text),
        _ => {}
    }
    match ty.scalar_kind() {
        K::Date | K::Timestamp | K::Timestamptz | K::Time | K::Other => {
            is_known(ty) || has_no_words(text)
        }
        K::Timetz => false,
        _ => true,
    }
}

/// Types of `pg_catalog` whose values have nothing to do with time, or with its passing.
fn is_known(ty: &PgType) -> bool {
    &*ty.schema == "pg_catalog"
        && matches!(
            &*ty.name,
            "bytea"
                | "inet"
                | "cidr"
                | "macaddr"
                | "interval"
                | "name"
                | "char"
                | "bit"
                | "varbit"
                | "jsonpath"
        )
}

/// `T` and `Z` are of ISO 8601.
fn has_no_words(text: &str) -> bool {
    let mut letters = text
        .chars()
        .filter(|c| !c.is_ascii() || c.is_ascii_alphabetic());
    letters.all(|letter| matches!(letter, 'T' | 'Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_times_move() {
        let fixed = |name: &str, text: &str| is_fixed(&PgType::builtin(name), text);
        assert!(fixed("timestamptz", "2024-05-01T10:00:00.5+02:00"));
        assert!(fixed("timestamptz", "2024-05-01 10:00:00Z"));
        assert!(fixed("date", "2024-05-01"));
        assert!(fixed("text", "now"));
        assert!(fixed("interval", "1 day"));
        for text in ["now", "NOW", "today", "yesterday 12:00", "allballs"] {
            assert!(!fixed("timestamptz", text), "{text}");
        }
        assert!(!fixed("timetz", "10:00"));
        assert!(!fixed("tstzrange", "[now,)"));
        let array = PgType::array_of(PgType::builtin("date"));
        assert!(!is_fixed(&array, "{2024-01-01,today}"));
        assert!(is_fixed(&array, "{2024-01-01}"));
    }
}
