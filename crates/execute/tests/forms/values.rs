//! Types, and values at their edges.

use std::fmt::Write as _;

use graphloom_sql::quote_literal;
use graphloom_testkit::postgres::Database;

use super::Dice;

/// A type, and texts of some of its values.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// A short name of ours.
    name: &'static str,
    sql: &'static str,
    values: &'static [&'static str],
}

impl Kind {
    pub(crate) fn column(&self) -> String {
        format!("v_{}", self.name)
    }
}

const fn kind(name: &'static str, sql: &'static str, values: &'static [&'static str]) -> Kind {
    Kind { name, sql, values }
}

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "0.1",
    "-2.50",
    "1e-7",
    "1.5e10",
    "123456.789",
    "1e15",
    "1e16",
    "3.4e38",
    "1.17549435e-38",
    "0.30000001",
    "NaN",
    "Infinity",
    "-Infinity",
];

const TEXTS: &[&str] = &[
    "",
    "a",
    " ",
    "null",
    "\"",
    "\\",
    "\\\"\\\\",
    "a\"b\\c/d",
    "line\nline\r\n\ttab",
    "\u{1}\u{8}\u{c}\u{b}\u{1f}\u{7f}",
    "é ü ß",
    "日本語",
    "😀\u{200d}😀",
    "\u{feff}\u{2028}\u{2029}",
    "{\"a\": 1}",
    "</script>",
    "'; DROP TABLE t; --",
];

const TIMES: &[&str] = &[
    "2024-02-29 23:59:59.999999+02",
    "0001-01-01 00:00:00 BC",
    "4713-01-02 00:00:00 BC",
    "99999-12-31 23:59:59",
    "1970-01-01 00:00:00.1",
    "1899-12-31 12:00:00",
    "infinity",
    "-infinity",
    "2000-01-01 00:00:00.000001",
];

const KINDS: &[Kind] = &[
    kind("bool", "bool", &["t", "f"]),
    kind("int2", "int2", &["-32768", "32767", "0"]),
    kind("int4", "int4", &["-2147483648", "2147483647", "0", "7"]),
    kind(
        "int8",
        "int8",
        &["-9223372036854775808", "9223372036854775807", "0"],
    ),
    kind("float4", "float4", NUMBERS),
    kind(
        "float8",
        "float8",
        &[
            "0",
            "-0",
            "0.1",
            "1e-300",
            "1.7976931348623157e308",
            "5e-324",
            "123456789012345680",
            "0.1234567890123456789",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e21",
            "-1e-7",
        ],
    ),
    kind(
        "numeric",
        "numeric",
        &[
            "0",
            "0.000",
            "-1.10",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e40",
            "1e-40",
            "10000",
            "9999.9999",
            "10000.0001",
            "100000000.00000001",
            "-0.0001",
            "123456789012345678901234567890.123456789012345678901234567890",
            "0.00000000000000000000000000000000000000000000000012",
            "1200000000000000000000000000000000000000000",
        ],
    ),
    kind(
        "fixed",
        "numeric(10,3)",
        &["0", "1.5", "-9999999.999", "0.001", "10000.1"],
    ),
    kind("money", "money", &["0", "-12.34", "1000000"]),
    kind("text", "text", TEXTS),
    kind("varchar", "varchar(40)", TEXTS),
    kind("bpchar", "char(30)", TEXTS),
    kind("char", "\"char\"", &["", "a", "\"", "\\"]),
    kind("name", "name", TEXTS),
    kind("bytea", "bytea", &["", "\\x00ff5c22", "a\\\\b"]),
    kind(
        "date",
        "date",
        &[
            "2024-02-29",
            "0044-03-15 BC",
            "infinity",
            "-infinity",
            "5874897-12-31",
            "0001-01-01",
        ],
    ),
    kind(
        "time",
        "time",
        &["00:00:00", "24:00:00", "23:59:59.999999", "12:30:00.5"],
    ),
    kind(
        "timetz",
        "timetz",
        &["00:00:00+14", "23:59:59.9-15:59", "12:00:00+05:30"],
    ),
    kind("timestamp", "timestamp", TIMES),
    kind("timestamptz", "timestamptz", TIMES),
    kind(
        "interval",
        "interval",
        &[
            "0",
            "1 year 2 mons 3 days 04:05:06.789",
            "-1 day",
            "1 mon -1 day",
            "-00:00:00.1",
        ],
    ),
    kind(
        "uuid",
        "uuid",
        &[
            "00000000-0000-0000-0000-000000000000",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        ],
    ),
    kind(
        "json",
        "json",
        &[
            "null",
            "1.0",
            "\"a\\u00e9\\n\"",
            " { \"a\" : [1,  2.50],\n\t\"a\": {} } ",
            "[[[[[[[[[[[[]]]]]]]]]]]]",
            "1e400",
        ],
    ),
    kind(
        "jsonb",
        "jsonb",
        &[
            "null",
            "1.0",
            "\"a\\u00e9\\n\"",
            "{\"a\": [1, 2.50, {\"b\": null}], \"c\": {}}",
            "[[[[[[[[[[[[]]]]]]]]]]]]",
            "1e40",
            "{\"a\": \"\\\"\"}",
        ],
    ),
    kind(
        "inet",
        "inet",
        &["127.0.0.1", "10.0.0.0/8", "::1", "fe80::1/64"],
    ),
    kind("cidr", "cidr", &["10.0.0.0/8", "::/0"]),
    kind("macaddr", "macaddr", &["08:00:2b:01:02:03"]),
    kind("bit", "bit(5)", &["10101", "00000"]),
    kind("varbit", "varbit", &["", "1", "101010101"]),
    kind("oid", "oid", &["0", "4294967295"]),
    kind("lsn", "pg_lsn", &["16/B374D848", "0/0"]),
    kind("int4range", "int4range", &["empty", "[1,5)", "(,)", "[3,]"]),
    kind("numrange", "numrange", &["[0.10,2.5]", "(,NaN)"]),
    kind(
        "tstzrange",
        "tstzrange",
        &["[2020-01-01 00:00+00,infinity)", "empty"],
    ),
    kind("point", "point", &["(1.5,-2)", "(NaN,Infinity)"]),
    kind("polygon", "polygon", &["((0,0),(1,1),(1,0))"]),
    kind("tsvector", "tsvector", &["'a':1A 'it''s':2", "\"\\\\\""]),
    kind("mood", "mood", &["happy", "so \"so\"", "tab\there"]),
    kind(
        "pair",
        "pair",
        &["(1,a)", "(,)", "(2,\"\"\"q\"\" \\\\\\\\ \")"],
    ),
    kind("posint", "posint", &["1", "2147483647"]),
    kind("line", "line_text", TEXTS),
    kind("document", "document", &["{\"a\": 1}", "[]"]),
    kind(
        "int4s",
        "int4[]",
        &["{}", "{1,NULL,-3}", "{{1,2},{3,4}}", "[0:1]={5,6}"],
    ),
    kind("texts", "text[]", &["{}", "{a,NULL,\"q\\\"\\\\\",\"\"}"]),
    kind("numerics", "numeric[]", &["{1.10,NaN,1e20}"]),
    kind("floats", "float8[]", &["{1.5,NaN,-Infinity,1e20}"]),
    kind(
        "times",
        "timestamptz[]",
        &["{2020-01-01 00:00+00,infinity,0044-03-15 00:00 BC}"],
    ),
    kind("jsonbs", "jsonb[]", &["{\"{\\\"a\\\": [1]}\",null}"]),
    kind("moods", "mood[]", &["{happy,NULL}"]),
    kind("pairs", "pair[]", &["{\"(1,a)\",NULL}"]),
];

const TYPES: &str = "CREATE TYPE mood AS ENUM ('happy', 'so \"so\"', E'tab\\there');
CREATE TYPE pair AS (one int4, other text);
CREATE DOMAIN posint AS int4 CHECK (value > 0);
CREATE DOMAIN line_text AS text;
CREATE DOMAIN document AS jsonb;";

/// Types that only some servers have.
const EXTENSIONS: &[(&str, Kind)] = &[
    ("citext", kind("citext", "citext", TEXTS)),
    (
        "hstore",
        kind(
            "hstore",
            "hstore",
            &["", "a=>1, \"b c\"=>\"\\\"\", n=>NULL"],
        ),
    ),
    ("ltree", kind("ltree", "ltree", &["Top.Science", ""])),
    (
        "postgis",
        kind(
            "geometry",
            "geometry",
            &[
                "POINT(1 2)",
                "SRID=4326;LINESTRING(0 0,1.5 1)",
                "POINT EMPTY",
            ],
        ),
    ),
];

/// Makes the types and lists those there are.
pub(crate) fn kinds(database: &Database) -> Vec<Kind> {
    database.run(TYPES).unwrap();
    let mut kinds = KINDS.to_vec();
    for (extension, kind) in EXTENSIONS {
        let available = format!("SELECT FROM pg_available_extensions WHERE name = '{extension}'");
        if !database.query(&available).unwrap().is_empty() {
            let create = format!("CREATE EXTENSION {extension}");
            database.run(&create).unwrap();
            kinds.push(*kind);
        }
    }
    kinds
}

/// The table `t`, each row of which may be below another one.
pub(crate) fn table(dice: &mut Dice, kinds: &[Kind], rows: usize) -> String {
    let mut sql = String::from(
        "CREATE TABLE t (id int4 PRIMARY KEY, parent_id int4, boss_id int4 NOT NULL REFERENCES t",
    );
    for kind in kinds {
        write!(sql, ", {} {}", kind.column(), kind.sql).unwrap();
    }
    sql.push_str(
        ");\nCREATE FUNCTION computed(t) RETURNS float4 LANGUAGE sql STABLE AS 'SELECT $1.v_float4';\n\
         INSERT INTO t VALUES ",
    );
    for id in 1..=rows {
        if id > 1 {
            sql.push_str(",\n");
        }
        let parent = match dice.once_in(4) {
            true => "NULL".to_owned(),
            false => dice.below(id).to_string(),
        };
        write!(sql, "({id}, {parent}, {}", 1 + dice.below(rows)).unwrap();
        for kind in kinds {
            let value = match dice.once_in(6) {
                true => "NULL".to_owned(),
                false => format!("{}::{}", quote_literal(&value(dice, kind)), kind.sql),
            };
            write!(sql, ", {value}").unwrap();
        }
        sql.push(')');
    }
    sql.push_str(";\nANALYZE t;");
    sql
}

/// A value from the list, or a random one where that is easily said.
fn value(dice: &mut Dice, kind: &Kind) -> String {
    if dice.once_in(2) {
        return (*dice.pick(kind.values)).to_owned();
    }
    let bits = dice.next();
    match kind.name {
        "int8" => bits.cast_signed().to_string(),
        "float8" => f64::from_bits(bits).to_string(),
        "float4" => {
            let bits = u32::try_from(bits >> 32).unwrap();
            f32::from_bits(bits).to_string()
        }
        "numeric" => {
            let digits = bits.to_string();
            let (whole, part) = digits.split_at(dice.below(digits.len()));
            format!("{whole}.{part}{}", "0".repeat(dice.below(6)))
        }
        "text" => {
            let characters = (0..dice.below(40)).map(|_| {
                let code = match dice.once_in(2) {
                    true => dice.below(0x80),
                    false => dice.below(0x2_0000),
                };
                char::from_u32(u32::try_from(code).unwrap().max(1)).unwrap_or('"')
            });
            characters.collect()
        }
        "uuid" => uuid::Uuid::from_u64_pair(bits, dice.next()).to_string(),
        "timestamp" | "timestamptz" => {
            let (year, micros) = (1 + bits % 9_999, bits % 1_000_000);
            format!("{year:04}-06-{:02} 03:04:05.{micros:06}", 1 + bits % 28)
        }
        _ => (*dice.pick(kind.values)).to_owned(),
    }
}
