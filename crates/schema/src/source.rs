//! What the server's options say about schemas.

use crate::NamingConvention;

/// Options that change generated schemas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES`.
    pub numerics: Numerics,
    /// `HASURA_GRAPHQL_DEFAULT_NAMING_CONVENTION`.
    pub naming_convention: NamingConvention,
    /// `HASURA_GRAPHQL_INFER_FUNCTION_PERMISSIONS`.
    pub function_permissions: FunctionPermissions,
    /// `HASURA_GRAPHQL_V1_BOOLEAN_NULL_COLLAPSE`.
    pub null_operands: NullOperands,
}

/// What a condition is whose operand is null (`{_eq: null}`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NullOperands {
    /// An error: whoever meant to ask for one row would get all of them.
    #[default]
    Refused,
    /// No condition at all, as the first version of the engine had it.
    Dropped,
}

/// Who may call a function that only reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FunctionPermissions {
    /// Every role that may read the table it returns.
    #[default]
    Inferred,
    /// Roles with an explicit permission.
    Explicit,
}

/// How numbers that JavaScript cannot hold are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numerics {
    /// As JSON numbers.
    #[default]
    Numbers,
    /// bigint, numeric, float8 and money as JSON strings.
    Strings,
}
