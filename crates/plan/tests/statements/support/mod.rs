//! A small world of tables, short ways to write bound selections over it, and the one function that
//! plans them: it keeps the SQL as a snapshot and compares what a real Postgres answers.

mod builder;
mod run;

pub(crate) use builder::*;
pub(crate) use run::{check, check_answer, check_both, check_sql, check_with_extension};
