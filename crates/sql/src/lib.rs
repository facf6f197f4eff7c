//! A subset of Postgres SQL as an owned tree, and the printer that makes its text.
//!
//! The tree mimics Postgres and holds only what the engine emits; it knows no GraphQL, no roles and no
//! catalog. Parameters stay symbolic in it ([`ParameterId`]) and are numbered `$1 …` when printed, in
//! order of appearance. [`SqlText`] is made by the printer alone: no SQL is assembled from strings
//! anywhere else, and a name or a literal reaches the text only through the functions of `quote.rs`.
//!
//! Read `select.rs` for the shape of a statement, `expr.rs` for what stands in it, then `print.rs`.

mod comment;
mod expr;
mod name;
mod print;
mod quote;
mod select;
mod text;
mod write;

pub use comment::{Comment, CommentFormat};
pub use expr::{
    AggregateArguments, AggregateCall, BinaryOperator, CaseBranch, Expr, Literal, Quantifier,
    WindowCall,
};
pub use name::{Alias, Function, Name, ParameterId, TypeName};
pub use print::{Layout, print, show};
pub use quote::{quote_identifier, quote_literal};
pub use select::{
    CommonTable, Direction, FromItem, Join, JoinKind, NativePart, Nulls, OrderBy, Ordinality,
    Select, Statement, Target,
};
pub use text::{Effects, SqlText};
pub use write::{
    Assignment, Conflict, ConflictAction, ConflictTarget, Delete, Insert, InsertRows, InsertValue,
    Update,
};
