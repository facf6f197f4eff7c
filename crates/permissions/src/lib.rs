//! What permissions do, tried on a database: do roles see and do what somebody expects, and which part of a rule
//! refuses a row.
//!
//! Operations go the way of served ones, on a [`graphloom_pg::Rehearsal`]: nothing stays in the database. Rules are
//! asked in Postgres, in the statements that the server makes of them. Knows no command line, no files and no
//! metadata database: what is tried is a [`World`] that is handed in. Read `expectation.rs` (what is expected),
//! `trial.rs` (how it is tried), then `why.rs`.

mod answer;
mod expectation;
mod leaf;
mod row;
mod trial;
mod why;
mod world;

pub use expectation::{Expectation, ExpectationFile, Fixture, Step, Wanted, read_document};
pub use trial::{Mismatch, Outcome, Verdict, try_out};
pub use why::{Action, Judgement, Question, Refusal, why};
pub use world::World;
